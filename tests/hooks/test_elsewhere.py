# SPDX-License-Identifier: GPL-3.0-or-later
"""On anything that is not a liveng stick the hooks do nothing and say nothing."""

import pytest


def fire(system, release, **kwargs):
    """Every hook, as kernels and initramfs-tools call it, and the package's own scripts."""
    return system.run(f"""
        /etc/kernel/postinst.d/zz-liveng {release} /boot/vmlinuz-{release}
        /etc/kernel/postrm.d/zz-liveng {release} /boot/vmlinuz-{release}
        /etc/initramfs/post-update.d/zz-liveng {release} /boot/initrd.img-{release}
        export DPKG_MAINTSCRIPT_PACKAGE=linux-image-liveng-common
        /var/lib/dpkg/info/linux-image-liveng-common.postinst triggered update-initramfs
        /var/lib/dpkg/info/linux-image-liveng-common.postinst configure""", **kwargs)


def assert_untouched(system, done):
    assert done.text == ""
    assert system.builds() == []
    assert system.noted() == ""


@pytest.mark.either
def test_on_the_stick_they_do_work(system):
    """The baseline for the other tests."""
    system.run_from_stick()
    assert "wrote" in system.run(f"/etc/kernel/postinst.d/zz-liveng {system.old}").text


@pytest.mark.parametrize("cmdline", ["", "root=/dev/sda1 notboot=live", "boot=live-not persistence"])
@pytest.mark.either
def test_installed_system(system, cmdline):
    system.run_from_stick()
    assert_untouched(system, fire(system, system.new, cmdline=cmdline))


@pytest.mark.parametrize("program", ["#!/no/such/interpreter\n", "\x7fELF of another machine"])
@pytest.mark.either
def test_a_program_that_does_not_start(system, program):
    """It is no stick, and dpkg goes on."""
    system.put("/usr/sbin/livengkupd", program, mode="755")
    assert_untouched(system, fire(system, system.new))


@pytest.mark.either
def test_live_system_from_another_medium(system):
    system.put("/etc/default/liveng", "")
    assert_untouched(system, fire(system, system.new, cmdline="boot=live persistence"))


@pytest.mark.either
def test_tree_of_live_build(system):
    system.run_from_stick()
    system.put("/.live-build", "")
    assert_untouched(system, fire(system, system.new))


@pytest.mark.either
def test_chroot_on_a_stick(system):
    """live-build on a stick: the tree sees the /proc of the machine."""
    system.run_from_stick()
    done = system.run(f"""
        mkdir /tree && mount -t tmpfs tmpfs /tree && cp -P /bin /sbin /lib /lib64 /tree/
        for folder in boot dev etc proc run usr var; do
            mkdir /tree/$folder && mount --rbind /$folder /tree/$folder
        done
        touch /tree/stick.img && mount --bind /stick.img /tree/stick.img
        chroot /tree sh -c 'ischroot && grep -q boot=live /proc/cmdline && livengkupd --json status > /dev/null &&
            /etc/kernel/postinst.d/zz-liveng {system.new}'""")
    assert_untouched(system, done)


@pytest.mark.either
def test_boot_that_persists_nothing(system):
    """Without persistence the modules are gone at the next boot: the stick keeps its kernel, and apt goes on."""
    system.run_from_stick()
    before = system.status()
    done = system.apt("install --reinstall cryptsetup-initramfs", cmdline="boot=live")
    assert done.text.count("liveng: nothing from this boot persists") == 1
    assert system.builds() == []
    assert system.status() == before


@pytest.mark.full
def test_live_tools_in_a_tree_of_live_build(bare):
    """In whatever order an image gets them: its stick needs an update-initramfs that works."""
    bare.put("/.live-build", "")
    bare.put("/etc/default/liveng", "")
    bare.apt("remove live-tools", cmdline="")
    bare.install(cmdline="")
    bare.apt("install live-tools", cmdline="")
    assert "/usr/libexec/liveng/hook" in bare.run("readlink /bin/live-update-initramfs").text
    bare.builds()
    bare.run("update-initramfs -u", cmdline="")
    assert bare.builds() == [bare.new]

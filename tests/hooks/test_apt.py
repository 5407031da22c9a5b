# SPDX-License-Identifier: GPL-3.0-or-later
"""apt on a running live stick: each run that changes a kernel or an initrd writes the stick, once."""

import re

import pytest

from system import LIVE, TOP


def writes(done):
    return done.text.count("livengkupd: /stick.img, partition 2: wrote")


def test_install_brings_the_newest_kernel_to_the_stick(bare):
    assert bare.current() == bare.old
    done = bare.install()
    assert writes(done) == 1
    assert bare.builds() == [bare.new]
    status = bare.status()
    assert (status["current"]["release"], status["previous"]["release"]) == (bare.new, bare.old)
    assert status["tries"] == 3
    assert bare.noted() == ""
    assert bare.run("dpkg --audit").text == ""
    assert "verify" not in bare.run("livengkupd --disk /stick.img verify").text


@pytest.mark.either
def test_install_with_the_medium_in_memory(bare):
    """toram: writable, but without room. If live-tools tried to write there, the kernel's own postinst would fail."""
    bare.run("mv /usr/sbin/blkid /usr/sbin/blkid.true")
    bare.put("/usr/sbin/blkid", '#!/bin/sh\n[ "$*" != "-L LIVENG_SYSTEM2" ] || exit 0\nexec $0.true "$@"\n', mode="755")
    done = bare.run("""
        mount -t tmpfs -o size=1m /dev/shm /run/live/medium
        mkdir /run/live/medium/live
        head -c 2M /dev/zero > /run/live/medium/live/filesystem.squashfs 2> /dev/null
        exec apt-get -y -o Dpkg::Options::=--force-confold install /debs/*.deb
        """, cmdline=LIVE + " toram")
    assert writes(done) == 1
    assert bare.current() == bare.new


@pytest.mark.either
def test_power_cut_while_the_initrd_is_built(bare):
    bare.put("/die-at-mkinitramfs", "")
    assert bare.install(check=False).code != 0
    assert bare.noted() == bare.new
    assert bare.current() == bare.old
    bare.run("rm /die-at-mkinitramfs && dpkg --configure -a")
    assert bare.current() == bare.new
    assert bare.run("dpkg --audit").text == ""


@pytest.mark.either
def test_kernel_and_initrd_packages_in_one_run_make_one_write(system):
    done = system.apt(f"install --reinstall linux-image-{system.new} cryptsetup-initramfs live-boot "
                      "live-boot-initramfs-tools")
    assert system.builds() == [system.new]
    assert writes(done) == 1


@pytest.mark.full
def test_of_two_kernels_in_one_run_the_newer_counts(system):
    """In whatever order dpkg configures them."""
    packages = [f"/var/cache/apt/archives/linux-image-{release}_*.deb" for release in (system.new, system.old)]
    for order in packages, packages[::-1]:
        done = system.run("dpkg -i " + " ".join(order))
        assert system.builds() == [system.new]
        assert writes(done) == 1
        assert system.current() == system.new


def test_cryptsetup_alone_renews_the_current_initrd(system):
    before = system.status()["current"]
    done = system.apt("install --reinstall cryptsetup-initramfs")
    assert system.builds() == [system.new]
    assert writes(done) == 1
    after = system.status()["current"]
    assert after["release"] == before["release"]
    assert after["date"] > before["date"]


@pytest.mark.either
def test_initrd_that_initramfs_tools_has_just_built_is_good(system):
    """Without live-tools the kernel's own postinst builds it."""
    system.apt("remove live-tools")
    system.builds()
    done = system.apt(f"install --reinstall linux-image-{system.new}")
    assert system.builds() == [system.new]
    assert writes(done) == 1


@pytest.mark.either
def test_a_kernel_that_is_not_current_may_be_removed(system):
    done = system.apt(f"remove linux-image-{system.old}")
    assert system.builds() == []
    assert writes(done) == 0
    assert system.current() == system.new


@pytest.mark.either
def test_removing_the_current_kernel_takes_the_newest_left(system):
    done = system.apt(f"remove linux-image-{system.new}")
    assert system.builds() == [system.old]
    assert writes(done) == 1
    assert system.current() == system.old
    assert f"initrd.img-{system.new}" not in system.run("ls /boot").text


@pytest.mark.either
def test_kernels_of_the_stick_are_not_autoremoved(system):
    system.run(f"apt-mark auto linux-image-{system.old} linux-image-{system.new}")
    protected = system.run("apt-config dump APT::NeverAutoRemove").text
    for release in (system.old, system.new):
        assert f"linux-(image|modules)-{release}".replace(".", r"\.").replace("+", r"\+") in protected
    # apt itself keeps the newest and the running one; neither rule protects the old one here.
    system.put("/etc/apt/apt.conf.d/99test", 'APT::Protect-Kernels "false";\n')
    assert system.old not in system.apt("-s autoremove").text
    system.run("mv /etc/apt/apt.conf.d/03liveng-kernels /tmp")
    assert system.old in system.apt("-s autoremove").text


@pytest.mark.either
def test_upgrade_of_the_package_renews_the_initrd(system):
    system.run("cd /tmp && dpkg-deb -R /debs/linux-image-liveng-common_*.deb new && "
               "sed -i 's/^Version: .*/&+1/' new/DEBIAN/control && dpkg-deb -b new /tmp/new.deb")
    done = system.run("dpkg -i --force-depends /tmp/new.deb")
    assert system.builds() == [system.new]
    assert writes(done) == 1


@pytest.mark.either
def test_package_that_comes_back_brings_the_newest_kernel(system):
    """Removed, not purged; what apt did in the meantime went unnoticed."""
    system.run(f"/etc/kernel/postinst.d/zz-liveng {system.old}")
    system.apt("remove linux-image-liveng-common")
    assert system.current() == system.old
    assert writes(system.install()) == 1
    assert system.current() == system.new


@pytest.mark.either
def test_removing_all_kernels_leaves_the_stick_as_it_is(system):
    done = system.apt(f"purge linux-image-{system.old} linux-image-{system.new}")
    assert "liveng: no kernel is installed: the stick keeps its current one" in done.text
    assert system.current() == system.new
    assert system.run("ls -A /var/lib/liveng").text == ""


@pytest.mark.either
def test_removed_package_leaves_hooks_that_do_nothing(system):
    done = system.apt("remove linux-image-liveng-common")
    assert f"the stick continues to boot {system.new}: keep linux-image-{system.new}" in done.text
    assert system.run("ls /etc/kernel/postinst.d").text.count("zz-liveng") == 1
    done = system.apt(f"install --reinstall linux-image-{system.new}")
    assert "liveng" not in done.text
    assert system.builds() == []
    system.run(f"/etc/kernel/postrm.d/zz-liveng {system.new}")


@pytest.mark.either
def test_package_removed_with_the_kernel_of_the_stick_says_so(system):
    """In whatever order dpkg removes them."""
    done = system.apt(f"purge linux-image-liveng-common linux-image-{system.new}")
    assert f"the stick continues to boot {system.new}" in done.text


@pytest.mark.either
def test_purge_leaves_nothing(system):
    system.apt("purge linux-image-liveng-common livengkupd")
    left = system.run("find / -xdev -name '*liveng*' ! -path '/debs*'").text
    assert left == ""


def package(system, name, postinst):
    """A package that brings something for the initrd, as a theme of plymouth, and has this postinst."""
    system.put(f"/made/{name}/DEBIAN/control", f"Package: {name}\nVersion: 1\nArchitecture: all\n"
               "Maintainer: The liveng developers <liveng@localhost>\nDescription: something\n")
    system.put(f"/made/{name}/DEBIAN/postinst", f"#!/bin/sh\nset -e\n{postinst}\n", mode="755")
    system.put(f"/made/{name}/usr/share/initramfs-tools/hooks/{name}",
               f'#!/bin/sh\n[ "$1" != prereqs ] || exit 0\nmkdir -p "$DESTDIR/has-{name}"\n', mode="755")
    system.run(f"dpkg-deb --build /made/{name} /made/{name}.deb")
    return f"/made/{name}.deb"


def assert_in_stick(system, name):
    listed = system.run(f"lsinitramfs /boot/initrd.img-{system.new}").text
    assert name in listed.splitlines()


@pytest.mark.parametrize("call", ["update-initramfs -u", "update-initramfs -u -k all",
                                  "update-initramfs -u && update-initramfs -u",
                                  "dpkg-trigger --no-await update-initramfs"])
@pytest.mark.either
def test_postinst_that_updates_the_initrd_itself(system, call):
    """With live-tools that would say "is disabled", and exit with 0."""
    done = system.run(f"dpkg -i {package(system, 'themed', call)}")
    assert "disabled" not in done.text
    assert system.builds() == [system.new] and writes(done) == 1
    assert_in_stick(system, "has-themed")
    assert system.noted() == "" and system.run("dpkg --audit").text == ""


@pytest.mark.parametrize("words", ["-u", "-uk all", "-c -k $NEW", "-u -v -k $NEW -b /boot"])
@pytest.mark.either
def test_update_by_hand(system, words):
    done = system.run(f"NEW={system.new}; rm /boot/initrd.img-{system.old}; update-initramfs {words}")
    assert system.builds()[-1:] == [system.new] and writes(done) == 1 and "disabled" not in done.text


@pytest.mark.either
def test_update_by_hand_is_of_what_the_stick_boots(system):
    system.run(f"/etc/kernel/postinst.d/zz-liveng {system.old}")
    assert system.builds() == [system.old]
    done = system.run("update-initramfs -u")
    assert system.builds() == [system.old] and system.current() == system.old and writes(done) == 1


def diverted(system):
    name = "/bin/live-update-initramfs"
    return system.run(f"dpkg-divert --list '*{name}'; ls -l {name}* 2> /dev/null || :").text


@pytest.mark.either
def test_live_tools_is_untouched_elsewhere_and_afterwards(bare):
    theirs = bare.run("md5sum /bin/live-update-initramfs /usr/sbin/update-initramfs; dpkg -V live-tools").text
    bare.install()
    assert "live-update-initramfs.live-tools" in diverted(bare)
    bare.builds()
    # Also if it is upgraded, or goes and comes back, meanwhile.
    bare.apt("install --reinstall live-tools")
    assert "wrote" in bare.run("update-initramfs -u").text and bare.builds()
    bare.apt("remove live-tools")
    assert "live-tools" not in diverted(bare)
    bare.apt("install live-tools")
    assert "wrote" in bare.run("update-initramfs -u").text and bare.builds()
    # On a boot that is not one of a stick it is as ever.
    bare.run_from_stick()
    said = bare.run("update-initramfs -u", cmdline="root=/dev/sda1", check=False).text
    assert "Generating" in said and "wrote" not in said and bare.builds()
    bare.apt("purge linux-image-liveng-common")
    assert "live-tools" not in bare.run("ls -l /bin/live-update-initramfs*").text
    assert bare.run("md5sum /bin/live-update-initramfs /usr/sbin/update-initramfs; dpkg -V live-tools").text == theirs
    assert "is disabled" in bare.run("update-initramfs -u").text


@pytest.mark.parametrize("what", ["cryptsetup-initramfs", pytest.param(
    "cryptsetup-initramfs live-boot-initramfs-tools live-boot", marks=pytest.mark.full)])
@pytest.mark.either
def test_without_live_tools_there_is_one_build_too(system, what):
    """initramfs-tools' own, which the same trigger leads to."""
    system.apt("remove live-tools")
    system.builds()
    done = system.apt(f"install --reinstall {what}")
    assert system.builds() == [system.new] and writes(done) == 1
    done = system.run(f"dpkg -i {package(system, 'themed', 'update-initramfs -u')}")
    assert system.builds() == [system.new] and writes(done) == 1
    assert_in_stick(system, "has-themed")
    # One that the newest kernel is not of.
    system.run(f"/etc/kernel/postinst.d/zz-liveng {system.old}")
    system.builds()
    done = system.apt("install --reinstall cryptsetup-initramfs")
    assert system.builds() == [system.new, system.old] and writes(done) == 1 and system.current() == system.old


@pytest.mark.either
def test_the_hook_knows_the_same_flavours(system):
    """As the program: tests/unit/candidate.c."""
    table = re.findall(r'{"([^"]*)", "([^"]*)"},', (TOP / "tests/unit/candidate.c").read_text())
    assert len(table) > 9
    script = "eval \"$(sed -n '/^flavour_of()/,/^}/p' /usr/libexec/liveng/hook)\"; for r; do flavour_of $r; done"
    system.put("/flavours", script)
    said = system.run("sh /flavours " + " ".join(release for release, _ in table)).text
    assert said.splitlines() == [flavour for _, flavour in table]


@pytest.mark.either
def test_a_kernel_of_another_flavour_stays_away(system):
    """Which beats the plain one of the same version by its name, or comes a day sooner."""
    version = system.new.removesuffix("-amd64")
    for release in f"{version}-rt-amd64", f"{version}-cloud-amd64":
        system.run(f"touch /boot/vmlinuz-{release}")
        done = system.run(f"/etc/kernel/postinst.d/zz-liveng {release}")
        assert f"liveng: the stick stays with kernels like {system.new}" in done.text
        assert f"sudo livengkupd --disk /stick.img update --rebuild {release}" in done.text
    system.run("touch /boot/vmlinuz-99-rt-amd64")
    assert "stays with" in system.run("/etc/kernel/postinst.d/zz-liveng 99-rt-amd64").text
    system.run("DPKG_RUNNING_VERSION=1 /etc/kernel/postinst.d/0-liveng 99-rt-amd64")
    assert system.noted() == ""
    done = system.run("livengkupd --disk /stick.img update")
    assert f"{system.new} is there already" in done.text and "99-rt-amd64 is newer" in done.text
    assert system.builds() == []
    # The first of its kind here, and newer: somebody wants it.
    system.run("touch /boot/vmlinuz-99-1-mine")
    done = system.run("/etc/kernel/postinst.d/zz-liveng 99-1-mine", check=False)
    assert "stays with" not in done.text and system.noted() == "99-1-mine"

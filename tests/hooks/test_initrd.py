# SPDX-License-Identifier: GPL-3.0-or-later
"""The initramfs hook adds what a stick needs, even an encrypted one, whatever the system's own configuration
leaves out."""

import re

import pytest


@pytest.mark.either
def test_encrypted_stick_wants_what_the_hook_puts_in(system, tmp_path):
    """With the hook the same system passes livengkupd's checks, without it it does not."""
    (tmp_path / "passphrase").write_text("correct horse")
    system.deploy("--encrypt", "--passphrase-file", tmp_path / "passphrase")
    system.put("/etc/cryptsetup-initramfs/conf-hook", "ASKPASS=n\n")
    system.run("chmod -x /usr/share/initramfs-tools/hooks/liveng")
    done = system.run(f"/etc/kernel/postinst.d/zz-liveng {system.new}")
    assert f"the stick does not get the kernel {system.new}" in done.text
    for lacks in ("module usb-storage", "module uas", "/lib/cryptsetup/askpass"):
        assert f"the initrd lacks {'the ' if 'module' in lacks else ''}{lacks}" in done.text
    assert system.current() == system.old

    system.run("chmod +x /usr/share/initramfs-tools/hooks/liveng")
    assert "wrote" in system.run(f"/etc/kernel/postinst.d/zz-liveng {system.new}").text
    assert system.current() == system.new


def in_initrd(system, **kwargs):
    """What an initrd has that is built now, by what only this package puts into one."""
    build = f"mkinitramfs -o /tmp/initrd {system.new} 2> /dev/null"
    listed = system.run(f"{build} && lsinitramfs /tmp/initrd", **kwargs).text
    return {name: name in listed for name in ("9999-liveng.sh", "surface_hid", "boottime.kmap")}


@pytest.mark.either
def test_initrds_of_other_systems_stay_as_they_are(system):
    """But live-build makes one for a stick."""
    assert in_initrd(system)["9999-liveng.sh"] and in_initrd(system)["surface_hid"]
    system.put("/etc/default/liveng", "")
    assert set(in_initrd(system, cmdline="root=/dev/sda1").values()) == {False}
    system.put("/.live-build", "")
    assert in_initrd(system, cmdline="root=/dev/sda1")["9999-liveng.sh"]


@pytest.mark.either
def test_update_rebuilds_the_initrd_first(system):
    """For what no package has changed, and for a kernel without an initrd: one build, one write."""
    system.run(f"echo nvme >> /etc/initramfs-tools/modules; rm /boot/initrd.img-{system.new}")
    done = system.run("livengkupd --disk /stick.img update --rebuild")
    assert system.builds() == [system.new] and done.text.count(": wrote ") == 1
    assert "nvme.ko" in system.run(f"lsinitramfs /boot/initrd.img-{system.new}").text
    # As the hook advises for a kernel that the stick does not take by itself.
    done = system.run(f"livengkupd --disk /stick.img update --rebuild {system.old}")
    assert system.builds() == [system.old] and system.current() == system.old
    system.run("echo 'exit 1' > /etc/initramfs-tools/hooks/broken; chmod +x /etc/initramfs-tools/hooks/broken")
    done = system.run("livengkupd --disk /stick.img update --rebuild", check=False)
    assert done.code == 1 and "cannot build an initrd" in done.text


def test_files_of_live_boot_stay_as_they_are(system):
    system.run(f"unmkinitramfs /boot/initrd.img-{system.new} /initrd")
    done = system.run("diff -r /usr/lib/live/boot /initrd/usr/lib/live/boot || :")
    assert done.text == "Only in /initrd/usr/lib/live/boot: 9999-liveng.sh\n"


# cryptsetup-initramfs looks for the disk that / is on, even if no line in crypttab is about it. Nothing but that
# file's absence keeps it from that.
CRYPTROOT = ["cryptsetup: ERROR: Couldn't resolve device overlay", "cryptsetup: WARNING: Couldn't determine root device"]
FSTAB = "overlay / overlay rw 0 0\ntmpfs /tmp tmpfs nosuid,nodev 0 0\n"  # live-boot's


def complaints(system):
    done = system.run(f"mkinitramfs -o /tmp/initrd {system.new}")
    return [line for line in done.text.splitlines() if re.match("W:|E:|warning|error|cryptsetup:", line, re.I)]


@pytest.mark.either
def test_a_build_on_a_stick_complains_of_nothing_that_is_right(system):
    system.put("/etc/fstab", FSTAB)
    assert complaints(system) == CRYPTROOT
    system.run("mv /etc/crypttab /etc/crypttab.not")
    assert complaints(system) == []
    assert "fsck" not in system.run("lsinitramfs /tmp/initrd").text


@pytest.mark.full
def test_file_systems_that_are_to_be_checked_stay_so(system):
    """By the system's own settings, and where / is a file system."""
    system.put("/etc/fstab", FSTAB)
    system.put("/etc/initramfs-tools/conf.d/fsck", "FSTYPE=own\n")
    system.put("/usr/sbin/fsck.own", "#!/bin/sh\n", mode="755")
    assert complaints(system) == CRYPTROOT
    assert "fsck.own" in system.run("lsinitramfs /tmp/initrd").text
    system.run("rm /etc/initramfs-tools/conf.d/fsck")
    system.put("/etc/fstab", "UUID=6b2e2e3e-0000-4000-8000-000000000001 / ext4 defaults 0 1\n")
    assert any("type of root file system" in line for line in complaints(system))

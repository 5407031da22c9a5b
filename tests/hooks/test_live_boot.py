# SPDX-License-Identifier: GPL-3.0-or-later
"""Which partitions live-boot looks at for persistence: its own functions and shell, out of the initrd that
was built, on a machine with an internal disk and a stick that are made of files."""

import pytest

from system import SUITES, System, installed

# Device: label, is it LUKS?
DISKS = {
    "sda": {"sda1": ("persistence", False), "sda2": ("", True)},
    "nvme0n1": {"nvme0n1p1": ("", True)},
    "sdb": {"sdb1": ("LIVENG_SYSTEM", False), "sdb2": ("LIVENG_SYSTEM2", False), "sdb3": ("LIVENG_EFI", False),
            "sdb4": ("", True)},
}
PARTUUID = "/dev/disk/by-partuuid/4c49564e-0000-4000-8000-000000000001"

MACHINE = r"""
mkdir -p $R/sys/block $R/sys/class/block $R/dev/disk/by-partuuid $R/proc $R/run/live/medium
minor=0
node() {
	mknod $R/dev/$2 b 8 $((minor += 1))
	mkdir -p $R/sys/devices/$1
	touch $R/sys/devices/$1/dev
	ln -s ../../devices/$1 $R/sys/class/block/$2
}
"""

# Queries for devices are answered from lists; asking for a passphrase only records it.
SCENE = r"""
. /usr/bin/live-boot
udevadm() { return 1; }
cryptsetup() { [ "$1" = isLuks ] && grep -qx "${2#/dev/}" /luks; }
blkid() {
	for last; do :; done
	[ "$2" != LABEL ] || sed -n "s|^${last#/dev/} ||p" /labels
}
open_luks_device() { echo "asked $1" >&2; return 1; }
log_warning_msg() { :; }
PERSISTENCE_ENCRYPTION=luks,none PERSISTENCE_STORAGE=filesystem
find_persistence_media persistence "$WHITE_LIST"
"""


@pytest.fixture(scope="module", params=SUITES)
def initrd(request, tmp_path_factory):
    system = System(request.param, tmp_path_factory.mktemp("live-boot") / "machine", below=installed(request.param))
    script = MACHINE
    for disk, partitions in DISKS.items():
        script += f"node pci/block/{disk} {disk}\nln -s ../devices/pci/block/{disk} $R/sys/block/{disk}\n"
        for number, name in enumerate(partitions, 1):
            script += f"node pci/block/{disk}/{name} {name}\n"
            script += f"echo {number} > $R/sys/devices/pci/block/{disk}/{name}/partition\n"
    script += f"ln -s /dev/sdb1 $R{PARTUUID}\n"
    system.run(f"unmkinitramfs /boot/initrd.img-{system.new} /initrd && R=/initrd && set -e\n{script}")
    system.put("/initrd/scene", SCENE)
    yield system
    system.remove()


def look(initrd, medium, labels=None, before="", white_list=""):
    """Return (devices for which a passphrase was asked, what live-boot then found)."""
    devices = {name: have for partitions in DISKS.values() for name, have in partitions.items()}
    devices.update(labels or {})
    initrd.put("/initrd/labels", "".join(f"{name} {label}\n" for name, (label, _) in devices.items() if label))
    initrd.put("/initrd/luks", "".join(f"{name}\n" for name, (_, is_luks) in devices.items() if is_luks))
    initrd.put("/initrd/proc/mounts", f"{medium} /run/live/medium iso9660 ro 0 0\n")
    done = initrd.run(f"chroot /initrd env {before} WHITE_LIST='{white_list}' /bin/sh /scene")
    lines = done.text.split("\n")
    asked = [line.split()[1] for line in lines if line.startswith("asked ")]
    return asked, [word for line in lines if not line.startswith("asked ") for word in line.split()]


def test_only_the_sticks_own_luks_partition_is_asked_for(initrd):
    assert look(initrd, "/dev/sdb1") == (["/dev/sdb4"], [])


def test_medium_that_was_mounted_by_partuuid(initrd):
    assert look(initrd, PARTUUID) == (["/dev/sdb4"], [])


def test_medium_in_memory_is_known_from_the_command_line(initrd):
    assert look(initrd, "tmpfs", before=f"LIVE_MEDIA={PARTUUID}") == (["/dev/sdb4"], [])


def test_plain_persistence_of_another_disk_is_not_taken(initrd):
    plain = {"sdb4": ("persistence", False)}
    assert look(initrd, "/dev/sdb1", labels=plain) == ([], ["persistence=/dev/sdb4"])


def test_old_stick_of_another_name(initrd):
    labels = {"sdb1": ("LIVE", False), "sdb2": ("SK-SYSTEM2", False)}
    assert look(initrd, "/dev/sdb1", labels=labels)[0] == ["/dev/sdb4"]


def test_white_list_still_counts(initrd):
    assert look(initrd, "/dev/sdb1", white_list="/dev/sda") == ([], [])
    assert look(initrd, "/dev/sdb1", white_list="/dev/sda /dev/sdb")[0] == ["/dev/sdb4"]


@pytest.mark.parametrize("without", [False, True], ids=["with the function file", "without it"])
def test_medium_of_another_kind_is_left_to_live_boot(initrd, without):
    """Nothing differs from plain live-boot; without our file that also goes for a liveng stick."""
    labels = {} if without else {"sdb1": ("DEBIAN", False), "sdb2": ("", False)}
    initrd.run("mv /initrd/usr/lib/live/boot/9999-liveng.sh /initrd/aside" if without else ":")
    try:
        asked, found = look(initrd, "/dev/sdb1", labels=labels)
    finally:
        initrd.run("mv /initrd/aside /initrd/usr/lib/live/boot/9999-liveng.sh" if without else ":")
    assert sorted(asked) == ["/dev/nvme0n1p1", "/dev/sda2", "/dev/sdb4"]
    assert found == ["persistence=/dev/sda1"]


@pytest.mark.parametrize("lists", [("", ""), ("/dev/sda", ""), ("/dev/sda2 /dev/sdb", ""), ("", "/dev/sdb"),
                                   ("/dev/sdb", "/dev/sdb"), ("/dev/sdb1", "/dev/sda /dev/sdb")])
def test_devices_beside_another_medium_are_those_that_live_boot_names(initrd, lists):
    """A disk on its black list excludes its partitions; what is in memory is not a disk."""
    initrd.put("/initrd/labels", "sdb1 DEBIAN\n")
    initrd.put("/initrd/proc/mounts", "/dev/sdb1 /run/live/medium iso9660 ro 0 0\n")
    script = SCENE.replace('find_persistence_media persistence "$WHITE_LIST"', "storage_devices '%s' '%s'" % lists)
    named = []
    initrd.run("mkdir -p /initrd/sys/block/zram0 && touch /initrd/sys/block/zram0/dev")
    initrd.put("/initrd/scene", script)
    for aside in False, True:
        initrd.run("mv /initrd/usr/lib/live/boot/9999-liveng.sh /initrd/aside" if aside else ":")
        try:
            named.append(initrd.run("chroot /initrd /bin/sh /scene").text)
        finally:
            initrd.run("mv /initrd/aside /initrd/usr/lib/live/boot/9999-liveng.sh" if aside else ":")
    initrd.run("rm -r /initrd/sys/block/zram0")
    initrd.put("/initrd/scene", SCENE)
    assert named[0] == named[1]


# What live-boot writes for the network, and says.
NETBASE = r"""
. /usr/bin/live-boot
udevadm() { echo "udevadm $*"; }
log_begin_msg() { :; }
log_end_msg() { :; }
rm -rf /root/etc /root/var /netboot.config
mkdir -p /root/etc /root/var/log /sys/class/net/eth0
%s
Netbase 2>&1
cd /root && find . -type f | sort | while read -r file; do echo "$file:"; cat "$file"; done
"""


def netbase(initrd, settings, without=False):
    initrd.put("/initrd/netbase", NETBASE % settings)
    initrd.run("mv /initrd/usr/lib/live/boot/9999-liveng.sh /initrd/aside" if without else ":")
    try:
        return initrd.run("chroot /initrd /bin/sh /netbase").text
    finally:
        initrd.run("mv /initrd/aside /initrd/usr/lib/live/boot/9999-liveng.sh" if without else ":")


def test_a_system_without_ifupdown_boots_without_a_complaint(initrd):
    assert "can't create /root/etc/network/interfaces" in netbase(initrd, "", without=True)
    assert netbase(initrd, "") == "udevadm trigger\nudevadm settle\n"


@pytest.mark.parametrize("settings", [
    "mkdir /root/etc/network", "mkdir /root/etc/network; NODHCP=true",
    "mkdir /root/etc/network; STATICIP=eth0:192.0.2.2:255.255.255.0:192.0.2.1:192.0.2.53",
    "STATICIP=eth0:192.0.2.2:255.255.255.0:192.0.2.1:192.0.2.53", "NONETWORKING=true", "STATICIP=frommedia",
    "NETBOOT=nfs; echo 'dns0 : 192.0.2.53 dns1 : 0.0.0.0' > /netboot.config"])
def test_what_live_boot_sets_up_for_the_network_stays_so(initrd, settings):
    assert netbase(initrd, settings) == netbase(initrd, settings, without=True)

# SPDX-License-Identifier: GPL-3.0-or-later
"""What `liveng-deploy list` says about every kind of disk that QEMU has, on a real kernel. Only an initrd
is booted, with the program and its libraries in it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from console import patience
from qemu import accelerator

pytestmark = pytest.mark.xdist_group("disks")  # one machine for all

TOP = Path(__file__).resolve().parents[2]
PROGRAM = TOP / "build/liveng-deploy"
MATERIAL = TOP / "build/material"

# The second serial line is for the program alone.
INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /proc /sys /dev /mnt
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in xhci-pci usb-storage uas sd_mod sr_mod nvme virtio_blk virtio_pci ahci sdhci-pci \\
		mmc_block ext4 loop; do
	modprobe $module
done
n=0
while [ $n -lt 600 ] && ! [ -e /dev/sde -a -e /dev/vda -a -e /dev/nvme0n1 -a \\
		-e /dev/mmcblk0 ]; do
	sleep 1
	n=$((n + 1))
done
sleep 1
mount -t ext4 /dev/vda /mnt
/opt/ld.so --library-path /opt /opt/liveng-deploy list --json > /dev/ttyS1
sync
echo o > /proc/sysrq-trigger
sleep 20
"""

KINDS = {  # by serial number: the device, and what is to be said of it
    "STICK": ("usb-storage,bus=usb.0,removable=on", "usb", None),
    "USBDISK": ("usb-storage,bus=usb.0,removable=off", "usb", "is not removable"),
    "BIG": ("usb-storage,bus=usb.0,removable=on", "usb", "has 644.2 GB, more than 512 GB"),
    "NVME": ("nvme", "nvme", "is not removable"),
    "VIRTIO": ("virtio-blk-pci", "virtio", "is mounted at /mnt"),
    "ATA": ("ide-hd,bus=ide.1", "ata", "is not removable"),
}


def archive(folder):
    """What goes into the initrd: compressed, for it follows another that is."""
    libraries = re.findall(r"(/\S+) \(0x", subprocess.run(
        ["ldd", PROGRAM], check=True, capture_output=True, encoding="utf-8").stdout)
    (folder / "opt").mkdir(parents=True)
    for file in (PROGRAM, *libraries):
        shutil.copy(file, folder / "opt")
    next((folder / "opt").glob("ld-linux*")).rename(folder / "opt/ld.so")
    (folder / "start").write_text(INIT)
    (folder / "start").chmod(0o755)
    names = "\n".join(str(path.relative_to(folder)) for path in sorted(folder.rglob("*")))
    packed = subprocess.run(["cpio", "--create", "--format=newc", "--quiet"], input=names.encode(),
                            cwd=folder, check=True, capture_output=True).stdout
    return subprocess.run(["gzip"], input=packed, check=True, capture_output=True).stdout


def drives(folder):
    arguments = ["-device", "qemu-xhci,id=usb", "-device", "sdhci-pci", "-device", "ide-cd,bus=ide.0",
                 "-device", "sd-card,drive=card", "-device", "usb-uas,bus=usb.0,id=uas",
                 "-device", "scsi-hd,bus=uas.0,drive=uas,removable=on"]
    for serial in (*KINDS, "card", "uas"):
        path = folder / f"{serial}.img"
        with open(path, "wb") as f:
            f.truncate(600 << 30 if serial == "BIG" else 64 << 20)
        arguments += ["-drive", f"if=none,id={serial},file={path},format=raw,cache=unsafe"]
        if serial in KINDS:
            arguments += ["-device", f"{KINDS[serial][0]},drive={serial},serial={serial}"]
    subprocess.run(["mkfs.vfat", "-n", "KINGSTON", folder / "STICK.img"], check=True,
                   capture_output=True)
    subprocess.run(["mke2fs", "-q", folder / "VIRTIO.img"], check=True)
    subprocess.run(["sfdisk", "--quiet", folder / "USBDISK.img"], check=True,
                   input=b"label: gpt\nsize=20M, name=data\nsize=20M\n")
    return arguments


@pytest.fixture(scope="module", name="listed")
def fixture_listed(tmp_path_factory):
    """The disks of the list."""
    folder = tmp_path_factory.mktemp("disks")
    kernel = max(MATERIAL.glob("vmlinuz-*[0-9]-amd64"))
    content = (MATERIAL / f"initrd.img-{kernel.name[len('vmlinuz-'):]}.most").read_bytes()
    content += bytes(-len(content) % 512)
    (folder / "initrd").write_bytes(content + archive(folder / "tree"))
    subprocess.run(
        ["qemu-system-x86_64", "-machine", "q35", *accelerator(), "-m", "1G", "-no-reboot",
         "-display", "none", "-serial", f"file:{folder}/console", "-serial", f"file:{folder}/list",
         "-kernel", kernel, "-initrd", folder / "initrd", "-nic", "none",
         "-append", "console=ttyS0 quiet rdinit=/start panic=-1", *drives(folder)],
        check=True, timeout=patience(300))
    return json.loads((folder / "list").read_text())["disks"]


def by_serial(listed, serial):
    found, = [disk for disk in listed if disk["serial"] == serial]
    return found


def test_each_disk_is_listed_once_and_nothing_else(listed):
    assert len(listed) == len(KINDS) + 2
    assert len({disk["node"] for disk in listed}) == len(listed)


@pytest.mark.parametrize("serial", KINDS)
def test_kinds_of_disks(listed, serial):
    _, bus, why_not = KINDS[serial]
    disk = by_serial(listed, serial)
    assert (disk["bus"], disk["why_not"]) == (bus, why_not)
    assert disk["is_candidate"] == (why_not is None)


def test_a_memory_card_is_removable(listed):
    card, = [disk for disk in listed if disk["bus"] == "mmc"]
    assert card["is_candidate"] and card["serial"] and card["model"]


def test_a_stick_that_speaks_uas(listed):
    assert [disk["bus"] for disk in listed if disk["is_candidate"]].count("usb") == 2


def test_models_and_contents(listed):
    stick = by_serial(listed, "STICK")
    assert stick["model"] == "QEMU HARDDISK"
    assert stick["contents"] == 'vfat "KINGSTON"'
    assert [(p["number"], p["name"]) for p in by_serial(listed, "USBDISK")["partitions"]] == \
        [(1, "data"), (2, None)]

# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel sets that look good until they are booted."""

import re
import subprocess
from pathlib import Path

import story

HANGING_UNIT = """[Unit]
Before=boot-complete.target
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/sleep infinity
"""


def kernel_volume(image, folder):
    """A copy of the kernel partition of the stick file @image."""
    start, size = story.partition(image, 2)
    volume = folder / "kernel-partition.iso"
    with open(image, "rb") as stick, open(volume, "wb") as copy:
        stick.seek(start)
        copy.write(stick.read(size))
    return volume


def xorriso(volume, *commands):
    """What xorriso says about a volume."""
    return subprocess.run(["xorriso", "-osirrox", "on", "-indev", volume, *commands], check=True,
                          capture_output=True, text=True).stdout


def kernel_set(image, folder):
    """The files of the kernel sets of the stick file @image, as folder/live."""
    xorriso(kernel_volume(image, folder), "-extract", "/live", folder / "live")
    subprocess.run(["chmod", "-R", "u+w", folder / "live"], check=True)
    return folder / "live"


def panics(root):
    """The first process ends at once, so the kernel panics."""
    (root / "init").write_text("#!/bin/sh\nexit 1\n")


def lacks_squashfs(root):
    """The system on the stick cannot be mounted."""
    for module in root.rglob("squashfs.ko*"):
        module.unlink()


def hangs(root):
    """Everything comes up except boot-complete.target."""
    init = (root / "init").read_text()
    units = "${rootmnt}/run/systemd/system"
    wanted = f"{units}/boot-complete.target.requires"
    lines = f"mkdir -p {wanted}\ncat > {units}/hang.service <<'END'\n{HANGING_UNIT}END\n"
    lines += f"ln -s ../hang.service {wanted}/\n"
    before, found, after = init.partition("\nexec run-init")
    assert found
    (root / "init").write_text(f"{before}\n{lines}{found}{after}")


def broken(initrd, damage, folder):
    """A new file: what @initrd, a plain zstd one, is after @damage to its unpacked files."""
    root = Path(folder, "root")
    root.mkdir()
    subprocess.run(f"zstd -dc '{initrd}' | (cd '{root}' && cpio -idm --quiet)", shell=True, check=True)
    damage(root)
    result = Path(folder, "initrd.broken")
    subprocess.run(f"(cd '{root}' && find . | cpio -o -H newc -R 0:0 --quiet) | zstd -1 -q > '{result}'",
                   shell=True, check=True)
    return result


def spoil(image, name, folder):
    """Overwrite the middle of the file @name of the kernel partition."""
    found = xorriso(kernel_volume(image, folder), "-find", f"/live/{name}", "-exec", "report_lba")
    block, blocks = map(int, re.search(r"lba: *0 , *(\d+) , *(\d+) ,", found).groups())
    start, _ = story.partition(image, 2)
    with open(image, "r+b") as stick:
        stick.seek(start + (block + blocks // 2) * 2048)
        stick.write(bytes(65536))

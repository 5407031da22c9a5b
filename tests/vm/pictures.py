#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of README.md: the boot menu as a machine shows it, and what lies where on a stick."""

import json
import subprocess
import tempfile
import time
from pathlib import Path

import story
from console import patience
from qemu import BUILD, Machine, overlay

PICTURES = BUILD.parent / "tests/vm/pictures"
COLOURS = ["#4878a8", "#c06048", "#6a9a58", "#8a70a8", "#888888"]
HOLDS = {"liveng-system": "squashfs, factory kernel", "liveng-kernel": "two kernel sets",
         "liveng-esp": "boot loaders, menu", "persistence": "ext4 or LUKS", "liveng-bios": "BIOS boot"}


def boot_menu(stick, folder):
    """Its screen, by a BIOS machine: 1024 x 768, with a newer kernel that no boot has proven yet."""
    with Machine(overlay(stick, folder / "menu.qcow2"), folder, "menu", "bios") as machine:
        machine.wait_for("executed automatically", 120)
        machine.send("\x1b[B\x1b[A")  # a key stops the countdown
        time.sleep(patience(2))
        machine.screenshot(PICTURES / "boot-menu.png")


def layout(stick):
    """The partitions in their order on the stick, not to scale, as SVG."""
    table = json.loads(subprocess.run(["sfdisk", "--json", stick], check=True, capture_output=True).stdout)
    parts = table["partitiontable"]["partitions"]
    width, lines = 0, []
    for number, part in sorted(enumerate(parts, 1), key=lambda item: item[1]["start"]):
        name, mib = part["name"], part["size"] / 2048
        box = 100 if mib < 2 else 190
        size = f"{mib:.0f} MiB" if mib < 1024 else f"{mib / 1024:.1f} GiB"
        lines.append(f'<rect x="{width}" y="0" width="{box - 4}" height="86" rx="4"'
                     f' fill="{COLOURS[number - 1]}"/>')
        for y, text, weight in ((24, f"{number}  {name}", "bold"), (48, size, "normal"),
                                (70, HOLDS[name], "normal")):
            lines.append(f'<text x="{width + 10}" y="{y}" font-weight="{weight}">{text}</text>')
        width += box
    style = 'font-family="sans-serif" font-size="13" fill="#ffffff"'
    (PICTURES / "layout.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 86" width="{width}" height="86"'
        f' {style}>\n' + "\n".join(lines) + "\n</svg>\n")


def main():
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="liveng-pictures-") as folder:
        stick = Path(folder, "stick.img")
        story.deploy(BUILD / "vm/live.iso", stick, size="8G")
        layout(stick)
        newer = max((BUILD / "material").glob("vmlinuz-*[0-9]-amd64"))
        story.kupd(stick, "update", "--kernel", newer, "--initrd",
                   newer.with_name(newer.name.replace("vmlinuz", "initrd.img")))
        boot_menu(stick, Path(folder))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job in a virtual machine, as `make demo` shows it."""

from pathlib import Path

from demo import demo

BUILD = Path(__file__).resolve().parent.parent.parent / "build"


def test_the_stick_boots_the_kernel_that_apt_brought():
    folder = BUILD / "vm/test_demo"
    folder.mkdir(parents=True, exist_ok=True)
    before, after, status, status_after = demo(BUILD / "vm/live.iso", BUILD / "livengkupd", folder)
    assert before != after
    assert after in status and before in status
    assert after in status_after and before in status_after
    (folder / "stick.img").unlink()

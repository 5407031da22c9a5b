# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel partition is gone: the stick comes up on its factory kernel and repairs itself."""

import subprocess

import pytest

import story
from qemu import Machine, overlay


@pytest.mark.parametrize("firmware, reboots", [
    ("bios", False),
    pytest.param("bios", True, marks=pytest.mark.full),
    pytest.param("secureboot", True, marks=pytest.mark.full)])
def test_a_stick_without_kernel_partition_repairs_itself(upgraded, folder, firmware, reboots):
    stick = overlay(upgraded.image, folder / "stick.qcow2")
    start, size = story.partition(upgraded.image, 2)
    subprocess.run(["qemu-io", "-c", f"write -q -z {start} {size}", stick], check=True)
    with Machine(stick, folder, "boot", firmware, network=False) as machine:
        machine.wait_for_boot(story.PASSPHRASE)
        assert story.release(machine) == upgraded.before
        assert "liveng-fallback" in machine.run("cat /proc/cmdline")
        said = story.wait_for_service(machine, "liveng-repair")
        assert story.status(machine)["current"]["release"] == upgraded.after, said
        said = machine.login()
        assert "This is the fallback boot" in said and f"The next boot takes {upgraded.after}" in said
        machine.run("livengkupd verify", 600)
        if reboots:
            machine.reboot(story.PASSPHRASE)
            assert story.release(machine) == upgraded.after
            story.wait_until_blessed(machine)
            assert "fallback" not in machine.login()

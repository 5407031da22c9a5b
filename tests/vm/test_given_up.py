# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel set that does not come up is given up without a key pressed: after three boots the one
before it runs, and if that is damaged too, the factory's, which repairs the stick."""

import subprocess

import pytest

import story
from broken import broken, hangs, kernel_set, lacks_squashfs, panics, spoil
from console import Failure
from qemu import Machine

FULL = pytest.mark.full


def boots_until_up(machine):
    """Let it boot, with a push of the reset button where it hangs, until a boot comes up and is called
    good. Returns how many boots it took."""
    for boot in range(1, 6):
        try:
            machine.wait_for_boot(story.PASSPHRASE, 60)
        except Failure:
            machine.reset()
            continue
        if "liveng" in machine.run("grep -oE 'liveng[.-][^ ]*' /proc/cmdline", check=False):
            return boot
        machine.run("sleep 20")
        assert story.status(machine)["tries"] is not None
        machine.reset()
    raise Failure("five boots, and none came up")


@pytest.mark.parametrize("firmware", ["bios", pytest.param("secureboot", marks=FULL)])
@pytest.mark.parametrize("damage, old_too", [
    pytest.param(panics, False),
    pytest.param(lacks_squashfs, False, marks=FULL),
    pytest.param(hangs, False, marks=FULL),
    pytest.param(panics, True, marks=FULL)])
def test_a_kernel_that_does_not_come_up_is_given_up(request, upgraded, folder, firmware, damage, old_too):
    stick = folder / "stick.img"
    subprocess.run(["cp", "--sparse=always", upgraded.image, stick], check=True)
    live = kernel_set(stick, folder)
    initrd = broken(live / "initrd.img", damage, folder)
    story.kupd(stick, "update", "--force", "--kernel", live / "vmlinuz", "--initrd", initrd)
    if old_too:
        spoil(stick, "vmlinuz.old", folder)
    with Machine(stick, folder, "boot", firmware) as machine:
        boots = boots_until_up(machine)
        said = machine.run("cat /proc/cmdline")
        if old_too:
            assert boots <= 5 and "liveng-fallback" in said
            assert story.release(machine) == upgraded.before
            said = story.wait_for_service(machine, "liveng-repair")
            machine.reboot(story.PASSPHRASE)
            assert story.release(machine) == upgraded.after, said
        else:
            assert boots == 4 and "liveng.boot=previous" in said
            said = story.wait_for_service(machine, "liveng-bless")
        found = story.status(machine)
        assert found["current"]["release"] == upgraded.after, said
        assert old_too or (found["tries"] is None and found["failed"]), said
        assert old_too or f"The kernel {upgraded.after} did not come up" in machine.login()
        machine.run("livengkupd verify", 600)
        if request.node.get_closest_marker("full"):
            machine.reboot(story.PASSPHRASE)
            assert story.release(machine) == upgraded.after
            assert "liveng.boot" not in machine.run("cat /proc/cmdline")

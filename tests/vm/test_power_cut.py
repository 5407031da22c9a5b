# SPDX-License-Identifier: GPL-3.0-or-later
"""The plug is pulled while apt upgrades the kernel, at moments from the initrd's build to after the commit: the stick
boots, the old kernel or the new one, and `dpkg --configure -a` completes the upgrade."""

import time

import pytest

import story
from qemu import Machine

# Which snapshot the machine goes on from, and what part of the time to its end it gets.
QUICK = [("writing", 0.5)]
FULL = [("building", part) for part in (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)]
FULL += [("writing", part) for part in (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0, 1.1)]


@pytest.mark.parametrize("snapshot, part, completes", [
    *(pytest.param(*moment, False) for moment in QUICK),
    *(pytest.param(*moment, True, marks=pytest.mark.full) for moment in QUICK + FULL)])
def test_power_cut(upgraded, folder, record_property, snapshot, part, completes):
    with Machine(upgraded.stick, folder, "cut", upgraded.firmware, snapshot=snapshot):
        time.sleep(part * getattr(upgraded, snapshot))
    with Machine(upgraded.stick, folder, "after", "bios") as machine:
        machine.wait_for_boot(story.PASSPHRASE)
        booted = story.release(machine)
        record_property("booted", "old" if booted == upgraded.before else "new")
        assert booted in (upgraded.before, upgraded.after)
        machine.run("livengkupd verify", 600)
        if not completes:
            return
        machine.run("DEBIAN_FRONTEND=noninteractive dpkg --configure -a", 1800)
        assert story.status(machine)["current"]["release"] == upgraded.after
        assert machine.run("dpkg --audit") == ""
        machine.run("livengkupd verify", 600)

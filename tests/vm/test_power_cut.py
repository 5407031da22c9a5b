# SPDX-License-Identifier: GPL-3.0-or-later
"""The plug is pulled while apt upgrades the kernel, at moments from the initrd's build to after the commit: the stick
boots, the old kernel or the new one, and `dpkg --configure -a` completes the upgrade."""

import time
from contextlib import contextmanager

import pytest

import story
from qemu import Machine

# Which snapshot the machine goes on from, and what part of the time to its end it gets.
MOMENTS = [("building", part) for part in (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)]
MOMENTS += [("writing", part) for part in (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0, 1.1)]


@contextmanager
def after_a_cut(upgraded, folder, snapshot, part):
    """The machine, up again."""
    with Machine(upgraded.stick, folder, "cut", upgraded.firmware, snapshot=snapshot):
        time.sleep(part * getattr(upgraded, snapshot))
    with Machine(upgraded.stick, folder, "after", "bios") as machine:
        machine.wait_for_boot(story.PASSPHRASE)
        assert story.release(machine) in (upgraded.before, upgraded.after)
        yield machine


def test_the_stick_boots_after_a_power_cut(upgraded, folder):
    with after_a_cut(upgraded, folder, "writing", 0.5) as machine:
        machine.run("livengkupd verify", 600)


@pytest.mark.full
@pytest.mark.parametrize("snapshot, part", MOMENTS)
def test_power_cut(upgraded, folder, record_property, snapshot, part):
    with after_a_cut(upgraded, folder, snapshot, part) as machine:
        booted = story.release(machine)
        record_property("booted", "old" if booted == upgraded.before else "new")
        machine.run("DEBIAN_FRONTEND=noninteractive dpkg --configure -a", 1800)
        assert story.status(machine)["current"]["release"] == upgraded.after
        assert machine.run("dpkg --audit") == ""
        machine.run("livengkupd verify", 600)

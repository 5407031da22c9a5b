# SPDX-License-Identifier: GPL-3.0-or-later
"""A stick whose system has sysvinit, as Devuan and antiX have: init scripts do what the units do elsewhere."""

import time

import pytest

import story
from qemu import BUILD, Machine

pytestmark = pytest.mark.full


def wait_for(machine, verb):
    """Until that is what happened last."""
    for _ in range(60):
        last = story.state(machine)["last"]
        if last and last["verb"] == verb:
            return story.status(machine)
        time.sleep(5)
    raise story.Failure(f"no {verb}: {story.state(machine)['last']}")


def test_a_trial_is_ended_by_the_init_script(folder):
    stick = folder / "stick.img"
    story.deploy(BUILD / "vm/live-sysvinit.iso", stick)
    with Machine(stick, folder, "boot", "uefi") as machine:
        machine.wait_for_boot()
        assert machine.run("cat /proc/1/comm") == "init"
        machine.run("cd /sys/class/net && ip link set e* up && ip addr add 10.0.2.15/24 dev e*"
                    " && ip route add default via 10.0.2.2")
        before = story.release(machine)
        assert wait_for(machine, "bless")["has_trials"]
        written = story.upgrade(machine)
        assert story.status(machine)["assessment_state"] == "trial"
        machine.reboot()
        assert story.release(machine) == written != before
        assert wait_for(machine, "bless")["assessment_state"] == "proven"
        # Without the script nothing would end a trial.
        machine.run("mv /etc/rc2.d/S*liveng-bless /root")
        assert not story.status(machine)["has_trials"]
        booted = story.status(machine)["current"]["slot"]
        for _ in range(2):
            machine.run("livengkupd update --force", 240)
            state = story.status(machine)
            assert (state["assessment_state"], state["previous"]["slot"]) == ("proven", booted)
        machine.run("livengkupd next --once fallback", 120)
        machine.run("mv /root/S*liveng-bless /etc/rc2.d")
        machine.reboot()
        assert story.release(machine) == before
        assert wait_for(machine, "repair")["current"]["release"] == written
        machine.power_off()

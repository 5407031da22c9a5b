# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrades that are not the usual one: sticks of the published steps, more packages in the same run, a
system in memory with another stick beside it, a stick that goes away."""

import subprocess
import time

import pytest

import story
from qemu import FASTER, Machine, overlay

pytestmark = pytest.mark.full


def digest(file):
    """Of all that is in a file."""
    return subprocess.run(["sha256sum", file], check=True, capture_output=True).stdout.split()[0]


@pytest.mark.parametrize("old", ["--old", "--old-deployed"])
def test_a_stick_of_the_published_steps_is_upgraded_in_place(image, folder, old):
    stick = folder / "stick.img"
    subprocess.run([story.ROOT / "tests/data/published-stick.sh", old, "--append", FASTER, image,
                    stick, "4G"], check=True)
    with Machine(stick, folder, "boot") as machine:
        machine.wait_for_boot()
        before, ids = story.release(machine), story.identity(machine)
        written = story.upgrade(machine)
        assert written != before
        machine.reboot()
        assert story.release(machine) == written
        assert story.identity(machine) == ids
        machine.power_off()


def test_cryptsetup_and_live_boot_in_the_same_run_cost_no_second_initrd(image, folder):
    stick = folder / "stick.img"
    story.deploy(image, stick, encrypted=True)
    with Machine(stick, folder, "boot", "uefi") as machine:
        machine.wait_for_boot(story.PASSPHRASE)
        before = story.release(machine)
        written = story.upgrade(machine, "--reinstall install linux-image-amd64 cryptsetup"
                                " cryptsetup-initramfs live-boot live-boot-initramfs-tools")
        assert written != before
        machine.reboot(story.PASSPHRASE)
        assert story.release(machine) == written
        machine.power_off()


def test_of_two_sticks_that_one_is_written_that_runs_from_memory_and_the_other_if_it_is_named(image, folder):
    sticks = [folder / "stick.img", folder / "other.img"]
    story.deploy(image, sticks[0], append="toram")
    story.deploy(image, sticks[1])
    other = digest(sticks[1])
    with Machine(sticks[0], folder, "boot", "bios", others=sticks[1:]) as machine:
        machine.wait_for_boot()
        assert "toram" in machine.run("cat /proc/cmdline")
        before = story.release(machine)
        written = story.upgrade(machine)
        machine.run("sync")
        assert digest(sticks[1]) == other
        node = "/dev/disk/by-id/usb-*stick1-0:0"
        machine.run(f"livengkupd --disk $(readlink -f {node}) update", 600)
        machine.power_off()
    for stick in sticks:
        assert story.kupd(stick, "status")["current"]["release"] == written != before
        story.kupd(stick, "verify")
    with Machine(sticks[1], folder, "other", "bios") as machine:
        machine.wait_for_boot()
        assert story.release(machine) == written


@pytest.mark.parametrize("part", [0.2, 0.5])
def test_a_stick_that_is_pulled_while_it_is_written_boots(upgraded, folder, part):
    with Machine(upgraded.stick, folder, "pulled", upgraded.firmware, snapshot="writing") as machine:
        time.sleep(part * upgraded.writing)
        machine.pull()
        machine.wait_for(r"(?i)error|cannot|failed", 300)
    stick = overlay(upgraded.stick, folder / "stick.qcow2")
    with Machine(stick, folder, "after", "bios") as machine:
        machine.wait_for_boot(story.PASSPHRASE)
        assert story.release(machine) in (upgraded.before, upgraded.after)
        machine.run("livengkupd verify", 600)

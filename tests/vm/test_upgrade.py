# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job for each kind of firmware: apt upgrades the kernel of the stick that the system runs from,
and the stick boots it. What else was on the stick is as it was."""

import re

import pytest

import story
from qemu import BUILD, Machine


@pytest.mark.full
@pytest.mark.parametrize("firmware, encrypted, suite", [
    ("uefi", False, "bookworm"),
    ("bios", False, "bookworm"),
    ("bios", True, "bookworm"),
    ("secureboot", True, "trixie"),
    ("bios", False, "trixie"),
])
def test_the_stick_boots_the_kernel_that_apt_brought(folder, record_property, firmware, encrypted, suite):
    image = BUILD / "vm" / ("live.iso" if suite == "bookworm" else f"live-{suite}.iso")
    stick = folder / "stick.img"
    story.deploy(image, stick, encrypted=encrypted)
    with Machine(stick, folder, "boot", firmware) as machine:
        machine.wait_for_boot(story.PASSPHRASE)
        before, ids = story.release(machine), story.identity(machine)
        machine.run("echo kept > /root/kept")
        written = story.upgrade(machine)
        assert written != before
        assert story.status(machine)["current"]["release"] == written
        machine.reboot(story.PASSPHRASE)
        after = story.release(machine)
        for fact in story.tested(machine, firmware, encrypted, suite, before, after).items():
            record_property(*fact)
        assert after == written
        assert machine.run("cat /root/kept") == "kept"
        assert story.identity(machine) == ids
        assert story.guards(machine) == {"Secure Boot": firmware == "secureboot",
                                         "lockdown": firmware == "secureboot", "LUKS": encrypted}
        story.wait_until_blessed(machine)
        machine.power_off()
    assert story.kupd(stick, "verify")["errors"] == []


def test_an_encrypted_stick_boots_the_kernel_that_apt_brought_under_secure_boot(upgraded, record_property):
    for fact in upgraded.tested.items():
        record_property(*fact)
    assert upgraded.before != upgraded.after
    assert not re.findall(story.BUILDING, upgraded.said)  # no second one
    assert re.findall(story.WRITTEN, upgraded.said) == [(upgraded.after, "B")]
    assert story.noise(upgraded.said) == []
    assert (upgraded.kept, upgraded.ids_kept) == ("kept", True)
    assert upgraded.guards == {"Secure Boot": True, "lockdown": True, "LUKS": True}
    assert upgraded.self_blessed == "trial"  # the boot that wrote a set says nothing of it (K12)
    assert story.kupd(upgraded.image, "verify")["errors"] == []


def test_what_happened_is_there_for_anyone_to_read(upgraded):
    state, before, after = upgraded.state, upgraded.before, upgraded.after
    assert state["running"] == {"release": after, "entry": "standard"}
    assert (state["current"]["release"], state["previous"]["release"]) == (after, before)
    assert state["factory"] == {"release": before, "has_modules": True}
    assert (state["assessment_state"], state["persistence"], state["tries"]) == ("proven", "encrypted", None)
    assert state["free_bytes"] > 0 and state["schema_version"] == 1
    assert {name: state["last"][name] for name in ("verb", "exit_code", "release", "errors")} == {
        "verb": "bless", "exit_code": 0, "release": after, "errors": []}

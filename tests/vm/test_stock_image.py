# SPDX-License-Identifier: GPL-3.0-or-later
"""Images like Debian's own, which know nothing of liveng: the stick asks for its passphrase at its first boot, which
installs what is on it without a network, and boots the next kernel that apt brings. Nothing is touched meanwhile but
the passphrase."""

import pytest

import story
from qemu import BUILD, Machine

pytestmark = pytest.mark.full


@pytest.mark.parametrize("encrypted", [True, False], ids=["luks", "clear"])
@pytest.mark.parametrize("firmware", ["secureboot", "bios"])
@pytest.mark.parametrize("image, suite", [("stock", "bookworm"), ("bare", "bookworm"), ("stock-trixie", "trixie")],
                         ids=["stock", "bare", "trixie"])
def test_a_stick_upgrades_itself_from_its_first_boot(folder, record_property, image, suite, firmware, encrypted):
    stick = folder / "stick.img"
    story.deploy(BUILD / f"vm/{image}.iso", stick, encrypted=encrypted)
    with Machine(stick, folder, "boot", firmware) as machine:
        machine.wait_for_boot(story.PASSPHRASE)
        before = story.wait_for_first_boot(machine)
        ids = story.identity(machine)
        assert story.status(machine)["current"]["release"] == before
        assert story.status(machine)["update_state"] == "current"
        machine.run("echo kept > /root/kept")
        written = story.upgrade(machine)
        assert written != before
        machine.reboot(story.PASSPHRASE)
        for fact in story.tested(machine, firmware, encrypted, suite, before, story.release(machine)).items():
            record_property(*fact)
        assert story.release(machine) == written
        assert machine.run("cat /root/kept") == "kept"
        assert story.identity(machine) == ids
        assert story.guards(machine) == {"Secure Boot": firmware == "secureboot",
                                         "lockdown": firmware == "secureboot", "LUKS": encrypted}
        assert "liveng-first" not in machine.run("systemctl list-units --all --no-legend 'liveng-first*'")
        story.wait_until_blessed(machine)
        machine.run("livengkupd verify", 600)
        # The image's own kernel opens the persistence, too, and leaves the stick as it is.
        machine.run("livengkupd next --once fallback", 120)
        machine.reboot(story.PASSPHRASE)
        assert (story.release(machine), machine.run("cat /root/kept")) == (before, "kept")
        assert story.status(machine)["current"]["release"] == written
        machine.power_off()
    assert story.kupd(stick, "verify")["errors"] == []


def test_a_kept_persistence_brings_its_newer_kernel_along(folder):
    """The image is written anew, older than what the persistence has: the first boot writes that."""
    stick = folder / "stick.img"
    image = BUILD / "vm/stock.iso"
    story.deploy(image, stick, encrypted=True)
    with Machine(stick, folder, "boot", "uefi") as machine:
        machine.wait_for_boot(story.PASSPHRASE)
        before = story.wait_for_first_boot(machine)
        written = story.upgrade(machine)
        machine.reboot(story.PASSPHRASE)
        machine.run("echo kept > /root/kept")
        machine.power_off()
    story.deploy(image, stick, "--keep-persistence")
    with Machine(stick, folder, "again", "uefi") as machine:
        machine.wait_for_boot(story.PASSPHRASE)
        assert story.wait_for_first_boot(machine) == before
        assert story.status(machine)["current"]["release"] == written
        machine.reboot(story.PASSPHRASE)
        assert (story.release(machine), machine.run("cat /root/kept")) == (written, "kept")
        story.wait_until_blessed(machine)
        machine.run("livengkupd verify", 600)
        machine.power_off()

# SPDX-License-Identifier: GPL-3.0-or-later
"""Images like Debian's own, which know nothing of liveng: the stick asks for its passphrase at its first boot, which
installs what is on it without a network, and boots the next kernel that apt brings. Nothing is touched meanwhile but
the passphrase."""

import time

import pytest

import story
from qemu import BUILD, PASSPHRASE, PROMPT, Machine

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


def test_plymouth_that_updates_the_initrd_itself(folder):
    """By hand, as it were, in its postinst: live-tools would say that this is disabled."""
    stick = folder / "stick.img"
    story.deploy(BUILD / "vm/stock.iso", stick)
    with Machine(stick, folder, "boot", "uefi") as machine:
        machine.wait_for_boot()
        before = story.wait_for_first_boot(machine)
        assert story.upgrade(machine, "install --reinstall plymouth") == before
        assert story.status(machine)["previous"]["release"] == before
        machine.reboot()
        story.wait_until_blessed(machine)
        machine.power_off()


def test_what_is_set_at_deployment_holds_from_the_first_passphrase_on(folder):
    """The keys of a German keyboard, pressed; then what live-config has made of the other options."""
    stick = folder / "stick.img"
    story.deploy(BUILD / "vm/stock.iso", stick, "--locale", "de_DE.UTF-8", "--keyboard", "de", "--timezone",
                 "Europe/Berlin", "--username", "anna", "--hostname", "linde", encrypted=True, passphrase="Yak-zebra",
                 append="console=tty0")
    with Machine(stick, folder, "boot", "uefi") as machine:
        machine.wait_for(PASSPHRASE, 400)
        for key in "shift-z", "a", "k", "slash", "y", "e", "b", "r", "a", "ret":
            machine.monitor(f"sendkey {key}")
            time.sleep(1)
        machine.wait_for(PROMPT, 600)
        machine.enter_shell()
        story.wait_for_first_boot(machine)
        assert machine.run(". /etc/default/locale; echo $LANG; locale -a | grep -ix de_DE.utf8") == (
            "de_DE.UTF-8\nde_DE.utf8")
        assert machine.run(". /etc/default/keyboard; echo $XKBLAYOUT; cat /etc/timezone; hostname") == (
            "de\nEurope/Berlin\nlinde")
        assert machine.run("id -un anna; ! id user 2> /dev/null") == "anna"
        assert 'the password of "anna" is the one of every live system' in machine.login()
        machine.run("echo anna:another | chpasswd")
        assert "the password" not in machine.login()
        machine.power_off()


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


def test_a_kept_persistence_on_a_newer_image(folder):
    """Its kernel is the newest, and the kept system, which knows an older one, gets it by apt."""
    stick = folder / "stick.img"
    story.deploy(BUILD / "vm/stock.iso", stick, encrypted=True)
    with Machine(stick, folder, "boot", "uefi") as machine:
        machine.wait_for_boot(story.PASSPHRASE)
        before = story.wait_for_first_boot(machine)
        machine.run("echo kept > /root/kept")
        machine.power_off()
    story.deploy(BUILD / "vm/stock-newer.iso", stick, "--keep-persistence")
    with Machine(stick, folder, "again", "uefi") as machine:
        machine.wait_for_boot(story.PASSPHRASE)
        newer = story.wait_for_first_boot(machine)
        assert newer != before and machine.run("cat /root/kept") == "kept"
        assert story.status(machine)["current"]["release"] == newer
        written = story.upgrade(machine)
        assert written == newer
        machine.reboot(story.PASSPHRASE)
        assert (story.release(machine), machine.run("cat /root/kept")) == (newer, "kept")
        story.wait_until_blessed(machine)
        machine.run("livengkupd verify", 600)
        machine.run("livengkupd next --once fallback", 120)
        machine.reboot(story.PASSPHRASE)
        assert (story.release(machine), machine.run("cat /root/kept")) == (newer, "kept")
        machine.power_off()

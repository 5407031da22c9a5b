# SPDX-License-Identifier: GPL-3.0-or-later
"""As a user meets it: a live image without liveng in it, an apt source, one `apt install`."""

import pytest

import repository
import story
from qemu import BUILD, Machine

pytestmark = pytest.mark.full


def put(machine, file, text):
    """Write a file in the machine."""
    machine.run(f"mkdir -p $(dirname {file}); cat > {file} <<'END-OF-FILE'\n{text}\nEND-OF-FILE")


def install(machine, key, source):
    """What a user types. Returns the release that the stick was given."""
    put(machine, "/etc/apt/keyrings/liveng.asc", key)
    put(machine, "/etc/apt/sources.list.d/liveng.sources", source)
    return story.upgrade(machine, "--no-install-recommends install linux-image-liveng-amd64")


def test_a_stick_gets_liveng_from_an_apt_source(folder, record_property):
    stick = folder / "stick.img"
    story.deploy(BUILD / "vm/stock.iso", stick, encrypted=True)
    with repository.published(folder) as (key, source), Machine(stick, folder, "boot") as machine:
        machine.wait_for_boot(story.PASSPHRASE)
        before, ids = story.release(machine), story.identity(machine)
        written = install(machine, key, source)
        assert written != before
        machine.reboot(story.PASSPHRASE)
        assert story.release(machine) == written
        for fact in story.tested(machine, "secureboot", True, "bookworm", before, written).items():
            record_property(*fact)
        assert story.identity(machine) == ids
        assert story.guards(machine) == {"Secure Boot": True, "lockdown": True, "LUKS": True}
        story.wait_until_blessed(machine)
        machine.power_off()


def test_a_stick_that_runs_from_memory_gets_liveng(folder):
    """live-tools would take the medium in memory for the one to fill, and find no room there."""
    stick = folder / "stick.img"
    story.deploy(BUILD / "vm/stock.iso", stick, append="toram")
    with repository.published(folder) as (key, source), Machine(stick, folder, "boot", "bios") as machine:
        machine.wait_for_boot()
        before = story.release(machine)
        written = install(machine, key, source)
        assert written != before
        machine.reboot()
        assert story.release(machine) == written
        machine.power_off()

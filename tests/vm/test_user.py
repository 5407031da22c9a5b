# SPDX-License-Identifier: GPL-3.0-or-later
"""As a user meets it: a live image without liveng in it, an apt source, one `apt install`."""

import pytest

import repository
import story
from qemu import BUILD, Machine


def put(machine, file, text):
    """Write a file in the machine."""
    machine.run(f"mkdir -p $(dirname {file}); cat > {file} <<'END-OF-FILE'\n{text}\nEND-OF-FILE")


@pytest.mark.full
def test_a_stick_gets_liveng_from_an_apt_source(folder, record_property):
    stick = folder / "stick.img"
    story.deploy(BUILD / "vm/plain.iso", stick, encrypted=True)
    with repository.published(folder) as (key, source), Machine(stick, folder, "boot") as machine:
        machine.wait_for_boot(story.PASSPHRASE)
        before, ids = story.release(machine), story.identity(machine)
        put(machine, "/etc/apt/keyrings/liveng.asc", key)
        put(machine, "/etc/apt/sources.list.d/liveng.sources", source)
        written = story.upgrade(machine, "--no-install-recommends install linux-image-liveng-amd64")
        assert written != before
        machine.reboot(story.PASSPHRASE)
        assert story.release(machine) == written
        story.record(record_property, machine, "secureboot", True, "bookworm", before, written)
        assert story.identity(machine) == ids
        assert story.guards(machine) == {"Secure Boot": True, "lockdown": True, "LUKS": True}
        story.wait_until_blessed(machine)
        machine.power_off()

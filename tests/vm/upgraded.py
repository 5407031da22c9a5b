# SPDX-License-Identifier: GPL-3.0-or-later
"""One upgrade that many tests start from: an encrypted stick, Secure Boot, and what it was like on the way."""

import contextlib
import fcntl
import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import story
from qemu import BUILD, Machine, overlay

FOLDER = BUILD / "vm/upgraded"

# Says on the console when livengkupd begins to write.
WATCH = ("(until pgrep -f '^[^ ]*livengkupd .*update' > /dev/null; do sleep 0.2; done;"
         " echo the 'set is written now' > /dev/console) &")


@dataclass
class Upgraded:
    """@building and @writing: snapshots of the machine in `stick.qcow2`, and how many seconds it then
    took to the end of that. @said: what apt said from the initrd's build on. @self_blessed: the assessment
    after a `bless` by the boot that wrote the set. @state: status.json, as anyone may read it. `upgraded.img` is the stick after the first boot of the
    new kernel."""

    before: str
    after: str
    said: str
    building: float
    writing: float
    kept: str
    ids_kept: bool
    guards: dict
    self_blessed: str
    tested: dict
    state: dict
    run: str = ""

    firmware = "secureboot"
    stick = FOLDER / "stick.qcow2"
    image = FOLDER / "upgraded.img"

    @classmethod
    def make(cls, live_image, run):
        """Upgrade, once in a run of the tests: other processes wait for the first one. For work on the
        tests LIVENG_VM_KEEP=1 takes what an earlier run has left."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        record = FOLDER / "upgraded.json"
        with open(FOLDER / "lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with contextlib.suppress(OSError, ValueError, TypeError):  # none, half of one, or another version's
                found = cls(**json.loads(record.read_text()))
                if found.run == run or os.environ.get("LIVENG_VM_KEEP"):
                    return found
            record.unlink(missing_ok=True)
            made = cls._make(live_image)
            made.run = run
            record.write_text(json.dumps(asdict(made), indent=1))
            return made

    @classmethod
    def _make(cls, live_image):
        factory = FOLDER / "factory.img"
        story.deploy(live_image, factory, encrypted=True)
        Path(FOLDER, f"{cls.firmware}.qcow2").unlink(missing_ok=True)  # an earlier run's
        with Machine(overlay(factory, cls.stick), FOLDER, "upgrade", cls.firmware) as machine:
            machine.wait_for_boot(story.PASSPHRASE)
            before, ids = story.release(machine), story.identity(machine)
            machine.run("echo kept > /root/kept; " + WATCH)
            story.begin_upgrade(machine)
            machine.wait_for(story.BUILDING, 1200)
            machine.save("building")
            times = [time.monotonic()]
            said = machine.wait_for(r"(?s)(.*?)set is written now", 1200)[1]
            machine.save("writing")
            times.append(time.monotonic())
            said += story.finish_upgrade(machine)
            times.append(time.monotonic())
            machine.run("livengkupd bless")
            self_blessed = story.status(machine)["assessment_state"]
            machine.reboot(story.PASSPHRASE)
            after = story.release(machine)
            tested = story.tested(machine, cls.firmware, True, "bookworm", before, after)
            story.wait_until_blessed(machine)
            made = cls(before, after, said, times[1] - times[0], times[2] - times[1],
                       machine.run("cat /root/kept"), story.identity(machine) == ids,
                       story.guards(machine), self_blessed,
                       tested, story.state(machine))
            machine.power_off()
        subprocess.run(["qemu-img", "convert", "-O", "raw", cls.stick, cls.image], check=True)
        return made

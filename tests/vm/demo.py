#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job, on real input: a stock Debian live image is written to an encrypted stick, boots under UEFI
Secure Boot, installs what keeps its kernel up to date, has apt upgrade that and boots the new one.

    demo.py [IMAGE [FOLDER]]    default: build/vm/stock.iso build/vm/demo

FOLDER keeps the stick, what came over the serial line and, after a failure, the screen.
"""

import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import story
from console import Failure
from qemu import BUILD, Machine, accelerator


class Account:
    """Reports what is going on, and at the end how long it took."""

    def __init__(self):
        self.times = []
        self._started = self._said = time.monotonic()

    @staticmethod
    def say(text):
        print(text, flush=True)

    @contextmanager
    def step(self, name):
        self.say(f"==> {name}")
        self._started = self._said = time.monotonic()
        yield
        self.times.append((name, time.monotonic() - self._started))
        self.say(f"    done in {self.times[-1][1]:.0f} s")

    def progress(self, line):
        """The last line that came over the serial line: shown now and then."""
        now = time.monotonic()
        if now - self._said > 15 and line and "end-of-command" not in line:
            self._said = now
            self.say(f"    {now - self._started:3.0f} s  {line[-80:]}")

    def table(self):
        lines = [f"{seconds:7.0f} s  {name}" for name, seconds in self.times]
        lines.append(f"{sum(seconds for _, seconds in self.times):7.0f} s  all")
        return "\n".join(lines)


def look(machine, account):
    """Say what this boot is like, and return it."""
    found = {"uname -r": story.release(machine)} | story.guards(machine)
    for name, value in found.items():
        account.say(f"    {name}: {'yes' if value is True else 'no' if value is False else value}")
    return found


def demo(image, folder):
    """Returns what the boots before and after the upgrade were like."""
    account = Account()
    stick = folder / "stick.img"
    account.say(f"machine: {' '.join(accelerator())}; its serial line: {folder}/demo.serial")

    with account.step("liveng-deploy: an encrypted stick"):
        account.say("    " + story.deploy(image, stick, encrypted=True).strip())

    with Machine(stick, folder, "demo", progress=account.progress) as machine:
        with account.step("boot it, UEFI with Secure Boot"):
            machine.wait_for_boot(story.PASSPHRASE)
            before = look(machine, account)
            ids = story.identity(machine)

        if story.has_first_boot(machine):
            with account.step("its first boot installs the packages from the stick"):
                story.wait_for_first_boot(machine)

        with account.step("apt upgrade"):
            written = story.upgrade(machine)
            account.say(machine.run("livengkupd status", 120))
            if written == before["uname -r"]:
                raise Failure(f"the archive has no kernel newer than {written}")

        with account.step("reboot"):
            machine.reboot(story.PASSPHRASE)
            after = look(machine, account)
            if after["uname -r"] != written:
                raise Failure(f"the stick booted {after['uname -r']}, not {written}")
            if story.identity(machine) != ids:
                raise Failure("the stick is not the same any more:\n" + story.identity(machine))
            account.say(machine.run("livengkupd status", 120))
        machine.power_off()

    account.say(f"\n{account.table()}\n")
    account.say(f"{before['uname -r']} -> {after['uname -r']}: the stick boots the kernel that apt brought")
    return before, after


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    defaults = [BUILD / "vm/stock.iso", BUILD / "vm/demo"]
    given = [Path(argument).resolve() for argument in sys.argv[1:]]
    image, folder = given + defaults[len(given):]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        demo(image, folder)
    except Failure as failure:
        print(f"\ndemo: {failure}\nthe screen: {folder}/demo.png\n"
              f"the serial line: {folder}/demo.serial", file=sys.stderr)
        return 1
    by_hand = " ".join((folder / "demo.qemu").read_text().splitlines()[0].split(" -nic ")[0].split())
    print(f"""
The passphrase is "{story.PASSPHRASE}". Boot the stick by hand, root logs in by itself on the serial line:

    {by_hand} -nic user -serial mon:stdio

Or write it to a real stick of 4 GB or more, whose content is lost:

    sudo dd if={folder}/stick.img of=/dev/sdX bs=4M conv=fsync status=progress && sudo sgdisk -e /dev/sdX""")
    return 0


if __name__ == "__main__":
    sys.exit(main())

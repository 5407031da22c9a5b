#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job, on real input: a live image on a stick gets a newer kernel from Debian's archive
by apt, livengkupd writes it into the stick, and the stick boots it.

    demo.py [IMAGE [PROGRAM [FOLDER]]]    default: build/vm/live.iso build/livengkupd build/vm

FOLDER keeps the stick, what came over the serial line and, after a failure, the screen.
"""

import signal
import subprocess
import sys
import tarfile
import time
from contextlib import contextmanager
from pathlib import Path

from qemu import Failure, Machine, accelerator

ROOT = Path(__file__).resolve().parent.parent.parent

# What makes an emulated machine slow and proves nothing here. Random addresses are the worst: QEMU
# translates a program's code anew for each address that it runs at, at each start of a program.
FASTER = "quiet norandmaps mitigations=off init_on_alloc=0"

KERNELS = r"^linux-image-6\.1\.0-[0-9]+-amd64$"


class Account:
    """Says what goes on, and in the end how long it took."""

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
        if now - self._said > 15:
            self._said = now
            self.say(f"    {now - self._started:3.0f} s  {line[-80:]}")

    def table(self):
        lines = [f"{seconds:7.0f} s  {name}" for name, seconds in self.times]
        lines.append(f"{sum(seconds for _, seconds in self.times):7.0f} s  all")
        return "\n".join(lines)


def payload(folder, program):
    """A disk that is a tar archive of what comes into the stick's system by hand."""
    archive = folder / "payload.tar"
    with tarfile.open(archive, "w") as tar:
        member = tar.gettarinfo(program, "usr/local/sbin/livengkupd")
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mode = 0o755
        with open(program, "rb") as content:
            tar.addfile(member, content)
    return archive


def demo(image, program, folder):
    """Returns the release before and after, and the two outputs of status."""
    account = Account()
    stick = folder / "stick.img"
    account.say(f"machine: {' '.join(accelerator())}; its serial line: {folder}/demo.serial")

    with account.step("lay out the stick"):
        subprocess.run([ROOT / "tests/data/published-stick.sh", "--append", FASTER,
                        image, stick, "4G"], check=True)

    with Machine(stick, folder, "demo", payload(folder, program), account.progress) as machine:
        with account.step("boot"):
            machine.wait_for_shell()
            before = machine.run("uname -r")
            account.say(f"    uname -r: {before}")
            machine.run("tar -C / -xf /dev/vda")

        with account.step("apt: the newer kernel"):
            machine.run("apt-get update -q=2", 600)
            newest = machine.run(f"apt-cache search --names-only '{KERNELS}' | cut -d ' ' -f 1 |"
                                 " sort -V | tail -n 1", 120)
            release = newest.removeprefix("linux-image-")
            account.say(f"    {newest}")
            if release == before:
                raise Failure(f"the archive has no kernel newer than {before}")
            machine.run("DEBIAN_FRONTEND=noninteractive apt-get install -q=2 -y"
                        f" --no-install-recommends {newest}", 900)

        with account.step("build its initrd"):
            # The program itself: live-tools puts one in its place that does nothing.
            machine.run("$(dpkg-divert --truename /usr/sbin/update-initramfs)"
                        f" -c -k {release} -b /boot", 900)

        with account.step("livengkupd update"):
            account.say(machine.run("livengkupd update", 300))
            status = machine.run("livengkupd status")
            account.say(status)

        with account.step("reboot"):
            machine.reboot()
            after = machine.run("uname -r")
            account.say(f"    uname -r: {after}")
            if after != release:
                raise Failure(f"the stick booted {after}, not {release}")

        with account.step("livengkupd status"):
            status_after = machine.run("livengkupd status")
            account.say(status_after)
        machine.power_off()

    account.say(f"\n{account.table()}\n")
    account.say(f"{before} -> {after}: the stick boots the kernel that apt brought")
    return before, after, status, status_after


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    defaults = [ROOT / "build/vm/live.iso", ROOT / "build/livengkupd", ROOT / "build/vm"]
    given = [Path(argument).resolve() for argument in sys.argv[1:]]
    image, program, folder = given + defaults[len(given):]
    try:
        demo(image, program, folder)
    except Failure as failure:
        print(f"\ndemo: {failure}\nthe screen: {folder}/demo.png\n"
              f"the serial line: {folder}/demo.serial", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: GPL-3.0-or-later
"""A medium that fails, a power cut or Ctrl-C at any moment of a deployment: the stick is whole, or
plainly empty; the exit code and a message tell which. With --keep-persistence that one is always
found.

Each test repeats one run, with a fault of its kind put into the first call, the second call, and so
on to the last one (tests/data/iotrace.c).
"""

import os
import signal
import subprocess
import time
from collections import Counter

import pytest

import liveimage
import stick as sticks
from programs import DONE, ENVIRONMENT, FAILED, NO_ROOM, PATIENCE, PLAIN_DEPLOYER, SIZE, VERIFY
from proof import state_of
from iotrace import read_log
from stick import SECTOR, run

TABLE = 34 * SECTOR  # protective MBR, header and entries; one sector less at the end


def argv(image, target, *arguments):
    return [PLAIN_DEPLOYER, "--yes", "--quiet", *arguments, image, target]


def tables(path):
    """The places of both tables: the disk's first and last sectors."""
    with open(path, "rb") as f:
        first = f.read(TABLE)
        f.seek(SECTOR - TABLE, os.SEEK_END)
        return first, f.read()


def is_empty(path):
    """Nothing that would make any program believe there is something on the disk."""
    return not any(map(any, tables(path))) and not run("wipefs", "--noheadings", path)


def has_table(path):
    """Without the protective MBR nobody looks for a GPT; without the first table, not for the backup either."""
    first, last = tables(path)
    return first[450] == 0xee and first[510:512] == b"\x55\xaa" and b"EFI PART" in first + last


def is_whole(stick, image, persistence="ext4"):
    """Does this stick boot, judging with programs that are not ours, and by the image's content?"""
    return (stick.grub_has(image.set)
            and stick.grub_cat("live/filesystem.squashfs", number=1) == image.squashfs
            and b"standard" in stick.mtools("mtype", "::boot/grub/grub.cfg")
            and stick.blkid(4)["TYPE"] == persistence)


class Repeat:
    """The same deployment to the same stick, again and again."""

    def __init__(self, tools, image, base, folder, *arguments):
        self.tools = tools
        self.image = image
        self.base = base
        self.stick = base.copy(folder / "stick.img")
        self.log = folder / "log"
        self.argv = argv(image, self.stick.path, *arguments)

    def run(self, fault=""):
        done = self.tools.record(self.stick, self.log, *self.argv, fault=fault,
                                 environment=ENVIRONMENT)
        return done, read_log(self.log)

    def undo(self, records):
        """Restore the stick."""
        with open(self.base.path, "rb") as base, open(self.stick.path, "r+b") as f:
            for r in records:
                if r.kind == "W":
                    f.seek(r.offset)
                    f.write(os.pread(base.fileno(), r.size, r.offset))

    def calls(self):
        """How many calls of each kind a run without faults makes."""
        done, records = self.run()
        assert done.returncode == DONE, done.stderr
        self.undo(records)
        counts = Counter(r.kind for r in records)
        assert counts["R"] > 10 and counts["W"] > 10 and counts["F"] > 3
        return {"open": counts["O"], "read": counts["R"], "write": counts["W"],
                "flush": counts["F"], "any": sum(counts.values())}

    def state(self, records):
        """What the fault left on the stick."""
        if not any(r.kind == "W" for r in records):
            return "as before"
        stick = sticks.Stick(self.stick.path)
        if is_empty(stick.path):
            return "empty"
        if not has_table(stick.path):
            return "no table"
        try:
            return "whole" if is_whole(stick, self.image) else "half"
        except (RuntimeError, KeyError) as error:
            return f"half: {error}"


def choose(n, share, others):
    """Which of `n` calls get a fault: every nth, and the last ones, which write and check the
    table; or all others."""
    sample = {*range(1, n + 1, share), *range(max(1, n - 6), n + 1)}
    return sorted({*range(1, n + 1)} - sample if others else sample)


@pytest.fixture
def repeat(tools, live_image, deployed, tmp_path):
    return Repeat(tools, live_image, deployed, tmp_path)


# Faults, in every how many calls; the exit codes that may come of them, and the states of the stick
# then. With faults that stay nothing can be taken back, but what has a table is whole.
ALL = {"whole", "empty", "no table", "as before"}
FAULTS = {
    "read:EIO:once": (96, {DONE, FAILED}, {"whole", "empty", "as before"}),
    "read:short:once": (96, {DONE, FAILED}, {"whole", "empty", "as before"}),
    "write:EIO:once": (9, {FAILED}, {"empty"}),
    "write:short:once": (13, {DONE, FAILED}, {"whole", "empty"}),
    "write:lost:once": (9, {DONE, VERIFY}, {"whole", "empty"}),
    "write:ENOSPC:on": (7, {NO_ROOM}, ALL),
    "write:EROFS:on": (9, {FAILED}, ALL),
    "write:sigterm:once": (9, {DONE, FAILED}, {"whole", "empty"}),
    "flush:EIO:once": (1, {FAILED}, {"empty"}),
    "flush:sigterm:once": (1, {DONE, FAILED}, {"whole", "empty"}),
    "open:EIO:once": (1, {DONE, FAILED}, {"whole", "as before"}),
    "any:ENODEV:on": (48, {FAILED}, ALL),
    "any:sigterm:once": (48, {DONE, FAILED}, {"whole", "empty", "as before"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault, others", [
    *((fault, False) for fault in FAULTS),
    *(pytest.param(fault, True, marks=pytest.mark.full)
      for fault, of in FAULTS.items() if of[0] > 1)])
def test_fault_at_every_call(fault, others, repeat):
    kind, what, when = fault.split(":")
    share, codes, states = FAULTS[fault]
    before = state_of(repeat.base.path)[0]
    found = Counter()
    for n in choose(repeat.calls()[kind], share, others):
        done, records = repeat.run(f"{kind}:{n}:{what}:{when}")
        assert any(r.kind == "!" for r in records), f"call {n} was not made"
        code, state = done.returncode, repeat.state(records)
        told = f"{fault}, call {n}: exit code {code}: {done.stderr}"
        assert code in codes, told
        assert state in states, f"{state} stick: {told}"
        if code == DONE:
            assert state == "whole", told
            assert b"No problems found" in run("sgdisk", "-v", repeat.stick.path), told
        else:
            assert done.stderr.startswith("liveng-deploy: "), told
            if what == "sigterm":
                assert "interrupted" in done.stderr, told
            if state == "as before" and what in ("EIO", "short", "sigterm"):
                assert "holds no system" not in done.stderr, told
        found[code, state] += 1
        repeat.undo(records)
    assert state_of(repeat.stick.path)[0] == before, "what was recorded could be undone"
    print(f"{fault}: {dict(found)}")


@pytest.mark.parametrize("before", [0, 2048])
def test_whole_blocks_are_written_together(before, tools, small_sets, tmp_path):
    """An image's files begin at any multiple of 2048 bytes. The file system that a stick's image lies in
    takes its own blocks at full speed, and no others."""
    image = liveimage.make_image(tmp_path / "live.iso", small_sets[0], ballast=5 << 20,
                                 extra={"live/aaa": b"x" * before} if before else None)
    stick = sticks.Stick(tmp_path / "new.img")
    tools.record(stick, tmp_path / "log", *argv(image, stick.path, "--size", SIZE), environment=ENVIRONMENT)
    start, size = stick.partition(1)
    large = [r for r in read_log(tmp_path / "log") if r.kind == "W" and any(r.data)
             and start <= r.offset < start + size and r.size >= 1 << 20]
    assert large and not any(r.offset % 4096 or r.size % 4096 for r in large)


def test_a_stick_that_keeps_nothing(repeat):
    """Signatures that reappear after being wiped are an error; they are not wiped for ever."""
    before = state_of(repeat.base.path)[0]
    done, records = repeat.run("write:1:lost:on")
    assert done.returncode == FAILED and "cannot write to it: Input/output error" in done.stderr
    assert sum(r.kind == "W" for r in records) == 0 and state_of(repeat.stick.path)[0] == before


def test_what_cannot_be_wiped_is_an_error(tools, live_image, deployed, tmp_path):
    """Zeros over old content are read back like everything else."""
    base = deployed.copy(tmp_path / "base.img")
    for number in 1, 2, 3, 4:
        _, size = base.partition(number)
        base.write(number, 0, b"\xa5" * (1 << 19))
        base.write(number, size - (1 << 19), b"\xa5" * (1 << 19))
    repeat = Repeat(tools, live_image, base, tmp_path)
    _, records = repeat.run()
    repeat.undo(records)
    writes = [r for r in records if r.kind == "W"]
    wiping, wiped = [], []
    with open(base.path, "rb") as before:
        for n, r in enumerate(writes, 1):
            if not any(r.data) and b"\xa5" * SECTOR in os.pread(before.fileno(), r.size, r.offset) \
                    and not any(r.offset in place for place in wiped):
                wiping.append(n)
                wiped.append(range(r.offset, r.offset + r.size))
    assert len(wiping) >= 6
    for n in wiping:
        done, records = repeat.run(f"write:{n}:lost:once")
        assert done.returncode == VERIFY and repeat.state(records) == "empty", f"write {n} of {wiping}: {done}"
        repeat.undo(records)


# A new file

@pytest.mark.parametrize("fault", ["write:1:EIO:once", "write:20:ENOSPC:on", "write:9:sigterm:once",
                                   "flush:3:EIO:on", "flush:9:EIO:on", "write:11:lost:once",
                                   "any:300:ENODEV:on", "any:1:sigterm:once"])
def test_a_new_file_is_removed(fault, tools, live_image, tmp_path):
    stick = sticks.Stick(tmp_path / "new.img")
    done = tools.record(stick, tmp_path / "log", *argv(live_image, stick.path, "--size", SIZE),
                        fault=fault, environment=ENVIRONMENT)
    if any(r.kind == "!" for r in read_log(tmp_path / "log")):
        assert done.returncode != DONE and done.stderr.startswith("liveng-deploy: ")
        assert not stick.path.exists()
    else:
        assert done.returncode == DONE and is_whole(stick, live_image)


@pytest.mark.parametrize("after", [n / 40 for n in range(10)])
def test_ctrl_c(after, live_image, tmp_path):
    """To the program and everything it started, like from a terminal."""
    path = tmp_path / "new.img"
    process = subprocess.Popen([str(a) for a in argv(live_image, path, "--size", SIZE)],
                               env=ENVIRONMENT, stderr=subprocess.PIPE, start_new_session=True)
    time.sleep(0.01 + after)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=PATIENCE)[1].decode()
    if process.returncode == DONE:
        assert is_whole(sticks.Stick(path), live_image)
    else:
        assert not path.exists()
        # Before its first line nothing catches the signal.
        assert process.returncode == -signal.SIGINT or \
            (process.returncode == FAILED and said.count("interrupted") == 1), said


# Power cuts

def epochs(records):
    """The writes between two flushes: what a power cut may leave any part of."""
    found = [[]]
    for r in records:
        if r.kind == "W":
            found[-1].append(r)
        elif r.kind == "F" and found[-1]:
            found.append([])
    return [epoch for epoch in found if epoch]


def crash_states(stick, base, records):
    """Put the stick into the states that a power cut may leave: after each write, and with each
    write of an epoch ahead of, or without, all others of it."""
    def apply(path, writes):
        with open(path, "r+b") as f:
            for r in writes:
                f.seek(r.offset)
                f.write(r.data)

    def take_back(writes):
        with open(before, "rb") as old, open(stick.path, "r+b") as f:
            for r in writes:
                f.seek(r.offset)
                f.write(os.pread(old.fileno(), r.size, r.offset))

    before = base.copy(stick.path.with_suffix(".before")).path
    take_back([r for r in records if r.kind == "W"])
    for epoch in epochs(records):
        n = len(epoch)
        for chosen in [*([k] for k in range(n)), *(range(k) for k in range(n)),
                       *([i for i in range(n) if i != k] for k in range(n))]:
            apply(stick.path, [epoch[i] for i in chosen])
            yield
            take_back(epoch)
        apply(stick.path, epoch)
        apply(before, epoch)
    yield


def test_power_cut(repeat):
    """As long as a table is found, what it points to is whole: the old stick, then the new one."""
    done, records = repeat.run()
    assert done.returncode == DONE
    found = Counter()
    for _ in crash_states(repeat.stick, repeat.base, records):
        state = repeat.state(records)
        assert state in ("whole", "no table", "empty"), state
        found[state] += 1
    assert found["whole"] >= 2 and found["no table"] + found["empty"] >= 30, found
    assert state == "whole", "the last one"

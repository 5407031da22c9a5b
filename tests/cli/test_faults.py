# SPDX-License-Identifier: GPL-3.0-or-later
"""A medium that fails, at every single call: the stick keeps a whole kernel set, and the exit code
and a message tell what happened.

Each test repeats one run, with a fault of its kind put into the first call, the second call, and so
on to the last one (tests/data/iotrace.c). What each run left is checked as in test_crash.py: also
all prefixes of its writes, so a power cut after the fault is included.
"""

import os
from collections import Counter

import pytest

import stick as sticks
from iotrace import read_log
from programs import DONE, FAILED, NO_ROOM, REFUSED, VERIFY, update
from test_crash import rollback_argv, rollback_scene, update_argv, update_scene


class Repeat:
    """The same run on the same stick, again and again."""

    def __init__(self, tools, scene, argv, result, folder):
        self.tools = tools
        self.scene = scene
        self.stick = scene.stick.copy(folder / "stick.img")
        self.argv = argv(self.stick)
        self.result = result  # the set that a run without faults makes current
        self.base = scene.stick.path.read_bytes()
        self.grubenv = scene.stick.grubenv_offset()
        self.log = folder / "log"
        self.first = self.check().last

    def run(self, fault=""):
        done = self.tools.record(self.stick, self.log, *self.argv, fault=fault)
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        return done, read_log(self.log)

    def undo(self, records):
        """Restore the stick."""
        with open(self.stick.path, "r+b") as f:
            for r in records:
                if r.kind == "W":
                    os.pwrite(f.fileno(), self.base[r.offset:r.offset + r.size], r.offset)

    def check(self, **options):
        scene = self.scene
        return self.tools.check(self.stick, scene.sets, proven=scene.proven, fresh=scene.fresh,
                                grubenv=self.grubenv, samples=0, in_place=True, **options)

    def calls(self):
        """How many calls of each kind a run without faults makes."""
        done, records = self.run()
        assert done.returncode == DONE, done.stderr
        self.undo(records)
        counts = Counter(r.kind for r in records)
        assert counts["R"] > 20 and counts["W"] >= 1 and counts["F"] >= 1 and counts["O"] >= 1
        return {"open": counts["O"], "read": counts["R"], "write": counts["W"],
                "flush": counts["F"], "any": sum(counts.values())}

    def with_fault(self, fault):
        """One run with this fault; afterwards the stick is what it was. Returns whether the fault
        was put in, how the run ended and which set was current then."""
        done, records = self.run(fault)
        put_in = any(r.kind == "!" for r in records)
        assert done.returncode == DONE or done.stderr.startswith("livengkupd: "), (fault, done)
        if not any(r.kind == "W" for r in records):
            assert done.returncode != DONE, f"{fault}: done, but nothing was written"
            return put_in, done, self.first
        self.undo(records)
        verdict = self.check(log=self.log)
        assert verdict.bad == 0, f"{fault}: {verdict.text}\n{done.stderr}"
        if done.returncode == DONE:
            assert verdict.last is self.result, f"{fault}: done, but\n{verdict.text}"
            self.undo(records)
            return put_in, done, verdict.last

        # The fault is over: the same command again completes.
        again, more = self.run()
        if verdict.last is not self.result or "update" in self.argv:
            assert again.returncode == DONE, f"again after {fault}: {again.stderr}"
        else:
            assert again.returncode == REFUSED, f"again after {fault}: {again.stderr}"
        assert self.check().last is self.result, f"again after {fault}"
        self.undo(records + more)
        return put_in, done, verdict.last


# The command, on which stick, and which set is current afterwards.
RUNS = {
    "third update": (update_scene, 3),
    "on trial, slots reused": (update_scene, 4),
    "old stick with grubenv": (update_scene, 1),
    "rollback": (rollback_scene, 0),
    "rollback on trial": (rollback_scene, 0),
}

# Faults, and the exit codes that may come of them.
FAULTS = {
    "read:EIO:once": {DONE, FAILED},
    "read:EIO:on": {FAILED},
    "read:short:once": {DONE, FAILED},
    "write:EIO:once": {FAILED},
    "write:short:once": {DONE, FAILED},
    "write:lost:once": {VERIFY},
    "write:ENOSPC:on": {NO_ROOM},
    "write:EROFS:on": {FAILED},
    "flush:EIO:once": {FAILED},
    "flush:EIO:on": {FAILED},
    "open:EIO:once": {DONE, FAILED},
    "any:ENODEV:on": {DONE, FAILED},
    "any:sigterm:once": {DONE, FAILED},
}


# The others make much the same calls.
QUICK = {"third update", "rollback on trial"}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", [
    pytest.param(name, marks=[pytest.mark.slow, *([] if name in QUICK else [pytest.mark.full])]) for name in RUNS])
def test_fault_at_every_call(name, fault, tools, new_stick, small_sets, tmp_path):
    make, result = RUNS[name]
    scene = make(name, new_stick, small_sets)
    result = small_sets[result]
    argv = rollback_argv if make is rollback_scene else lambda s: update_argv(s, result)
    repeat = Repeat(tools, scene, argv, result, tmp_path)
    kind, what, when = fault.split(":")
    ends = Counter()
    for n in range(1, repeat.calls()[kind] + 1):
        put_in, done, last = repeat.with_fault(f"{kind}:{n}:{what}:{when}")
        assert put_in, f"call {n} was not made"
        code = done.returncode
        assert code in FAULTS[fault], f"{fault}, call {n}: exit code {code}: {done.stderr}"
        if what == "sigterm" and code != DONE:
            assert "interrupted" in done.stderr
        ends[code, "new" if last is result else "old"] += 1
    assert repeat.stick.path.read_bytes() == repeat.base, "what was recorded could be undone"
    print(f"{name}, {fault}: {dict(ends)}")


def test_each_block_that_was_written_is_compared(tools, new_stick, small_sets, tmp_path):
    """One byte is corrupted on its way to the stick: in each block that is not part of kernel or initrd, and
    in some of those. The initrd is large enough for the texts after it to be far from the directories."""
    new = sticks.make_set(tmp_path / "new", "6.1.0-9-amd64", initrd_size=700_000, seed=9)
    scene = new_stick("before.img")
    stick = scene.copy(tmp_path / "stick.img")
    log = tmp_path / "log"
    done = tools.record(stick, log, *update_argv(stick, new))
    assert done.returncode == DONE, done.stderr
    (body,) = (r for r in read_log(log) if r.kind == "W" and r.size > 700_000)
    files = [range(at := body.data.index(content), at + len(content))
             for content in (new.kernel.read_bytes(), new.initrd.read_bytes())]
    blocks = [at for at in range(0, body.size, sticks.BLOCK)
              if at % (100 * sticks.BLOCK) == 0 or not any(at in f for f in files)]
    assert any(body.data.startswith(b"# GRUB", at) for at in blocks) and len(blocks) > 25
    for at in blocks:
        scene.copy(stick.path)
        update(stick, new, code=VERIFY, env=tools.environment(stick, spoilt=body.offset + at + 7))
        assert stick.grub_has(small_sets[0]), at

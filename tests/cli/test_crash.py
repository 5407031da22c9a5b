# SPDX-License-Identifier: GPL-3.0-or-later
"""A power cut at any moment leaves a stick with a whole kernel set.

What the program writes and flushes is recorded (tests/data/iotrace.c); all that a power cut can
leave of it is constructed and checked (tests/data/crashcheck.c), by a reader of our own and, for
many states, by GRUB's. The sum of all states is printed at the end of the test run.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass

import pytest

import stick as sticks
from programs import PLAIN_PROGRAM, REFUSED, kupd, update
from iotrace import ROOT, read_log, write_log

SAMPLES = 480


@dataclass
class Scene:
    """A stick before the recorded run, and what must hold at any time."""
    stick: sticks.Stick
    sets: list
    proven: object = None  # this set always exists, as the current one or with .old
    fresh: object = None   # this set is never current without its boots being counted


def update_argv(stick, kernel_set):
    return [PLAIN_PROGRAM, "update", "--disk", stick.path, "--kernel", kernel_set.kernel,
            "--initrd", kernel_set.initrd, kernel_set.release, "-q"]


def rollback_argv(stick):
    return [PLAIN_PROGRAM, "rollback", "--disk", stick.path, "-q"]


def step(stick, kernel_set):
    """An update and a boot that came up."""
    update(stick, kernel_set, "-q")
    kupd("bless", "--disk", stick.path, "-q")


# Scenes whose recorded run is an update: name -> (form of the stick, sets written before with a good
# boot each, then what). The update writes the next set; the last one with a good boot is proven.
OLD = {"form": "plain", "names": False, "grubenv": None}
UPDATES = {
    "fresh stick": ({}, 0, None),
    "fresh stick without grubenv": ({"grubenv": None}, 0, None),
    "published setup": ({"names": False, "grubenv": None}, 0, None),
    "old stick": (OLD, 0, None),
    "old stick with grubenv": ({**OLD, "grubenv": {}}, 0, None),
    "old stick with Joliet": ({**OLD, "form": "joliet"}, 0, None),
    "old stick, second update": (OLD, 1, None),
    "second update": ({}, 1, None),
    "third update": ({}, 2, None),
    "fourth update": ({}, 3, None),
    "on trial": ({}, 0, "update"),
    "on trial, slots reused": ({}, 2, "update"),
    "on trial, no boots left": ({}, 1, "no boots left"),
    "on trial, old stick with grubenv": ({**OLD, "grubenv": {}}, 0, "update"),
    "after a rollback": ({}, 1, "rollback"),
    "deployed stick": ({"deployed": True}, 0, None),
    "deployed stick, second update": ({"deployed": True}, 1, None),
}


def update_scene(name, new_stick, sets):
    form, good, then = UPDATES[name]
    stick = new_stick("before.img", **form)
    for kernel_set in sets[1:good + 1]:
        step(stick, kernel_set)
    proven, fresh = sets[good], sets[good + 1]
    if then == "rollback":
        kupd("rollback", "--disk", stick.path, "-q")
        proven, fresh = sets[good - 1], sets[good + 1]
    elif then:
        update(stick, sets[good + 1], "-q")
        fresh = sets[(good + 2) % len(sets)]
    if then == "no boots left":
        stick.set_grubenv({**stick.grubenv(), "liveng_tries": "0"})
    return Scene(stick, sets, proven, fresh)


def rollback_scene(name, new_stick, sets):
    stick = new_stick("before.img", **(OLD if "old" in name else {}))
    if "trial" in name:
        update(stick, sets[1], "-q")
        return Scene(stick, sets, sets[0], sets[1])
    for kernel_set in sets[1:3] if "third" in name else sets[1:2]:
        step(stick, kernel_set)
    return Scene(stick, sets)


def record(tools, scene, argv, tmp_path):
    """Run and record on a copy; returns the copy and the log."""
    after = scene.stick.copy(tmp_path / "after.img")
    log = tmp_path / "log"
    done = tools.record(after, log, *argv(after))
    assert done.returncode == 0, done.stderr
    # The small sets are not signed, but the loaders of a deployed stick are.
    said = [line for line in done.stderr.splitlines() if "is not signed: a computer with Secure Boot" not in line]
    assert not said, "a run that succeeds quietly says nothing"
    return after, log


def check(tools, scene, log, after=None, **options):
    options = {"samples": SAMPLES, "grub_every": 24, **options}
    return tools.check(scene.stick, scene.sets, log, after=after, proven=scene.proven,
                       fresh=scene.fresh, grubenv=scene.stick.grubenv_offset(), **options)


def commit_of(scene, records):
    """The place of the switch in the log: the last write to the primary volume descriptor."""
    pvd = scene.stick.partition(2)[0] + sticks.PVD
    places = [n for n, r in enumerate(records) if r.kind == "W" and r.touches(pvd, 2048)]
    assert places, "nothing was switched"
    assert all(records[n].offset == pvd and records[n].size == 512 for n in places)
    return places[-1]


def assert_only_where_allowed(scene, records):
    """Writes go to partition 2 and to grubenv, nowhere else."""
    start, size = scene.stick.partition(2)
    grubenv = scene.stick.grubenv_offset()
    for r in records:
        if r.kind != "W":
            continue
        in_kernel = r.offset >= start and r.offset + r.size <= start + size
        in_grubenv = grubenv is not None and r.offset >= grubenv and \
            r.offset + r.size <= grubenv + 1024
        assert in_kernel or in_grubenv, f"{r.size} bytes written at {r.offset}"


def note(record_property, verdict):
    record_property("crash states", [verdict.states, verdict.bad, verdict.by_grub])
    assert verdict.bad == 0, verdict.text


@pytest.mark.parametrize("name", UPDATES)
def test_power_cut_in_update(name, tools, new_stick, small_sets, tmp_path, record_property):
    scene = update_scene(name, new_stick, small_sets)
    after, log = record(tools, scene, lambda s: update_argv(s, scene.fresh), tmp_path)
    assert_only_where_allowed(scene, read_log(log))
    verdict = check(tools, scene, log, after)
    note(record_property, verdict)
    assert verdict.last is scene.fresh
    assert verdict.states >= 800
    assert verdict.by_grub >= 34


ROLLBACKS = ["rollback", "rollback on trial", "rollback on an old stick", "rollback of the third"]


@pytest.mark.parametrize("name", ROLLBACKS)
def test_power_cut_in_rollback(name, tools, new_stick, small_sets, tmp_path, record_property):
    scene = rollback_scene(name, new_stick, small_sets)
    after, log = record(tools, scene, rollback_argv, tmp_path)
    assert_only_where_allowed(scene, read_log(log))
    verdict = check(tools, scene, log, after, grub_every=1)
    note(record_property, verdict)
    assert verdict.last is small_sets[1 if "third" in name else 0]
    assert verdict.by_grub == verdict.states >= 2


@pytest.mark.parametrize("name", ["second update", "old stick with grubenv", "old stick, second update"])
def test_a_set_that_was_never_current_was_not_left_by_a_rollback(name, tools, new_stick, small_sets, tmp_path):
    """Power is lost just before the switch: what is in the other slot was not left by a rollback."""
    scene = update_scene(name, new_stick, small_sets)
    _, log = record(tools, scene, lambda s: update_argv(s, scene.fresh), tmp_path)
    records = read_log(log)
    write_log(log, records[:commit_of(scene, records)])
    tools.check(scene.stick, small_sets, log, in_place=True, samples=0)
    assert scene.stick.grub_has(scene.proven)
    status = kupd("status", "--json", "--disk", scene.stick.path).json
    assert not [key for key, value in status.items() if scene.fresh.release in str(value)], status
    kupd("rollback", "--undo", "--disk", scene.stick.path, code=REFUSED, says="no kernel set left by a rollback")
    update(scene.stick, scene.fresh)
    kupd("rollback", "--disk", scene.stick.path)
    kupd("rollback", "--undo", "--disk", scene.stick.path, says=scene.fresh.release)


def test_power_cut_in_bless(tools, new_stick, small_sets, tmp_path, record_property):
    stick = new_stick("before.img")
    update(stick, small_sets[1], "-q")
    scene = Scene(stick, small_sets, small_sets[0])
    after, log = record(tools, scene,
                        lambda s: [PLAIN_PROGRAM, "bless", "--disk", s.path, "-q"], tmp_path)
    verdict = check(tools, scene, log, after, grub_every=1)
    note(record_property, verdict)
    assert verdict.last is small_sets[1]


class _Folder:
    """A real set in the form the checker wants: a folder with the three files."""

    def __init__(self, folder, real):
        folder.mkdir()
        self.folder = folder
        self.release = real.release
        self.kernel = folder / "vmlinuz"
        self.initrd = folder / "initrd.img"
        shutil.copy(real.kernel, self.kernel)
        shutil.copy(real.initrd, self.initrd)
        (folder / "release").write_text(real.release + "\n")


def test_power_cut_in_update_of_a_real_set(tools, material, tmp_path, record_property):
    sets = [_Folder(tmp_path / "old", material.old), _Folder(tmp_path / "new", material.new)]
    stick = sticks.build_stick(tmp_path / "before.img", sets[0], grubenv={}, kernel_mib=128)
    scene = Scene(stick, sets, sets[0], sets[1])
    after, log = record(tools, scene, lambda s: update_argv(s, sets[1]), tmp_path)
    verdict = check(tools, scene, log, after, samples=40, grub_every=5)
    note(record_property, verdict)
    assert verdict.last is sets[1]
    assert verdict.states >= 100


def test_the_scenes_are_enough():
    """Their lower limits make 10,000 states, and 500 that GRUB reads."""
    assert len(UPDATES) * 800 + 100 >= 10_000
    assert len(UPDATES) * 34 >= 500


# The checker must be able to fail.

def without_flushes(records, first, last):
    return [r for n, r in enumerate(records) if not (r.kind == "F" and first <= n < last)]


def broken_logs(scene, records):
    """Logs of programs with one fault each."""
    commit = commit_of(scene, records)
    assert records[commit + 1].kind == "F"
    body = next(n for n, r in enumerate(records) if r.kind == "W" and r.size > 100_000)
    armed = max(n for n, r in enumerate(records[:commit]) if r.kind == "W")
    body_flush = next(n for n, r in enumerate(records) if r.kind == "F" and n > body)
    return {
        "no flush before the commit": without_flushes(records, body, commit),
        "commit before the flush of the body": [
            *records[:body_flush], records[commit], *records[body_flush:commit],
            *records[commit + 1:]],
        "commit before all": [records[commit], *records[:commit], *records[commit + 1:]],
        "not armed before the commit": [r for n, r in enumerate(records) if n != armed],
        "armed, not flushed": without_flushes(records, armed, commit),
    }


@pytest.mark.parametrize("fault", ["no flush before the commit",
                                   "commit before the flush of the body", "commit before all",
                                   "not armed before the commit", "armed, not flushed"])
def test_checker_catches(fault, tools, new_stick, small_sets, tmp_path):
    scene = update_scene("fresh stick", new_stick, small_sets)
    _, log = record(tools, scene, lambda s: update_argv(s, scene.fresh), tmp_path)
    assert check(tools, scene, log, grub_every=0).bad == 0
    write_log(log, broken_logs(scene, read_log(log))[fault])
    verdict = check(tools, scene, log, grub_every=0)
    assert verdict.bad > 0, verdict.text


def test_checker_catches_the_previous_set_offered_too_early(tools, new_stick, small_sets, tmp_path):
    """If liveng_previous=1 were left in place, GRUB would use a slot that is being overwritten."""
    scene = update_scene("third update", new_stick, small_sets)
    _, log = record(tools, scene, lambda s: update_argv(s, scene.fresh), tmp_path)
    records = read_log(log)
    first = next(n for n, r in enumerate(records) if r.kind == "W")
    assert records[first].touches(scene.stick.grubenv_offset(), 1024)
    write_log(log, records[:first] + records[first + 1:])
    assert "grubenv offers the previous set" in check(tools, scene, log, grub_every=0).text


def test_checker_catches_a_mixed_stick(tools, new_stick, small_sets, tmp_path):
    """The new kernel next to the old initrd, each whole."""
    for name in ("vmlinuz", "initrd.img", "release"):
        mixed = tmp_path / name
        shutil.copytree(small_sets[0].folder, mixed)
        shutil.copy(small_sets[1].folder / name, mixed)
        stick = sticks.build_stick(tmp_path / f"{name}.img", sticks.KernelSet(mixed), grubenv={})
        assert check(tools, Scene(stick, small_sets), None).bad == 1


def test_checker_catches_an_incomplete_log(tools, new_stick, small_sets, tmp_path):
    scene = update_scene("fresh stick", new_stick, small_sets)
    after, log = record(tools, scene, lambda s: update_argv(s, scene.fresh), tmp_path)
    records = read_log(log)
    del records[commit_of(scene, records)]
    write_log(log, records)
    with pytest.raises(RuntimeError, match="does not give the last one"):
        check(tools, scene, log, after, grub_every=0)


def test_a_build_that_commits_before_the_flush_is_caught(tools, new_stick, small_sets, tmp_path):
    """The program itself, built from a copy of its sources whose slot_write() does not flush."""
    source = tmp_path / "source"
    for folder in "kupd", "debian":
        if (ROOT / folder).exists():
            shutil.copytree(ROOT / folder, source / folder)
    shutil.copy(ROOT / "Makefile", source)
    build = source / "build"
    if (ROOT / "build/kupd").exists():  # with their times: only what differs is compiled
        shutil.copytree(ROOT / "build/kupd", build / "kupd")
    slot = source / "kupd/lib/slots/slot.c"
    write = slot.read_text().partition("\nint slot_write(")
    assert "disk_flush(disk)" in write[2], "slot_write() flushes in another way now"
    slot.write_text(write[0] + write[1] + write[2].replace("disk_flush(disk)", "0", 1))
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "BUILD")}
    subprocess.run(["make", "-s", "-C", source, "build/livengkupd"], env=env, check=True)

    # Without grubenv nothing else is flushed between body and commit.
    scene = update_scene("fresh stick without grubenv", new_stick, small_sets)
    after, log = record(tools, scene, lambda s: [build / "livengkupd"] + update_argv(
        s, scene.fresh)[1:], tmp_path)
    verdict = check(tools, scene, log, after, grub_every=0)
    assert verdict.last is scene.fresh, "it works as long as the power stays on"
    assert verdict.bad > 0, verdict.text

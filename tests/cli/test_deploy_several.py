# SPDX-License-Identifier: GPL-3.0-or-later
"""Several targets in one run of liveng-deploy, and progress for programs."""

import contextlib
import fcntl
import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

import stick as sticks
from programs import BUSY, DEPLOYER, DONE, FAILED, NOT_STICK, NO_ROOM, PATIENCE, REFUSED, SIZE, deployer, finish, start
from proof import untouched
from test_deploy_targets import answer, new_file


# Several targets

def test_several_targets_are_several_sticks(live_image, tmp_path):
    paths = [new_file(tmp_path / f"{n}.img") for n in range(3)]
    told = deployer("--json", "-q", live_image, *paths).json
    assert [t["target"] for t in told["targets"]] == [str(path) for path in paths]
    assert [t["exit_code"] for t in told["targets"]] == [DONE] * 3
    made = [sticks.Stick(path) for path in paths]
    uuids = [p["uuid"] for stick in made for p in stick.table.values()]
    assert len(set(uuids)) == 15
    for stick, result in zip(made, told["targets"]):
        assert {p["partuuid"] for p in result["partitions"]} == \
            {p["uuid"].lower() for p in stick.table.values()}
        assert stick.grub_has(live_image.set)


def failing(path):
    """A prefix under which nothing can be written to one target."""
    return ["strace", "-f", "-qq", "-o", os.devnull, "-P", path, "-e", "trace=pwrite64",
            "-e", "inject=pwrite64:error=EIO"]


def test_one_that_fails_does_not_stop_the_others(live_image, tmp_path):
    """After writing has begun."""
    paths = [new_file(tmp_path / f"{name}.img") for name in "abc"]
    told = deployer("--json", live_image, *paths, code=FAILED, prefix=failing(paths[1]),
                    says="2 of 3 targets are ready to boot").json
    assert [t["exit_code"] for t in told["targets"]] == [DONE, FAILED, DONE]
    assert [t["errors"] for t in told["targets"]] == [[], told["errors"], []]
    assert "b.img: cannot write to it: Input/output error" in told["errors"][0]
    for path in paths[0], paths[2]:
        assert set(sticks.Stick(path).table) == {1, 2, 3, 4, 5}


def test_only_new_files_that_failed_are_removed(live_image, tmp_path):
    paths = [tmp_path / "a.img", tmp_path / "b.img"]
    deployer("--size", SIZE, live_image, *paths, code=FAILED, prefix=failing(paths[0]))
    assert list(tmp_path.glob("*.img")) == [paths[1]]
    assert set(sticks.Stick(paths[1]).table) == {1, 2, 3, 4, 5}


@contextlib.contextmanager
def held(path):
    """A new file that another program holds."""
    with open(new_file(path), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def all_refused(image, *arguments, targets, codes, says):
    """One is refused, and none is written: the codes, None for those that only waited."""
    code = next(code for code in codes if code)
    with contextlib.ExitStack() as stack:
        for path in {path.resolve() for path in targets if path.exists()}:
            stack.enter_context(untouched(path))
        there = [path for path in targets if path.exists()]
        dry = finish(start("-n", *arguments, image, *targets, program=DEPLOYER))
        told = deployer("--yes", "--json", *arguments, image, *targets, code=code,
                        says=[says, f"nothing was written to any of the {len(targets)} targets"])
    assert dry.out == "" or code == BUSY  # a file is locked only for writing
    assert [path for path in targets if path.exists()] == there
    assert [t["exit_code"] for t in told.json["targets"]] == codes
    assert [len(t["errors"]) for t in told.json["targets"]] == [1 if code else 0 for code in codes]
    assert told.json["errors"] == sum((t["errors"] for t in told.json["targets"]), [])


@pytest.mark.parametrize("code, says", [
    (FAILED, "none.img: does not exist"),
    (REFUSED, "again.img: is the same as"),
    (NO_ROOM, "small.img: has 104.9 MB"),
    (BUSY, "held.img: is in use by another program")])
def test_one_that_is_refused_keeps_all_from_being_written(code, says, live_image, tmp_path):
    good = [new_file(tmp_path / name) for name in ("a.img", "z.img")]
    name = says.split(":")[0]
    if name == "small.img":
        new_file(tmp_path / name, "100M")
    elif name == "again.img":
        os.link(good[0], tmp_path / name)
    with held(tmp_path / name) if code == BUSY else contextlib.nullcontext():
        all_refused(live_image, targets=[good[0], tmp_path / name, good[1]], codes=[None, code, None],
                    says=says)


def test_each_refusal_is_reported(live_image, tmp_path):
    good = new_file(tmp_path / "good.img")
    small = [new_file(tmp_path / name, "100M") for name in ("a.img", "b.img")]
    all_refused(live_image, targets=[small[0], good, small[1]], codes=[NO_ROOM, None, NO_ROOM],
                says="b.img: has 104.9 MB")


def test_a_persistence_to_keep_is_required_on_all_before_any_is_written(deployed, live_image, tmp_path):
    sticks_ = deployed.copy(tmp_path / "stick.img").path, new_file(tmp_path / "none.img")
    all_refused(live_image, "--keep-persistence", targets=sticks_, codes=[None, NOT_STICK],
                says="none.img: is not a liveng stick")


def test_new_files_are_removed_if_another_target_is_in_use(live_image, tmp_path):
    targets = tmp_path / "new.img", tmp_path / "held.img"
    with held(targets[1]):
        all_refused(live_image, "--size", SIZE, targets=targets, codes=[None, BUSY],
                    says="held.img: is in use by another program")


def test_each_of_several_is_asked_for(deployed, live_image, tmp_path):
    first, second = (deployed.copy(tmp_path / name) for name in ("a.img", "b.img"))
    with untouched(first.path), untouched(second.path):
        told = answer(live_image, first.path, second.path, answers=["a.img\n", "\n"])
    assert told.code == REFUSED and "b.img: was not confirmed" in told.out
    assert "nothing was written to any of the 2 targets" in told.out


def test_after_a_no_nothing_is_asked(deployed, live_image, tmp_path):
    first, second = (deployed.copy(tmp_path / name) for name in ("a.img", "b.img"))
    with untouched(first.path), untouched(second.path):
        told = answer(live_image, first.path, second.path, answers=["\n", "b.img\n"])
    assert told.code == REFUSED and "a.img: was not confirmed" in told.out
    assert "b.img" not in told.out, told


def test_dry_run_reports_each(live_image, tmp_path):
    told = deployer("--dry-run", "--size", SIZE, live_image, tmp_path / "a.img", tmp_path / "b.img").out
    assert re.findall(r"^target +(\S+),", told, re.MULTILINE) == [f"{tmp_path}/{n}.img" for n in "ab"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_an_interruption_ends_all(live_image, tmp_path, number):
    """Also if only the first process gets the signal; new files are removed again."""
    process = start("--size", SIZE, "--json", live_image, tmp_path / "a.img", tmp_path / "b.img",
                    program=DEPLOYER, start_new_session=True,
                    prefix=["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=pwrite64",
                            "-e", "inject=pwrite64:delay_exit=20000"])
    deadline = time.monotonic() + PATIENCE
    while len(list(tmp_path.glob("*.img"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    with open(children, encoding="ascii") as f:
        os.kill(int(f.read().split()[0]), number)
    result = finish(process)
    assert result.code == FAILED, result
    assert result.err.count("interrupted") == 2
    assert list(tmp_path.glob("*.img")) == []


def test_if_the_first_process_dies_the_others_end(live_image, tmp_path):
    """Nobody would know about them: what they have written is removed as well."""
    process = start("--size", SIZE, live_image, tmp_path / "a.img", tmp_path / "b.img", program=DEPLOYER,
                    prefix=["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=pwrite64",
                            "-e", "inject=pwrite64:delay_exit=100000"])
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    deadline = time.monotonic() + PATIENCE
    while True:
        assert time.monotonic() < deadline
        with open(children, encoding="ascii") as f:
            first = f.read().split()
        members = Path(f"/proc/{first[0]}/task/{first[0]}/children") if first else None
        if members and len(members.read_text().split()) == 2 and \
                all(path.exists() and path.stat().st_blocks for path in
                    (tmp_path / "a.img", tmp_path / "b.img")):
            break
        time.sleep(0.02)
    os.kill(int(first[0]), signal.SIGKILL)
    err = process.communicate(timeout=PATIENCE)[1]  # strace waits for all of them
    assert "ready to boot" not in err
    assert list(tmp_path.glob("*.img")) == []


# Progress for programs

def progress_of(*arguments):
    """The lines that come through --progress-fd."""
    reader, writer = os.pipe()
    process = start("--progress-fd", writer, *arguments, program=DEPLOYER, pass_fds=[writer])
    os.close(writer)
    with open(reader, encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    assert finish(process).code == DONE
    return lines


def test_progress_as_json_lines(live_image, tmp_path):
    lines = progress_of("--size", SIZE, live_image, tmp_path / "stick.img")
    assert {line["target"] for line in lines} == {str(tmp_path / "stick.img")}
    phases = [line["phase"] for line in lines]
    phases = [phase for phase, before in zip(phases, [None, *phases]) if phase != before]
    assert phases == ["writing", "writing the kernel set", "verifying the kernel set", "verifying",
                      "writing the table", "verifying the table"]
    for line in lines:
        assert 0 <= line["done"] <= line["total"]
        assert set(line) == {"target", "phase", "done", "total", "rate", "seconds_left"}
    done = [line["done"] for line in lines]
    assert done == sorted(done) and len({line["total"] for line in lines}) == 1
    assert lines[-1]["done"] == lines[-1]["total"]
    written = max(line["done"] for line in lines if line["phase"] == "writing the kernel set")
    assert written < 0.6 * lines[-1]["total"]  # the rest is read back


def test_progress_of_several_targets(live_image, tmp_path):
    paths = [new_file(tmp_path / f"{n}.img") for n in range(2)]
    lines = progress_of(live_image, *paths)
    assert {line["target"] for line in lines} == {str(path) for path in paths}


def test_a_reader_that_goes_away_changes_nothing(live_image, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    deployer("--progress-fd", writer, "--size", SIZE, live_image, tmp_path / "stick.img",
             pass_fds=[writer])
    os.close(writer)
    assert set(sticks.Stick(tmp_path / "stick.img").table) == {1, 2, 3, 4, 5}

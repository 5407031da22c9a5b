# SPDX-License-Identifier: GPL-3.0-or-later
"""Several targets in one call of liveng-deploy, and progress for programs."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

import stick as sticks
from programs import BUSY, DEPLOYER, DONE, FAILED, NO_ROOM, REFUSED, SIZE, deployer, finish, start
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


def test_one_that_fails_does_not_stop_the_others(live_image, tmp_path):
    good = [new_file(tmp_path / "a.img"), new_file(tmp_path / "z.img")]
    small = new_file(tmp_path / "small.img", "100M")
    held = new_file(tmp_path / "held.img")
    none = tmp_path / "none.img"
    process = subprocess.Popen(["flock", held, "sleep", "60"])
    try:
        told = deployer("--json", live_image, good[0], small, none, held, good[1], code=NO_ROOM,
                        says="2 of 5 targets are ready to boot").json
    finally:
        process.terminate()
        process.wait()
    assert [t["exit_code"] for t in told["targets"]] == [DONE, NO_ROOM, FAILED, BUSY, DONE]
    assert [len(t["errors"]) for t in told["targets"]] == [0, 1, 1, 1, 0]
    assert sorted(told["errors"]) == sorted(sum((t["errors"] for t in told["targets"]), []))
    for path in good:
        assert set(sticks.Stick(path).table) == {1, 2, 3, 4, 5}
    assert not none.exists()


def test_a_target_named_twice(live_image, tmp_path):
    path = new_file(tmp_path / "stick.img")
    (tmp_path / "sub").mkdir()
    again = tmp_path / "sub/../stick.img"
    told = deployer("--json", live_image, path, again, code=REFUSED, says="stick.img: name each target once").json
    assert [t["exit_code"] for t in told["targets"]] == [DONE, REFUSED]


def test_each_of_several_is_asked_for(deployed, live_image, tmp_path):
    first, second = (deployed.copy(tmp_path / name) for name in ("a.img", "b.img"))
    with untouched(first.path):
        told = answer(live_image, first.path, second.path, answers=["\n", "b.img\n"])
    assert told.code == REFUSED and "a.img: was not confirmed" in told.out
    assert "b.img: Debian" in told.out


def test_dry_run_tells_each(live_image, tmp_path):
    told = deployer("--dry-run", "--size", SIZE, live_image, tmp_path / "a.img", tmp_path / "b.img").out
    assert re.findall(r"^target +(\S+),", told, re.MULTILINE) == [f"{tmp_path}/{n}.img" for n in "ab"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_an_interruption_ends_all(live_image, tmp_path, number):
    """Also where only the first process is told; new files are removed again."""
    process = start("--size", SIZE, "--json", live_image, tmp_path / "a.img", tmp_path / "b.img",
                    program=DEPLOYER, start_new_session=True,
                    prefix=["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=pwrite64",
                            "-e", "inject=pwrite64:delay_exit=20000"])
    deadline = time.monotonic() + 30
    while len(list(tmp_path.glob("*.img"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    with open(children, encoding="ascii") as f:
        os.kill(int(f.read().split()[0]), number)
    result = finish(process)
    assert result.code == FAILED, result
    assert result.err.count("interrupted") == 2
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
    assert lines[-1]["done"] == lines[-1]["total"]


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

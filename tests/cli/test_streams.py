# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that are started without standard input, output or error: no file of theirs may take the
place of one, else messages would be written into a stick."""

import os

import pytest

import stick as sticks
from programs import DEPLOYER, DONE, FAILED, PROGRAM, SIZE, finish, kupd, start, update
from proof import assert_holds


def without(*numbers):
    """For Popen: start it with these descriptors closed."""
    def close():
        for number in numbers:
            os.close(number)
    return {"preexec_fn": close}


STREAMS = [(0,), (1,), (2,), (0, 1, 2)]


@pytest.mark.parametrize("closed", STREAMS, ids=str)
def test_a_stick_is_made(closed, live_image, tmp_path):
    path = tmp_path / "stick.img"
    result = finish(start("-v", "--size", SIZE, live_image, path, program=DEPLOYER, **without(*closed)))
    assert result.code == DONE, result
    assert ("ready to boot" in result.err) == (2 not in closed)
    assert sticks.Stick(path).grub_has(live_image.set)
    assert b"liveng-deploy: " not in path.read_bytes()


@pytest.mark.parametrize("closed", STREAMS, ids=str)
def test_a_stick_is_updated(closed, stick, small_sets, tmp_path):
    update(stick, small_sets[1], "-v", **without(*closed))
    assert_holds(stick, tmp_path / "after", small_sets[1], small_sets[0])
    assert b"livengkupd: " not in stick.path.read_bytes()


@pytest.mark.parametrize("program", [PROGRAM, DEPLOYER], ids=lambda path: path.name)
def test_without_dev_null_nothing_is_done(program):
    kupd("--version", program=program, code=FAILED, says=f"{program.name}: cannot open /dev/null: ",
         prefix=["strace", "-qq", "-o", "/dev/stdout", "-P", "/dev/null", "-e", "trace=openat",
                 "-e", "inject=openat:error=ENOENT"])

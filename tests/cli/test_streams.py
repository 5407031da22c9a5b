# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs started without standard input, output or error: none of their files may get one of these
numbers, otherwise messages would be written to a stick."""

import contextlib
import re

import pytest

import stick as sticks
from programs import DEPLOYER, FAILED, PROGRAM, SIZE, deployer, kupd, update
from proof import assert_holds


STREAMS = ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]


@contextlib.contextmanager
def without(streams, log, *paths):
    """A prefix that closes them, and afterwards a check of the numbers that files got."""
    watched = [word for path in paths for word in ("-P", path)]
    yield ["strace", "-f", "-qq", "-o", log, *watched, "-e", "trace=openat",
           "sh", "-c", f'exec "$0" "$@" {streams}']
    opened = re.findall(r"openat\(.* = (\d+)$", log.read_text(), re.MULTILINE)
    assert len(opened) > 2 and min(map(int, opened)) > 2


@pytest.mark.parametrize("streams", STREAMS)
def test_a_stick_is_made(streams, live_image, tmp_path):
    path = tmp_path / "stick.img"
    with without(streams, tmp_path / "log", live_image.path, path) as prefix:
        told = deployer("-v", "--size", SIZE, live_image, path, prefix=prefix)
    assert ("ready to boot" in told.err) == ("2" not in streams)
    assert sticks.Stick(path).grub_has(live_image.set)
    assert b"liveng-deploy: " not in path.read_bytes()


@pytest.mark.parametrize("streams", STREAMS)
def test_a_stick_is_updated(streams, stick, small_sets, tmp_path):
    with without(streams, tmp_path / "log", small_sets[1].kernel, stick.path) as prefix:
        update(stick, small_sets[1], "-v", prefix=prefix)
    assert_holds(stick, tmp_path / "after", small_sets[1], small_sets[0])
    assert b"livengkupd: " not in stick.path.read_bytes()


@pytest.mark.parametrize("program", [PROGRAM, DEPLOYER], ids=lambda path: path.name)
def test_without_dev_null_nothing_is_done(program):
    kupd("--version", program=program, code=FAILED, says=f"{program.name}: cannot open /dev/null: ",
         prefix=["strace", "-qq", "-o", "/dev/stdout", "-P", "/dev/null", "-e", "trace=openat",
                 "-e", "inject=openat:error=ENOENT"])

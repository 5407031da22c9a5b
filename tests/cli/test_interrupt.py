# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGINT and SIGTERM before the commit: the old state, or if that is gone, another state that
boots, and a message about it."""

import contextlib
import os
import signal
import time

import pytest

import stick as sticks
from programs import FAILED, PATIENCE, finish, kupd, start, update
from proof import assert_holds, identity, state_of


@pytest.fixture
def big(tmp_path):
    """Large enough for a session to take several writes."""
    return sticks.make_set(tmp_path / "big", "6.1.0-7-amd64", initrd_size=24_000_000)


def slowly(stick, kernel_set, calls, tmp_path):
    """Start an update under strace, which makes each of these system calls last 0.3 s."""
    return start("update", "--disk", stick.path, "--kernel", kernel_set.kernel, "--initrd",
                 kernel_set.initrd,
                 prefix=["strace", "-f", "-o", str(tmp_path / "trace"), "-e", f"trace={calls}",
                         "-e", f"inject={calls}:delay_exit=300000"])


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return result


def child_of(process):
    """The program's process id, once it watches for signals; strace is its parent."""
    def waiting():
        children = f"/proc/{process.pid}/task/{process.pid}/children"
        with open(children, encoding="ascii") as f:
            for child in f.read().split():
                with contextlib.suppress(OSError), open(f"/proc/{child}/status",
                                                        encoding="utf-8") as status:
                    fields = dict(line.split(":", 1) for line in status)
                    if int(fields["SigBlk"], 16) & 1 << signal.SIGTERM - 1:
                        return int(child)
        return None

    return wait_for(waiting)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_while_writing(new_stick, small_sets, big, tmp_path, number):
    stick = new_stick(kernel_mib=64)
    before = identity(stick)
    start_, size = stick.partition(2)
    content = state_of(stick.path)[0]
    process = slowly(stick, big, "pwrite64", tmp_path)
    child = child_of(process)

    def slot_b_has_data():
        with open(stick.path, "rb") as f:
            f.seek(start_ + size // 2)
            return any(f.read(1024 * 1024))

    wait_for(slot_b_has_data)
    os.kill(child, number)
    result = finish(process)
    assert result.code == FAILED, result
    assert "interrupted" in result.err and "before" in result.err
    assert state_of(stick.path)[0] != content  # it was really in the middle of it
    assert big.kernel.read_bytes() not in stick.read(2, size // 2, size // 2)  # and ended there
    assert stick.grub_has(small_sets[0])
    assert identity(stick) == before
    assert "liveng_tries" not in stick.grubenv()
    update(stick, big)
    assert stick.grub_has(big)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_while_checking(new_stick, small_sets, big, tmp_path, number):
    stick = new_stick(kernel_mib=64)
    before = state_of(stick.path)
    process = slowly(stick, big, "flock", tmp_path)
    os.kill(child_of(process), number)
    result = finish(process)
    assert result.code == FAILED, result
    assert "interrupted" in result.err and "nothing was changed" in result.err
    assert state_of(stick.path) == before
    assert stick.grub_has(small_sets[0])


# From here on the signal arrives with a certain write: more than one is still to come.

def test_while_writing_in_place(new_stick, big, tools, tmp_path):
    """The only set is half overwritten: GRUB must not try it, but take the fallback."""
    stick = new_stick(kernel_mib=40)
    before = identity(stick)
    result = update(stick, big, "--in-place", code=FAILED,
                    says=["interrupted", "no whole kernel set", "fallback"],
                    env=tools.environment(stick, "write:3:sigterm:once"))
    assert "before" not in result.err
    assert stick.grubenv() == {"liveng_tries": "0", "liveng_previous": "0"}
    kupd("status", "--disk", stick.path, says="fallback")
    update(stick, big, "--in-place")
    assert_holds(stick, tmp_path / "after", big)
    assert identity(stick) == before
    assert stick.grubenv() == {"liveng_tries": "3", "liveng_previous": "0"}


def test_while_writing_with_a_set_on_trial(new_stick, small_sets, big, tools):
    """The unproven set was overwritten: the proven one boots, and is named."""
    stick = new_stick(kernel_mib=64)
    update(stick, small_sets[1])
    result = update(stick, big, code=FAILED, says="interrupted",
                    env=tools.environment(stick, "write:5:sigterm:once"))
    told = next(line for line in result.err.splitlines() if "interrupted" in line)
    assert small_sets[0].release in told and "before" not in told
    assert stick.grub_has(small_sets[0])
    assert "liveng_tries" not in stick.grubenv()
    update(stick, big)
    assert stick.grub_has(big)

# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens around the program, and what was done to the stick before: none of it may result in a
stick that boots nothing, and each has a message that names it."""

import contextlib
import os
import signal

import pytest

import stick as sticks
from programs import (DONE, FAILED, NO_ROOM, PLAIN_PROGRAM, PROGRAM, REFUSED, USAGE, VERIFY, finish, install, kupd,
                      start, update)
from proof import assert_holds, damage, identity, kernel_place, outside, untouched
from iotrace import read_log

TERMINATOR = 17 * sticks.BLOCK  # ends the volume descriptors, in bytes of partition 2


def shell(script):
    """A prefix that runs the program from a shell."""
    return ["sh", "-c", script, "sh"]


# Standard streams

@pytest.mark.parametrize("closed", [">&- 2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", [["rollback", "-v"], ["bless", "-v", "--json"], ["status"],
                                   ["verify", "-v"]], ids=" ".join)
def test_closed_streams_do_not_become_the_stick(stick, small_sets, tmp_path, words, closed):
    update(stick, small_sets[1])
    open_ = stick.copy(tmp_path / "open.img")
    kupd(*words, "--disk", open_.path)
    finish(start(*words, "--disk", stick.path, prefix=shell(f'exec "$@" {closed}')))
    assert stick.path.read_bytes() == open_.path.read_bytes()


def test_a_result_that_nobody_gets_is_an_error(stick):
    kupd("status", "--disk", stick.path, code=FAILED, prefix=shell('exec "$@" >&-'))


@pytest.mark.parametrize("closed", [">&- 2>&-", "<&- >&- 2>&-"])
def test_update_with_closed_streams(stick, small_sets, tmp_path, closed):
    kept = outside(stick, 2, 3)
    update(stick, small_sets[1], "-v", prefix=shell(f'exec "$@" {closed}'))
    assert_holds(stick, tmp_path / "after", small_sets[1], small_sets[0])
    assert outside(stick, 2, 3) == kept
    assert b"livengkupd: " not in stick.path.read_bytes()


def test_a_reader_that_went_away_does_not_stop_an_update(stick, small_sets, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    update(stick, small_sets[1], "-v", stdout=writing, stderr=writing)
    os.close(writing)
    assert_holds(stick, tmp_path / "after", small_sets[1], small_sets[0])


def test_a_limit_on_file_sizes(stick, small_sets):
    half = stick.partition(2)[0] + stick.partition(2)[1] // 2
    before = identity(stick)
    update(stick, small_sets[1], code=FAILED, says=["file too large", "before"],
           prefix=shell(f'ulimit -f {half // 512 + 100}; exec "$@"'))
    assert stick.grub_has(small_sets[0])
    assert identity(stick) == before


def test_names_do_not_command_the_terminal(stick, small_sets, tmp_path):
    """A file's name is unchanged only in JSON; the boot menu's environment does not get through either."""
    update(stick, small_sets[1])
    stick.set_grubenv({"liveng_once": "\x1b[2Jprevious", "liveng_tries": "3"})
    named = stick.copy(tmp_path / "caf\u00e9\x1b[31m.img")
    safe = str(named.path).replace("\x1b", "?")
    for words, code in (["status"], DONE), (["verify", "-v"], DONE), (["next"], USAGE), (["update", "x"], REFUSED):
        result = kupd(*words, "--disk", named.path, code=code)
        assert "\x1b" not in result.out + result.err
    told = kupd("status", "--disk", named.path)
    assert f"device      {safe}, partition 2\n" in told.out and "once        ?[2Jprevious\n" in told.out
    assert kupd("status", "--disk", named.path, "--json").json["device"] == f"{named.path}, partition 2"


# Files that change while they are read

@pytest.fixture(scope="module")
def long_set(tmp_path_factory):
    """Longer than what is read ahead before the first write."""
    return sticks.make_set(tmp_path_factory.mktemp("long") / "set", "6.1.0-7-amd64",
                           initrd_size=16_000_000)


def cut_short(path):
    os.truncate(path, path.stat().st_size - 1_000_000)


def overwrite(path):
    with open(path, "r+b") as f:
        f.seek(-1_000_000, os.SEEK_END)
        f.write(b"other bytes")


def replace(path):
    """As update-initramfs does. Either the old file is written completely, or the new one."""
    new = path.with_suffix(".new")
    new.write_bytes(path.read_bytes()[:-1_000_000] + bytes(1_000_000))
    new.rename(path)


@pytest.mark.parametrize("options", [[], ["--no-verify"]], ids=["verify", "no-verify"])
@pytest.mark.parametrize("change", [cut_short, overwrite, replace], ids=lambda f: f.__name__)
def test_an_initrd_that_changes_in_the_meantime(new_stick, small_sets, long_set, tools, tmp_path, change,
                                          options):
    stick = new_stick(kernel_mib=64)
    initrd = tmp_path / "initrd.img"
    initrd.write_bytes(long_set.initrd.read_bytes())
    process = start("update", "--disk", stick.path, "--kernel", long_set.kernel, "--initrd", initrd,
                    *options, env=tools.environment(stick, "write:1:stop:once"))
    assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1]), finish(process)
    change(initrd)
    process.send_signal(signal.SIGCONT)
    result = finish(process)
    assert result.code == FAILED, result
    assert "changed while" in result.err and "initrd.img" in result.err
    assert "medium" not in result.err
    assert "boots what it booted before" in result.err
    assert stick.grub_has(small_sets[0])
    kupd("rollback", "--undo", "--disk", stick.path, code=REFUSED, says="no kernel set left by a rollback")
    assert "liveng_tries" not in stick.grubenv()


# The stick is damaged, or has another tool's layout

def test_no_verify_still_checks_the_current_set(stick, small_sets, tmp_path):
    damage(stick, small_sets[0])
    update(stick, small_sets[1], "--no-verify", says="damaged")
    assert_holds(stick, tmp_path / "after", small_sets[1])
    assert stick.grubenv()["liveng_previous"] == "0"


def test_no_verify_writes_a_damaged_set_again(stick, small_sets, tmp_path):
    update(stick, small_sets[1])
    damage(stick, small_sets[1])
    result = update(stick, small_sets[1], "--no-verify", says="damaged")
    assert "is there already" not in result.err
    assert_holds(stick, tmp_path / "after", small_sets[1], small_sets[0])


# One flipped bit makes it a descriptor of another type, to be followed by one more.
@pytest.mark.parametrize("content", [bytes(2048), b"\xff" * 2048, b"\xffCD002\1", b"\x7f"],
                         ids=["zeros", "ones", "other name", "other type"])
@pytest.mark.parametrize("number", [1, 0], ids=["new set", "same set"])
def test_a_damaged_terminator_is_rewritten(stick, small_sets, tmp_path, content, number):
    stick.write(2, TERMINATOR, content)
    assert not stick.grub_has(small_sets[0])  # otherwise this test proves nothing
    with untouched(stick.path):
        kupd("verify", "--disk", stick.path, code=VERIFY, says="repair")
    update(stick, small_sets[number])
    assert_holds(stick, tmp_path / "after", small_sets[number], small_sets[0])
    kupd("verify", "--disk", stick.path)


@pytest.mark.parametrize("content", [bytes(2048), b"\x7f"], ids=["zeros", "other type"])
def test_repair_and_rollback_rewrite_the_terminator(stick, small_sets, tmp_path, content):
    """Without it GRUB boots neither set, and the fallback boot that follows runs repair."""
    root = tmp_path / "root"
    (root / "var/lib").mkdir(parents=True)
    update(stick, small_sets[1])
    kupd("bless", "--disk", stick.path)
    kept = stick.grubenv()

    stick.write(2, TERMINATOR, content)
    assert not stick.grub_has(small_sets[1])
    with untouched(stick.path):
        kupd("repair", "-n", "--disk", stick.path, "--root", root, says="would")
    kupd("repair", "--disk", stick.path, "--root", root)
    assert stick.grub_has(small_sets[1])
    assert_holds(stick, tmp_path / "repaired", small_sets[1], small_sets[0])
    assert stick.grubenv() == kept
    with untouched(stick.path):
        kupd("repair", "--disk", stick.path, "--root", root, says="nothing to repair")

    stick.write(2, TERMINATOR, content)
    kupd("rollback", "--disk", stick.path)
    assert stick.grub_has(small_sets[0])
    kupd("verify", "--disk", stick.path)


def test_an_old_set_that_spans_the_middle(new_stick, small_sets, tmp_path):
    big = sticks.make_set(tmp_path / "big", "6.1.0-7-amd64", initrd_size=1_100_000)
    stick = new_stick(kernel_set=big, kernel_mib=2, form="plain", names=False)
    with untouched(stick.path):
        result = update(stick, small_sets[1], code=NO_ROOM,
                        says=["current kernel set extends into slot B", "--in-place"])
    assert "needs" not in result.err
    update(stick, small_sets[1], "--in-place")
    assert stick.grub_has(small_sets[1])


def test_verify_reads_a_set_without_checksums_to_its_end(new_stick, small_sets, tools):
    stick = new_stick(form="plain", names=False)
    at = stick.partition(2)[0] + kernel_place(stick, small_sets[0])
    end = at + small_sets[0].kernel.stat().st_size
    with untouched(stick.path):
        kupd("verify", "--disk", stick.path, says="no checksums", env=tools.environment(stick))
        kupd("verify", "--disk", stick.path, code=FAILED, says="cannot read",
             env=tools.environment(stick, bad=(end - 100, 100)))


# After the switch

@pytest.mark.parametrize("last, says", [(2, "grubenv"), (1, "session's own descriptor")],
                         ids=["assessment", "descriptor"])
def test_a_failure_after_the_switch_says_what_is_current(stick, small_sets, tools, tmp_path, last, says):
    copy = stick.copy(tmp_path / "copy.img")
    new = small_sets[1]
    log = tmp_path / "log"
    done = tools.record(copy, log, PLAIN_PROGRAM, "update", "--disk", copy.path, "--kernel", new.kernel,
                        "--initrd", new.initrd)
    assert done.returncode == DONE
    writes = [r for r in read_log(log) if r.kind == "W"]
    assert writes[-2].touches(copy.grubenv_offset(), 1024)
    update(stick, new, code=FAILED, says=[says, new.release, "is current already"],
           env=tools.environment(stick, f"write:{len(writes) + 1 - last}:EIO:once"))
    assert_holds(stick, tmp_path / "after", new, small_sets[0])


# Which stick is meant

@contextlib.contextmanager
def not_looked_at(name, tmp_path):
    """A prefix; the program run with it must not access this file."""
    trace = tmp_path / "trace"
    yield ["strace", "-f", "-o", str(trace), "-e", "trace=%file"]
    assert str(PROGRAM) in trace.read_text()  # otherwise it was not traced
    assert name not in trace.read_text()


def test_status_of_another_stick_says_nothing_about_this_system(stick, small_sets, tmp_path):
    """What failed on the stick that this system runs from did not fail on that one."""
    with not_looked_at("var/lib/liveng/failed", tmp_path) as prefix:
        kupd("status", "--disk", stick.path, prefix=prefix)
    failed = tmp_path / "root/var/lib/liveng/failed"
    failed.parent.mkdir(parents=True)
    failed.write_text("6.1.0-0-amd64: did not come up\n")
    install(tmp_path / "root", small_sets[0])
    kupd("status", "--disk", stick.path, "--root", tmp_path / "root", says="6.1.0-0-amd64")

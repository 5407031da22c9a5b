# SPDX-License-Identifier: GPL-3.0-or-later
"""What is not a liveng stick is left alone (exit code 3), and so is what another program uses (7)."""

import fcntl
import os

import pytest

import stick as sticks
from programs import BUSY, DONE, FAILED, NOT_STICK, VERIFY, finish, kupd, start, update
from proof import damage, untouched
from stick import MIB, PVD


def no_gpt(stick):
    with open(stick.path, "r+b") as f:
        f.write(bytes(34 * 512))
        f.seek(-33 * 512, os.SEEK_END)
        f.write(bytes(33 * 512))


def mbr(stick):
    no_gpt(stick)
    sticks.run("sfdisk", "--quiet", stick.path,
               input=b"label: dos\nstart=1MiB, size=2MiB\nstart=3MiB, size=4MiB\n")


def one_partition(stick):
    for number in (2, 3, 4):
        sticks.run("sfdisk", "--quiet", "--delete", stick.path, str(number))


def ext4_in_2(stick):
    start, size = stick.partition(2)
    stick.write(2, 0, bytes(size))
    sticks.run("mke2fs", "-q", "-F", "-E", f"offset={start}", stick.path, f"{size // 1024}k")


def empty_2(stick):
    stick.write(2, 0, bytes(stick.partition(2)[1]))


def other_label(stick):
    stick.write(2, PVD + 40, b"DEBIAN_LIVE".ljust(32))


def system_label(stick):
    stick.write(2, PVD + 40, b"LIVENG_SYSTEM".ljust(32))


def no_pvd(stick):
    stick.write(2, PVD, bytes(2048))


def cut_in_2(stick):
    start, size = stick.partition(2)
    os.truncate(stick.path, start + size // 2)


def refused(stick, small_sets, code):
    with untouched(stick.path):
        for verb in "status", "verify", "rollback", "bless":
            kupd(verb, "--disk", stick.path, code=code, says=stick.path.name)
        update(stick, small_sets[1], code=code, says=stick.path.name)
        update(stick, small_sets[1], "--force", "--in-place", code=code)


@pytest.mark.parametrize("spoil", [no_gpt, mbr, one_partition, ext4_in_2, other_label, system_label,
                                   cut_in_2], ids=lambda f: f.__name__)
def test_what_is_not_a_stick(stick, small_sets, spoil):
    spoil(stick)
    refused(stick, small_sets, NOT_STICK)


@pytest.mark.parametrize("spoil", [empty_2, no_pvd], ids=lambda f: f.__name__)
def test_a_stick_that_lost_its_kernels(stick, small_sets, spoil):
    """By its names it still is one: the hooks that keep it up to date must not skip it."""
    spoil(stick)
    refused(stick, small_sets, VERIFY)


@pytest.mark.parametrize("content", [b"", b"short", bytes(4 * MIB)],
                         ids=["empty", "short", "zeros"])
@pytest.mark.parametrize("option", ["--disk", "--partition"])
def test_files_that_hold_nothing(tmp_path, small_sets, content, option):
    target = tmp_path / "target.img"
    target.write_bytes(content)
    with untouched(target):
        kupd("status", option, target, code=NOT_STICK, says="target.img")
        kupd("update", option, target, "--kernel", small_sets[1].kernel, "--initrd",
             small_sets[1].initrd, code=NOT_STICK, says="target.img")


def test_the_image_itself_is_not_a_stick(stick, small_sets, tmp_path):
    """A live image holds ISO 9660, with another label."""
    image = tmp_path / "live.iso"
    sticks.run("xorrisofs", "-quiet", "-volid", "d-live 12 gn amd64", "-o", image,
               small_sets[0].folder)
    with untouched(image):
        for option in "--disk", "--partition":
            kupd("update", option, image, "--kernel", small_sets[1].kernel, "--initrd",
                 small_sets[1].initrd, code=NOT_STICK, says="live.iso")


def test_partition_1_is_not_written(stick, small_sets, tmp_path):
    alone = tmp_path / "partition-1"
    alone.write_bytes(stick.read(1, 0, stick.partition(1)[1]))
    with untouched(alone):
        kupd("update", "--partition", alone, "--kernel", small_sets[1].kernel, "--initrd",
             small_sets[1].initrd, code=NOT_STICK, says="LIVENG_SYSTEM")


@pytest.mark.parametrize("target", ["missing", "folder", "/dev/null"])
def test_targets_that_are_not_files(tmp_path, target):
    (tmp_path / "folder").mkdir()
    target = tmp_path / target  # an absolute one stays
    result = kupd("status", "--disk", target, code=FAILED)
    assert str(target) in result.err


def test_not_running_from_a_stick(small_sets):
    kupd("status", code=NOT_STICK, says="stick")
    kupd("update", "--kernel", small_sets[1].kernel, "--initrd", small_sets[1].initrd,
         code=NOT_STICK)


def test_an_image_that_a_virtual_machine_runs_is_busy(stick, small_sets):
    """QEMU locks single bytes, not the file."""
    with open(stick.path, "r+b") as f, untouched(stick.path):
        fcntl.lockf(f, fcntl.LOCK_SH, 1, 100)
        update(stick, small_sets[1], code=BUSY, says="is in use by another program")
        kupd("status", "--disk", stick.path)


def test_a_set_that_is_being_written_is_not_called_damaged(stick, small_sets):
    update(stick, small_sets[1])
    damage(stick, small_sets[0])
    with open(stick.path, "r+b") as f, untouched(stick.path):
        fcntl.flock(f, fcntl.LOCK_EX)
        kupd("verify", "--disk", stick.path, code=BUSY, says="is writing to it")
    with untouched(stick.path):
        kupd("verify", "--disk", stick.path, code=VERIFY, says="is damaged")


def test_a_locked_stick_is_busy(stick, small_sets):
    with open(stick.path, "rb") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        with untouched(stick.path):
            update(stick, small_sets[1], code=BUSY, says="another program")
            kupd("rollback", "--disk", stick.path, code=BUSY)
            kupd("status", "--disk", stick.path, code=DONE)
    update(stick, small_sets[1])
    assert stick.grub_has(small_sets[1])


def test_a_path_with_blanks_and_signs(new_stick, small_sets):
    stick = new_stick("my stick; rm -rf *%s.img")
    update(stick, small_sets[1], says=stick.path.name)
    assert stick.grub_has(small_sets[1])


def test_bless_waits_for_a_writer(stick, small_sets):
    """It runs once per boot; every other verb gives up after two seconds."""
    update(stick, small_sets[1])
    with open(stick.path, "rb") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        waiting = start("bless", "--disk", stick.path)
        assert "waiting" in waiting.stderr.readline()
        fcntl.flock(f, fcntl.LOCK_UN)
        assert finish(waiting).code == DONE
    assert stick.grubenv() == {"liveng_previous": "1"}


def test_bless_that_waits_can_be_interrupted(stick, small_sets):
    update(stick, small_sets[1])
    with open(stick.path, "rb") as f, untouched(stick.path):
        fcntl.flock(f, fcntl.LOCK_EX)
        waiting = start("bless", "--disk", stick.path)
        assert "waiting" in waiting.stderr.readline()
        waiting.terminate()
        result = finish(waiting)
        assert result.code == FAILED and "interrupted: nothing was changed" in result.err


def test_what_another_cache_holds_is_not_used(stick, small_sets, loop):
    """A partition's device, here the underlying file, is written to while the whole disk is cached."""
    before = stick.read(2, PVD, 512)
    update(stick, small_sets[1])
    node = loop(stick.path)
    with open(node, "rb") as disk:
        assert kupd("status", "--disk", node, "--json").json["current"]["release"] == (
            small_sets[1].release)
        disk.read()
        stick.write(2, PVD, before)
        os.sync()
        result = kupd("status", "--disk", node, "--json").json
        assert result["current"]["release"] == small_sets[0].release
        assert result["undone"]["release"] == small_sets[1].release

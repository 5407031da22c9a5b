# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages name the thing and the way out, and nothing on a stick can control the
terminal."""

import pytest

from programs import DONE, FAILED, NOT_STICK, USAGE, kupd, update
from stick import PVD

CONTROL = [chr(n) for n in range(32) if n != 10] + ["\x7f", "\x9b"]


@pytest.mark.parametrize("target", ["/tmp", "/dev/null"])
@pytest.mark.parametrize("option", ["--disk", "--partition"])
def test_what_is_not_a_disk(option, target):
    kupd("status", option, target, code=FAILED,
         says=f"{target}: is neither a block device nor a regular file")


def test_a_truncated_stick(stick):
    with open(stick.path, "r+b") as f:
        f.truncate(stick.partition(2)[0] + 4096)
    kupd("status", "--disk", stick.path, code=NOT_STICK, says="or is truncated")


@pytest.mark.parametrize("label", [b"\x1b[2J\x1b[31mred", b"a\nb\rc\td\x7f", b"\xc2\x9b2J"])
def test_a_label_with_escapes(stick, label):
    stick.write(2, PVD + 40, label.ljust(32))
    said = kupd("status", "--disk", stick.path, code=NOT_STICK, says="is labelled").err
    assert not any(c in said for c in CONTROL)
    assert said.count("\n") == 1


def test_a_uuid_with_escapes(stick):
    stick.write(2, PVD + 813, b"\x1b[2J\x1b[31mred\n\r\x7f0".ljust(17) * 2)  # two dates
    result = kupd("status", "--disk", stick.path, code=DONE)
    uuid = next(line for line in result.out.splitlines() if line.startswith("UUID"))
    assert uuid.split()[-1].replace("-", "").startswith("?[2J?[31mred")
    assert not any(c in result.out + result.err for c in CONTROL)


def test_a_full_grubenv(stick, small_sets):
    block = b"# GRUB Environment Block\nfiller=".ljust(1010, b"x") + b"\n" + b"#" * 13
    with open(stick.path, "r+b") as f:
        f.seek(stick.grubenv_offset())
        f.write(block)
    before = stick.grubenv()
    update(stick, small_sets[1], code=FAILED, says=["is full", "grub-editenv"])
    assert stick.grub_has(small_sets[0])
    assert stick.grubenv() == before


@pytest.mark.parametrize("arguments, says", [
    (["--frobnicate"], "--frobnicate: no such option"),
    (["--disk", "a", "--frobnicate=b", "c"], "--frobnicate=b: no such option"),
    (["-x"], "-x: no such option"),
    (["--force", "-xn"], "-x: no such option"),
    (["--root=/x", "-nx"], "-x: no such option"),
    (["--in", "a"], "--in: no such option"),
    (["--in=a"], "--in=a: no such option"),
    (["--dry-run", "-xn"], "-x: no such option"),
    (["--kernel", "--force", "-qx"], "-x: no such option"),
    (["--kernel", "-n", "--forc"], "--forc: no such option"),
    (["--force=1"], "--force takes no value"),
    (["--dry-run="], "--dry-run takes no value"),
    (["--disk"], "--disk needs a value"),
    (["status", "word", "--kern"], "--kern: no such option"),
    (["--forc"], "--forc: no such option"),
    (["--dis", "a"], "--dis: no such option"),
    (["--dis=a"], "--dis=a: no such option"),
    *[([option, ""], f"{option} must not be empty")
      for option in ("--disk", "--partition", "--root", "--kernel", "--initrd", "--once")],
    (["--disk="], "--disk must not be empty"),
], ids=str)
def test_wrong_options(arguments, says):
    result = kupd("status", *arguments, code=USAGE)
    assert result.err == f"livengkupd: {says}: see --help\n"
    assert result.out == ""


@pytest.mark.parametrize("option", ["--disk", "--partition"])
def test_two_sticks(option):
    kupd("status", option, "a", option, "b", code=USAGE, says=f"{option} was given twice")


def test_the_wrong_kind_of_target_names_the_other_option(stick, tmp_path):
    alone = tmp_path / "partition.img"
    alone.write_bytes(stick.read(2, 0, stick.partition(2)[1]))
    kupd("status", "--disk", alone, code=NOT_STICK, says="--partition")
    kupd("status", "--partition", stick.path, code=NOT_STICK, says="--disk")


def test_the_root_folder_is_not_an_empty_name(stick):
    kupd("status", "--root", "/", "--disk", stick.path)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_that_cannot_be_written(option):
    with open("/dev/full", "w", encoding="utf-8") as full:
        kupd(option, stdout=full, code=FAILED, says="livengkupd: cannot write to standard output")

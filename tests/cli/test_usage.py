# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: help, wrong use, output forms."""

import contextlib
import json
import os
import pty
import re
import threading

import pytest

import stick as sticks
from programs import (DEPLOYER, DONE, ENVIRONMENT, FAILED, NOT_STICK, PATIENCE, PROGRAM, REFUSED, USAGE, install,
                      kupd, update)
from proof import untouched

VERBS = ["update", "status", "verify", "rollback", "next", "bless", "repair"]
OPTIONS = ["--disk", "--partition", "--root", "--kernel", "--initrd", "--rebuild", "--no-verify", "--in-place",
           "--force", "--undo", "--once", "--booted", "--short", "-n", "--dry-run", "-q", "-v", "--json", "--help", "--version"]


def test_help_names_everything_within_80_columns():
    text = kupd("--help").out
    assert max(map(len, text.splitlines())) <= 80
    for word in VERBS + OPTIONS:
        assert re.search(rf"(^|[\s,]){re.escape(word)}\b", text, re.MULTILINE), word
    for code in range(8):
        assert re.search(rf"\b{code} [a-z]", text), f"exit code {code}"


def test_version():
    assert re.fullmatch(r"livengkupd \d+\.\d+\.\d+\n", kupd("--version").out)


@pytest.mark.parametrize("arguments", [
    [], ["--no-such-option"], ["update", "--disk"], ["status", "one", "more"],
    ["update", "6.1.0-1-amd64", "6.1.0-2-amd64"],
    ["status", "--disk", "a", "--partition", "b"], ["upate"], ["6.1.0-no-such-kernel"], ["next"],
    ["next", "--once", "pristine"], ["bless", "--booted", "previous"],
    ["bless", "--disk", "a", "--booted", "other"], ["status", "-n"], ["verify", "--kernel", "x"],
    ["rollback", "--in-place"], ["update", "--once", "previous"]], ids=" ".join)
def test_wrong_use_is_2_and_reported_on_stderr(arguments):
    result = kupd(*arguments, code=USAGE)
    assert result.err.endswith(": see --help\n") and not result.out
    as_json = kupd("--json", *arguments, code=USAGE).json
    assert as_json["exit_code"] == USAGE and as_json["errors"] == [
        result.err.removeprefix("livengkupd: ").rstrip("\n")]


@pytest.mark.parametrize("program", [PROGRAM, DEPLOYER], ids=lambda p: p.name)
def test_a_mistake_before_json_is_reported_as_json(program):
    for mistake in "--no-such", "--js", "-x":
        result = kupd(mistake, "--json", program=program, code=USAGE)
        assert result.json["errors"] == [f"{mistake}: no such option: see --help"]


def test_json_as_a_word_or_value_is_not_the_option(tmp_path):
    for words in ["--disk", "--json", "status"], ["status", "--disk", tmp_path / "missing", "--", "--json"]:
        assert kupd(*words, code=FAILED if words[0] == "--disk" else USAGE).out == ""


def test_a_mistyped_verb_is_not_a_release(stick):
    with untouched(stick.path):
        kupd("upate", "--disk", stick.path, code=USAGE, says=["upate", "neither a verb"])
        kupd("upate", "--disk", stick.path, "--kernel", "x", code=USAGE, says="neither a verb")


@pytest.mark.parametrize("words", [[], ["status"], ["update"], ["update", "6.1.0-1-amd64"]], ids=" ".join)
def test_a_stick_that_no_option_names_is_pointed_out(stick, tmp_path, words):
    with untouched(stick.path):
        kupd(*words, stick.path, code=USAGE, says=f"to name a stick use --disk {stick.path}: see --help")
    said = kupd(*words, tmp_path, code=REFUSED if words == ["update"] else USAGE).err
    assert "to name a stick" not in said


@pytest.mark.parametrize("options", [["--json", "-nq"], ["-nq", "--json"], ["--dry-run", "-nq"]], ids=" ".join)
def test_short_options_after_any_other(stick, small_sets, options):
    with untouched(stick.path):
        assert update(stick, small_sets[1], *options).err == ""


def test_a_value_may_begin_with_a_dash(stick, small_sets, tmp_path):
    for name, path in ("--foo", small_sets[1].kernel), ("-bar", small_sets[1].initrd):
        (tmp_path / name).write_bytes(path.read_bytes())
    kupd("update", "--disk", stick.path, "--kernel", "--foo", "-q", "--initrd", "-bar", "-vq", cwd=tmp_path)
    assert stick.grub_has(small_sets[1])


def test_usage_error_leaves_the_stick_alone(stick):
    with untouched(stick.path):
        kupd("update", "--disk", stick.path, "--frobnicate", code=USAGE, says="frobnicate")


def test_a_bare_release_means_update(stick, small_sets):
    new = small_sets[1]
    kupd(new.release, "--disk", stick.path, "--kernel", new.kernel, "--initrd", new.initrd)
    assert stick.grub_has(new)


def test_a_bare_release_that_is_installed(stick, small_sets, tmp_path):
    install(tmp_path, small_sets[1])
    kupd(small_sets[1].release, "--disk", stick.path, "--root", tmp_path)
    assert stick.grub_has(small_sets[1])


def test_options_may_stand_anywhere(stick, small_sets):
    new = small_sets[1]
    kupd("--disk", stick.path, new.release, "--initrd", new.initrd, "--kernel", new.kernel)
    assert stick.grub_has(new)


def test_quiet_says_nothing_normal_little_verbose_more(new_stick, small_sets):
    said = {}
    for option in ["-q", "", "-v"]:
        result = update(new_stick(f"{option}.img"), small_sets[1], *filter(None, [option]))
        said[option] = result.out + result.err
    assert said["-q"] == ""
    assert said[""]
    assert len(said["-v"].splitlines()) > len(said[""].splitlines())


def test_quiet_still_reports_errors(tmp_path):
    kupd("status", "-q", "--disk", tmp_path / "missing", code=1, says="missing")


def test_output_to_a_file_shows_no_progress_and_no_control_characters(stick, small_sets):
    result = update(stick, small_sets[1])
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", result.out + result.err)


def test_a_terminal_shows_progress_with_rate_and_time_left(new_stick, tmp_path):
    stick = new_stick(kernel_mib=64)
    big = sticks.make_set(tmp_path / "big", "6.1.0-7-amd64", initrd_size=24_000_000)
    ours, theirs = pty.openpty()
    shown = []

    def read():
        with contextlib.suppress(OSError):  # the other end is closed
            while piece := os.read(ours, 65536):
                shown.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    update(stick, big, stderr=theirs, prefix=[
        "strace", "-f", "-o", "/dev/null", "-e", "trace=pwrite64",
        "-e", "inject=pwrite64:delay_exit=200000"])
    os.close(theirs)
    reader.join(timeout=PATIENCE)
    text = b"".join(shown).decode()
    assert re.search(r"writing +\d+ %, \d+\.\d [kM]B of 2\d\.\d MB, \d+\.\d [kM]B/s, \d+ s left", text)
    assert re.search("wrote 6.1.0-7-amd64", text.splitlines()[-1])


@pytest.mark.parametrize("verb", ["update", "status", "verify", "rollback", "bless"])
def test_json_of_success(stick, small_sets, verb):
    update(stick, small_sets[1])
    more = (["--kernel", small_sets[2].kernel, "--initrd", small_sets[2].initrd]
            if verb == "update" else [])
    result = kupd(verb, "--disk", stick.path, "--json", *more).json
    assert isinstance(result["schema_version"], int)
    assert result["verb"] == verb
    assert result["exit_code"] == DONE
    assert result["errors"] == [] and result["warnings"] == []
    assert result["changed"] is (verb not in ("status", "verify"))
    assert result["dry_run"] is False


def test_json_of_a_dry_run_and_of_nothing_to_do(stick, small_sets):
    dry = update(stick, small_sets[1], "-n", "--json").json
    assert dry["dry_run"] is True and dry["changed"] is False
    update(stick, small_sets[1])
    again = update(stick, small_sets[1], "--json").json
    assert again["dry_run"] is False and again["changed"] is False


def test_json_writes_paths_as_they_are(stick):
    assert f'"device":"{stick.path}, partition 2"' in kupd("status", "--disk", stick.path, "--json").out


def test_json_has_the_warnings(new_stick, small_sets):
    stick = new_stick(form="plain", names=False, grubenv=None)
    result = kupd("verify", "--disk", stick.path, "--json").json
    assert "no checksums" in result["warnings"][0]


def test_json_of_wrong_use_has_the_same_members():
    result = kupd("--json", "status", "--undo", code=USAGE).json
    assert result["changed"] is False and result["exit_code"] == USAGE
    assert len(result["errors"]) == 1 and result["warnings"] == []


def test_json_of_failure(tmp_path):
    target = tmp_path / "zeros.img"
    target.write_bytes(bytes(1024 * 1024))
    result = kupd("status", "--json", "--disk", target, code=NOT_STICK)
    assert result.json["schema_version"] == 1
    assert result.json["exit_code"] == NOT_STICK
    assert any("zeros.img" in text for text in result.json["errors"])
    assert "zeros.img" in result.err  # people read it as well


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_json_is_utf8_whatever_a_file_is_called(tmp_path, locale):
    target = tmp_path / b'caf\xe9 \xf4\x90\x80\x80"\\.img'.decode("utf-8", "surrogateescape")
    target.write_bytes(bytes(1024 * 1024))
    result = kupd("status", "--json", "--disk", target, code=NOT_STICK,
                  env={**ENVIRONMENT, "LC_ALL": locale})
    json.loads(result.out.encode("utf-8"))


def test_a_result_that_cannot_be_written_is_a_failure(stick):
    with open("/dev/full", "w", encoding="utf-8") as full:
        kupd("status", "--disk", stick.path, stdout=full, code=FAILED, says="standard output")

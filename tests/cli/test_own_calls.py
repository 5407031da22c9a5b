# SPDX-License-Identifier: GPL-3.0-or-later
"""No failure without a word: each call by which our own code asks for memory, or for a file, fails in turn
(tests/data/owncalls.c has the rules). A sample of the calls here; each one of them in `make check-vm`."""

import subprocess

import pytest

import stick as sticks
from programs import ENVIRONMENT, SIZE, TOP, update

OWN_CALLS = TOP / "build/tests/owncalls"


def fail_in_turn(program, kind, share, original, copy, *arguments):
    """The rules hold, whichever call fails. Unless there is none, some failure ends the program."""
    done = subprocess.run([OWN_CALLS / program, kind, "1", str(share), original, copy, *map(str, arguments)],
                          capture_output=True, encoding="utf-8", errors="replace", env=ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr
    calls, failed, ended, broken = (int(word) for word in done.stdout.split() if word.isdigit())
    assert broken == 0 and (ended > 0 or failed == calls == 0), done.stdout
    assert failed > 0 or kind == "write", done.stdout


def shares(few):
    """Every so many calls; all of them where time does not matter."""
    return [few, pytest.param(1, marks=pytest.mark.full)]


KINDS = ["alloc", "file", "write"]

VERBS = {
    "update": ("update",),
    "status": ("status",),
    "verify": ("verify",),
    "rollback": ("rollback",),
    "next": ("next", "--once", "fallback"),
    "bless": ("bless",),
    "repair": ("repair",),
}


@pytest.mark.parametrize("share", shares(13))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", VERBS)
def test_livengkupd_says_what_failed(new_stick, small_sets, tmp_path, verb, kind, share):
    stick, copy = new_stick(), tmp_path / "copy.img"
    update(stick, small_sets[1])
    given = ["--kernel", small_sets[2].kernel, "--initrd", small_sets[2].initrd] if verb == "update" else []
    fail_in_turn("livengkupd", kind, share, stick.path, copy, "--disk", copy, *given, *VERBS[verb])


@pytest.mark.parametrize("share", shares(13))
@pytest.mark.parametrize("kind", KINDS)
def test_repair_of_a_lost_volume_says_what_failed(new_stick, small_sets, tmp_path, kind, share):
    stick, copy = new_stick(), tmp_path / "copy.img"
    stick.write(2, 0, bytes(sticks.MIB))
    fail_in_turn("livengkupd", kind, share, stick.path, copy, "--disk", copy, "--kernel", small_sets[2].kernel,
                 "--initrd", small_sets[2].initrd, "repair")


DEPLOYMENTS = {
    "dry-run": ("--dry-run",),
    "written": ("--yes",),
    "encrypted": ("--yes", "--encrypt"),
}


@pytest.mark.parametrize("share", shares(199))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", DEPLOYMENTS)
def test_liveng_deploy_says_what_failed(live_image, tmp_path, way, kind, share):
    (tmp_path / "passphrase").write_text("correct horse battery staple")
    arguments = [*DEPLOYMENTS[way], "--size", SIZE]
    if way == "encrypted":
        arguments += ["--passphrase-file", tmp_path / "passphrase"]
    copy = tmp_path / "stick.img"
    share = max(share // 24, 1) if kind == "file" else share
    fail_in_turn("liveng-deploy", kind, share, "-", copy, *arguments, live_image, copy)


@pytest.mark.parametrize("kind", ["alloc", "file"])
def test_list_says_what_failed(tmp_path, kind):
    fail_in_turn("liveng-deploy", kind, 1, "-", tmp_path / "none", "list")

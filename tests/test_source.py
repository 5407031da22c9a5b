# SPDX-License-Identifier: GPL-3.0-or-later
"""What the source promises about itself: layers, formats, warnings, and what it never names."""

import os
import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]


def named():
    """What git knows; all there is where the source package was unpacked."""
    if not (TOP / ".git").exists():
        paths = [f.relative_to(TOP) for f in TOP.rglob("*") if "__pycache__" not in f.parts]
        return [f for f in paths if f.parts[0] not in ("build", ".pc")]
    return subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=TOP, check=True,
                          capture_output=True, encoding="utf-8").stdout.splitlines()


FILES = sorted(TOP / name for name in named() if (TOP / name).is_file())
C_FILES = [f for f in FILES if f.suffix in (".c", ".h")]
SHELL = [f for f in FILES if f.suffix in (".sh", ".preinst", ".prerm", ".postinst", ".postrm")
         or f.name.endswith(".bash-completion")
         or (f.suffix == "" and f.read_bytes().startswith((b"#!/bin/sh", b"#!/bin/bash")))]
TOP_LEVEL = {"kupd", "deploy", "debian", "kernel-hooks", "initramfs-hooks", "tests", "Makefile",
             "README.md", "LICENSE"}


def run(*argv):
    done = subprocess.run([str(a) for a in argv], cwd=TOP, capture_output=True, encoding="utf-8",
                          errors="replace", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def included(path):
    return set(re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE))


def test_top_level_holds_nothing_more():
    top = {f.relative_to(TOP).parts[0] for f in FILES}
    assert {name for name in top if not name.startswith(".")} <= TOP_LEVEL


def headers(*folders):
    return {f.name: f for f in C_FILES if f.suffix == ".h" and f.parent in {TOP / folder for folder in folders}}


SHARED = ("kupd/lib", "kupd/program")


def test_library_knows_no_program():
    """kupd/lib includes only kupd/lib, and no file of it parses a command line. kupd/program knows
    what a command line is, but neither of those that there are."""
    for room, known in (("kupd/lib", ["kupd/lib"]), ("kupd/program", SHARED)):
        for f in C_FILES:
            if f.parent == TOP / room:
                assert included(f) <= headers(*known).keys(), f
                assert room != "kupd/lib" or "getopt" not in f.read_text(), f


@pytest.mark.parametrize("program", ["kupd", "deploy"])
def test_programs_meet_in_the_shared_rooms_only(program):
    """What a file of a program includes is of that program or of what both share."""
    for f in C_FILES:
        if f.parent == TOP / program:
            assert included(f) <= headers(program, *SHARED).keys(), f


@pytest.mark.parametrize("program", ["kupd", "deploy"])
def test_includes_have_no_circle(program):
    files = headers(program, *SHARED)
    done = set()

    def visit(name, path):
        assert name not in path, f"circle: {' -> '.join([*path, name])}"
        if name in files and name not in done:
            for other in included(files[name]):
                visit(other, [*path, name])
            done.add(name)

    for name in files:
        visit(name, [])


# Each room of kupd/lib: its files, and the rooms below it that they may ask.
ROOMS = {
    "tools": ("child digest exitcode file interrupt log names observer pace progress size text util", ""),
    "disk": ("disk fat grubenv identity luks pvd", "tools"),
    "machine": ("cmdline device host mounts running udev", "tools"),
    "files": ("authenticode cpio initrd installed kernel modindex pe segments source unpack", "tools"),
    "candidate": ("candidate loader modules", "tools disk machine files"),
    "volume": ("format session set slot tree volume", "tools disk files"),
    "stick": ("assessment mounted stick", "tools disk machine"),
}


def test_layers_point_one_way():
    """main -> what and where -> volume -> slot: no earlier stage asks a later one."""
    room_of = {name: room for room, (names, _) in ROOMS.items() for name in names.split()}
    library = [f for f in C_FILES if f.parent == TOP / "kupd/lib"]
    assert sorted(" ".join(names for names, _ in ROOMS.values()).split()) == sorted({f.stem for f in library})
    for f in library:
        room = room_of[f.stem]
        for other in included(f):
            assert room_of[Path(other).stem] in [room, *ROOMS[room][1].split()], f"{f.name} includes {other}"


def test_partitions_of_a_stick_are_read_past_the_cache():
    """That of the whole disk does not see what a mount writes: disk_read() is for the partition table."""
    readers = {f.name for f in C_FILES if f.is_relative_to(TOP / "kupd") and "disk_read(" in f.read_text()}
    assert readers == {"disk.c", "disk.h", "stick.c"}


def test_c_is_formatted():
    run("clang-format", "--dry-run", "--Werror", *C_FILES)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_no_warnings(compiler, tmp_path):
    """As fast as they compile: without optimizing gcc does not see all, but the build itself does."""
    run("make", "-s", "all", "unit", f"CC={compiler}", "CI=1", "CFLAGS=-O0", f"BUILD={tmp_path}")


@pytest.mark.parametrize("script", SHELL, ids=lambda f: str(f.relative_to(TOP)))
def test_shellcheck(script):
    run("shellcheck", *(["-s", "bash"] if script.name.endswith("completion") else []), script)


def test_without_libraries_make_says_what_to_run(tmp_path):
    done = subprocess.run(["make", "-s", f"BUILD={tmp_path}"], cwd=TOP, capture_output=True, encoding="utf-8",
                          env={**os.environ, "PKG_CONFIG_PATH": "", "PKG_CONFIG_LIBDIR": str(tmp_path)}, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "run `make deps`" in done.stderr, done.stderr


def test_manual_pages():
    """Down to matters of style; which other manuals are installed is no matter of ours."""
    pages = [f for f in FILES if re.match(r"\.\d$", f.suffix)]
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "style", *pages], capture_output=True, encoding="utf-8",
                          check=False)
    assert not [line for line in done.stdout.splitlines() if "manual not found" not in line]
    assert len({re.search(r"^\.Dd .*\n\.Dt .* 8\n\.Os .*", f.read_text(), re.MULTILINE)[0].replace(
        f.stem.upper(), "NAME") for f in pages}) == 1


def test_every_file_states_its_licence():
    for f in [*C_FILES, *SHELL, *(f for f in FILES if f.suffix == ".py")]:
        assert "SPDX-License-Identifier: GPL-3.0-or-later" in f.read_text()[:300], f


def test_no_mirror_is_named():
    """Packages come from the machine's own apt sources."""
    hosts = re.compile(r"\b(deb|ftp|security|snapshot|archive)\.(debian|ubuntu)\.(org|com)\b")
    for f in FILES:
        text = f.read_text(errors="replace")
        assert f.name == Path(__file__).name or not hosts.search(text), f

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
    """Our own headers, whatever brackets they stand in."""
    names = re.findall(r'^#include ["<]([^">]+)[">]', path.read_text(), re.MULTILINE)
    return {name for name in names if f'"{name}"' in path.read_text() or (TOP / "kupd/lib" / name).exists()
            or (TOP / "kupd" / name).exists() or (TOP / "deploy" / name).exists()}


def test_top_level_holds_nothing_more():
    top = {f.relative_to(TOP).parts[0] for f in FILES}
    assert {name for name in top if not name.startswith(".")} <= TOP_LEVEL


# Each room, and the rooms that its files may ask: one picture of this is in kupd/DESIGN.md.
LIBRARY = {
    "base": "",
    "machine": "base",
    "disk": "base",
    "kernel": "base",
    "initrd": "base",
    "iso": "base disk",
    "candidate": "base machine disk kernel initrd",
    "slots": "base disk kernel iso",
    "stick": "base machine disk kernel",
}
DEPLOY = {
    "output": "base disk",
    "layout": "base disk stick output",
    "target": "base machine disk stick",
    "image": "base disk kernel iso slots candidate output",
    "boot": "base disk kernel iso output image",
    "stock": "base machine disk iso initrd image boot",
    "persistence": "base disk output layout target",
}
SHARED = f"{' '.join(LIBRARY)} program"
ROOMS = {
    **{f"kupd/lib/{room}": asked for room, asked in LIBRARY.items()},
    "kupd/program": "base",
    "kupd": SHARED,
    **{f"deploy/{room}": asked for room, asked in DEPLOY.items()},
    "deploy": f"{SHARED} {' '.join(DEPLOY)}",
}
PROGRAM_FILES = [f for f in C_FILES if f.is_relative_to(TOP / "kupd") or f.is_relative_to(TOP / "deploy")]


def room_of(path):
    return str(path.parent.relative_to(TOP))


def header(path, name):
    """The file that `#include "name"` in @path means: of its own room, else of the room that it names."""
    if "/" not in name:
        return path.parent / name
    return next(TOP / room / Path(name).name for room in ROOMS
                if room.endswith(f"/{Path(name).parent}") and (TOP / room / Path(name).name).exists())


@pytest.mark.parametrize("room", ROOMS)
def test_includes_point_one_way(room):
    """A bare name within the room; the room's name in front of another's, and only of those that it may ask."""
    files = [f for f in PROGRAM_FILES if room_of(f) == room]
    assert files
    for f in files:
        for name in included(f):
            other = str(Path(name).parent)
            assert other == "." or other in ROOMS[room].split(), f"{f.relative_to(TOP)} includes {name}"
            assert header(f, name).exists(), f"{f.relative_to(TOP)} includes {name}"


def test_rooms_are_all_that_there_are():
    assert {room_of(f) for f in PROGRAM_FILES} == set(ROOMS)


def test_modules_have_no_circle():
    """A module is what x.c and x.h include together."""
    modules = {}
    for f in PROGRAM_FILES:
        modules.setdefault(f.with_suffix(""), set()).update(header(f, name).with_suffix("") for name in included(f))
    done = set()

    def visit(module, path):
        assert module not in path, f"circle: {' -> '.join(m.name for m in [*path, module])}"
        if module not in done:
            for other in modules.get(module, set()) - {module}:
                visit(other, [*path, module])
            done.add(module)

    for module in modules:
        visit(module, [])


@pytest.mark.parametrize("library, rooms", [
    ("json-c/", {"kupd/program", "kupd", "deploy"}),
    ("libisofs/", {"kupd/lib/iso"}),
    ("libburn/", {"kupd/lib/iso"}),
    ("libkmod.h", {"kupd/lib/candidate"}),
    ("libfdisk.h", {"deploy/layout"}),
    ("sqfs/", {"deploy/stock"}),
    ("getopt.h", {"kupd/program"}),
])
def test_library_is_used_in_its_rooms_only(library, rooms):
    users = {room_of(f) for f in PROGRAM_FILES if re.search(rf"^#include <{library}", f.read_text(), re.MULTILINE)}
    assert users == rooms


@pytest.mark.parametrize("room", ["disk", "iso", "slots"])
def test_room_leaves_reporting_to_its_callers(room):
    for f in (TOP / "kupd/lib" / room).glob("*.[ch]"):
        assert not re.search(r"\b(log_(error|warning|info|step)|report(_step)?|refuse)\(", f.read_text()), f


def test_nothing_is_named_twice():
    """Types and public functions of the two programs: each name means one thing."""
    seen = {}
    for f in PROGRAM_FILES:
        if f.suffix != ".h":
            continue
        text = f.read_text()
        for name in [*re.findall(r"^((?:struct|enum) \w+) \{", text, re.MULTILINE),
                     *re.findall(r"^[a-z][\w *]*[ *](\w+)\(", text, re.MULTILINE)]:
            assert seen.setdefault(name, f) == f, f"{name}: {seen[name]}, {f}"


def test_partitions_of_a_stick_are_read_past_the_cache():
    """That of the whole disk does not see what a mount writes: disk_read() is for the partition table."""
    readers = {f.name for f in PROGRAM_FILES if "kupd" in f.parts and "disk_read(" in f.read_text()}
    assert readers == {"disk.c", "disk.h", "stick.c"}


@pytest.mark.parametrize("page", ["kupd/DESIGN.md", "deploy/DESIGN.md"])
def test_what_a_design_page_names_exists(page):
    """Each `function()`, `file.c` and test."""
    text = (TOP / page).read_text()
    code = "\n".join(f.read_text() for f in [*PROGRAM_FILES, *(f for f in FILES if f.name.endswith(("postinst", ".sh", "hook")))])
    tests = "\n".join(f"{f.stem}\n{f.read_text()}" for f in FILES if f.suffix in (".py", ".c") and "tests" in f.parts)
    for name in re.findall(r"`(\w+)\(\)`", text):
        assert re.search(rf"\b{name}\(", code + tests), f"{page}: {name}()"
    for name in re.findall(r"\btest_\w+", text):
        assert re.search(rf"\b{name}\b", tests), f"{page}: {name}"
    for name in set(re.findall(r"`([\w/]+\.[ch])`", text)) - {"room/name.h"}:
        assert [f for f in C_FILES if str(f).endswith(f"/{name}")], f"{page}: {name}"


def test_words():
    """Plain English: "is not a disk", not "is no disk"; "after" for time, "behind" for what stands behind something."""
    no = re.compile(r"(?<!there )(?<!There )\b(is|are) no (?!longer|more|reason|other)[a-z]")
    pages = [f for f in FILES if f.suffix in (".8", ".md")]
    for f in [*PROGRAM_FILES, *pages]:
        text = " ".join(f.read_text().split())
        assert not no.search(text), f"{f}: {no.search(text)[0]}"
        assert not re.search(r"behind (?!it\b|a NAT)|that is named", text), f


def test_c_is_formatted():
    """A string that is too long clang-format leaves as it is."""
    run("clang-format", "--dry-run", "--Werror", *C_FILES)
    assert not [f"{f}:{n}" for f in C_FILES for n, line in enumerate(f.read_text().splitlines(), 1)
                if len(line.expandtabs(8)) > 100]


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


def test_no_two_tests_have_the_same_file_name():
    """pytest imports them by their bare names, and would stop at the second."""
    names = [f.name for f in (TOP / "tests").rglob("*.py") if f.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))


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

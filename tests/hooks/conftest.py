# SPDX-License-Identifier: GPL-3.0-or-later
"""The two suites' systems, and each with the packages under test in it."""

import fcntl
import hashlib

import pytest

from system import BUILD, System, packages

SUITES = ("bookworm", "trixie")


@pytest.fixture(params=SUITES)
def bare(request, tmp_path):
    """A live system without liveng, and its stick."""
    machine = System(request.param, tmp_path / "machine")
    yield machine
    machine.remove()


def installed(suite):
    """The folder of a machine that has just got the packages; made once for each build of them."""
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in packages())).hexdigest()[:16]
    work = BUILD / "hooks" / suite / f"installed-{digest}"
    with open(BUILD / "hooks" / suite / "stamp", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not work.exists():
            machine = System(suite, work.with_suffix(".new"))
            machine.install()
            assert machine.builds() == [machine.new]
            machine.work.rename(work)
    return work


@pytest.fixture(params=SUITES)
def system(request, tmp_path):
    """A live system with the packages installed: their first write is done."""
    machine = System(request.param, tmp_path / "machine", below=installed(request.param))
    yield machine
    machine.remove()

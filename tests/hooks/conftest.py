# SPDX-License-Identifier: GPL-3.0-or-later
"""The suites' systems, and each with the packages under test in it."""

import pytest

from system import SUITES, System, installed


@pytest.hookimpl(tryfirst=True)  # before marks select
def pytest_collection_modifyitems(items):
    """`make check` runs in only one suite what presumably holds in both if it does in one."""
    for item in items:
        if item.get_closest_marker("either") and SUITES[0] not in item.callspec.params.values():
            item.add_marker("full")


# The next release of Debian is for check-vm: it changes from day to day.
PARAMS = [*SUITES, pytest.param("testing", marks=pytest.mark.full)]


@pytest.fixture(params=PARAMS)
def bare(request, tmp_path):
    """A live system without liveng, and its stick."""
    machine = System(request.param, tmp_path / "machine")
    yield machine
    machine.remove()


@pytest.fixture
def bookworm(tmp_path):
    machine = System("bookworm", tmp_path / "machine")
    yield machine
    machine.remove()


@pytest.fixture(params=PARAMS)
def system(request, tmp_path):
    """A live system with the packages installed: their first write is done."""
    machine = System(request.param, tmp_path / "machine", below=installed(request.param))
    yield machine
    machine.remove()

# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the tests in virtual machines find and keep things, and what happens to their results."""

import json
import os
import re
import shutil
import time

import pytest

from qemu import BUILD
from upgraded import Upgraded

RESULTS = BUILD / "vm/results"


def pytest_runtest_logreport(report):
    """Keep what the matrix is made of."""
    test = re.match(r"tests/vm/(test_\w+\.py::[^@]*)", report.nodeid)  # xdist adds @GROUP
    if test and (report.when == "call" or report.failed):
        RESULTS.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"\W+", "-", test[1]).strip("-")
        (RESULTS / f"{name}.json").write_text(json.dumps({
            "test": test[1], "outcome": report.outcome,
            "seconds": round(report.duration), "date": time.strftime("%Y-%m-%d", time.gmtime()),
            **dict(report.user_properties)}, indent=1) + "\n")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.passed = outcome.get_result().passed


@pytest.hookimpl(tryfirst=True)  # before xdist looks
def pytest_collection_modifyitems(items):
    """Those that wait for the same upgrade wait on the same worker; the other has more to do."""
    for item in items:
        if "upgraded" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("upgraded"))


@pytest.fixture(scope="session")
def image():
    """The live image with our packages and a kernel that is not the newest."""
    return BUILD / "vm/live.iso"


@pytest.fixture(scope="session")
def upgraded(image, request):
    """An encrypted stick that was upgraded under Secure Boot, once for all tests of this run."""
    worker = getattr(request.config, "workerinput", {})
    return Upgraded.make(image, worker.get("testrunuid", str(os.getpid())))


@pytest.fixture
def folder(request):
    """An empty folder for the test's sticks and logs. It stays if the test fails."""
    path = BUILD / "vm" / re.sub(r"\W+", "-", request.node.name).strip("-")
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    yield path
    if getattr(request.node, "passed", False):
        shutil.rmtree(path)

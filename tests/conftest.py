# SPDX-License-Identifier: GPL-3.0-or-later
"""For every test run: marks, the parts of a run too long for one sitting, what a rerun may skip, and the closing
line."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
PASSED = TOP / "build/passed"  # a file for each commit and way of testing: the tests that have passed
RESULTS = "tests/vm/results.json"
MATRIX = RESULTS, "README.md"
SECONDS, SECONDS_IN_VM = 3, 600  # what a test takes if nothing is known of it


def pytest_addoption(parser):
    parser.addoption("--part", metavar="K/N", help="run the Kth of N parts, which take about as long as each other")
    parser.addoption("--resume", action="store_true", help="skip what has passed on this commit")


def pytest_configure(config):
    # What a shell starts in the background ignores it. A worker of xdist may run in a second thread, which cannot.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "full: left out of `make check`, part of `make check-vm`")
    config.addinivalue_line("markers", "either: `full` in all suites but the first")
    config.addinivalue_line("markers", "slow: left out of `make check-fast`")
    config.passed = set()
    if hasattr(config, "workerinput"):
        config.passed = set(config.workerinput["passed"])
    elif config.getoption("resume") and (record := record_of_commit()):
        config.passed = set(record.read_text().splitlines()) if record.exists() else set()
        config.pluginmanager.register(Recorder(record))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """All workers leave out the same."""
    node.workerinput["passed"] = sorted(node.config.passed)


def git(*arguments):
    done = subprocess.run(["git", *arguments], cwd=TOP, capture_output=True, encoding="utf-8", check=False)
    return done.stdout.strip()


def without_matrix(text):
    """README.md but for what check-vm writes."""
    return re.sub(r"(?s)<!-- make matrix -->.*?<!-- end -->", "", text).strip()


def record_of_commit():
    """Where it is noted what has passed on this commit; None if the files are not those of one. The matrix, which
    check-vm writes, does not count."""
    commit = git("rev-parse", "HEAD")
    changed = git("status", "--porcelain", "--", ".", *(f":!{file}" for file in MATRIX))
    readme = without_matrix((TOP / "README.md").read_text())
    if not commit or changed or readme != without_matrix(git("show", "HEAD:README.md")):
        print("resuming: not the files of one commit: nothing is skipped or noted", file=sys.stderr)
        return None
    settings = [os.environ.get(name, "") for name in ("LIVENG_PROGRAMS", "LIVENG_MODEL_STATES")]
    return PASSED / "-".join([commit, *settings]).replace("/", "_")


def name_of(report_or_item):
    """The test, without the group that xdist adds."""
    return re.sub(r"@\w+$", "", report_or_item.nodeid)


class Recorder:
    """Notes each test that has passed, as soon as it has."""

    def __init__(self, record):
        self.record = record
        self.passed = set()

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.passed:
            self.passed.add(report.nodeid)
        if report.when == "teardown" and report.passed and report.nodeid in self.passed:
            self.record.parent.mkdir(parents=True, exist_ok=True)
            with open(self.record, "a", encoding="utf-8") as file:
                file.write(name_of(report) + "\n")


def costs():
    """Seconds that tests in virtual machines took, as far as results.json has them: as it was committed, so that
    all parts are shared out alike."""
    results = json.loads(git("show", f"HEAD:{RESULTS}") or (TOP / RESULTS).read_text())
    return {f"tests/vm/{result['test']}": result.get("seconds", SECONDS) for result in results}


def unknown(item):
    """Seconds that a test is thought to take."""
    return SECONDS_IN_VM if item.nodeid.startswith("tests/vm/") else SECONDS


def part_of(items, part, parts):
    """The tests of one part: the longest first, each into the part that has least to do. Those that go on from the
    same upgrade run one after the other, beside the rest: the two kinds are shared out separately."""
    known, chosen = costs(), set()
    for kind in True, False:
        loads = [0] * parts
        weighed = sorted((-known.get(name_of(item), unknown(item)), number) for number, item in enumerate(items)
                         if ("upgraded" in getattr(item, "fixturenames", ())) == kind)
        for negative, number in weighed:
            least = loads.index(min(loads))
            loads[least] -= negative
            if least == part - 1:
                chosen.add(items[number])
    return chosen


@pytest.hookimpl(trylast=True)  # of what the marks have left
def pytest_collection_modifyitems(config, items):
    chosen = items
    if part := config.getoption("part"):
        number, parts = map(int, re.fullmatch(r"(\d+)/(\d+)|.*", part).groups(0))
        if not 1 <= number <= parts:
            raise pytest.UsageError(f"--part {part}: not K/N, with K from 1 to N")
        chosen = part_of(items, number, parts)
    left = [item for item in items if item in chosen and name_of(item) not in config.passed]
    if len(left) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in left])
        items[:] = left


def pytest_sessionfinish(session, exitstatus):
    """Nothing was left to do."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and session.config.passed:
        session.exitstatus = pytest.ExitCode.OK


def pytest_unconfigure(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput"):
        return
    passed = len(reporter.stats.get("passed", []))
    failed = len(reporter.stats.get("failed", [])) + len(reporter.stats.get("error", []))
    if config.passed:
        reporter.write_line(f"{len(config.passed)} had passed on this commit before")
    reporter.write_line(f"{passed} passed, {failed} failed")

# SPDX-License-Identifier: GPL-3.0-or-later
"""For every test run: the marks of tests that some targets skip, and the closing line."""


def pytest_configure(config):
    config.addinivalue_line("markers", "full: left out of `make check`, part of `make check-vm`")
    config.addinivalue_line("markers", "either: `full` in all suites but the first")
    config.addinivalue_line("markers", "slow: what it proves is proven in a smaller way by others")


def pytest_unconfigure(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput"):
        return
    passed = len(reporter.stats.get("passed", []))
    failed = len(reporter.stats.get("failed", [])) + len(reporter.stats.get("error", []))
    reporter.write_line(f"{passed} passed, {failed} failed")

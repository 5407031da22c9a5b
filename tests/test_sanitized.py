# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line tests again, on the program with address and undefined behaviour
sanitizers. Those that inject faults or trace preload a library of their own, which the address
sanitizer does not bear; they are left to the plain build."""

import os
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]


def test_command_line_under_sanitizers():
    environment = {**os.environ, "LIVENGKUPD": str(TOP / "build/san/livengkupd"),
                   "LIVENG_DEPLOY": str(TOP / "build/san/liveng-deploy")}
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "tests/cli",
         "--ignore=tests/cli/test_crash.py", "--ignore=tests/cli/test_faults.py",
         "--ignore=tests/cli/test_model.py", "--ignore=tests/cli/test_deploy_faults.py",
         "--ignore=tests/cli/test_own_calls.py", "-m", "not full",
         "--deselect=tests/cli/test_deploy_keep.py::test_fault_at_every_call"],
        cwd=TOP, env=environment, capture_output=True, encoding="utf-8", errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-20000:]

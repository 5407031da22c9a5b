# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit tests in C (cmocka): one program per module, in the folder of the programs under test."""

import os
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
SOURCES = sorted(Path(__file__).parent.glob("*.c"))
FOLDER = os.environ.get("LIVENG_PROGRAMS", "build")


def runs():
    """Each module; once more without sanitizers if it leaves something out where they are."""
    for source in SOURCES:
        yield source.stem, FOLDER
        if FOLDER != "build" and "__SANITIZE_ADDRESS__" in source.read_text():
            yield source.stem, "build"


@pytest.mark.parametrize("module, folder", runs())
def test_module(module, folder, tmp_path):
    program = TOP / folder / "tests/unit" / module
    done = subprocess.run([program], cwd=tmp_path, capture_output=True, encoding="utf-8",
                          errors="replace", timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED" in done.stdout + done.stderr

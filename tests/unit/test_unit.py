# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit tests in C (cmocka): one program per module, with and without sanitizers."""

import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
MODULES = sorted(source.stem for source in Path(__file__).parent.glob("*.c"))


# These take many seconds with sanitizers; without them they always run.
SLOW = {"initrd", "persistence", "fat", "kernel", "grubenv"}


@pytest.mark.parametrize("module, build", [
    *((module, "build") for module in MODULES),
    *(pytest.param(module, "build/san", marks=[pytest.mark.sanitized, *([pytest.mark.slow] if module in SLOW else [])])
      for module in MODULES)])
def test_module(module, build, tmp_path):
    program = TOP / build / "tests/unit" / module
    done = subprocess.run([program], cwd=tmp_path, capture_output=True, encoding="utf-8",
                          errors="replace", timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED" in done.stdout + done.stderr

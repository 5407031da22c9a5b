# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs, and how a test runs them.

LIVENG_PROGRAMS is the folder of the programs: build if not set, which `make check-fast` tests; `make check` and
check-vm test those of build/san. What is repeated hundreds of times under the recorder (iotrace.py) always is the
plain program, for its speed.
"""

import json
import os
import subprocess
from pathlib import Path

import stick as sticks

TOP = Path(__file__).resolve().parents[2]
PROGRAMS = TOP / os.environ.get("LIVENG_PROGRAMS", "build")
PROGRAM, DEPLOYER = PROGRAMS / "livengkupd", PROGRAMS / "liveng-deploy"
PLAIN_PROGRAM, PLAIN_DEPLOYER = TOP / "build/livengkupd", TOP / "build/liveng-deploy"
PUBLISHED = TOP / "tests/data/published-stick.sh"

# Seconds after which something hangs, on however slow and busy a machine.
PATIENCE = 180

# Exit codes, as documented in --help.
DONE, FAILED, USAGE, NOT_STICK, REFUSED, NO_ROOM, VERIFY, BUSY = range(8)

# With the sbin folders, whoever runs the tests; messages in English.
ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC",
               "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
               "LIVENG_DEPLOY_DATA": str(TOP / "deploy/data")}
os.environ["PATH"] = ENVIRONMENT["PATH"]


class Result:
    """One run of a program."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def start(*arguments, program=PROGRAM, prefix=(), **kwargs):
    """Start a program and do not wait for it."""
    kwargs = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": ENVIRONMENT, **kwargs}
    if prefix:  # strace; a leak check traces too, and there can be only one tracer
        kwargs["env"] = {**kwargs["env"], "ASAN_OPTIONS": "detect_leaks=0"}
    return subprocess.Popen([*prefix, program, *map(str, arguments)], encoding="utf-8",
                            errors="surrogateescape", **kwargs)


def finish(process):
    out, err = (text or "" for text in process.communicate(timeout=PATIENCE))
    assert "Sanitizer" not in err and "runtime error" not in err, err
    assert process.returncode >= 0, f"killed by signal {-process.returncode}\n{err}"
    return Result(process.returncode, out, err)


def kupd(*arguments, code=DONE, says="", **kwargs):
    """Run a program; it must end with `code` and say `says` (upper or lower case) somewhere."""
    result = finish(start(*arguments, **kwargs))
    assert result.code == code, result
    for words in [says] if isinstance(says, str) else says:
        assert words.lower() in (result.out + result.err).lower(), f"no {words!r} in\n{result}"
    return result


# Just enough for live_image, with all partitions.
SIZE = "480M"


def deployer(*arguments, **kwargs):
    """Run liveng-deploy; as kupd()."""
    return kupd(*arguments, program=DEPLOYER, **kwargs)


def deploy(image, target, *arguments, **kwargs):
    """Make a stick from an image; an existing file may be lost."""
    deployer("--yes", "--quiet", *arguments, image, target, **kwargs)
    return sticks.Stick(target)


def update(stick, kernel_set, *arguments, **kwargs):
    return kupd("update", "--disk", stick.path, "--kernel", kernel_set.kernel, "--initrd",
                kernel_set.initrd, kernel_set.release, *arguments, **kwargs)


def install(root, kernel_set, release=None):
    """Put a set where an installed system has it."""
    boot = Path(root, "boot")
    boot.mkdir(parents=True, exist_ok=True)
    release = release or kernel_set.release
    (boot / f"vmlinuz-{release}").write_bytes(kernel_set.kernel.read_bytes())
    (boot / f"initrd.img-{release}").write_bytes(kernel_set.initrd.read_bytes())

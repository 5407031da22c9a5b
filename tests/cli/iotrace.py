# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a program under the recorder and check the crash states of what it wrote."""

import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from programs import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/data"
EXIT_CODES = range(8)  # those that the manual page documents
RECORD = struct.Struct("=QQQ")


@dataclass
class Record:
    """One call on the stick: kind is O(pen), R(ead), W(rite), F(lush) or ! (an injected fault)."""
    kind: str
    offset: int = 0
    size: int = 0
    data: bytes = b""

    def touches(self, start, size):
        return self.offset < start + size and self.offset + self.size > start


def read_log(path):
    """The records of a log; none if the program never accessed the stick."""
    data = Path(path).read_bytes() if Path(path).exists() else b""
    records, at = [], 0
    while at < len(data):
        kind, offset, size = RECORD.unpack_from(data, at)
        at += RECORD.size
        body = b""
        if chr(kind) == "W":
            body = data[at:at + size]
            at += size
        records.append(Record(chr(kind), offset, size, body))
    return records


def write_log(path, records):
    """The inverse of read_log(), for logs that tests have changed."""
    with open(path, "wb") as f:
        for r in records:
            f.write(RECORD.pack(ord(r.kind), r.offset, r.size) + r.data)


@dataclass
class Verdict:
    """What crashcheck found."""
    states: int  # different ones
    bad: int
    by_grub: int  # read by GRUB's own reader too
    last: object   # the set that is current at the end, None: the last state is bad
    found: list    # for each set: in how many states it was the current one
    text: str


class Tools:
    """The recorder and the checker, compiled into `folder`."""

    def __init__(self, folder):
        self.shim = folder / "iotrace.so"
        self.checker = folder / "crashcheck"
        flags = "-std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra".split()
        compiler = os.environ.get("CC", "cc").split()
        subprocess.run([*compiler, *flags, "-shared", "-fPIC", "-o", self.shim,
                        DATA / "iotrace.c", "-lpthread"], check=True)
        subprocess.run([*compiler, *flags, "-o", self.checker,
                        *(DATA / f"{n}.c" for n in ("crashcheck", "crashstate", "stickcheck",
                                                    "isofind")), "-lcrypto"], check=True)

    def environment(self, stick, fault="", bad=None, base=None, spoilt=None):
        """Variables for a program whose calls on the stick the shim is to see. `bad`: a place,
        as (start, size) in bytes, that cannot be read until it is written to. `spoilt`: one that takes
        another byte than it is given."""
        env = {**(base or os.environ), "IOTRACE_TARGET": str(stick.path), "IOTRACE_FAULT": fault,
               "LD_PRELOAD": str(self.shim), "LC_ALL": "C"}
        if bad:
            env["IOTRACE_BAD"] = "{}:{}".format(*bad)
        if spoilt is not None:
            env["IOTRACE_SPOIL"] = str(spoilt)
        # A program built with SAN=1 wants the sanitizer to be the first of the preloaded libraries.
        env["ASAN_OPTIONS"] = "verify_asan_link_order=0:" + env.get("ASAN_OPTIONS", "")
        return env

    def record(self, stick, log, *argv, fault="", environment=None):
        """Run a program on the stick; its calls go to `log`, and the fault into its calls."""
        Path(log).unlink(missing_ok=True)
        env = {**self.environment(stick, fault, base=environment), "IOTRACE_LOG": str(log)}
        return subprocess.run([str(a) for a in argv], env=env, capture_output=True, text=True,
                              errors="replace", check=False, timeout=PATIENCE)

    def check(self, before, sets, log=None, *, after=None, grubenv=None, proven=None, fresh=None,
              samples=300, grub_every=0, seed=1, in_place=False):
        """Check all states between the stick `before` (which stays as it is, unless the work is
        done `in_place`: then it becomes the last state) and what the log makes of it; `after` is
        the stick as the program left it, to prove that the log is complete; `grubenv` is where that
        lies, by Stick.grubenv_offset()."""
        scratch = before if in_place else before.copy(before.path.with_suffix(".states"))
        start, size = before.partition(2)
        argv = [self.checker, "-p", f"{start}:{size}", "-n", samples, "-G", grub_every, "-S", seed]
        if grubenv is not None:
            argv += ["-g", grubenv]
        for kernel_set in sets:
            argv += ["-s", kernel_set.folder]
        if proven is not None:
            argv += ["-P", sets.index(proven)]
        if fresh is not None:
            argv += ["-N", sets.index(fresh)]
        if after is not None:
            argv += ["-f", after.path]
        argv += [scratch.path] + ([log] if log else [])
        done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False)
        if not in_place:
            scratch.path.unlink()
        if done.returncode > 1:
            raise RuntimeError(f"crashcheck: {done.stdout}{done.stderr}")
        words = done.stdout.splitlines()[-1].split()
        last = int(words[7])
        return Verdict(int(words[1]), int(words[3]), int(words[5]),
                       sets[last] if last >= 0 else None, [int(w) for w in words[9:]], done.stdout)

# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian system running as if from a stick: real packages, with its changes kept separate; see base.sh and
enter.sh."""

import fcntl
import hashlib
import json
import os
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
SUITES = ("bookworm", "trixie")
LIVE = "boot=live persistence"


def packages():
    """The packages under test, newest build."""
    return [p for name in ("livengkupd", "linux-image-liveng-*") for p in sorted(BUILD.glob(f"{name}_*.deb"))]


def sudo(*argv, **kwargs):
    command = [str(a) for a in argv]
    return subprocess.run(command if os.geteuid() == 0 else ["sudo", "--", *command], check=True, **kwargs)


class Done:
    """A command's output, both streams interleaved, and its exit code."""

    def __init__(self, code, text):
        self.code, self.text = code, text


class System:
    """A machine of @suite whose changes go to the folder @work, on top of those in @below."""

    def __init__(self, suite, work, below=None):
        self.base = BUILD / "hooks" / suite
        self.root = f"{below}/upper:{self.base}/root" if below else f"{self.base}/root"
        self.work = work
        self.stick = work / "stick.img"
        work.mkdir()
        self.oldest, self.old, self.new = (line.split("=")[1] for line in (self.base / "env").read_text().split())
        if below:
            subprocess.run(["cp", "--sparse=always", below / "stick.img", self.stick], check=True)
        else:
            self.deploy()
        if not below:
            self.put("/etc/default/liveng", "LIVENG_DISK=/stick.img\n")
            for package in packages():
                self.put(f"/debs/{package.name}", package.read_bytes())

    def deploy(self, *options):
        """Recreate the stick in its initial state."""
        subprocess.run([BUILD / "liveng-deploy", "--yes", "--quiet", "--size", "1G", *options,
                        self.base / "live.iso", self.stick], check=True,
                       env={**os.environ, "LIVENG_DEPLOY_DATA": TOP / "deploy/data"})

    def run(self, command, *, cmdline=LIVE, data=b"", check=True, timeout=600):
        """Run a shell command in the machine; by default it must succeed."""
        done = subprocess.run(
            [TOP / "tests/hooks/enter.sh", self.root, self.work, cmdline, "sh", "-c", command],
            input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False)
        text = done.stdout.decode(errors="replace")
        assert not check or done.returncode == 0, text
        return Done(done.returncode, text)

    def apt(self, words, **kwargs):
        return self.run(f"apt-get -y -o Dpkg::Options::=--force-confold {words}", **kwargs)

    def install(self, **kwargs):
        """Install the packages under test, as a user does."""
        return self.apt("install /debs/*.deb", **kwargs)

    def put(self, path, content, mode="644"):
        data = content if isinstance(content, bytes) else content.encode()
        self.run(f"mkdir -p $(dirname {path}) && cat > {path} && chmod {mode} {path}", data=data)

    def run_from_stick(self):
        """From now on no stick is named: livengkupd finds the one it runs from. This needs no block device: a
        wrapper names it."""
        self.put("/etc/default/liveng", "")
        self.run("mv /usr/sbin/livengkupd /usr/sbin/livengkupd.true")
        self.put("/usr/sbin/livengkupd", '#!/bin/sh\nexec $0.true --disk /stick.img "$@"\n', mode="755")

    def builds(self):
        """The releases for which initrds were built since the last call."""
        text = self.run("cat /mkinitramfs.log 2> /dev/null; rm -f /mkinitramfs.log").text
        return [line.split()[-1] for line in text.splitlines()]

    def status(self):
        """livengkupd's own report on the stick."""
        done = subprocess.run([BUILD / "livengkupd", "--json", "--disk", self.stick, "status"],
                              capture_output=True, check=True)
        return json.loads(done.stdout)

    def current(self):
        return self.status()["current"]["release"]

    def noted(self):
        return self.run("cat /var/lib/liveng/pending 2> /dev/null || :").text.strip()

    def remove(self):
        sudo("rm", "-rf", "--one-file-system", self.work)


def installed(suite):
    """The folder of a machine on which the packages were just installed; made once for each build of them."""
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in packages())).hexdigest()[:16]
    work = BUILD / "hooks" / suite / f"installed-{digest}"
    with open(BUILD / "hooks" / suite / "stamp", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not work.exists():
            for old in work.parent.glob("installed-*"):
                sudo("rm", "-rf", "--one-file-system", old, work.parent / "initrds")
            machine = System(suite, work.with_suffix(".new"))
            machine.install()
            assert machine.builds() == [machine.new]
            machine.work.rename(work)
    return work

# SPDX-License-Identifier: GPL-3.0-or-later
"""What all tests of the programs share: the programs themselves, sticks, images, sets and real
material.

LIVENGKUPD and LIVENG_DEPLOY name the programs (those in build/ if not set), MATERIAL the folder that
tests/data/material.sh filled (build/material).
"""

import contextlib
import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

import liveimage
import stick as sticks
from iotrace import Tools

TOP = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("LIVENGKUPD", TOP / "build/livengkupd")).resolve()
DEPLOYER = Path(os.environ.get("LIVENG_DEPLOY", TOP / "build/liveng-deploy")).resolve()
MATERIAL = Path(os.environ.get("MATERIAL", TOP / "build/material")).resolve()
PUBLISHED = TOP / "tests/data/published-stick.sh"

# Exit codes, as --help tells them.
DONE, FAILED, USAGE, NOT_STICK, REFUSED, NO_ROOM, VERIFY, BUSY = range(8)

# Programs of Debian's sbin folders, whoever runs the tests; messages in English.
ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC",
               "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
               "LIVENG_DEPLOY_DATA": str(TOP / "deploy/grub")}
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


def finish(process, timeout=60):
    out, err = (text or "" for text in process.communicate(timeout=timeout))
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
    """Make a stick of an image; the file that was there may be lost."""
    deployer("--yes", "--quiet", *arguments, image, target, **kwargs)
    return sticks.Stick(target)


def update(stick, kernel_set, *arguments, **kwargs):
    return kupd("update", "--disk", stick.path, "--kernel", kernel_set.kernel, "--initrd",
                kernel_set.initrd, kernel_set.release, *arguments, **kwargs)


def state_of(path):
    """All that a write would change: content and times."""
    path = Path(path)
    digest = hashlib.sha256()
    piece = 1024 * 1024
    with open(path, "rb") as f:
        offset = 0
        size = f.seek(0, os.SEEK_END)
        while offset < size:
            try:  # sparse files are large
                offset = f.seek(offset, os.SEEK_DATA) // piece * piece
            except OSError:
                break
            f.seek(offset)
            data = f.read(piece)
            if data.strip(b"\0"):
                digest.update(b"%d " % offset)
                digest.update(data)
            offset += piece
    status = path.stat()
    return digest.hexdigest(), size, status.st_mtime_ns, status.st_ctime_ns


def identity(stick):
    """What other programs know the kernel partition by."""
    return {name: stick.blkid(2)[name] for name in ("TYPE", "LABEL", "UUID")}


@contextlib.contextmanager
def untouched(path):
    """Nothing in the body may write to this file."""
    before = state_of(path)
    yield
    assert state_of(path) == before, f"{path} was written to"


def outside(stick, *numbers):
    """A digest of the disk without the named partitions."""
    data = bytearray(stick.path.read_bytes())
    for number in numbers:
        start_, size = stick.partition(number)
        data[start_:start_ + size] = bytes(size)
    return hashlib.sha256(data).hexdigest()


def extract(stick, folder, number=2):
    """The files of that partition, as xorriso reads them: a folder's path."""
    folder = Path(folder)
    folder.mkdir()
    part = stick.save(number, folder / "partition")
    sticks.run("xorriso", "-indev", f"stdio:{part}", "-osirrox", "on", "-extract", "/",
               folder / "tree")
    part.unlink()
    sticks.run("chmod", "-R", "u+w", folder / "tree")
    return folder / "tree"


def kernel_place(stick, kernel_set):
    """Where this set's kernel lies in partition 2, in bytes; it must be one place."""
    content = stick.read(2, 0, stick.partition(2)[1])
    kernel = kernel_set.kernel.read_bytes()
    assert content.count(kernel) == 1
    return content.index(kernel)


def damage(stick, kernel_set):
    """One flipped bit in this set's kernel on the stick."""
    at = kernel_place(stick, kernel_set) + 70_000
    stick.write(2, at, bytes([stick.read(2, at, 1)[0] ^ 4]))


def damage_root(stick):
    """No file of the current set is found any more."""
    root = int.from_bytes(stick.read(2, sticks.PVD + 158, 4), "little")
    stick.write(2, root * sticks.BLOCK, b"\xff" * sticks.BLOCK)


def assert_holds(stick, folder, current, previous=None):
    """Two readers that are not ours find these sets, whole, and their checksums pass."""
    assert stick.grub_has(current), "GRUB does not find the current set"
    live = extract(stick, folder) / "live"
    assert (live / "vmlinuz").read_bytes() == current.kernel.read_bytes()
    assert (live / "initrd.img").read_bytes() == current.initrd.read_bytes()
    assert (live / "release").read_text() == current.release + "\n"
    assert f"liveng_release={current.release}\n" in (live / "release.env").read_text()
    sticks.run("sha256sum", "--strict", "-c", "SHA256SUMS", cwd=live)
    old = {path.name.removesuffix(".old"): path for path in live.glob("*.old")}
    if not previous:
        assert not old
        return
    assert set(old) == {"vmlinuz", "initrd.img", "release", "release.env", "SHA256SUMS"}
    assert old["vmlinuz"].read_bytes() == previous.kernel.read_bytes()
    assert old["initrd.img"].read_bytes() == previous.initrd.read_bytes()
    assert old["release"].read_text() == previous.release + "\n"
    assert stick.grub_cat("live/vmlinuz.old") == previous.kernel.read_bytes()
    # The sums name the files as they were called when they were current.
    again = Path(folder, "previous")
    again.mkdir()
    for name, path in old.items():
        path.rename(again / name)
    sticks.run("sha256sum", "--strict", "-c", "SHA256SUMS", cwd=again)


@pytest.fixture(scope="session")
def small_sets(tmp_path_factory):
    """Five small kernel sets of different releases."""
    folder = tmp_path_factory.mktemp("sets")
    return [sticks.make_set(folder / str(n), f"6.1.0-{n}-amd64", seed=n) for n in range(1, 6)]


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    """What puts faults into a program's calls on the stick."""
    return Tools(tmp_path_factory.mktemp("tools"))


@pytest.fixture(scope="session")
def stick_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("sticks"), {}


@pytest.fixture
def new_stick(request, tmp_path, small_sets, stick_cache):
    """Make a stick with small_sets[0]; arguments as for build_stick(), or deployed=True for one that
    liveng-deploy has made. Each form is built once."""
    folder, built = stick_cache

    def make(name="stick.img", kernel_set=None, deployed=False, **form):
        if deployed:
            return request.getfixturevalue("deployed").copy(tmp_path / name)
        form.setdefault("grubenv", {})
        kernel_set = kernel_set or small_sets[0]
        key = repr((kernel_set.folder, sorted(form.items())))
        if key not in built:
            built[key] = sticks.build_stick(folder / f"{len(built)}.img", kernel_set, **form)
        return built[key].copy(tmp_path / name)

    return make


@pytest.fixture
def stick(new_stick):
    """A fresh stick with small_sets[0]."""
    return new_stick()


@pytest.fixture(scope="session")
def live_image(tmp_path_factory, small_sets):
    """A small live image with small_sets[0] and this machine's signed boot loaders."""
    path = tmp_path_factory.mktemp("image") / "live.iso"
    return liveimage.make_image(path, small_sets[0], loaders=True)


@pytest.fixture(scope="session")
def real_image(tmp_path_factory, material):
    """The same with a real kernel and its initrd."""
    path = tmp_path_factory.mktemp("image") / "real.iso"
    return liveimage.make_image(path, material.new, loaders=True, ballast=20 * sticks.MIB)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory, live_image):
    """A stick made of it, for tests that only look, and as a cheap beginning for others: copy()."""
    return deploy(live_image, tmp_path_factory.mktemp("deployed") / "stick.img", "--size", SIZE)


def install(root, kernel_set, release=None):
    """Put a set where an installed system has it."""
    boot = Path(root, "boot")
    boot.mkdir(parents=True, exist_ok=True)
    release = release or kernel_set.release
    (boot / f"vmlinuz-{release}").write_bytes(kernel_set.kernel.read_bytes())
    (boot / f"initrd.img-{release}").write_bytes(kernel_set.initrd.read_bytes())


class RealSet:
    """A kernel set of the real material; has what a small KernelSet has."""

    def __init__(self, release, kernel, initrd):
        self.release = release
        self.kernel = kernel
        self.initrd = initrd


class Material:
    """What tests/data/material.sh made."""

    def __init__(self, folder):
        self.folder = folder
        lines = (folder / "env").read_text().splitlines()
        names = dict(line.split("=", 1) for line in lines)
        self.old_release, self.release, self.arm_release = (names[n] for n in ("OLD", "NEW", "ARM"))
        self.old = self.set(self.old_release)
        self.new = self.set(self.release)

    def set(self, release, kernel=None, initrd=None):
        return RealSet(release, kernel or self.kernel(release), initrd or self.initrd(release))

    def kernel(self, release, variant=""):
        return self.folder / f"vmlinuz-{release}{variant}"

    def initrd(self, release=None, variant=""):
        return self.folder / f"initrd.img-{release or self.release}{variant}"


@pytest.fixture(scope="session")
def material():
    assert (MATERIAL / "stamp").exists(), f"no material: tests/data/material.sh {MATERIAL}"
    return Material(MATERIAL)


def pytest_configure(config):
    for program in PROGRAM, DEPLOYER:
        if not program.exists():
            raise pytest.UsageError(f"{program} is not built: make")


def pytest_terminal_summary(terminalreporter):
    """The sum of what test_crash.py checked, also when several processes share the tests."""
    noted = [value for reports in terminalreporter.stats.values() for report in reports
             if getattr(report, "when", None) == "call"
             for name, value in report.user_properties if name == "crash states"]
    if noted:
        states, bad, by_grub = map(sum, zip(*noted))
        terminalreporter.write_line(f"{states} crash states, {bad} bad, {by_grub} by grub-fstest")

# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared by all tests of the programs: sticks, images, sets and real material."""

import contextlib
import subprocess

import pytest

import liveimage
import stick as sticks
from iotrace import Tools
from material import MATERIAL, Material
from programs import DEPLOYER, ENVIRONMENT, PLAIN_DEPLOYER, PLAIN_PROGRAM, PROGRAM, SIZE, deploy
from stockimage import COMMON, package


@pytest.fixture(scope="session")
def small_sets(tmp_path_factory):
    """Five small kernel sets of different releases."""
    folder = tmp_path_factory.mktemp("sets")
    return [sticks.make_set(folder / str(n), f"6.1.0-{n}-amd64", seed=n) for n in range(1, 6)]


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    """The tools that inject faults into a program's calls on the stick."""
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


@pytest.fixture
def loop():
    """Attach an image file as a disk."""
    with contextlib.ExitStack() as stack:
        def attach(path, *options):
            done = subprocess.run(["losetup", "--find", "--show", *options, path], check=False,
                                  capture_output=True, encoding="utf-8", env=ENVIRONMENT)
            if done.returncode != 0:
                pytest.skip("no loop devices for us: " + done.stderr)
            stack.callback(sticks.run, "losetup", "--detach", done.stdout.strip())
            return done.stdout.strip()

        yield attach


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
    """A stick made from it, for tests that only read it, and as a cheap starting point for others: copy()."""
    return deploy(live_image, tmp_path_factory.mktemp("deployed") / "stick.img", "--size", SIZE)


@pytest.fixture(scope="session")
def material():
    assert (MATERIAL / "stamp").exists(), f"no material: tests/data/material.sh {MATERIAL}"
    return Material(MATERIAL)


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """As liveng-stick-packages has them."""
    folder = tmp_path_factory.mktemp("packages")
    package(folder, "livengkupd", Depends="libc6 (>= 2.34)")
    package(folder, COMMON, Depends="initramfs-tools, livengkupd")
    for kernel in "amd64", "686-pae", "rt-amd64":
        package(folder, f"linux-image-liveng-{kernel}", Depends=f"linux-image-{kernel}, {COMMON} (= 1.0)")
    package(folder, "of-no-use-here", Depends="libc6")
    return folder


@pytest.fixture(scope="session")
def phrase(tmp_path_factory):
    path = tmp_path_factory.mktemp("phrase") / "phrase"
    path.write_text("correct horse battery staple")
    return path


def pytest_configure(config):
    for program in PROGRAM, DEPLOYER, PLAIN_PROGRAM, PLAIN_DEPLOYER:
        if not program.exists():
            raise pytest.UsageError(f"{program} is not built: make, or make SAN=1")


def pytest_terminal_summary(terminalreporter):
    """Sum up what test_crash.py checked, even if several processes share the tests."""
    noted = [value for reports in terminalreporter.stats.values() for report in reports
             if getattr(report, "when", None) == "call"
             for name, value in report.user_properties if name == "crash states"]
    if noted:
        states, bad, by_grub = map(sum, zip(*noted))
        terminalreporter.write_line(f"{states} crash states, {bad} bad, {by_grub} by grub-fstest")

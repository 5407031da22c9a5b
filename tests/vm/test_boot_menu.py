# SPDX-License-Identifier: GPL-3.0-or-later
"""The boot menu on firmware, up to the kernel's first words: what only a machine can show. How it counts
in each state of grubenv is in tests/cli/test_menu.py."""

import difflib
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from console import Failure
from qemu import BUILD, Machine

TOP = Path(__file__).resolve().parents[2]
sys.path.append(str(TOP / "tests/cli"))

import liveimage  # noqa: E402
from stick import Stick  # noqa: E402

MATERIAL = BUILD / "material"
RELEASE = dict(line.split("=") for line in (MATERIAL / "env").read_text().splitlines())
ENVIRONMENT = {**os.environ, "LIVENG_DEPLOY_DATA": str(TOP / "deploy/data")}

FULL = pytest.mark.full
BOTH = pytest.mark.parametrize("firmware", ["secureboot", pytest.param("bios", marks=FULL)])


class ProtectedMachine(Machine):
    """Its stick cannot be written to."""

    @staticmethod
    def _drive(options, file):
        return Machine._drive(options + (",readonly=on" if "id=drive0" in options else ""), file)


def run(program, *arguments):
    subprocess.run([BUILD / program, *arguments], check=True, env=ENVIRONMENT)


def kernel_set(which, variant=""):
    release = RELEASE[which]
    return SimpleNamespace(release=release, kernel=MATERIAL / f"vmlinuz-{release}{variant}",
                           initrd=MATERIAL / f"initrd.img-{release}")


def make_stick(folder, which="OLD", variant=""):
    """A stick without a system: its kernels start, and that is all."""
    chosen = kernel_set(which, variant)
    image = liveimage.make_image(
        folder / f"{which}{variant}.iso", chosen, loaders=True, grub_cfg=liveimage.menu(
            f"live/vmlinuz-{chosen.release}", f"live/initrd.img-{chosen.release}", "boot=live"))
    run("liveng-deploy", "--yes", "--quiet", "--no-persistence", "--no-verify", "--size", "480M",
        "--console", "ttyS0,115200", image.path, folder / "made.img")
    return Stick(folder / "made.img")


def update(stick, which, variant=""):
    chosen = kernel_set(which, variant)
    run("livengkupd", "update", "--quiet", "--disk", stick.path, "--kernel", chosen.kernel,
        "--initrd", chosen.initrd, chosen.release)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The old set is the factory's, and current."""
    return make_stick(tmp_path_factory.mktemp("made"))


@pytest.fixture
def stick(made, folder):
    return made.copy(folder / "stick.img")


@pytest.fixture
def updated(stick):
    """The new set on trial, the old one previous."""
    update(stick, "NEW")
    return stick


class Boot:
    """One boot, until the kernel has said how it was started: twice, since an emulated serial line loses
    a letter now and then, or doubles it. So there is more than one sign that it has."""

    SAID = r"(Kernel command line: |Dentry cache |Memory: |Run /init|Kernel panic)[^\n]*\n"

    KERNELS = ("gpt2)/live/vmlinuz", "gpt2)/live/vmlinuz.old", "gpt1)/live/vmlinuz")

    def __init__(self, stick, folder, firmware, machine=Machine, **options):
        with machine(stick.path, folder, "boot", firmware, **options) as pc:
            pc.wait_for(self.SAID, 180)
        self.said = pc.serial_log.read_text(errors="replace")
        lines = re.findall(r"ommand line: ([^\r\n]*)", self.said)
        self.words = {word for line in lines for word in line.split()}

    def nearness(self, word):
        """How near the kernel's command line comes to having this word: 1 if it has it."""
        return max(difflib.SequenceMatcher(None, word, heard).ratio() for heard in self.words)

    @property
    def kernel(self):
        """What was loaded, with its partition."""
        return max(self.KERNELS, key=lambda path: self.nearness(f"BOOT_IMAGE=(hd0,{path}"))

    @property
    def entry(self):
        if self.nearness("liveng-fallback") > 0.9:
            assert self.kernel == "gpt1)/live/vmlinuz"
            return "fallback"
        if self.nearness("liveng.boot=previous") > 0.9:
            assert self.kernel == "gpt2)/live/vmlinuz.old"
            return "previous"
        assert self.kernel == "gpt2)/live/vmlinuz"
        return "standard"


@BOTH
def test_the_boots_of_a_trial_are_counted(updated, folder, firmware):
    """The last one of the new set, one of the old set, then the image's own: no key is pressed."""
    updated.set_grubenv({"liveng_tries": "1", "liveng_previous": "1"})
    seen = []
    for _ in range(3):
        seen.append((Boot(updated, folder, firmware).entry, updated.grubenv()))
    assert seen == [("standard", {"liveng_tries": "0", "liveng_previous": "1"}),
                    ("previous", {"liveng_tries": "0", "liveng_previous": "2"}),
                    ("fallback", {"liveng_tries": "0", "liveng_previous": "2"})]


@FULL
@BOTH
def test_the_menu_shows_releases_and_the_trial(updated, folder, firmware):
    said = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", " ", Boot(updated, folder, firmware).said)
    assert f"{RELEASE['NEW']} (on trial, boots left: 3)" in said
    assert f"Previous kernel  {RELEASE['OLD']}" in said
    assert ("UEFI firmware settings" in said) == (firmware != "bios")


@FULL
@BOTH
def test_one_boot_of_the_image_s_own_kernel(updated, folder, firmware):
    updated.set_grubenv({"liveng_tries": "3", "liveng_once": "fallback"})
    assert Boot(updated, folder, firmware).entry == "fallback"
    assert updated.grubenv() == {"liveng_tries": "3"}


@FULL
@BOTH
def test_a_damaged_grubenv_stops_no_boot(updated, folder, firmware):
    (folder / "grubenv").write_bytes(random.Random(3).randbytes(1024))
    updated.mtools("mcopy", "-o", folder / "grubenv", "::boot/grub/grubenv")
    assert Boot(updated, folder, firmware).entry == "standard"


@BOTH
def test_a_stick_that_cannot_be_written_to_boots(updated, folder, firmware):
    before = updated.mtools("mtype", "::boot/grub/grubenv")
    assert Boot(updated, folder, firmware, ProtectedMachine).entry == "standard"
    assert updated.mtools("mtype", "::boot/grub/grubenv") == before


@FULL
@BOTH
def test_of_two_sticks_the_one_that_was_booted_is_used(stick, made, folder, firmware):
    run("liveng-deploy", "--yes", "--quiet", "--no-persistence", "--no-verify", "--size", "480M",
        made.path.parent / "OLD.iso", folder / "other.img")
    boot = Boot(stick, folder, firmware, others=[folder / "other.img"])
    medium = stick.table[1]["uuid"].lower()
    assert boot.nearness(f"live-media=/dev/disk/by-partuuid/{medium}") > 0.95


@pytest.mark.parametrize("firmware", ["secureboot", pytest.param("uefi", marks=FULL)])
def test_a_kernel_without_a_signature_is_passed_over_under_secure_boot(stick, folder, firmware):
    """GRUB refuses it and takes the previous set at once; without Secure Boot it is started."""
    update(stick, "NEW", ".unsigned")
    boot = Boot(stick, folder, firmware)
    refused = "bad shim signature" in boot.said
    assert (refused, boot.entry) == ((True, "previous") if firmware == "secureboot"
                                     else (False, "standard"))


@FULL
def test_a_stick_without_a_signed_kernel_is_refused_under_secure_boot(folder):
    stick = make_stick(folder, "NEW", ".unsigned")
    with pytest.raises(Failure, match="nothing like"):
        Boot(stick, folder, "secureboot")
    said = (folder / "boot.serial").read_text(errors="replace")
    assert said.count("bad shim signature") >= 2 and "Linux version" not in said

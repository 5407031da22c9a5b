# SPDX-License-Identifier: GPL-3.0-or-later
"""The boot menu of a deployed stick, run by GRUB itself as a program: what it starts, how it counts,
and what cannot stop it."""

import random

import pytest

import grubemu
import liveimage
from programs import SIZE, deploy, kupd, update

TRIALS = ["3", "2", "1"]


@pytest.fixture
def stick(deployed, tmp_path):
    return deployed.copy(tmp_path / "stick.img")


@pytest.fixture
def updated(stick, small_sets):
    """Set 1 on trial, set 0 previous."""
    update(stick, small_sets[1])
    return stick


def remove(stick, number, name):
    """Make the name unfindable: its directory entry gets another one."""
    start, size = stick.partition(number)
    content = stick.read(number, 0, min(size, 200_000_000))
    # ISO 9660's own name and Rock Ridge's, each with the byte ahead that says how it is meant.
    for text in (name.encode(), name.upper().replace(".", "_").encode()):
        at = content.find(text)
        while at >= 0:
            stick.write(number, at, text[:-1] + b"#")
            at = content.find(text, at + 1)


def grubenv_block(stick, data):
    """Put a file of this content in grubenv's place."""
    file = stick.path.with_suffix(".env")
    file.write_bytes(data)
    stick.mtools("mcopy", "-o", str(file), "::boot/grub/grubenv")


# What is started

def test_the_usual_boot(stick, live_image):
    booted = grubemu.boot(stick)
    assert booted.entry == "standard"
    words = booted.parameters
    assert words[:4] == liveimage.PARAMETERS.split()
    partuuid = stick.table[1]["uuid"].lower()
    assert f"live-media=/dev/disk/by-partuuid/{partuuid}" in words and "persistence" in words
    assert not any("findiso" in word for word in words)
    assert "error" not in booted.text


@pytest.mark.parametrize("keys, entry", [("\n", "standard"), ("\x0e\n", "previous"),
                                         ("\x0e\x0e\n", "fallback"),
                                         ("\x0e\x0e\x0e\n", "pristine")])
def test_every_entry(updated, keys, entry):
    """By Ctrl-N, which is the arrow down. Only the new kernel's boots are counted."""
    assert grubemu.boot(updated, keys=keys, timeout=9).entry == entry
    expected = {"liveng_tries": "2" if entry == "standard" else "3", "liveng_previous": "1",
                "liveng_proven": "A"}
    assert updated.grubenv() == expected


def test_encrypted_persistence_and_more_parameters(live_image, tmp_path):
    (tmp_path / "phrase").write_text("correct horse battery staple")
    stick = deploy(live_image, tmp_path / "new.img", "--size", SIZE, "--encrypt",
                   "--passphrase-file", tmp_path / "phrase", "--append", "debug=1 x='a b'")
    words = grubemu.boot(stick).parameters
    assert {"persistence", "persistence-encryption=luks", "debug=1"} <= set(words)


@pytest.mark.parametrize("first", [0, 1])
def test_another_stick_is_never_taken(stick, deployed, tmp_path, first):
    """Neither one that the machine finds first, nor one it finds later."""
    other = deployed.copy(tmp_path / "other.img")
    sticks = [stick, other] if first == 0 else [other, stick]
    booted = grubemu.Booted(grubemu.run(sticks, boot=first))
    assert booted.kernel == f"(hd{first},gpt2)/live/vmlinuz"


def test_after_a_rollback_there_is_no_previous_set(updated, small_sets):
    """The names of one still exist, but point to overwritten data."""
    kupd("bless", "--disk", updated.path)
    update(updated, small_sets[2])
    kupd("rollback", "--disk", updated.path)
    assert updated.grub_cat("live/vmlinuz.old") == small_sets[2].kernel.read_bytes()
    assert grubemu.boot(updated, keys="\x0e\n", timeout=9).entry == "fallback"
    updated.set_grubenv({"liveng_previous": "0", "liveng_once": "previous"})
    assert grubemu.boot(updated).entry == "standard"


# The boot assessment

def test_three_boots_then_the_previous_set_once_then_the_images_own(updated):
    entries = [grubemu.boot(updated).entry for _ in range(6)]
    assert entries == ["standard"] * 3 + ["previous"] + ["fallback"] * 2
    assert updated.grubenv() == {"liveng_tries": "0", "liveng_previous": "2", "liveng_proven": "A"}


def test_three_boots_then_the_images_own(updated):
    updated.set_grubenv({"liveng_tries": "3", "liveng_previous": "0"})
    assert [grubemu.boot(updated).entry for _ in range(4)] == ["standard"] * 3 + ["fallback"]


def test_a_missing_previous_set_is_not_booted(stick):
    stick.set_grubenv({"liveng_tries": "0", "liveng_previous": "1"})
    assert grubemu.boot(stick).entry == "fallback"


def test_no_trial_nothing_is_written(stick):
    before = stick.mtools("mtype", "::boot/grub/grubenv")
    assert [grubemu.boot(stick).entry for _ in range(2)] == ["standard"] * 2
    assert stick.mtools("mtype", "::boot/grub/grubenv") == before


def test_any_other_value_of_the_counter_proves_nothing(updated):
    updated.set_grubenv({"liveng_tries": "7x", "liveng_previous": "1"})
    assert grubemu.boot(updated).entry == "previous"


@pytest.mark.parametrize("once", ["previous", "fallback"])
@pytest.mark.parametrize("tries", [None, "2"])
def test_one_boot_of_another_entry(updated, once, tries):
    """It is not a boot of the new kernel; the next one is as usual."""
    before = {"liveng_previous": "1"} | ({"liveng_tries": tries} if tries else {})
    updated.set_grubenv(before | {"liveng_once": once})
    assert grubemu.boot(updated).entry == once
    assert updated.grubenv() == before
    assert grubemu.boot(updated).entry == "standard"


def test_one_more_boot_of_a_set_that_was_given_up(updated):
    updated.set_grubenv({"liveng_tries": "0", "liveng_previous": "1", "liveng_once": "standard"})
    assert [grubemu.boot(updated).entry for _ in range(2)] == ["standard", "previous"]


def test_one_boot_of_what_does_not_exist(updated):
    updated.set_grubenv({"liveng_once": "firmware"})
    assert grubemu.boot(updated).entry == "standard"
    assert updated.grubenv() == {}


# What cannot be loaded

def test_a_set_that_cannot_be_loaded_is_skipped(updated):
    """At once, without a key: next come the previous set, then the image's own."""
    remove(updated, 2, "initrd.img")
    booted = grubemu.boot(updated)
    assert booted.entry == "fallback" and "<linux (hd0,gpt2)/live/vmlinuz " in booted.text


# grubenv in all its states

DAMAGED = {
    "zeroed": bytes(1024),
    "random": random.Random(1).randbytes(1024),
    "empty": b"",
    "short": b"# GRUB Environment Block\nliveng_tries=3\n",
    "half": (b"# GRUB Environment Block\nliveng_tries=2\n" + b"#" * 512)[:512],
    "long": b"# GRUB Environment Block\nliveng_tries=2\n" + b"#" * 4000,
    "without an end": b"# GRUB Environment Block\n" + b"a" * 999,
    "random after its name": b"# GRUB Environment Block\n" + random.Random(2).randbytes(999),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_grubenv_does_not_stop_a_boot(updated, name):
    grubenv_block(updated, DAMAGED[name])
    assert [grubemu.boot(updated).entry for _ in range(2)] == ["standard"] * 2


def test_a_missing_grubenv_does_not_stop_a_boot(updated):
    updated.mtools("mdel", "::boot/grub/grubenv")
    assert grubemu.boot(updated).entry == "standard"


def test_grubenv_sets_nothing_but_the_boot_assessment(updated):
    updated.set_grubenv({"root": "hd9", "prefix": "(hd9)/x", "default": "pristine", "kernel": "hd9",
                         "system": "hd9", "timeout": "-1", "env": "(hd9)/x", "liveng_tries": "1"})
    assert grubemu.boot(updated).entry == "standard"
    assert updated.grubenv()["liveng_tries"] == "0"


# What is shown

def test_the_menu_shows_each_release_and_the_trial(updated, small_sets):
    updated.set_grubenv({"liveng_tries": "2", "liveng_previous": "1"})
    shown = grubemu.run([updated], keys="\n", timeout=9)
    new, old = small_sets[1].release, small_sets[0].release
    assert f'Debian GNU/Linux 12 "Bookworm"  {new} (on trial, boots left: 2)' in shown
    assert f"Previous kernel  {old}" in shown and f"Factory kernel  {old}" in shown


def test_without_a_previous_set_none_is_offered(stick):
    shown = grubemu.run([stick], keys="\n", timeout=9)
    assert "Previous" not in shown and "Factory kernel" in shown and "trial" not in shown


HOSTILE = ["'; reboot; echo '", '"; reboot; "', "$(reboot)", "${prefix}", "} reboot {", "\\' reboot",
           "@common@", "x\x01y", "'\"'\"'", "; reboot #"]


@pytest.mark.parametrize("text", HOSTILE)
def test_an_images_name_and_parameters_are_words_and_nothing_more(small_sets, tmp_path, text):
    parameters = f"boot=live {text} last"
    image = liveimage.make_image(
        tmp_path / "live.iso", small_sets[0], info=f"Name {text} end", grub_cfg=liveimage.menu(
            f"live/vmlinuz-{small_sets[0].release}", f"live/initrd.img-{small_sets[0].release}",
            parameters))
    stick = deploy(image, tmp_path / "new.img", "--size", SIZE, "--append", f"more {text}")
    booted = grubemu.boot(stick)
    assert booted.entry == "standard"
    assert {"boot=live", "last", "more", "persistence"} <= set(booted.parameters)
    assert "hd" not in " ".join(booted.parameters), "a variable was filled in"

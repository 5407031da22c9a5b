# SPDX-License-Identifier: GPL-3.0-or-later
"""update: what is on the stick afterwards, seen by readers that are not ours."""

import os
import re
import shutil
import subprocess

import pytest

import stick as sticks
from programs import FAILED, NO_ROOM, PUBLISHED, REFUSED, install, kupd, update
from proof import assert_holds, extract, identity, outside, untouched


@pytest.mark.parametrize("form", [
    {}, {"form": "plain", "names": False, "grubenv": None},
    {"form": "plain", "names": False, "grubenv": None, "label": "SK-SYSTEM2"},
    {"form": "session", "names": False, "grubenv": None}, {"form": "joliet", "grubenv": None},
], ids=["fresh", "xorrisofs", "securek", "xorriso", "joliet"])
def test_update_of_each_kind_of_stick(new_stick, small_sets, tmp_path, form):
    stick = new_stick(**form)
    before = identity(stick)
    kept = outside(stick, 2, 3)
    update(stick, small_sets[1])
    assert_holds(stick, tmp_path / "after", small_sets[1], small_sets[0])
    assert identity(stick) == before
    assert outside(stick, 2, 3) == kept


def test_update_writes_nothing_outside_partition_2_and_grubenv(stick, small_sets):
    start = stick.grubenv_offset()
    before = bytearray(stick.path.read_bytes())
    update(stick, small_sets[1])
    after = bytearray(stick.path.read_bytes())
    first, size = stick.partition(2)
    for data in (before, after):
        data[start:start + 1024] = bytes(1024)
        data[first:first + size] = bytes(size)
    assert before == after


def test_other_files_are_not_left_as_names_without_content(new_stick, small_sets, tmp_path):
    """Their extents are in a slot that will be overwritten sooner or later."""
    stick = new_stick(extra={"live/System.map": b"0 A _text\n", "notes.txt": b"mine"})
    update(stick, small_sets[1])
    tree = extract(stick, tmp_path / "after")
    assert [path.name for path in tree.iterdir()] == ["live"]
    names = {"vmlinuz", "initrd.img", "release", "release.env", "SHA256SUMS"}
    assert {p.name for p in (tree / "live").iterdir()} == names | {f"{n}.old" for n in names}


@pytest.mark.parametrize("bless", [True, False], ids=["proven", "on-trial"])
def test_many_updates_reuse_the_slots(new_stick, small_sets, tmp_path, bless):
    stick = new_stick(kernel_mib=2)  # a slot of 1 MiB holds two sets, not three
    previous = small_sets[0]
    slots = []
    for n, kernel_set in enumerate([*small_sets[1:], *small_sets]):
        slots.append(update(stick, kernel_set, "--json").json["slot"])
        assert_holds(stick, tmp_path / str(n), kernel_set, previous)
        if bless:
            kupd("bless", "--disk", stick.path)
            previous = kernel_set
    # With a set on trial the proven one stays in place, and the other slot is written.
    assert slots == (["B", "A"] * 5)[:9] if bless else ["B"] * 9


def test_updates_without_grubenv_alternate(new_stick, small_sets, tmp_path):
    stick = new_stick(form="plain", names=False, grubenv=None, kernel_mib=2)
    previous = small_sets[0]
    for n, kernel_set in enumerate([*small_sets[1:], *small_sets]):
        update(stick, kernel_set)
        assert_holds(stick, tmp_path / str(n), kernel_set, previous)
        previous = kernel_set


def test_a_set_that_is_there_already_is_not_written_again(stick, small_sets):
    update(stick, small_sets[1])
    with untouched(stick.path):
        update(stick, small_sets[1], says="nothing to do")
        update(stick, small_sets[1], "--json")


def test_force_writes_it_again(stick, small_sets):
    update(stick, small_sets[1])
    kupd("bless", "--disk", stick.path)
    assert update(stick, small_sets[1], "--force", "--json").json["slot"] == "A"
    assert stick.grub_has(small_sets[1])


def test_a_damaged_current_set_is_written_again(stick, small_sets, tmp_path):
    update(stick, small_sets[1])
    kernel = small_sets[1].kernel.read_bytes()
    start, size = stick.partition(2)
    at = stick.read(2, 0, size).index(kernel)
    stick.write(2, at + 100_000, bytes([kernel[100_000] ^ 1]))
    assert not stick.grub_has(small_sets[1])
    update(stick, small_sets[1], says="damaged")
    assert stick.grub_has(small_sets[1])


def test_the_same_release_with_another_initrd_is_written(stick, small_sets, tmp_path):
    rebuilt = sticks.make_set(tmp_path / "rebuilt", small_sets[0].release, seed=77)
    shutil.copy(small_sets[0].kernel, rebuilt.kernel)
    update(stick, rebuilt)
    assert_holds(stick, tmp_path / "after", rebuilt, small_sets[0])


def test_trial_begins(stick, small_sets):
    stick.set_grubenv({"other": "stays", "liveng_previous": "0"})
    update(stick, small_sets[1])
    assert stick.grubenv() == {"other": "stays", "liveng_tries": "3", "liveng_previous": "1", "liveng_proven": "A"}


def test_two_updates_without_a_boot_between_keep_the_proven_set(stick, small_sets, tmp_path):
    update(stick, small_sets[1])
    update(stick, small_sets[2])
    assert_holds(stick, tmp_path / "after", small_sets[2], small_sets[0])
    assert stick.grubenv() == {"liveng_tries": "3", "liveng_previous": "1", "liveng_proven": "A"}


@pytest.mark.parametrize("tries", ["2", "0"])
def test_update_during_a_trial_starts_a_new_one(stick, small_sets, tmp_path, tries):
    update(stick, small_sets[1])
    stick.set_grubenv({"liveng_tries": tries, "liveng_previous": "1"})
    update(stick, small_sets[2])
    assert_holds(stick, tmp_path / "after", small_sets[2], small_sets[0])
    assert stick.grubenv() == {"liveng_tries": "3", "liveng_previous": "1", "liveng_proven": "A"}


def test_without_grubenv_partition_3_is_left_alone(new_stick, small_sets):
    stick = new_stick(grubenv=None)
    kept = outside(stick, 2)
    update(stick, small_sets[1])
    assert outside(stick, 2) == kept
    assert stick.grub_has(small_sets[1])


def test_a_damaged_grubenv_turns_the_assessment_off_but_does_not_stop_an_update(stick, small_sets):
    stick.write(3, stick.grubenv_offset() - stick.partition(3)[0], b"# not an env block at all")
    kept = outside(stick, 2)
    update(stick, small_sets[1], says="assessment is off")
    assert outside(stick, 2) == kept
    assert stick.grub_has(small_sets[1])


@pytest.mark.parametrize("arguments", [["--dry-run"], ["-n", "--json"], ["-n", "--in-place"]],
                         ids=" ".join)
def test_dry_run_writes_nothing_and_names_the_same_slot(stick, small_sets, arguments):
    with untouched(stick.path):
        result = update(stick, small_sets[1], *arguments, says=small_sets[1].release)
    if "--json" in arguments:
        assert result.json["slot"] == update(stick, small_sets[1], "--json").json["slot"]
    else:
        assert "would" in result.err


def test_dry_run_checks_all(stick, small_sets, tmp_path):
    cut = tmp_path / "initrd.img"
    cut.write_bytes(small_sets[1].initrd.read_bytes()[:-100])
    with untouched(stick.path):
        kupd("update", "-n", "--disk", stick.path, "--kernel", small_sets[1].kernel, "--initrd", cut,
             code=REFUSED)


def test_no_verify_writes_the_same(stick, small_sets, tmp_path):
    update(stick, small_sets[1], "--no-verify")
    assert_holds(stick, tmp_path / "after", small_sets[1], small_sets[0])


# Where the set comes from

def test_root_names_another_installed_system(stick, small_sets, tmp_path):
    install(tmp_path / "root", small_sets[1])
    kupd("update", "--disk", stick.path, "--root", f"{tmp_path}/root/")
    assert stick.grub_has(small_sets[1])


def test_the_newest_release_is_chosen_by_number(stick, small_sets, tmp_path):
    sets = {release: sticks.make_set(tmp_path / release, release)
            for release in ["6.1.0-9-amd64", "6.1.0-10-amd64", "5.10.0-99-amd64"]}
    for kernel_set in sets.values():
        install(tmp_path / "root", kernel_set)
    boot = tmp_path / "root/boot"
    (boot / "vmlinuz-6.1.0-99-amd64.dpkg-new").write_bytes(b"unfinished")
    for end in ("old", "bak"):
        (boot / f"vmlinuz-6.1.0-98-amd64.{end}").write_bytes(b"set aside")
    kupd("update", "--disk", stick.path, "--root", tmp_path / "root", says="6.1.0-10-amd64")
    assert stick.grub_has(sets["6.1.0-10-amd64"])


def test_a_named_release_is_taken(stick, small_sets, tmp_path):
    for kernel_set in small_sets[1:]:
        install(tmp_path / "root", kernel_set)
    kupd(small_sets[2].release, "--disk", stick.path, "--root", tmp_path / "root")
    assert stick.grub_has(small_sets[2])


def test_kernel_in_the_modules_folder(stick, small_sets, tmp_path):
    new = small_sets[1]
    install(tmp_path / "root", new)
    modules = tmp_path / "root/usr/lib/modules" / new.release
    modules.mkdir(parents=True)
    (tmp_path / f"root/boot/vmlinuz-{new.release}").rename(modules / "vmlinuz")
    kupd("update", "--disk", stick.path, "--root", tmp_path / "root")
    assert stick.grub_has(new)


def test_release_is_read_from_the_kernel_alone(stick, small_sets):
    new = small_sets[1]
    kupd("update", "--disk", stick.path, "--kernel", new.kernel, "--initrd", new.initrd,
         says=new.release)
    assert stick.grub_has(new)


@pytest.mark.parametrize("missing", ["vmlinuz", "initrd.img"])
def test_a_missing_file_is_named(stick, small_sets, tmp_path, missing):
    install(tmp_path / "root", small_sets[1])
    (tmp_path / f"root/boot/{missing}-{small_sets[1].release}").unlink()
    with untouched(stick.path):
        kupd("update", small_sets[1].release, "--disk", stick.path, "--root", tmp_path / "root",
             code=REFUSED, says=f"{missing}-{small_sets[1].release}")


def test_a_system_without_kernels(stick, tmp_path):
    with untouched(stick.path):
        kupd("update", "--disk", stick.path, "--root", tmp_path, code=REFUSED, says="no kernel")


@pytest.mark.parametrize("release", ["../../no/such", "", ".", "a b", "x" * 200, "%s%n"])
def test_a_release_that_is_not_one(stick, tmp_path, release):
    with untouched(stick.path):
        result = kupd("update", release, "--disk", stick.path, "--root", tmp_path, code=REFUSED)
    assert "release" in result.err or "no such kernel" in result.err


# Other targets

def test_partition_alone(new_stick, small_sets, tmp_path):
    whole = new_stick()
    alone = tmp_path / "partition.img"
    alone.write_bytes(whole.read(2, 0, whole.partition(2)[1]))
    kupd("update", "--partition", alone, "--kernel", small_sets[1].kernel, "--initrd",
         small_sets[1].initrd)
    whole.write(2, 0, alone.read_bytes())
    assert_holds(whole, tmp_path / "after", small_sets[1], small_sets[0])


@pytest.mark.parametrize("options", [["--old"], ["--old-deployed"], []], ids=str)
def test_published_stick(tmp_path, small_sets, options):
    image = tmp_path / "image/live"
    image.mkdir(parents=True)
    shutil.copy(small_sets[0].kernel, image / f"vmlinuz-{small_sets[0].release}")
    shutil.copy(small_sets[0].initrd, image / f"initrd.img-{small_sets[0].release}")
    (image / "filesystem.squashfs").write_bytes(b"hsqs" + bytes(100_000))
    sticks.run(PUBLISHED, *options, tmp_path / "image", tmp_path / "stick.img", "400M")
    stick = sticks.Stick(tmp_path / "stick.img")
    before = identity(stick)
    previous = small_sets[0]
    for n, kernel_set in enumerate(small_sets[1:4]):
        update(stick, kernel_set)
        kupd("bless", "--disk", stick.path)
        assert_holds(stick, tmp_path / str(n), kernel_set, previous)
        previous = kernel_set
    assert identity(stick) == before


def test_joliet_tree_does_not_survive_the_update(new_stick, small_sets, tmp_path):
    stick = new_stick(form="joliet", grubenv=None)
    part = tmp_path / "part"

    def joliet_reads():
        part.write_bytes(stick.read(2, 0, stick.partition(2)[1]))
        return subprocess.run(["isoinfo", "-J", "-l", "-i", part], capture_output=True,
                              check=False).returncode == 0

    assert joliet_reads()  # otherwise this test proves nothing
    for kernel_set in small_sets[1:4]:
        update(stick, kernel_set)
        assert not joliet_reads()


# Room

def test_too_small_for_two_sets_is_refused_with_both_sizes(new_stick, tmp_path, small_sets):
    stick = new_stick(kernel_mib=2)
    big = sticks.make_set(tmp_path / "big", "6.1.0-7-amd64", initrd_size=1_100_000)
    with untouched(stick.path):
        result = update(stick, big, code=NO_ROOM, says="--in-place")
    assert re.search(r"needs 1\.\d MB, slot B has 1\.0 MB", result.err)


def test_in_place_where_there_is_no_room_for_two(new_stick, tmp_path):
    big = [sticks.make_set(tmp_path / f"big{n}", f"6.1.0-{n}-amd64", initrd_size=1_100_000, seed=n)
           for n in range(3)]
    stick = new_stick(kernel_set=big[0], kernel_mib=2)
    before = identity(stick)
    for n in (1, 2):
        with untouched(stick.path):
            update(stick, big[n], code=NO_ROOM)
        update(stick, big[n], "--in-place")
        assert_holds(stick, tmp_path / f"after{n}", big[n])
        assert identity(stick) == before
        assert stick.grubenv()["liveng_previous"] == "0"


def test_in_place_and_then_atomic_again(new_stick, small_sets, tmp_path):
    big = sticks.make_set(tmp_path / "big", "6.1.0-7-amd64", initrd_size=1_100_000)
    stick = new_stick(kernel_set=big, kernel_mib=2, form="plain", names=False)
    update(stick, small_sets[1], "--in-place")
    assert_holds(stick, tmp_path / "1", small_sets[1])
    kupd("bless", "--disk", stick.path)
    update(stick, small_sets[2])
    assert_holds(stick, tmp_path / "2", small_sets[2], small_sets[1])


def test_in_place_keeps_the_proven_set_where_there_is_room(stick, small_sets, tmp_path):
    """Even if that means going back first: the option allows the unsafe way, it does not request it."""
    update(stick, small_sets[1], "--in-place", says="has room next to the current kernel set")
    assert_holds(stick, tmp_path / "1", small_sets[1], small_sets[0])
    assert stick.grubenv()["liveng_tries"] == "3"
    update(stick, small_sets[2], "--in-place", says=f"back to {small_sets[0].release} first")
    assert_holds(stick, tmp_path / "2", small_sets[2], small_sets[0])


def test_too_large_for_the_partition_even_in_place(new_stick, tmp_path):
    stick = new_stick(kernel_mib=2)
    big = sticks.make_set(tmp_path / "big", "6.1.0-7-amd64", initrd_size=2_500_000)
    for options in [], ["--in-place"], ["--in-place", "--force"]:
        with untouched(stick.path):
            result = update(stick, big, *options, code=NO_ROOM)
        assert re.search(r"needs [23]\.\d MB, the partition has 2\.1 MB", result.err)


@pytest.mark.parametrize("options", [[], ["--no-verify"]], ids=" ".join)
def test_a_kernel_that_can_no_longer_be_read(stick, small_sets, tmp_path, options):
    """libisofs would put zeros in its place. It reads, the checks before it pread()."""
    update(stick, small_sets[1], *options, code=FAILED, says="kernel or initrd can no longer be read",
           prefix=["strace", "-f", "-qq", "-o", os.devnull, "-P", small_sets[1].kernel,
                   "-e", "trace=read", "-e", "inject=read:error=EIO"])
    assert_holds(stick, tmp_path / "after", small_sets[0])


# Real material

def test_update_with_a_real_set(new_stick, material, small_sets, tmp_path):
    stick = new_stick(kernel_mib=128)
    update(stick, material.old)
    kupd("bless", "--disk", stick.path)
    update(stick, material.new)
    assert_holds(stick, tmp_path / "after", material.new, material.old)

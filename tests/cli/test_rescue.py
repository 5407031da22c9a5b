# SPDX-License-Identifier: GPL-3.0-or-later
"""repair of a kernel partition that lost its head: the block that points to the trees, or all of it.
"""

import pytest

from iotrace import read_log
from programs import NOT_STICK, PLAIN_PROGRAM, REFUSED, VERIFY, install, kupd, update
from proof import assert_holds, damage_root, identity, untouched
from stick import BLOCK, PVD


@pytest.fixture
def root(tmp_path, small_sets):
    """An installed system with set 2."""
    (tmp_path / "root/var/lib").mkdir(parents=True)
    install(tmp_path / "root", small_sets[2])
    return tmp_path / "root"


def repair(stick, root, *arguments, **kwargs):
    return kupd("repair", "--disk", stick.path, "--root", root, *arguments, **kwargs)


def behead(stick):
    stick.write(2, PVD, bytes(BLOCK))


def garble(stick):
    """Still ISO 9660 with its label for blkid, but no tree."""
    stick.write(2, PVD + 156, b"\xff" * 34)


def wipe(stick):
    stick.write(2, 0, bytes(stick.partition(2)[1]))


@pytest.fixture
def two_sets(new_stick, small_sets):
    """Set 1 is current and proven, set 0 is previous."""
    stick = new_stick()
    update(stick, small_sets[1])
    kupd("bless", "--disk", stick.path)
    return stick


def test_what_could_not_be_examined_is_not_overwritten(two_sets, small_sets, root, tmp_path, tools):
    """A call that fails for a reason that says nothing of the medium: the sets in the slots stay, whichever it is."""
    behead(two_sets)
    content = two_sets.read(2, PVD + 2 * BLOCK, two_sets.partition(2)[1] - PVD - 2 * BLOCK)
    failed = 0
    for n in range(1, 200):
        stick = two_sets.copy(tmp_path / "copy.img")
        done = tools.record(stick, tmp_path / "log", PLAIN_PROGRAM, "repair", "--disk", stick.path, "--root", root,
                            fault=f"read:{n}:ENODEV:once")
        assert stick.read(2, PVD + 2 * BLOCK, len(content)) == content, f"read {n}: {done.stderr}"
        assert done.returncode != 0 or stick.grub_has(small_sets[1]), f"read {n}: {done.stderr}"
        failed += done.returncode != 0
        if not any(r.kind == "!" for r in read_log(tmp_path / "log")):
            break
    assert failed > 5 and done.returncode == 0, done.stderr


@pytest.mark.parametrize("spoil", [behead, garble])
def test_the_descriptor_is_restored(two_sets, small_sets, root, tmp_path, spoil):
    before = identity(two_sets)
    sectors = two_sets.read(2, 0, two_sets.partition(2)[1])
    spoil(two_sets)
    with untouched(two_sets.path):
        repair(two_sets, root, "-n", says=["would restore", small_sets[1].release])
    repair(two_sets, root, says=["restored the damaged", small_sets[1].release])
    assert_holds(two_sets, tmp_path / "after", small_sets[1], small_sets[0])
    assert identity(two_sets) == before
    after = two_sets.read(2, 0, len(sectors))
    assert after[PVD + 2 * BLOCK:] == sectors[PVD + 2 * BLOCK:]
    assert two_sets.grubenv() == {"liveng_previous": "1"}
    kupd("verify", "--disk", two_sets.path)
    kupd("rollback", "--disk", two_sets.path)
    assert two_sets.grub_has(small_sets[0])


@pytest.mark.parametrize("tries, previous, current, after", [
    ("3", "1", 1, {"liveng_tries": "3", "liveng_previous": "1"}),
    ("0", "1", 0, {"liveng_previous": "0"}),
    ("0", "0", 0, {"liveng_tries": "3", "liveng_previous": "0"}),
    ("3", "0", 0, {"liveng_tries": "3", "liveng_previous": "0"})])
def test_the_tree_that_is_least_in_doubt_is_restored(two_sets, small_sets, root, tries, previous, current, after):
    two_sets.set_grubenv({"liveng_tries": tries, "liveng_previous": previous})
    behead(two_sets)
    repair(two_sets, root)
    assert two_sets.grub_has(small_sets[current])
    assert two_sets.grubenv() == after


def test_of_two_trees_that_name_each_other_the_proven_one_is_restored(two_sets, small_sets, root, tmp_path):
    """As after an update that writes the older set again: nothing else distinguishes them."""
    update(two_sets, small_sets[0])
    assert two_sets.grubenv()["liveng_proven"] == "B"
    behead(two_sets)
    repair(two_sets, root)
    assert two_sets.grub_has(small_sets[1])
    assert two_sets.grubenv() == {"liveng_previous": "0"}
    update(two_sets, small_sets[2])
    assert_holds(two_sets, tmp_path / "after", small_sets[2], small_sets[1])


def test_the_descriptor_of_an_old_stick_is_restored(new_stick, small_sets, root, tmp_path):
    stick = new_stick(form="plain", names=False, grubenv=None, label="SK-SYSTEM2")
    before = identity(stick)
    update(stick, small_sets[1])
    behead(stick)
    repair(stick, root)
    assert identity(stick) == before
    assert_holds(stick, tmp_path / "after", small_sets[1], small_sets[0])


def test_after_a_rollback_the_older_tree_is_restored(two_sets, small_sets, root):
    kupd("rollback", "--disk", two_sets.path)
    behead(two_sets)
    repair(two_sets, root)
    assert two_sets.grub_has(small_sets[0])


def test_a_damaged_tree_is_not_restored(two_sets, small_sets, root):
    damage_root(two_sets)
    behead(two_sets)
    repair(two_sets, root)
    assert two_sets.grub_has(small_sets[0])


@pytest.mark.parametrize("names, label, made", [(True, "OTHER2", "LIVENG_SYSTEM2"),
                                                (False, "SK-SYSTEM2", "SK-SYSTEM2"),
                                                (False, "LIVENG_SYSTEM2", "LIVENG_SYSTEM2")])
def test_a_wiped_partition_is_recreated(new_stick, small_sets, root, tmp_path, names, label, made):
    stick = new_stick(names=names, label=label)
    wipe(stick)
    with untouched(stick.path):
        kupd("status", "--disk", stick.path, code=VERIFY, says="livengkupd repair")
        update(stick, small_sets[1], code=VERIFY)
        repair(stick, root, "-n", says=["would recreate the volume", small_sets[2].release])
    repair(stick, root, says=["recreated", small_sets[2].release])
    assert stick.blkid(2)["LABEL"] == made
    assert_holds(stick, tmp_path / "after", small_sets[2])
    assert stick.grubenv() == {"liveng_tries": "3", "liveng_previous": "0"}
    update(stick, small_sets[3])
    assert stick.grub_has(small_sets[3])


def test_a_wiped_partition_is_recreated_from_files_given_by_options(stick, small_sets, tmp_path):
    wipe(stick)
    named = ["--kernel", small_sets[1].kernel, "--initrd", small_sets[1].initrd]
    made = kupd("repair", "--disk", stick.path, "--root", tmp_path, *named, "--json").json
    assert made["release"] == small_sets[1].release
    assert_holds(stick, tmp_path / "after", small_sets[1])


def test_a_recreated_volume_keeps_the_uuid_that_can_still_be_read(two_sets, small_sets, root):
    before = identity(two_sets)
    for number in 0, 1:
        at = two_sets.read(2, 0, two_sets.partition(2)[1]).index(
            small_sets[number].kernel.read_bytes())
        two_sets.write(2, at + 70_000, b"damaged")
    behead(two_sets)
    repair(two_sets, root)
    assert identity(two_sets) == before
    assert two_sets.grub_has(small_sets[2])


def test_what_is_not_clearly_a_liveng_stick_is_not_made_one(new_stick, root):
    stick = new_stick(names=False, label="OTHER2")
    wipe(stick)
    with untouched(stick.path):
        repair(stick, root, code=NOT_STICK)


def test_a_partition_with_something_else_in_it_is_left_alone(stick, root):
    wipe(stick)
    stick.write(2, 0, stick.read(1, 0, min(stick.partition(1)[1], stick.partition(2)[1])))
    with untouched(stick.path):
        repair(stick, root, code=NOT_STICK)


def test_without_a_kernel_a_wiped_partition_stays_as_it_is(stick, small_sets, root):
    (root / f"boot/vmlinuz-{small_sets[2].release}").unlink()
    wipe(stick)
    with untouched(stick.path):
        repair(stick, root, code=REFUSED, says="apt")


def test_a_partition_alone_is_not_recreated(stick, root, tmp_path):
    """Nothing says what it was."""
    alone = tmp_path / "partition"
    alone.write_bytes(bytes(4 * 1024 * 1024))
    with untouched(alone):
        kupd("repair", "--partition", alone, "--root", root, code=NOT_STICK)

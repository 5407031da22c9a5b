# SPDX-License-Identifier: GPL-3.0-or-later
"""--keep-persistence: a new system on a stick, and the kept persistence is there, whatever happens
in the meantime."""

import hashlib
import re
from collections import Counter

import pytest

import liveimage
import stick as sticks
from material import RealSet
from programs import DONE, FAILED, NO_ROOM, NOT_STICK, PUBLISHED, REFUSED, deploy, deployer, kupd
from proof import assert_holds, untouched
from stick import MIB, run
from test_deploy import assert_table_is_sound, entries
from test_deploy_faults import Repeat, choose, crash_states, is_whole


@pytest.fixture(scope="module")
def used(deployed, tmp_path_factory):
    """A stick on which somebody has written something."""
    folder = tmp_path_factory.mktemp("used")
    stick = deployed.copy(folder / "stick.img")
    part = stick.save(4, folder / "persistence")
    (folder / "letter").write_text("not to be lost\n")
    run("debugfs", "-w", "-R", f"write {folder / 'letter'} letter", part)
    stick.write(4, 0, part.read_bytes())
    return stick


def with_first_boot(path, used, *arguments, **keywords):
    """A new image, and as its set what a stick has of it that keeps its persistence: the initrd has got a first boot,
    which writes the persistence's newer kernel."""
    image = liveimage.make_image(path, *arguments, **keywords)
    stick = deploy(image, used.copy(path.with_suffix(".stick")).path, "--keep-persistence")
    initrd, own = stick.grub_cat("live/initrd.img"), image.set.initrd.read_bytes()
    assert initrd.startswith(own) and 0 < len(initrd) - len(own) < 10_000
    path.with_suffix(".initrd").write_bytes(initrd)
    image.set = RealSet(image.set.release, image.set.kernel, path.with_suffix(".initrd"))
    return image


@pytest.fixture(scope="module")
def new_image(used, tmp_path_factory, small_sets):
    return with_first_boot(tmp_path_factory.mktemp("new") / "new.iso", used, small_sets[4], loaders=True)


def kept(stick):
    """What must not change: all of partition 4, its position, and its identity."""
    start, size = stick.partition(4)
    return (start, size, stick.table[4]["uuid"],
            hashlib.sha256(stick.read(4, 0, size)).hexdigest())


def test_it_is_kept_and_the_system_is_new(used, new_image, tmp_path):
    stick = used.copy(tmp_path / "stick.img")
    before = kept(stick)
    stick = deploy(new_image, stick.path, "--keep-persistence")
    assert kept(stick) == before
    assert_table_is_sound(stick.path)
    assert_holds(stick, tmp_path / "2", new_image.set)
    assert is_whole(stick, new_image)
    assert "persistence" in entries(stick)["standard"]
    part = stick.save(4, tmp_path / "4")
    assert run("debugfs", "-R", "cat letter", part) == b"not to be lost\n"
    for number in 1, 2, 3, 5:
        assert stick.table[number]["uuid"] != used.table[number]["uuid"]
    kupd("verify", "--disk", stick.path)


def test_an_encrypted_one(live_image, new_image, tmp_path):
    (tmp_path / "phrase").write_text("correct horse battery staple\n")
    stick = deploy(live_image, tmp_path / "stick.img", "--size", "500M", "--encrypt",
                   "--passphrase-file", tmp_path / "phrase")
    before = kept(stick)
    stick = deploy(new_image, stick.path, "--keep-persistence")
    assert kept(stick) == before and is_whole(stick, new_image, "crypto_LUKS")
    assert "persistence-encryption=luks" in entries(stick)["standard"]


def test_the_initrd_must_open_an_encrypted_one(live_image, material, tmp_path):
    (tmp_path / "phrase").write_text("correct horse battery staple\n")
    stick = deploy(live_image, tmp_path / "stick.img", "--size", "600M", "--encrypt",
                   "--passphrase-file", tmp_path / "phrase")
    with untouched(stick.path):
        deployer("--yes", "--keep-persistence", "--kernel", material.new.kernel, "--initrd",
                 material.initrd(variant=".nocrypt"), live_image, stick.path, code=REFUSED,
                 says="cryptsetup")


def test_a_larger_system_takes_from_the_kernel_partition(used, small_sets, tmp_path):
    """As much as it needs, and no more; not if its size was given."""
    image = with_first_boot(tmp_path / "large.iso", used, small_sets[4], ballast=30 * MIB)
    with untouched(used.path):
        deployer("--yes", "--keep-persistence", "--kernel-size", "256M", image, used.path,
                 code=NO_ROOM, says="before the persistence, but there are 350.2 MB")
    stick = used.copy(tmp_path / "stick.img")
    before = kept(stick)
    stick = deploy(image, stick.path, "--keep-persistence")
    assert kept(stick) == before and is_whole(stick, image)
    assert sum(stick.partition(3)) == before[0]
    assert 200 * MIB < stick.partition(2)[1] < 256 * MIB


def test_a_system_that_does_not_fit_before_it(live_image, small_sets, tmp_path):
    """It says how much room there is, and how much it needs at least."""
    image = liveimage.make_image(tmp_path / "large.iso", small_sets[4], ballast=50 * MIB)
    stick = deploy(live_image, tmp_path / "stick.img", "--size", "300M", "--kernel-size", "32M")
    room = stick.partition(4)[0] / 1e6
    with untouched(stick.path):
        told = deployer("--yes", "--keep-persistence", image, stick.path, code=NO_ROOM,
                        says=f"before the persistence, but there are {room:.1f} MB").err
    assert room < float(re.search(r"the new system needs ([\d.]+) MB", told)[1]) < room + 50


def test_a_file_truncated_to_less(used, new_image):
    with untouched(used.path):
        deployer("--yes", "--keep-persistence", "--size", "470M", new_image, used.path,
                 code=NO_ROOM, says="persistence")


def test_a_stick_without_any(live_image, new_image, tmp_path):
    stick = deploy(live_image, tmp_path / "stick.img", "--size", "400M", "--no-persistence")
    with untouched(stick.path):
        deployer("--yes", "--keep-persistence", new_image, stick.path, code=NOT_STICK,
                 says="no persistence")


def test_a_stick_of_the_published_steps(live_image, new_image, tmp_path):
    """Its EFI partition is smaller, so the kernel partition must shrink."""
    stick = sticks.Stick(tmp_path / "old.img")
    run(PUBLISHED, "--old-deployed", live_image, stick.path, "500M")
    before = kept(stick)
    stick = deploy(new_image, stick.path, "--keep-persistence")
    assert kept(stick) == before and is_whole(stick, new_image)


def test_what_an_interruption_left(used, new_image, tmp_path):
    """Only the persistence, in a table of its own: running the same command again completes it."""
    stick = used.copy(tmp_path / "stick.img")
    before = kept(stick)
    for number in 1, 2, 3, 5:
        run("sfdisk", "--no-reread", "--no-tell-kernel", "--delete", stick.path, number)
    stick = deploy(new_image, stick.path, "--keep-persistence")
    assert kept(stick) == before and is_whole(stick, new_image)


def test_a_disk_of_somebody_else(new_image, tmp_path):
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(900 * MIB))
    run("sfdisk", "--no-reread", "--no-tell-kernel", disk, input=b"label: gpt\n,100M\n,400M\n")
    with untouched(disk):
        deployer("--yes", "--keep-persistence", new_image, disk, code=NOT_STICK, says="not a liveng stick")


def test_a_kernel_partition_that_lost_its_head(used, new_image, tmp_path):
    """It is recreated anyway."""
    stick = used.copy(tmp_path / "stick.img")
    stick.write(2, 16 * 2048, bytes(2 * 2048))
    before = kept(stick)
    stick = deploy(new_image, stick.path, "--keep-persistence")
    assert kept(stick) == before and is_whole(stick, new_image)


def test_a_partition_that_somebody_added(used, new_image, tmp_path):
    """The new table would not contain it."""
    stick = used.copy(tmp_path / "stick.img")
    run("truncate", "-s", "+64M", stick.path)
    run("sgdisk", "--move-second-header", "--new=6:0:0", stick.path)
    with untouched(stick.path):
        deployer("--yes", "--keep-persistence", new_image, stick.path, code=REFUSED,
                 says="partition 6 would be lost")


# Whatever happens in the meantime

def found_again(repeat, records, before):
    """The persistence is untouched and found through the table; a system, if one is found, is whole."""
    stick = sticks.Stick(repeat.stick.path)
    start, size = before[:2]
    for r in records:
        assert r.kind != "W" or not r.touches(start, size), "the persistence was written to"
    assert stick.partition(4) == (start, size) and stick.table[4]["uuid"] == before[2]
    if not {1, 2, 3} & set(stick.table):
        return "persistence alone"
    assert is_whole(stick, repeat.image) or is_whole(stick, repeat.old)
    return "whole"


@pytest.fixture
def repeat(tools, used, live_image, new_image, tmp_path):
    repeat = Repeat(tools, new_image, used, tmp_path, "--keep-persistence")
    repeat.old = live_image
    return repeat


@pytest.mark.slow
@pytest.mark.parametrize("others", [False, pytest.param(True, marks=pytest.mark.full)])
@pytest.mark.parametrize("fault, share", [("write:EIO:once", 9), ("write:sigterm:once", 9), ("write:ENODEV:on", 9),
                                          ("flush:EIO:once", 2)])
def test_fault_at_every_call(fault, share, others, repeat, used):
    kind, rest = fault.split(":", 1)
    before = kept(used)
    states = Counter()
    for n in choose(repeat.calls()[kind], share, others):
        done, records = repeat.run(f"{kind}:{n}:{rest}")
        assert done.returncode in (DONE, FAILED)
        state = found_again(repeat, records, before)
        if done.returncode == DONE or "no system" in done.stderr:
            assert state == ("whole" if done.returncode == DONE else "persistence alone")
        states[done.returncode, state] += 1
        repeat.undo(records)
    assert others or states[FAILED, "persistence alone"] >= 3, states


def test_power_cut(repeat, used):
    done, records = repeat.run()
    assert done.returncode == DONE
    before = kept(used)
    states = Counter(found_again(repeat, records, before)
                     for _ in crash_states(repeat.stick, repeat.base, records))
    assert states["whole"] >= 2 and states["persistence alone"] >= 20, states

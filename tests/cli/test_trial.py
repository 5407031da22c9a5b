# SPDX-License-Identifier: GPL-3.0-or-later
"""After a boot: what bless concludes, and what is recorded about a set that did not come up."""

import pytest

import stick as sticks
from programs import FAILED, TOP, install, kupd, update
from proof import damage, untouched


@pytest.fixture
def root(tmp_path, small_sets):
    """The stick's own system, with set 1 as the newest kernel."""
    (tmp_path / "root/var/lib").mkdir(parents=True)
    for kernel_set in small_sets[:2]:
        install(tmp_path / "root", kernel_set)
    return tmp_path / "root"


def bless(stick, root, booted, *arguments, **kwargs):
    return kupd("bless", "--booted", booted, "--disk", stick.path, "--root", root, *arguments,
                **kwargs)


def next_update(stick, root, *arguments, **kwargs):
    return kupd("update", "--disk", stick.path, "--root", root, *arguments, **kwargs)


def status(stick, root, *arguments):
    return kupd("status", "--disk", stick.path, "--root", root, *arguments)


def test_a_failed_step_before_the_switch_back_changes_nothing(stick, small_sets, tools):
    update(stick, small_sets[1])
    with untouched(stick.path):
        update(stick, small_sets[2], code=FAILED, says="boots what it booted before",
               env=tools.environment(stick, "write:1:EIO:once"))


@pytest.fixture
def given_up(stick, small_sets, root):
    """Set 1 had its three boots, and the menu took the previous set, 0."""
    update(stick, small_sets[1])
    stick.set_grubenv({"liveng_tries": "0", "liveng_previous": "0"})
    return stick


def test_the_set_that_came_up_becomes_current(given_up, small_sets, root):
    with untouched(given_up.path):
        bless(given_up, root, "previous", "-n", says=["would", small_sets[0].release])
    bless(given_up, root, "previous", says=[small_sets[1].release, "did not come up"])
    assert given_up.grub_has(small_sets[0])
    assert given_up.grubenv() == {"liveng_previous": "0"}
    with untouched(given_up.path):
        bless(given_up, root, "standard")


def test_nothing_to_bless_is_reported_unless_quiet(stick, root):
    for booted, words in ("standard", "is not on trial, nothing to do"), ("fallback", "nothing to do"):
        with untouched(stick.path):
            said = bless(stick, root, booted, says=words)
            assert (said.out + said.err).count("\n") == 1
            said = bless(stick, root, booted, "-q")
            assert said.out + said.err == ""


def test_the_failure_is_reported(given_up, small_sets, root):
    assert status(given_up, root, "--short").out == ""
    bless(given_up, root, "previous")
    assert "did not come up" in status(given_up, root).out
    failed, = status(given_up, root, "--json").json["failed"]
    assert failed["release"] == small_sets[1].release and failed["reason"] and failed["date"]
    short = status(given_up, root, "--short").out
    assert small_sets[1].release in short and small_sets[0].release in short


def test_the_manuals_unit_for_a_good_boot_is_valid(tmp_path):
    """Verbatim: anything that systemd finds wrong with it would prevent boots from being good."""
    page = (TOP / "kupd/livengkupd.8").read_text()
    section = page.split(".Sh A GOOD BOOT\n")[1].split(".Sh ")[0]
    unit = tmp_path / "good-boot.service"
    unit.write_text(section.split(".Bd -literal -offset indent\n")[1].split(".Ed")[0])
    lines = unit.read_text().splitlines()
    assert "Before=boot-complete.target" in lines and "RequiredBy=boot-complete.target" in lines
    sticks.run("systemd-analyze", "verify", unit)


def test_the_login_message_has_a_name_that_is_run():
    """As pam_motd runs it at each login."""
    folder = TOP / "kernel-hooks/update-motd.d"
    names = sticks.run("run-parts", "--lsbsysinit", "--test", folder).decode().split()
    assert names == [str(folder / "80-liveng")]


def test_the_same_bytes_are_not_put_back(given_up, small_sets, root):
    bless(given_up, root, "previous")
    with untouched(given_up.path):
        result = next_update(given_up, root, "--json", says=["not written again", "--force"])
    assert result.json["changed"] is False and result.json["warnings"]
    with untouched(given_up.path):
        next_update(given_up, root, small_sets[1].release, says="not written again")


def test_a_rebuilt_initrd_is_tried(given_up, small_sets, root):
    bless(given_up, root, "previous")
    initrd = root / f"boot/initrd.img-{small_sets[1].release}"
    initrd.write_bytes(initrd.read_bytes() + bytes(512))
    next_update(given_up, root, says="wrote")
    assert given_up.grubenv()["liveng_tries"] == "3"
    assert status(given_up, root, "--json").json["failed"]
    bless(given_up, root, "standard")
    assert not status(given_up, root, "--json").json["failed"]


def test_a_newer_kernel_is_tried_and_clears_the_record(given_up, small_sets, root):
    bless(given_up, root, "previous")
    install(root, small_sets[2])
    next_update(given_up, root, says=small_sets[2].release)
    bless(given_up, root, "standard")
    assert not status(given_up, root, "--json").json["failed"]
    assert status(given_up, root, "--short").out == ""


def test_force_tries_it_again(given_up, small_sets, root):
    bless(given_up, root, "previous")
    next_update(given_up, root, "--force")
    assert given_up.grub_has(small_sets[1])
    assert not status(given_up, root, "--json").json["failed"]


def test_an_older_set_that_came_up_does_not_clear_the_record_of_a_newer_one(
        given_up, small_sets, root):
    bless(given_up, root, "previous")
    update(given_up, small_sets[0], "--force")
    bless(given_up, root, "standard")
    with untouched(given_up.path):
        next_update(given_up, root, says="not written again")


@pytest.mark.parametrize("grubenv", [{"liveng_previous": "1"},
                                     {"liveng_previous": "1", "liveng_tries": "2"}], ids=str)
def test_a_previous_set_that_was_chosen_says_nothing(stick, small_sets, root, grubenv):
    """From the menu, or by next --once."""
    update(stick, small_sets[1])
    stick.set_grubenv(grubenv)
    with untouched(stick.path):
        bless(stick, root, "previous", says="chosen")
    assert not (root / "var/lib/liveng/failed").exists()


def test_a_current_set_that_the_menu_could_not_load_is_given_up(stick, small_sets, root):
    update(stick, small_sets[1])
    stick.set_grubenv({"liveng_previous": "1"})
    damage(stick, small_sets[1])
    bless(stick, root, "previous", says="is damaged")
    assert stick.grub_has(small_sets[0])


def test_a_current_tree_that_cannot_be_read_is_not_given_up(stick, small_sets, root, tools):
    """It may be readable next time."""
    update(stick, small_sets[1])
    stick.set_grubenv({"liveng_previous": "1"})
    at = int.from_bytes(stick.read(2, sticks.PVD + 158, 4), "little") * sticks.BLOCK
    with untouched(stick.path):
        bless(stick, root, "previous", says="unreadable",
              env=tools.environment(stick, bad=(stick.partition(2)[0] + at, sticks.BLOCK)))


@pytest.mark.parametrize("how", ["bless --booted previous", "repair"])
def test_a_set_that_was_damaged_on_the_stick_may_be_written_again(given_up, small_sets, root, how):
    """That it did not come up was not the kernel's fault."""
    damage(given_up, small_sets[1])
    kupd(*how.split(), "--disk", given_up.path, "--root", root)
    assert not status(given_up, root, "--json").json["failed"]
    next_update(given_up, root)
    assert given_up.grub_has(small_sets[1])


def test_a_fallback_boot_proves_nothing(given_up, root):
    with untouched(given_up.path):
        bless(given_up, root, "fallback")


def test_a_damaged_record_is_not_an_obstacle(given_up, small_sets, root):
    (root / "var/lib/liveng").mkdir()
    (root / "var/lib/liveng/failed").write_bytes(b"\xff\0rubbish\n" * 1000)
    bless(given_up, root, "previous")
    assert [f["release"] for f in status(given_up, root, "--json").json["failed"]] == [
        small_sets[1].release]


def test_a_record_that_cannot_be_written_is_not_an_obstacle(given_up, small_sets, root):
    (root / "var/lib/liveng").write_text("a file in the folder's place")
    bless(given_up, root, "previous", says="cannot record")
    assert given_up.grub_has(small_sets[0])


def test_another_stick_is_not_recorded(given_up, small_sets, root):
    kupd("bless", "--booted", "previous", "--disk", given_up.path)
    assert given_up.grub_has(small_sets[0])
    assert not (root / "var/lib/liveng").exists()


def test_a_stick_named_by_hand_was_not_seen_to_come_up(stick, small_sets):
    update(stick, small_sets[1])
    said = kupd("bless", "--disk", stick.path, says=f"{small_sets[1].release} is marked as proven").err
    assert "came up" not in said

# SPDX-License-Identifier: GPL-3.0-or-later
"""rollback, verify and bless."""

import pytest

from programs import FAILED, REFUSED, VERIFY, kupd, update
from proof import assert_holds, damage, identity, outside, untouched


# rollback

@pytest.mark.parametrize("form", [{}, {"form": "plain", "names": False, "grubenv": None}],
                         ids=["fresh", "old"])
def test_rollback_and_onwards(new_stick, small_sets, tmp_path, form):
    stick = new_stick(**form)
    before = identity(stick)
    update(stick, small_sets[1])
    kupd("bless", "--disk", stick.path)
    kupd("rollback", "--disk", stick.path, says=small_sets[0].release)
    assert stick.grub_has(small_sets[0])
    assert identity(stick) == before
    for n, (new, previous) in enumerate([(2, 0), (3, 2)]):
        update(stick, small_sets[new])
        kupd("bless", "--disk", stick.path)
        assert_holds(stick, tmp_path / f"after{n}", small_sets[new], small_sets[previous])
    kupd("rollback", "--disk", stick.path)
    assert stick.grub_has(small_sets[2])
    assert identity(stick) == before


def test_rollback_after_two_updates_goes_back_one(stick, small_sets, tmp_path):
    for kernel_set in small_sets[1:3]:
        update(stick, kernel_set)
        kupd("bless", "--disk", stick.path)
    kupd("rollback", "--disk", stick.path)
    assert stick.grub_has(small_sets[1])


def test_rollback_writes_one_sector_of_partition_2(stick, small_sets):
    update(stick, small_sets[1])
    before = stick.read(2, 0, stick.partition(2)[1])
    kept = outside(stick, 2, 3)
    kupd("rollback", "--disk", stick.path)
    after = stick.read(2, 0, stick.partition(2)[1])
    differing = [n for n in range(0, len(before), 512) if before[n:n + 512] != after[n:n + 512]]
    assert differing == [32768]
    assert outside(stick, 2, 3) == kept


def test_rollback_ends_the_trial(stick, small_sets):
    stick.set_grubenv({"other": "stays"})
    update(stick, small_sets[1])
    kupd("rollback", "--disk", stick.path)
    assert stick.grubenv() == {"other": "stays", "liveng_previous": "0"}


def test_rollback_without_a_previous_set(stick):
    with untouched(stick.path):
        kupd("rollback", "--disk", stick.path, code=REFUSED, says="no previous")


def test_rollback_can_be_undone(stick, small_sets, tmp_path):
    update(stick, small_sets[1])
    kupd("bless", "--disk", stick.path)
    kupd("rollback", "--disk", stick.path)
    status = kupd("status", "--json", "--disk", stick.path).json
    assert status["undone"]["release"] == small_sets[1].release and status["previous"] is None
    with untouched(stick.path):
        kupd("rollback", "--disk", stick.path, code=REFUSED, says=["no previous", "--undo"])
        kupd("rollback", "--undo", "-n", "--disk", stick.path,
             says=["forward", small_sets[1].release])
    kupd("rollback", "--undo", "--disk", stick.path, says=["forward", small_sets[1].release])
    assert_holds(stick, tmp_path / "after", small_sets[1], small_sets[0])
    assert stick.grubenv() == {"liveng_tries": "3", "liveng_previous": "1", "liveng_proven": "A"}
    with untouched(stick.path):
        kupd("rollback", "--undo", "--disk", stick.path, code=REFUSED, says="no kernel set left by a rollback")
    kupd("rollback", "--disk", stick.path)
    assert stick.grub_has(small_sets[0])


def test_rollback_does_not_go_forward_to_a_damaged_set(stick, small_sets):
    update(stick, small_sets[1])
    kupd("rollback", "--disk", stick.path)
    damage(stick, small_sets[1])
    with untouched(stick.path):
        kupd("rollback", "--undo", "--disk", stick.path, code=VERIFY, says="damaged")


def test_rollback_has_no_way_forward_once_an_update_took_its_place(stick, small_sets):
    update(stick, small_sets[1])
    kupd("rollback", "--disk", stick.path)
    update(stick, small_sets[2])
    kupd("rollback", "--disk", stick.path)
    assert stick.grub_has(small_sets[0])
    kupd("rollback", "--undo", "--disk", stick.path)
    assert stick.grub_has(small_sets[2])


def test_rollback_to_a_damaged_set_is_refused(stick, small_sets):
    update(stick, small_sets[1])
    damage(stick, small_sets[0])
    with untouched(stick.path):
        kupd("rollback", "--disk", stick.path, code=VERIFY, says=[small_sets[0].release, "damaged"])
    assert stick.grub_has(small_sets[1])


def test_rollback_dry_run(stick, small_sets):
    update(stick, small_sets[1])
    with untouched(stick.path):
        kupd("rollback", "-n", "--disk", stick.path, says=[small_sets[0].release, "would"])


# An update that finds the proven set damaged does not go back to it.
def test_update_on_trial_over_a_damaged_previous_set(stick, small_sets, tmp_path):
    update(stick, small_sets[1])
    damage(stick, small_sets[0])
    update(stick, small_sets[2])
    assert_holds(stick, tmp_path / "after", small_sets[2], small_sets[1])


def test_a_damaged_current_set_never_becomes_the_previous_one(stick, small_sets, tmp_path):
    damage(stick, small_sets[0])
    update(stick, small_sets[1], says="damaged")
    assert_holds(stick, tmp_path / "after", small_sets[1])
    assert stick.grubenv()["liveng_previous"] == "0"


def test_a_damaged_current_set_is_overwritten_and_the_whole_one_kept(stick, small_sets, tmp_path):
    update(stick, small_sets[1])
    kupd("bless", "--disk", stick.path)
    damage(stick, small_sets[1])
    update(stick, small_sets[2], says="damaged")
    assert_holds(stick, tmp_path / "after", small_sets[2], small_sets[0])


# A set that came up is kept, whatever the previous one is

@pytest.fixture
def over_unproven(stick, small_sets):
    """Set 0 was still on trial when set 1 was written, which came up."""
    stick.set_grubenv({"liveng_tries": "3"})
    update(stick, small_sets[1])
    kupd("bless", "--disk", stick.path)
    assert stick.grubenv() == {"liveng_previous": "2"}
    return stick


def test_a_rollback_to_an_unproven_set_keeps_the_proven_one(over_unproven, small_sets, tmp_path):
    stick = over_unproven
    kupd("rollback", "--disk", stick.path)
    assert stick.grubenv()["liveng_tries"] == "3"
    with untouched(stick.path):
        update(stick, small_sets[2], "-n", says=f"to {small_sets[1].release} first: it is the proven one")
    update(stick, small_sets[2])
    assert_holds(stick, tmp_path / "after", small_sets[2], small_sets[1])
    assert stick.grubenv() == {"liveng_tries": "3", "liveng_previous": "1", "liveng_proven": "B"}


def test_two_sets_that_each_have_the_other_as_old_set(over_unproven, small_sets, tmp_path):
    """The older one was written again, to the place where it had been."""
    stick = over_unproven
    update(stick, small_sets[0])
    for _ in range(2):
        kupd("rollback", "--disk", stick.path)
    assert stick.grub_has(small_sets[0]) and stick.grubenv()["liveng_tries"] == "3"
    update(stick, small_sets[2], "-v", says="it is the proven one")
    assert_holds(stick, tmp_path / "after", small_sets[2], small_sets[1])


def test_a_rollback_after_an_update_that_was_cut_off(stick, small_sets):
    """Right after the switch: the new tree's own descriptor is not there yet."""
    update(stick, small_sets[1])
    stick.write(2, stick.partition(2)[1] // 2 + 32768, bytes(2048))
    kupd("bless", "--disk", stick.path)
    kupd("rollback", "--disk", stick.path)
    kupd("rollback", "--undo", "--disk", stick.path)
    assert stick.grub_has(small_sets[1])


def test_undo_of_a_rollback_to_an_unproven_set(over_unproven, small_sets, tmp_path):
    kupd("rollback", "--disk", over_unproven.path)
    kupd("rollback", "--undo", "--disk", over_unproven.path, says=f"runs {small_sets[1].release}")
    assert_holds(over_unproven, tmp_path / "after", small_sets[1], small_sets[0])
    assert over_unproven.grubenv() == {"liveng_previous": "2"}


def test_what_came_up_then_is_the_proven_one(over_unproven, small_sets, tmp_path):
    kupd("rollback", "--disk", over_unproven.path)
    kupd("bless", "--disk", over_unproven.path)
    assert over_unproven.grubenv() == {"liveng_previous": "0"}
    update(over_unproven, small_sets[2])
    assert_holds(over_unproven, tmp_path / "after", small_sets[2], small_sets[0])


def test_the_proven_set_that_was_left_may_be_damaged(over_unproven, small_sets, tmp_path):
    kupd("rollback", "--disk", over_unproven.path)
    damage(over_unproven, small_sets[1])
    update(over_unproven, small_sets[2])
    assert_holds(over_unproven, tmp_path / "after", small_sets[2], small_sets[0])
    assert over_unproven.grubenv() == {"liveng_tries": "3", "liveng_previous": "2"}


@pytest.mark.parametrize("fault", [1, 2])
def test_a_rollback_that_fails_halfway_keeps_the_proven_set(over_unproven, small_sets, tools, fault):
    stick = over_unproven
    kupd("rollback", "--disk", stick.path, code=FAILED,
         env=tools.environment(stick, f"write:{fault}:EIO:once"))
    for kernel_set in small_sets[2:4]:
        update(stick, kernel_set)
        assert kupd("status", "--disk", stick.path, "--json").json["previous"]["release"] == (
            small_sets[1].release)


def test_of_two_unproven_sets_none_is_called_proven(stick, small_sets, tmp_path):
    stick.set_grubenv({"liveng_tries": "3"})
    update(stick, small_sets[1])
    told = update(stick, small_sets[2], "-v", says=f"to {small_sets[0].release} first")
    assert "the proven" not in told.out + told.err
    assert_holds(stick, tmp_path / "after", small_sets[2], small_sets[0])
    assert stick.grubenv() == {"liveng_tries": "3", "liveng_previous": "2"}


# verify

def test_verify_reads_both_sets(stick, small_sets):
    update(stick, small_sets[1])
    with untouched(stick.path):
        result = kupd("verify", "--disk", stick.path, "--json").json
    assert result["current"] == result["previous"] == "whole"


@pytest.mark.parametrize("which", ["current", "previous"])
def test_verify_finds_one_flipped_bit(stick, small_sets, which):
    update(stick, small_sets[1])
    bad = small_sets[1 if which == "current" else 0]
    damage(stick, bad)
    with untouched(stick.path):
        result = kupd("verify", "--disk", stick.path, "--json", code=VERIFY, says=bad.release)
    other = "previous" if which == "current" else "current"
    assert result.json[which] == "damaged"
    assert result.json[other] == "whole"


@pytest.mark.parametrize("text", ["{}", "# GRUB Environment Block\nliveng_release={}"], ids=["people", "menu"])
def test_verify_finds_a_release_that_does_not_belong_to_the_set(stick, small_sets, text):
    update(stick, small_sets[1])
    data = stick.read(2, 0, stick.partition(2)[1])
    text = (text.format(small_sets[1].release) + "\n").encode()
    (place,) = (at for at in range(0, len(data), 2048) if data.startswith(text, at))
    stick.write(2, place, text.replace(b"6.1.0", b"6.9.0"))
    assert kupd("verify", "--disk", stick.path, "--json", code=VERIFY).json["current"] == "damaged"


def test_verify_of_an_old_stick_says_there_are_no_checksums(new_stick):
    stick = new_stick(form="plain", names=False, grubenv=None)
    kupd("verify", "--disk", stick.path, says="no checksums")


def test_verify_of_a_damaged_tree(stick, small_sets):
    root = int.from_bytes(stick.read(2, 32768 + 158, 4), "little")
    stick.write(2, root * 2048, b"\xff" * 2048)
    with untouched(stick.path):
        kupd("verify", "--disk", stick.path, code=VERIFY)


# bless

def test_bless_ends_the_trial_and_keeps_the_previous_set(stick, small_sets):
    stick.set_grubenv({"other": "stays"})
    update(stick, small_sets[1])
    kept = outside(stick, 3)
    kupd("bless", "--disk", stick.path, says=small_sets[1].release)
    assert stick.grubenv() == {"other": "stays", "liveng_previous": "1"}
    assert outside(stick, 3) == kept


def test_bless_without_a_trial_writes_nothing(stick, small_sets):
    update(stick, small_sets[1])
    kupd("bless", "--disk", stick.path)
    with untouched(stick.path):
        kupd("bless", "--disk", stick.path)


def test_bless_without_grubenv(new_stick, small_sets):
    stick = new_stick(grubenv=None)
    update(stick, small_sets[1])
    with untouched(stick.path):
        kupd("bless", "--disk", stick.path)


def test_bless_dry_run(stick, small_sets):
    update(stick, small_sets[1])
    with untouched(stick.path):
        kupd("bless", "-n", "--disk", stick.path, says="would")


def test_bless_changes_one_sector_of_grubenv(stick, small_sets):
    update(stick, small_sets[1])
    at = stick.grubenv_offset()
    before = stick.path.read_bytes()
    kupd("bless", "--disk", stick.path)
    after = stick.path.read_bytes()
    differing = [n for n in range(0, len(before), 512) if before[n:n + 512] != after[n:n + 512]]
    assert differing == [at]


def test_a_proven_set_without_checksums_survives_two_updates(new_stick, small_sets, tmp_path):
    stick = new_stick(form="plain", grubenv={})
    update(stick, small_sets[1])
    update(stick, small_sets[2])  # the first one never came up: the proven set stays
    update(stick, small_sets[3])
    previous = kupd("status", "--json", "--disk", stick.path).json["previous"]
    assert previous["release"] == small_sets[0].release and previous["has_checksums"]
    kupd("rollback", "--disk", stick.path)
    assert stick.grub_has(small_sets[0])

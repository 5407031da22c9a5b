# SPDX-License-Identifier: GPL-3.0-or-later
"""next: what one boot runs; what bless does about it afterwards is in test_trial.py."""

import pytest

from programs import REFUSED, kupd, update
from proof import damage_root, untouched


@pytest.mark.parametrize("entry", ["previous", "fallback", "standard"])
def test_next_is_recorded_for_the_boot_menu(stick, small_sets, entry):
    update(stick, small_sets[1])
    stick.set_grubenv({"liveng_previous": "1", "other": "stays"})
    with untouched(stick.path):
        kupd("next", "--once", entry, "-n", "--disk", stick.path, says=["would", entry])
    kupd("next", "--once", entry, "--disk", stick.path, says=entry)
    assert stick.grubenv() == {"liveng_previous": "1", "other": "stays", "liveng_once": entry}
    assert kupd("status", "--json", "--disk", stick.path).json["once"] == entry
    kupd("next", "--once", "standard", "--disk", stick.path)
    assert stick.grubenv()["liveng_once"] == "standard"


def test_next_refuses_an_entry_that_cannot_boot(stick, small_sets):
    with untouched(stick.path):
        kupd("next", "--once", "previous", "--disk", stick.path, code=REFUSED, says="no previous")
    update(stick, small_sets[1])
    damage_root(stick)
    with untouched(stick.path):
        kupd("next", "--once", "standard", "--disk", stick.path, code=REFUSED, says="no whole")


def test_next_without_grubenv(new_stick, small_sets):
    stick = new_stick(grubenv=None)
    with untouched(stick.path):
        kupd("next", "--once", "fallback", "--disk", stick.path, code=REFUSED, says="grubenv")


def test_a_previous_set_that_is_gone_is_no_longer_chosen(stick, small_sets):
    update(stick, small_sets[1])
    kupd("next", "--once", "previous", "--disk", stick.path)
    kupd("rollback", "--disk", stick.path)
    assert stick.grubenv() == {"liveng_previous": "0"}


def choose(stick, entry="fallback"):
    kupd("next", "--once", entry, "--disk", stick.path)
    assert stick.grubenv()["liveng_once"] == entry


def test_another_current_set_drops_the_choice(stick, small_sets):
    """Otherwise it would not be what the next boot runs."""
    choose(stick)
    update(stick, small_sets[1], says="dropping the choice of fallback")
    assert "liveng_once" not in stick.grubenv()
    for words in ["rollback"], ["rollback", "--undo"]:
        choose(stick, "standard")
        kupd(*words, "--disk", stick.path, says="dropping the choice of standard")
        assert "liveng_once" not in stick.grubenv()


def test_a_repair_drops_the_choice(stick, small_sets, tmp_path):
    update(stick, small_sets[1])
    stick.set_grubenv({"liveng_tries": "0", "liveng_previous": "1", "liveng_once": "standard"})
    kupd("repair", "--disk", stick.path, "--root", tmp_path, says="dropping the choice of standard")
    assert "liveng_once" not in stick.grubenv()


def test_what_changes_no_set_leaves_the_choice_alone(stick, small_sets):
    update(stick, small_sets[1])
    choose(stick)
    with untouched(stick.path):
        update(stick, small_sets[1], says="there already")
        update(stick, small_sets[2], "--dry-run")
        kupd("rollback", "--dry-run", "--disk", stick.path)
    kupd("bless", "--disk", stick.path, says="proven")
    assert stick.grubenv()["liveng_once"] == "fallback"

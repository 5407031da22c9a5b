# SPDX-License-Identifier: GPL-3.0-or-later
"""repair, and update where it repairs: a damaged set, a damaged tree, a set that did not come up.

The installed system is elsewhere, named with --root."""

import fcntl

import pytest

import stick as sticks
from programs import BUSY, FAILED, REFUSED, VERIFY, install, kupd, update
from proof import assert_holds, damage, damage_root, identity, kernel_place, untouched


@pytest.fixture
def root(tmp_path):
    """An installed system without kernels."""
    (tmp_path / "root/var/lib").mkdir(parents=True)
    return tmp_path / "root"


def repair(stick, root, *arguments, **kwargs):
    return kupd("repair", "--disk", stick.path, "--root", root, *arguments, **kwargs)


def test_a_whole_stick_is_not_written(stick, small_sets, root):
    install(root, small_sets[0])
    with untouched(stick.path):
        repair(stick, root, says="nothing to repair")


def test_a_damaged_set(stick, small_sets, root):
    install(root, small_sets[0])
    damage(stick, small_sets[0])
    repair(stick, root)
    assert stick.grub_has(small_sets[0])
    kupd("verify", "--disk", stick.path)


def test_the_newest_set_that_passes_is_taken(stick, small_sets, root):
    for kernel_set in small_sets[1:4]:
        install(root, kernel_set)
    newest = root / f"boot/initrd.img-{small_sets[3].release}"
    newest.write_bytes(newest.read_bytes()[:-50])
    damage(stick, small_sets[0])
    repair(stick, root)
    assert stick.grub_has(small_sets[2])


def test_without_any_kernel(stick, small_sets, root):
    damage(stick, small_sets[0])
    with untouched(stick.path):
        repair(stick, root, code=REFUSED, says="apt")


@pytest.mark.parametrize("proven", [True, False])
def test_after_a_failed_trial_the_set_that_a_rollback_left(stick, small_sets, root, proven):
    stick.set_grubenv({"liveng_tries": "3"})
    update(stick, small_sets[1])
    if proven:
        kupd("bless", "--disk", stick.path)
    kupd("rollback", "--disk", stick.path)
    stick.set_grubenv({**stick.grubenv(), "liveng_tries": "0"})
    with untouched(stick.path):
        repair(stick, root, "-n", says=f"back to {small_sets[1].release}")
    repair(stick, root, says=f"back to {small_sets[1].release}")
    assert stick.grub_has(small_sets[1])
    assert stick.grubenv().get("liveng_tries") == (None if proven else "3")
    stick.set_grubenv({"liveng_tries": "0", "liveng_previous": "0"})
    with untouched(stick.path):
        repair(stick, root, code=REFUSED, says="no kernel that can be written")


def test_files_given_by_options(stick, small_sets, root):
    """On a system without kernels: those of the medium, say, or of another computer."""
    named = ["--kernel", small_sets[1].kernel, "--initrd", small_sets[1].initrd]
    with untouched(stick.path):
        repair(stick, root, *named, says="nothing to repair")
    damage(stick, small_sets[0])
    with untouched(stick.path):
        repair(stick, root, code=REFUSED, says=["--root", "--kernel"])
        assert repair(stick, root, "-n", *named, "--json").json["release"] == small_sets[1].release
    repair(stick, root, *named)
    assert stick.grub_has(small_sets[1])


def test_files_given_by_options_and_refused(stick, small_sets, root):
    damage(stick, small_sets[0])
    with untouched(stick.path):
        repair(stick, root, "--kernel", small_sets[1].kernel, "--initrd", small_sets[2].initrd, code=REFUSED,
               says=small_sets[2].release)


# A whole set that did not come up

@pytest.fixture(params=["0", "1"], ids=["previous tried too", "previous proven"])
def failed_stick(stick, small_sets, root, request):
    """Sets 0 to 2 are installed; 2, the newest, is current and had all its boots, 0 is previous."""
    for kernel_set in small_sets[:3]:
        install(root, kernel_set)
    update(stick, small_sets[2])
    stick.set_grubenv({"liveng_tries": "0", "liveng_previous": request.param})
    return stick


def failures(root):
    """The releases recorded as failed."""
    return [line.split()[0] for line in (root / "var/lib/liveng/failed").read_text().splitlines()]


def test_repair_goes_back_without_a_copy(failed_stick, small_sets, root):
    before = failed_stick.read(2, 65536, failed_stick.partition(2)[1] - 65536)
    proven = failed_stick.grubenv()["liveng_previous"] == "1"
    repair(failed_stick, root, says=small_sets[0].release)
    assert failed_stick.grub_has(small_sets[0])
    assert failed_stick.read(2, 65536, len(before)) == before
    assert failed_stick.grubenv() == {"liveng_previous": "0",
                                      **({} if proven else {"liveng_tries": "3"})}
    assert failures(root) == [small_sets[2].release]


def test_repair_dry_run_says_what_it_would_go_back_to(failed_stick, small_sets, root):
    with untouched(failed_stick.path):
        result = repair(failed_stick, root, "-n", says=["would", small_sets[0].release])
    assert "nothing to repair" not in result.err
    assert not (root / "var/lib/liveng/failed").exists()


def test_repair_writes_another_release_if_the_previous_set_is_damaged(
        failed_stick, small_sets, root):
    damage(failed_stick, small_sets[0])
    repair(failed_stick, root)
    assert failed_stick.grub_has(small_sets[1])
    assert failed_stick.grubenv()["liveng_tries"] == "3"


def test_repair_takes_an_older_one_that_passes_the_checks(failed_stick, small_sets, root):
    damage(failed_stick, small_sets[0])
    (root / f"boot/initrd.img-{small_sets[1].release}").write_bytes(b"")
    repair(failed_stick, root)
    assert failed_stick.grub_has(small_sets[0])


def test_repair_gives_up_when_every_kernel_failed(stick, small_sets, root):
    """Each set gets its boots once; then the fallback stays, and the user is told what helps."""
    for kernel_set in small_sets[:3]:
        install(root, kernel_set)
    tried = []
    for _ in small_sets[:3]:
        stick.set_grubenv({"liveng_tries": "0", "liveng_previous": "0"})
        repair(stick, root)
        tried.append(next(s.release for s in small_sets if stick.grub_has(s)))
        assert stick.grubenv()["liveng_tries"] == "3"
        if len(set(failures(root))) == 2:
            break
    stick.set_grubenv({"liveng_tries": "0", "liveng_previous": "0"})
    repair(stick, root, code=REFUSED, says=["apt", "another"])
    assert sorted(failures(root)) == sorted(s.release for s in small_sets[:3])


def test_a_given_set_that_did_not_come_up_before(failed_stick, small_sets, root):
    """Given or not, the previous one comes first; without that, the set is not written again."""
    damage(failed_stick, small_sets[0])
    named = ["--kernel", small_sets[2].kernel, "--initrd", small_sets[2].initrd]
    repair(failed_stick, root, *named, code=REFUSED, says=["did not come up", "choose another"])
    repair(failed_stick, root, "--kernel", small_sets[3].kernel, "--initrd", small_sets[3].initrd)
    assert failed_stick.grub_has(small_sets[3])


def test_repair_does_not_fight_apt(failed_stick, root):
    locks = root / "var/lib/dpkg"
    locks.mkdir(parents=True)
    with open(locks / "lock-frontend", "w", encoding="ascii") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        with untouched(failed_stick.path):
            repair(failed_stick, root, code=BUSY, says="apt or dpkg")
    repair(failed_stick, root)


def test_update_says_that_the_set_did_not_come_up(failed_stick, root):
    with untouched(failed_stick.path):
        kupd("update", "--disk", failed_stick.path, "--root", root,
             says=["did not come up", "--force"])


def test_update_with_force_tries_it_again(failed_stick, small_sets, root):
    kupd("update", "--force", "--disk", failed_stick.path, "--root", root)
    assert failed_stick.grub_has(small_sets[2])
    assert failed_stick.grubenv()["liveng_tries"] == "3"


# The current tree's root folder destroyed, the previous set whole in the other slot

@pytest.fixture
def rootless_stick(stick, small_sets, root):
    """Set 1 is current, on trial and without a tree; set 0 is previous, set 2 is installed."""
    install(root, small_sets[2])
    update(stick, small_sets[1])
    damage_root(stick)
    assert not stick.grub_has(small_sets[1])
    return stick


def test_rollback_from_a_damaged_tree(rootless_stick, small_sets):
    before = identity(rootless_stick)
    kupd("rollback", "--disk", rootless_stick.path, says=small_sets[0].release)
    assert rootless_stick.grub_has(small_sets[0])
    assert identity(rootless_stick) == before


def test_rollback_dry_run_from_a_damaged_tree(rootless_stick, small_sets):
    with untouched(rootless_stick.path):
        result = kupd("rollback", "-n", "--disk", rootless_stick.path,
                      says=["would", small_sets[0].release])
    assert "  " not in result.err, "a name is missing"


def test_status_of_a_damaged_tree_shows_the_previous_set(rootless_stick, small_sets):
    with untouched(rootless_stick.path):
        result = kupd("status", "--disk", rootless_stick.path,
                      says=[small_sets[0].release, "damaged"])
        as_json = kupd("status", "--disk", rootless_stick.path, "--json").json
    assert small_sets[1].release not in result.out
    assert as_json["previous"]["release"] == small_sets[0].release


def test_verify_of_a_damaged_tree_reports_both_sets(rootless_stick, small_sets):
    with untouched(rootless_stick.path):
        kupd("verify", "--disk", rootless_stick.path, code=VERIFY, says="no whole kernel set")


@pytest.mark.parametrize("verb", ["repair", "update"])
def test_a_damaged_tree_is_rewritten(rootless_stick, small_sets, root, tmp_path, verb):
    before = identity(rootless_stick)
    kupd(verb, "--disk", rootless_stick.path, "--root", root)
    assert_holds(rootless_stick, tmp_path / "after", small_sets[2], small_sets[0])
    assert identity(rootless_stick) == before
    assert rootless_stick.grubenv() == {"liveng_tries": "3", "liveng_previous": "1", "liveng_proven": "A"}


def test_bless_of_a_damaged_tree_does_not_end_the_trial(rootless_stick):
    with untouched(rootless_stick.path):
        kupd("bless", "--disk", rootless_stick.path, code=VERIFY, says="no whole kernel set")


# The current kernel can no longer be read

@pytest.mark.parametrize("words", [["repair"], ["update", "--force"]], ids=" ".join)
@pytest.mark.parametrize("state", ["first", "proven", "on trial"])
def test_a_set_that_cannot_be_read_is_given_up_on_request(stick, small_sets, root, tools, tmp_path,
                                                          words, state):
    previous = None if state == "first" else small_sets[0]
    current = small_sets[1 if previous else 0]
    if previous:
        update(stick, current)
    if state == "proven":
        kupd("bless", "--disk", stick.path)
    install(root, current)
    at = stick.partition(2)[0] + kernel_place(stick, current)
    kupd(*words, "--disk", stick.path, "--root", root, says="unreadable",
         env=tools.environment(stick, bad=(at + 8192, 4096)))
    assert_holds(stick, tmp_path / "after", current, previous)
    assert stick.grubenv()["liveng_previous"] == ("1" if previous else "0")


def test_a_set_that_cannot_be_read_may_be_readable_next_time(stick, small_sets, tools):
    at = stick.partition(2)[0] + kernel_place(stick, small_sets[0])
    with untouched(stick.path):
        update(stick, small_sets[1], code=FAILED, says=["cannot read", "repair", "--force"],
               env=tools.environment(stick, bad=(at + 8192, 4096)))
    update(stick, small_sets[1])
    assert stick.grub_has(small_sets[1])


# The other slot's tree cannot be read: whatever does not need it still works

@pytest.fixture(params=["descriptor", "root folder"])
def half_readable(stick, small_sets, tools, request):
    """Set 1 is current and on trial, set 0 previous. And the environment for livengkupd."""
    at = int.from_bytes(stick.read(2, sticks.PVD + 158, 4), "little")
    update(stick, small_sets[1])
    if request.param == "descriptor":  # its copy in the slot, or in the system area
        at = next(lba for lba in (48, 8) if stick.read(2, lba * sticks.BLOCK + 1, 5) == b"CD001")
    place = stick.partition(2)[0] + at * sticks.BLOCK
    return stick, tools.environment(stick, bad=(place, sticks.BLOCK))


def test_bless_does_without_the_other_slot(half_readable, small_sets):
    stick, env = half_readable
    kupd("bless", "--disk", stick.path, says=["unreadable", "marked as proven"], env=env)
    assert stick.grubenv() == {"liveng_previous": "1"}
    update(stick, small_sets[2], env=env)
    assert stick.grub_has(small_sets[2])


def test_status_next_and_verify_do_without_the_other_slot(half_readable, small_sets):
    stick, env = half_readable
    with untouched(stick.path):
        kupd("status", "--disk", stick.path, says=[small_sets[1].release, "unreadable"], env=env)
        kupd("verify", "--disk", stick.path, code=FAILED, says=["unreadable", "is whole"], env=env)
    kupd("next", "--once", "fallback", "--disk", stick.path, env=env)
    assert stick.grubenv()["liveng_once"] == "fallback"


def test_what_needs_the_other_slot_is_refused(half_readable, small_sets):
    stick, env = half_readable
    with untouched(stick.path):
        kupd("rollback", "--disk", stick.path, code=FAILED, says="cannot read", env=env)
        update(stick, small_sets[2], code=FAILED, says=["cannot read", "--force"], env=env)
    update(stick, small_sets[2], "--force", env=env)
    assert stick.grub_has(small_sets[2])


def test_repair_gives_up_the_other_slot(half_readable, small_sets, root):
    stick, env = half_readable
    install(root, small_sets[2])
    damage(stick, small_sets[1])
    kupd("repair", "--disk", stick.path, "--root", root, says="unreadable", env=env)
    assert stick.grub_has(small_sets[2])

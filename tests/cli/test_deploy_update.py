# SPDX-License-Identifier: GPL-3.0-or-later
"""livengkupd updates a stick made by liveng-deploy. That a power cut during an update does no harm is among
the scenes of test_crash.py."""

from programs import deploy, kupd, update
from proof import assert_holds, identity
from test_deploy import assert_table_is_sound


def test_status_and_verify(deployed, live_image):
    told = kupd("status", "--json", "--disk", deployed.path).json
    assert told["current"]["release"] == live_image.set.release
    assert told["current"]["has_checksums"] and told["assessment"] == "the current set is proven"
    kupd("verify", "--disk", deployed.path)


def test_two_updates_and_a_rollback(deployed, small_sets, tmp_path):
    stick = deployed.copy(tmp_path / "stick.img")
    system, known_as = stick.read(1, 0, stick.partition(1)[1]), identity(stick)
    update(stick, small_sets[1])
    assert_holds(stick, tmp_path / "first", small_sets[1], small_sets[0])
    kupd("bless", "--disk", stick.path)
    update(stick, small_sets[2])
    assert stick.grubenv() == {"liveng_tries": "3", "liveng_previous": "1", "liveng_proven": "B"}
    assert_holds(stick, tmp_path / "second", small_sets[2], small_sets[1])
    kupd("verify", "--disk", stick.path)
    kupd("rollback", "--disk", stick.path)
    assert stick.grub_has(small_sets[1])
    assert stick.read(1, 0, len(system)) == system and identity(stick) == known_as
    assert_table_is_sound(stick.path)


def test_real_sets(real_image, material, tmp_path):
    """Two of them fit into a kernel partition of the default size."""
    stick = deploy(real_image, tmp_path / "stick.img", "--size", "600M")
    update(stick, material.old)
    assert_holds(stick, tmp_path / "after", material.old, material.new)

# SPDX-License-Identifier: GPL-3.0-or-later
"""status: what it shows, and that it is quick and writes nothing."""

import os
import re
from pathlib import Path

import pytest

from programs import REFUSED, VERIFY, install, kupd, update
from proof import damage_root, identity, untouched


def status(stick, *arguments, **kwargs):
    with untouched(stick.path):
        return kupd("status", "--disk", stick.path, *arguments, **kwargs)


def test_fresh_stick(stick, small_sets):
    text = status(stick).out
    before = identity(stick)
    for word in (str(stick.path), before["LABEL"], before["UUID"], small_sets[0].release,
                 "slot A", "slot B", " MB"):
        assert word in text, f"no {word!r} in\n{text}"
    assert re.search(r"previous +none", text)
    assert re.search(r"\d{4}-\d\d-\d\d", text)


def test_after_an_update(stick, small_sets):
    update(stick, small_sets[1])
    text = status(stick).out
    assert re.search(rf"current .*{small_sets[1].release}.*slot B", text)
    assert re.search(rf"previous .*{small_sets[0].release}.*slot A", text)
    assert re.search(r"trial.* 3 ", text)
    kupd("bless", "--disk", stick.path)
    assert "trial" not in status(stick).out


def test_json_has_the_same(stick, small_sets):
    update(stick, small_sets[1])
    result = status(stick, "--json").json
    before = identity(stick)
    assert result["label"] == before["LABEL"]
    assert result["uuid"] == before["UUID"]
    assert result["current"]["release"] == small_sets[1].release
    assert result["current"]["slot"] == "B"
    assert result["current"]["bytes"] == sum(
        path.stat().st_size for path in (small_sets[1].kernel, small_sets[1].initrd))
    assert result["previous"]["release"] == small_sets[0].release
    assert result["previous"]["slot"] == "A"
    assert result["tries"] == 3
    total = stick.partition(2)[1]
    assert 0 < result["slot_a_bytes"] <= result["slot_b_bytes"] < total
    assert result["slot_a_bytes"] + result["slot_b_bytes"] >= total - 64 * 1024


def test_json_has_null_for_what_does_not_exist(stick):
    result = status(stick, "--json").json
    assert [result[name] for name in ("previous", "undone", "once", "tries")] == [None] * 4
    assert kupd("verify", "--disk", stick.path, "--json").json["previous"] is None
    damage_root(stick)
    assert status(stick, "--json").json["current"] is None


def test_what_the_hooks_could_not_have_written(stick, small_sets, tmp_path):
    """Until it is written after all. It concerns the system that they are of."""
    install(tmp_path, small_sets[1])
    record = tmp_path / "var/lib/liveng/refused"
    record.parent.mkdir(parents=True)
    record.write_text(f"{small_sets[1].release}\nthe initrd lacks \33[2Jsomething\n")
    assert re.search(rf"refused +{small_sets[1].release}  \(the initrd lacks .\[2Jsomething\)",
                     status(stick, "--root", tmp_path).out)
    assert status(stick, "--root", tmp_path, "--json").json["refused"]["release"] == small_sets[1].release
    assert status(stick, "--json").json["refused"] is None
    kupd("update", "--disk", stick.path, "--root", tmp_path, small_sets[1].release)
    assert not record.exists()


def give_modules(root, *sets):
    for kernel_set in sets:
        folder = root / "usr/lib/modules" / kernel_set.release
        folder.mkdir(parents=True)
        (folder / "modules.builtin").write_text("")


def test_a_way_back_without_modules(stick, small_sets, tmp_path):
    """As after a purge of the previous kernel: it would come up without network. Elsewhere nobody knows."""
    root = tmp_path / "root"
    give_modules(root, small_sets[1])
    update(stick, small_sets[1])
    assert re.search(rf"previous .*{small_sets[0].release}.*its modules are gone", status(stick, "--root", root).out)
    told = status(stick, "--root", root, "--json").json
    assert told["current"]["has_modules"] and told["previous"]["has_modules"] is False
    assert status(stick, "--json").json["previous"]["has_modules"] is None
    said = f"{small_sets[0].release} has no modules in /lib/modules any more"
    with untouched(stick.path):
        for verb in ["rollback"], ["next", "--once", "previous"]:
            kupd(*verb, "--disk", stick.path, "--root", root, code=REFUSED, says=said)
    kupd("next", "--once", "standard", "--disk", stick.path, "--root", root)
    kupd("next", "--once", "previous", "--disk", stick.path, "--root", root, "--force", says=said)
    kupd("rollback", "--disk", stick.path, "--root", root, "--force", says=said)
    assert re.search(rf"undone .*{small_sets[1].release}.*:\d\d\)", status(stick, "--root", root).out)
    (root / "usr/lib/modules" / small_sets[1].release / "modules.builtin").unlink()
    assert re.search(rf"undone .*{small_sets[1].release}.*its modules", status(stick, "--root", root).out)
    kupd("rollback", "--undo", "--disk", stick.path, "--root", root, code=REFUSED, says="has no modules")
    kupd("rollback", "--undo", "--disk", stick.path)


def test_the_fallbacks_kernel_may_lack_its_modules_too(stick, small_sets, tmp_path):
    root = tmp_path / "root"
    medium = root / "run/live/medium/live"
    medium.mkdir(parents=True)
    (medium / "vmlinuz").write_bytes(small_sets[2].kernel.read_bytes())
    assert re.search(rf"factory +{small_sets[2].release}  \(its modules are gone\)", status(stick, "--root", root).out)
    kupd("next", "--once", "fallback", "--disk", stick.path, "--root", root, code=REFUSED, says="has no modules")
    give_modules(root, small_sets[2])
    told = status(stick, "--root", root, "--json").json
    assert told["factory"] == {"release": small_sets[2].release, "has_modules": True}
    kupd("next", "--once", "fallback", "--disk", stick.path, "--root", root)
    assert status(stick, "--json").json["factory"] is None


def test_what_old_kernels_take(stick, small_sets, tmp_path):
    """Not those that something boots, nor those of the image."""
    root = tmp_path / "root"
    for kernel_set in small_sets:
        install(root, kernel_set)
    give_modules(root, *small_sets)
    update(stick, small_sets[3])
    heavy = root / "usr/lib/modules" / small_sets[1].release / "heavy.ko"
    heavy.write_bytes(b"x" * 5_000_000)
    of_image = root / "run/live/rootfs/filesystem.squashfs/usr/lib/modules" / small_sets[2].release
    of_image.mkdir(parents=True)
    told = status(stick, "--root", root, "--json").json
    assert told["old"] == [small_sets[1].release] and told["free_bytes"] > 0
    assert 5_000_000 < told["old_bytes"] < 5_500_000 + sum(
        path.stat().st_size for path in (small_sets[1].kernel, small_sets[1].initrd))
    old = re.escape(small_sets[1].release)
    assert re.search(rf"old +{old}  \(5.\d MB\)\n", status(stick, "--root", root).out)
    record = root / "var/lib/dpkg/status"
    record.parent.mkdir(parents=True)
    record.write_text("".join(f"Package: linux-image-{small_sets[1].release}{kind}\nStatus: install ok installed\n\n"
                              for kind in ("-unsigned", "-dbg")))
    assert re.search(rf"old +{old}  \(5.\d MB: sudo apt purge linux-image-{old}-unsigned\)\n",
                     status(stick, "--root", root).out)
    assert status(stick, "--json").json["old"] == []


def test_kernels_on_hold_are_named(stick, tmp_path):
    record = tmp_path / "var/lib/dpkg/status"
    record.parent.mkdir(parents=True)
    record.write_text("Package: linux-image-amd64\nStatus: hold ok installed\n")
    for options in (), ("--short",):
        assert "sudo apt-mark unhold linux-image-amd64" in status(stick, "--root", tmp_path, *options).out
    assert status(stick, "--root", tmp_path, "--json").json["held"] == ["linux-image-amd64"]
    record.write_bytes(b"\xff" * 1000 + b"Status: hold ok installed\n\n")
    assert status(stick, "--root", tmp_path, "--json").json["held"] == []


@pytest.mark.parametrize("tries, previous, words, state", [
    ("1", "1", "1 boot ", "trial"), ("2", "1", "2 boots", "trial"), ("0", "1", "previous", "failed"),
    ("0", "0", "fallback", "failed"), (None, "1", "proven", "proven")])
def test_assessment(stick, small_sets, tries, previous, words, state):
    update(stick, small_sets[1])
    stick.set_grubenv({"liveng_previous": previous, **({"liveng_tries": tries} if tries else {})})
    assert re.search(f"assessment .*{words}", status(stick).out)
    assert status(stick, "--json").json["assessment_state"] == state


def test_a_set_that_is_not_there_is_not_called_proven(stick, small_sets):
    update(stick, small_sets[1])
    kupd("bless", "--disk", stick.path)
    damage_root(stick)
    assert "proven" not in status(stick).out
    assert status(stick, "--json").json["assessment_state"] == "none"


@pytest.mark.parametrize("form", [{"grubenv": None}, {"esp": False, "grubenv": None}],
                         ids=["no-grubenv", "no-file-system"])
def test_without_grubenv_the_assessment_is_off(new_stick, form):
    stick = new_stick(**form)
    assert re.search("assessment +off", status(stick).out)
    assert status(stick, "--json").json["assessment_state"] == "off"


def test_old_stick_shows_the_release_of_its_kernel(new_stick, small_sets):
    stick = new_stick(form="plain", names=False, grubenv=None, label="SK-SYSTEM2")
    text = status(stick).out
    assert small_sets[0].release in text
    assert "SK-SYSTEM2" in text


def test_next_is_what_update_then_does(stick, small_sets, tmp_path):
    for kernel_set in small_sets[:4]:
        install(tmp_path / "root", kernel_set)
        result = status(stick, "--root", tmp_path / "root", "--json").json
        assert kernel_set.release in result["update"]
        assert result["update_state"] == ("current" if kernel_set is small_sets[0] else "write")
        wrote = kupd("update", "--disk", stick.path, "--root", tmp_path / "root", "--json").json
        if "slot" in wrote:
            assert f"slot {wrote['slot']}" in result["update"]


def test_next_mentions_a_rebuilt_initrd(stick, small_sets, tmp_path):
    root = tmp_path / "root"
    install(root, small_sets[1])
    kupd("update", "--disk", stick.path, "--root", root)
    assert status(stick, "--root", root, "--json").json["update"].endswith("is current)")
    initrd = root / f"boot/initrd.img-{small_sets[1].release}"
    os.utime(initrd, (1_800_000_000, 1_800_000_000))
    assert "unless rebuilt" in status(stick, "--root", root, "--json").json["update"]
    initrd.write_bytes(initrd.read_bytes() + bytes(512))
    assert "rebuilt" in status(stick, "--root", root, "--json").json["update"]
    wrote = kupd("update", "--disk", stick.path, "--root", root, "--json").json
    assert wrote["changed"]


def test_next_says_that_there_is_no_room(stick, small_sets, tmp_path):
    root = tmp_path / "root"
    install(root, small_sets[1])
    initrd = root / f"boot/initrd.img-{small_sets[1].release}"
    os.truncate(initrd, 3 * 1024 * 1024)
    told = status(stick, "--root", root, "--json").json
    assert "no room" in told["update"] and told["update_state"] == "no-room"
    initrd.unlink()
    told = status(stick, "--root", root, "--json").json
    assert "no initrd" in told["update"] and told["update_state"] == "no-initrd"


@pytest.mark.skipif(any(Path("/boot").glob("vmlinuz-*")), reason="this machine has kernels")
def test_next_says_whose_kernels_are_missing(stick, tmp_path):
    assert "this computer has no kernel in /boot" in status(stick).out
    told = status(stick, "--root", tmp_path, "--json").json
    assert f"no kernel in {tmp_path}/boot" in told["update"] and told["update_state"] == "no-kernel"


def test_partition_alone_has_no_assessment(stick, tmp_path):
    alone = tmp_path / "partition.img"
    alone.write_bytes(stick.read(2, 0, stick.partition(2)[1]))
    with untouched(alone):
        assert re.search("assessment +off", kupd("status", "--partition", alone).out)


def test_status_does_not_read_the_sets(stick, small_sets):
    """Damaged kernels are verify's job; status stays instant, whatever the size."""
    content = stick.read(2, 0, stick.partition(2)[1])
    at = content.index(small_sets[0].kernel.read_bytes())
    stick.write(2, at + 70_000, b"\xff" * 1000)
    assert small_sets[0].release in status(stick).out
    kupd("verify", "--disk", stick.path, code=VERIFY)


def test_status_of_a_real_set_reads_little(new_stick, material, tmp_path):
    stick = new_stick(kernel_mib=128)
    update(stick, material.new)
    trace = tmp_path / "trace"
    with untouched(stick.path):
        kupd("status", "--disk", stick.path,
             prefix=["strace", "-f", "-e", "trace=read,pread64,readv,preadv", "-o", str(trace)])
    read = sum(int(n) for n in re.findall(r" = (\d+)$", trace.read_text(), re.MULTILINE))
    assert read < 4 * 1024 * 1024

# SPDX-License-Identifier: GPL-3.0-or-later
"""A stick made by liveng-deploy, seen by programs that are not ours: its table, each of its file
systems, its boot files, and that no two are alike."""

import json
import os
import re
import shutil
import struct
from pathlib import Path

import pytest

import liveimage
import stick as sticks
from programs import SIZE, TOP, deploy, deployer, kupd
from proof import assert_holds, extract, untouched
from stick import MIB, run

LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
BUILT = TOP / "build/vm/live.iso"
BIOS = "21686148-6449-6E6F-744E-656564454649"


def assert_table_is_sound(path):
    """With the two programs commonly used for that."""
    said = run("sfdisk", "--verify", path) + run("sgdisk", "-v", path)
    assert b"No errors detected" in said and b"No problems found" in said, said


def files(folder):
    return {str(p.relative_to(folder)) for p in Path(folder).rglob("*") if p.is_file()}


def grub_cfg(stick):
    return stick.mtools("mtype", "::boot/grub/grub.cfg").decode()


def entries(stick):
    """The kernel lines of the boot menu by the ids of their entries."""
    ids = {"load_current": "standard", "load_previous": "previous", "load_factory": "fallback",
           "pristine": "pristine"}
    found, name = {}, None
    for line in grub_cfg(stick).splitlines():
        if begins := re.search(r"(\w+) \{$", line):
            name = begins[1]
        if kernel := re.match(r"\s*(?:if |elif )?linux (.*?)(?:; then)?$", line):
            found[ids[name]] = kernel[1].split()
    return found


def assert_sound(stick, image, tmp_path, kernel_set=None, persistence="ext4"):
    """Everything on this stick is as intended."""
    kernel_set = kernel_set or image.set
    assert_table_is_sound(stick.path)
    assert_holds(stick, tmp_path / "2", kernel_set)
    live = extract(stick, tmp_path / "1", number=1) / "live"
    assert (live / "vmlinuz").read_bytes() == kernel_set.kernel.read_bytes()
    assert (live / "initrd.img").read_bytes() == kernel_set.initrd.read_bytes()
    assert (live / "filesystem.squashfs").read_bytes() == image.squashfs
    run("sha256sum", "--strict", "-c", "SHA256SUMS", cwd=live)
    assert stick.grub_cat("live/filesystem.squashfs", number=1) == image.squashfs
    run("fsck.fat", "-n", stick.save(3, tmp_path / "esp"))
    (tmp_path / "grub.cfg").write_text(grub_cfg(stick))
    run("grub-script-check", tmp_path / "grub.cfg")
    assert set(stick.table) == ({1, 2, 3, 4, 5} if persistence else {1, 2, 3, 5})
    if persistence:
        assert stick.blkid(4)["TYPE"] == persistence
    if persistence == "ext4":
        run("e2fsck", "-fn", stick.save(4, tmp_path / "persistence"))


# The whole

def test_the_layout(deployed):
    """Numbers, names and types are those of the published layout; all but 5 are aligned to 1 MiB."""
    assert_table_is_sound(deployed.path)
    found = {n: (p["name"], p["type"]) for n, p in deployed.table.items()}
    assert found == {1: ("liveng-system", LINUX), 2: ("liveng-kernel", LINUX),
                     3: ("liveng-esp", ESP), 4: ("persistence", LINUX), 5: ("liveng-bios", BIOS)}
    assert deployed.partition(5) == (34 * 512, 2014 * 512)
    at = MIB
    for number in (1, 2, 3, 4):
        start, size = deployed.partition(number)
        assert (start, start % MIB, size % MIB) == (at, 0, 0)
        at += size
    assert deployed.path.stat().st_size - at <= 2 * MIB, "room is left at the end"
    assert deployed.partition(2)[1] == 256 * MIB
    labels = {n: deployed.blkid(n)["LABEL"] for n in (1, 2, 3, 4)}
    assert labels == {1: "LIVENG_SYSTEM", 2: "LIVENG_SYSTEM2", 3: "LIVENG_EFI", 4: "persistence"}


def test_every_file_system_is_sound(deployed, live_image, tmp_path):
    assert_sound(deployed, live_image, tmp_path)


def test_a_real_image(real_image, tmp_path):
    stick = deploy(real_image, tmp_path / "stick.img", "--size", "600M")
    assert_sound(stick, real_image, tmp_path)
    kupd("verify", "--disk", stick.path)


@pytest.mark.skipif(not BUILT.exists(), reason="`make check` builds that image")
def test_an_image_of_live_build(tmp_path):
    """Hundreds of megabytes: pieces of them are written and read back two at a time."""
    stick = deploy(BUILT, tmp_path / "stick.img", "--size", "2G")
    assert_table_is_sound(stick.path)
    system = stick.save(1, tmp_path / "1.iso")
    for image, name in (BUILT, "image"), (system, "stick"):
        run("xorriso", "-osirrox", "on", "-indev", image, "-extract", "/live", tmp_path / name)
    run("cmp", tmp_path / "image/filesystem.squashfs", tmp_path / "stick/filesystem.squashfs")
    run("sha256sum", "--strict", "-c", "SHA256SUMS", cwd=tmp_path / "stick")
    kupd("verify", "--disk", stick.path)


def test_the_system_partition_omits_what_a_stick_does_not_need(deployed, live_image, tmp_path):
    tree = extract(deployed, tmp_path / "1", number=1)
    assert files(tree) == {".disk/info", "pool/main/installer.deb", "live/vmlinuz", "live/initrd.img", "live/release",
                           "live/SHA256SUMS", "live/filesystem.squashfs",
                           "live/filesystem.packages"}
    assert (tree / ".disk/info").read_text() == liveimage.NAME + "\n"
    assert (tree / "live/release").read_text() == live_image.set.release + "\n"


def test_config_and_map_of_the_kernel_come_along(small_sets, tmp_path):
    names = {f"live/{n}-{small_sets[0].release}": n.encode() for n in ("config", "System.map")}
    image = liveimage.make_image(tmp_path / "live.iso", small_sets[0], extra=names)
    tree = extract(deploy(image, tmp_path / "stick.img", "--size", SIZE), tmp_path / "1", number=1)
    assert (tree / "live/config").read_bytes() == b"config"
    assert (tree / "live/System.map").read_bytes() == b"System.map"


def test_what_live_config_reads_comes_along(small_sets, tmp_path):
    """Next to the files of kernels, of which one set is left, there are names that only begin like theirs."""
    others = ("config.conf", "config.conf.d/a", "config-hooks/a", "config-preseed/a", "config-own",
              "release-notes.txt", "SHA256SUMS.asc", "initrd.d/a", "vmlinuz.d/a")
    old = small_sets[1].release
    gone = {f"live/config-{old}": b"", f"live/System.map-{old}": b"", "live/release": b"", "live/System.map": b""}
    image = liveimage.make_image(tmp_path / "live.iso", small_sets[2], more_sets=[small_sets[1]],
                                 extra={**gone, **{f"live/{name}": name.encode() for name in others}})
    tree = extract(deploy(image, tmp_path / "stick.img", "--size", SIZE), tmp_path / "1", number=1)
    assert files(tree / "live") == {"vmlinuz", "initrd.img", "release", "SHA256SUMS", "System.map",
                                    "filesystem.squashfs", "filesystem.packages", *others}
    assert {(tree / "live" / name).read_text() for name in others} == set(others)


def test_files_of_installers_are_kept_if_there_is_no_installer(small_sets, tmp_path):
    """The archive always is: the live system's own installer takes packages from it."""
    own = {"tools/a": b"a", "doc/a": b"a", "firmware/a": b"a", "pics/a": b"a", "README.txt": b"a",
           "setup.exe": b"a", "pools/a": b"a"}
    for name, without, left in ("own", ("install",), set(own)), ("installer", (), {"pools/a"}):
        image = liveimage.make_image(tmp_path / f"{name}.iso", small_sets[0], extra=own, without=without)
        stick = deploy(image, tmp_path / f"{name}.img", "--size", SIZE)
        tree = extract(stick, tmp_path / name, number=1)
        assert {f for f in files(tree) if not f.startswith(("live/", ".disk/"))} == left | {"pool/main/installer.deb"}


def test_of_several_kernels_the_menus_own_is_used(small_sets, tmp_path):
    """live-build's menu names one; the newest is a different one. No file of the others is left."""
    image = liveimage.make_image(tmp_path / "live.iso", small_sets[1],
                                 more_sets=[small_sets[0], small_sets[2]])
    stick = deploy(image, tmp_path / "stick.img", "--size", SIZE)
    assert_sound(stick, image, tmp_path)
    assert not [name for name in files(tmp_path / "1/tree") if "6.1.0-" in name]


GRUB_MENU = """set timeout=5
{0}
submenu "More" {{
	menuentry "Nested" --id nested {{
		linux /{1[2]} boot=live nested
		initrd /{2[2]}
	}}
}}
menuentry "First" --class gnu --id first {{
	linux /{1[0]} boot=live first
	initrd /{2[0]}
}}
menuentry 'The second' $menuentry_id_option 'two' {{
	linux /{1[1]} boot=live second
	initrd /{2[1]}
}}
menuentry "Memory test" --id test {{
	linux16 /boot/memtest
}}
"""
ISOLINUX_MENU = """{0}
label first
	menu label ^First
	linux /{1[0]}
	initrd /{2[0]}
	append boot=live first
label second
	menu label ^Second
	{3}
	kernel /{1[1]}
	append boot=live second initrd=/{2[1]}
label third
	linux /{1[2]}
	append boot=live third
	initrd /{2[2]}
"""


@pytest.mark.parametrize("says, word", [
    ("", "nested"), ('set default="1"', "first"), ("set default=2", "second"), ("default=2", "second"),
    ('set default="The second"', "second"), ("set default=two", "second"), ("set default='first'", "first"),
    ("set default=test", "nested"), ("set default=9", "nested"), ('set default="${saved}"', "nested"),
    ('set default=2\nset default="${saved}"', "second"), ("set default=nested", "nested"),
    ("isolinux", "first"), ("default third", "third"), ("menu default", "second"), ("default gone", "first")])
def test_the_images_own_default_entry_is_used(says, word, small_sets, tmp_path):
    """With the kernel, the initrd and the parameters of that entry."""
    kernels, initrds = ([f"live/{n}-{s.release}" for s in small_sets] for n in ("vmlinuz", "initrd.img"))
    of = {"nested": 2, "first": 0, "second": 1, "third": 2}[word]
    if "menu default" == says:
        menu = ISOLINUX_MENU.format("", kernels, initrds, says)
    elif says == "isolinux" or says.startswith("default "):
        menu = ISOLINUX_MENU.format(says.replace("isolinux", ""), kernels, initrds, "")
    else:
        menu = GRUB_MENU.format(says, kernels, initrds)
    image = liveimage.make_image(tmp_path / "a.iso", small_sets[0], more_sets=small_sets[1:3], grub_cfg=menu)
    stick = deploy(image, tmp_path / "stick.img", "--size", SIZE)
    assert word in entries(stick)["standard"]
    assert_holds(stick, tmp_path / "2", small_sets[of])


def test_without_a_menu_the_newest_kernel_is_used(small_sets, tmp_path):
    image = liveimage.make_image(tmp_path / "live.iso", small_sets[3], without=["boot"],
                                 more_sets=small_sets[:3])
    assert_sound(deploy(image, tmp_path / "stick.img", "--size", SIZE), image, tmp_path)


@pytest.mark.parametrize("kernel, initrd", [
    ("boot/vmlinuz", "boot/initrd.img"), ("k", "i"), ("live/amd64/vmlinuz", "live/amd64/initrd.img"),
    ("live/vmlinuz/k", "live/initrd.img"), ("live/linux", "live/vmlinuz.initrd")])
def test_a_kernel_in_any_place_of_the_image(small_sets, tmp_path, kernel, initrd):
    """The image's menu says where it is; on the stick it is where the stick's menu looks."""
    kernel_set = small_sets[0]
    files_ = {kernel: kernel_set.kernel.read_bytes(), initrd: kernel_set.initrd.read_bytes()}
    image = liveimage.make_image(
        tmp_path / "live.iso", kernel_set, extra=files_, grub_cfg=liveimage.menu(kernel, initrd),
        without=[f"live/{n}-{kernel_set.release}" for n in ("vmlinuz", "initrd.img")])
    assert_sound(deploy(image, tmp_path / "stick.img", "--size", SIZE), image, tmp_path)


@pytest.mark.parametrize("folder", ["/live/full/", "live/full"])
def test_a_system_in_a_folder_that_the_menu_names(small_sets, tmp_path, folder):
    """As in grml's images."""
    menu = liveimage.menu(f"live/vmlinuz-{small_sets[0].release}", f"live/initrd.img-{small_sets[0].release}",
                          f"boot=live live-media-path={folder}")
    image = liveimage.make_image(tmp_path / "live.iso", small_sets[0], without=["live/filesystem.squashfs"],
                                 extra={"live/full/system.squashfs": b"hsqs" + bytes(9000)}, grub_cfg=menu)
    stick = deploy(image, tmp_path / "stick.img", "--size", SIZE)
    assert f"live-media-path={folder}" in entries(stick)["standard"]
    tree = extract(stick, tmp_path / "system", 1)
    assert (tree / "live/full/system.squashfs").read_bytes() == b"hsqs" + bytes(9000)


def test_an_image_with_much_after_it(live_image, tmp_path):
    """For instance on a stick to which it was copied with dd."""
    image = tmp_path / "live.iso"
    shutil.copy(live_image.path, image)
    run("truncate", "-s", "4G", image)
    assert_sound(deploy(image, tmp_path / "stick.img", "--size", SIZE), live_image, tmp_path)


def test_the_set_is_as_old_as_in_the_image(live_image, deployed, tmp_path):
    """Not the date of the image file, which is that of its download."""
    shutil.copy(live_image.path, tmp_path / "live.iso")
    os.utime(tmp_path / "live.iso", (1, 1))
    copy = deploy(tmp_path / "live.iso", tmp_path / "stick.img", "--size", SIZE)
    dates = [kupd("--json", "--disk", stick.path, "status").json["current"]["date"]
             for stick in (deployed, copy)]
    assert dates[0] == dates[1] > 1


def test_an_image_that_holds_nothing_else(small_sets, tmp_path):
    """Its first file begins before block 32."""
    tree, path = tmp_path / "tree/live", tmp_path / "live.iso"
    tree.mkdir(parents=True)
    shutil.copy(small_sets[0].kernel, tree / "vmlinuz")
    shutil.copy(small_sets[0].initrd, tree / "initrd.img")
    content = liveimage.squashfs(tmp_path)
    (tree / "filesystem.squashfs").write_bytes(content)
    run("genisoimage", "-quiet", "-R", "-o", path, tree.parent)
    image = liveimage.LiveImage(path, small_sets[0], content)
    assert path.read_bytes().index(content) < 32 * 2048
    assert_sound(deploy(image, tmp_path / "stick.img", "--size", SIZE), image, tmp_path)


def test_an_unusual_size(live_image, tmp_path):
    """Neither whole MiB nor whole sectors; the rest of the last sector is unchanged."""
    size = 480 * MIB + 512 * 77 + 100
    stick = deploy(live_image, tmp_path / "stick.img", "--size", size)
    assert stick.path.stat().st_size == size
    with open(stick.path, "rb") as f:
        f.seek(size // 512 * 512 - 512)
        assert f.read(8) == b"EFI PART"
    assert run("sgdisk", "-v", stick.path)


# Boot files

def test_the_images_own_loaders_are_on_the_esp(deployed):
    for name, source in liveimage.LOADERS.items():
        assert deployed.mtools("mtype", f"::EFI/BOOT/{name}") == Path(source).read_bytes()
    assert deployed.grubenv() == {}


def test_the_menu_names_the_image_and_the_kernel(deployed, live_image):
    text = grub_cfg(deployed)
    assert 'Debian GNU/Linux 12 "Bookworm"' in text and "Official Snapshot" not in text
    assert live_image.set.release in text
    assert set(entries(deployed)) == {"standard", "previous", "fallback", "pristine"}


def test_every_entry_names_the_medium_and_keeps_the_images_parameters(deployed):
    medium = f"live-media=/dev/disk/by-partuuid/{deployed.table[1]['uuid'].lower()}"
    for name, line in entries(deployed).items():
        assert medium in line
        assert line[1:5] == liveimage.PARAMETERS.split(), line
        assert not [word for word in line if "findiso" in word or "persistence-enc" in word]
        assert ("persistence" in line) == (name != "pristine")
        assert ("liveng-fallback" in line) == (name in ("fallback", "pristine"))
        assert ("liveng.boot=previous" in line) == (name == "previous")


def test_append_and_console(live_image, tmp_path):
    stick = deploy(live_image, tmp_path / "stick.img", "--size", SIZE,
                   "--append", 'toram locales=de_DE.UTF-8 note="two words"',
                   "--console", "ttyS1,115200")
    for line in entries(stick).values():
        text = " ".join(line)
        assert "console=tty0 console=ttyS1,115200" in text and "toram locales=de_DE.UTF-8" in text
        assert "'note=two words'" in text  # one word for GRUB, which quotes it for the kernel
    assert "serial --unit=1 --speed=115200" in grub_cfg(stick)


def test_bios_finds_grub(deployed, tmp_path):
    """boot.img in the first sector points to the core image, whose block list continues from there."""
    with open(deployed.path, "rb") as f:
        mbr = f.read(512)
        f.seek(34 * 512)
        core = f.read(512)
    boot = Path("/usr/lib/grub/i386-pc/boot.img").read_bytes()
    changed = [n for n in range(440) if mbr[n] != boot[n]]
    assert set(changed) <= {*range(0x5c, 0x64), 0x66, 0x67}
    assert int.from_bytes(mbr[0x5c:0x64], "little") == 34
    assert mbr[450] == 0xee, "a protective MBR"
    assert core[:4] == Path("/usr/lib/grub/i386-pc/diskboot.img").read_bytes()[:4]
    assert int.from_bytes(core[500:508], "little") == 35


def test_an_entry_of_the_mbr_is_active(deployed):
    """For BIOSes that want one, as xorriso's --mbr-force-bootable has it. Not the protective one: some UEFI firmware
    would no longer see a GPT."""
    with open(deployed.path, "rb") as f:
        mbr = f.read(512)
    entries = [mbr[start:start + 16] for start in range(446, 510, 16)]
    assert (entries[0][0], entries[0][4]) == (0, 0xee)
    assert entries[1] == bytes([0x80, 0, 1, 0, 0, 0, 1, 0]) + struct.pack("<II", 0, 1)
    assert entries[2:] == [bytes(16)] * 2
    assert_table_is_sound(deployed.path)
    table = json.loads(run("sfdisk", "--json", deployed.path))["partitiontable"]
    assert (table["label"], len(table["partitions"])) == ("gpt", 5)
    assert run("blkid", "-p", "-s", "PTTYPE", "-o", "value", deployed.path) == b"gpt\n"


# Ids

def ids(stick):
    """Everything that distinguishes one stick from another."""
    table = json.loads(run("sfdisk", "-J", stick.path))["partitiontable"]
    return [table["id"], *(p["uuid"] for p in table["partitions"]),
            *(stick.blkid(n)["UUID"] for n in (1, 2, 3, 4)),
            *(stick.blkid(n).get("UUID_SUB", n) for n in (1, 2, 3, 4)),
            stick.read(4, 1024 + 0xec, 16)]  # the hash seed of the ext4


def test_no_id_is_used_twice(deployed, live_image, tmp_path):
    second = deploy(live_image, tmp_path / "second.img", "--size", SIZE)
    found = [value for value in ids(deployed) + ids(second) if not isinstance(value, int)]
    assert len(set(found)) == len(found) == 2 * 11


# Options

def test_kernel_and_initrd_from_files(live_image, small_sets, tmp_path):
    own = small_sets[2]
    stick = deploy(live_image, tmp_path / "stick.img", "--size", SIZE,
                   "--kernel", own.kernel, "--initrd", own.initrd)
    assert_sound(stick, live_image, tmp_path, kernel_set=own)
    assert own.release in grub_cfg(stick) and live_image.set.release not in grub_cfg(stick)
    assert not [name for name in files(tmp_path / "1/tree") if "6.1.0-" in name]


def test_no_persistence(live_image, tmp_path):
    stick = deploy(live_image, tmp_path / "stick.img", "--size", "400M", "--no-persistence")
    assert_sound(stick, live_image, tmp_path, persistence=None)
    assert not [line for line in entries(stick).values() if "persistence" in line]


@pytest.mark.parametrize("size, mib", [("64M", 64), ("100000000", 96)])
def test_kernel_size(live_image, tmp_path, size, mib):
    """Rounded up to whole MiB."""
    stick = deploy(live_image, tmp_path / "stick.img", "--size", SIZE, "--kernel-size", size)
    assert stick.partition(2)[1] == mib * MIB
    assert_sound(stick, live_image, tmp_path)


def fill_with_ext4(path, _):
    run("mke2fs", "-q", path)


def fill_with_the_image(path, image):
    """As `dd` of a live image leaves it."""
    with open(path, "r+b") as f:
        f.write(image.path.read_bytes())


def fill_with_swap(path, _):
    run("mkswap", path)


@pytest.mark.parametrize("fill", [fill_with_ext4, fill_with_the_image, fill_with_swap])
def test_old_content_is_no_longer_found(fill, live_image, tmp_path):
    path = tmp_path / "stick.img"
    run("truncate", "-s", SIZE, path)
    fill(path, live_image)
    stick = deploy(live_image, path)
    assert_sound(stick, live_image, tmp_path)
    signatures = run("wipefs", "--noheadings", "--output", "TYPE", path).decode().split()
    assert sorted(signatures) == ["PMBR", "gpt", "gpt"]


def test_many_signatures_of_one_file_system(live_image, tmp_path):
    """ZFS has four labels with 128 uberblocks each, and is found by any few of them."""
    path = tmp_path / "disk.img"
    path.write_bytes(b"")
    run("truncate", "-s", SIZE, path)
    size = path.stat().st_size
    with open(path, "r+b") as f:
        for label in 0, 256 * 1024, size - 512 * 1024, size - 256 * 1024:
            for n in range(128):
                f.seek(label + 128 * 1024 + n * 1024)
                f.write((0x00bab10c).to_bytes(8, "little") + (5000).to_bytes(8, "little"))
    assert run("wipefs", "--noheadings", "--output", "TYPE", path).count(b"zfs_member") > 500
    stick = deploy(live_image, path, "--no-persistence")
    assert_sound(stick, live_image, tmp_path, persistence=None)
    assert b"zfs" not in run("wipefs", "--noheadings", "--output", "TYPE", path)


def test_a_deployment_over_an_older_one(live_image, deployed, tmp_path):
    stick = deploy(live_image, deployed.copy(tmp_path / "stick.img").path, "--no-persistence")
    assert_sound(stick, live_image, tmp_path, persistence=None)


@pytest.mark.parametrize("arguments, numbers", [((), (1, 2, 3, 4, 5)), (("--keep-persistence",), (1, 2, 3, 5))],
                         ids=["all", "keep-persistence"])
def test_old_content_of_its_partitions_is_no_longer_found(arguments, numbers, deployed, live_image, tmp_path):
    """Btrfs has its superblock at 64 KiB; ZFS has labels in the first and last 512 KiB. In partition 2 a kernel
    set begins at 64 KiB, and only those for tests are so small that they end before 512."""
    stick, junk, edge = deployed.copy(tmp_path / "stick.img"), b"\xa5" * 4096, 512 * 1024
    places = [(n, at) for n in numbers for at in (0, stick.partition(n)[1] - edge)]
    for number, at in places:
        stick.write(number, at, junk * (edge // len(junk)))
    if arguments:  # by which a stick is known
        for number in (2, 3):
            stick.write(number, 0, deployed.read(number, 0, 64 * 1024))
    stick = deploy(live_image, stick.path, *arguments)
    for number, at in places:
        size = 64 * 1024 if (number, at) == (2, 0) else edge
        assert junk not in stick.read(number, at, size), f"partition {number}, byte {at}"
    for number, kind in enumerate(("iso9660", "iso9660", "vfat", "ext4"), 1):
        assert stick.blkid(number)["TYPE"] == kind


# What is said

def test_dry_run_shows_the_plan_and_writes_nothing(deployed, live_image):
    with untouched(deployed.path):
        result = deployer("--dry-run", live_image, deployed.path)
    for words in (liveimage.NAME, live_image.set.release, liveimage.PARAMETERS, "partition 1",
                  "partition 2", "partition 3", "partition 4", "partition 5", "x86_64-efi",
                  "503.3 MB", "268.4 MB", "in the clear", "the image's own loaders", "Secure Boot",
                  "holds liveng stick, with persistence", "Everything on it would be lost"):
        assert words in result.out, f"no {words} in\n{result.out}"
    assert result.out.endswith("\nnothing was written\n")


def test_dry_run_creates_no_file(live_image, tmp_path):
    deployer("--dry-run", "--size", SIZE, live_image, tmp_path / "stick.img")
    assert not (tmp_path / "stick.img").exists()


def test_json_has_the_plan_and_the_result(live_image, tmp_path):
    path = tmp_path / "stick.img"
    told = deployer("--json", "-q", "--size", SIZE, live_image, path).json
    table = sticks.Stick(path).table
    assert told["exit_code"] == 0 and told["errors"] == []
    told, = told["targets"]
    assert told["target"] == str(path) and told["exit_code"] == 0
    assert told["release"] == live_image.set.release and told["image"] == liveimage.NAME
    assert {p["number"]: (p["start"], p["size"], p["partuuid"]) for p in told["partitions"]} == \
        {n: (p["start"] * 512, p["size"] * 512, p["uuid"].lower()) for n, p in table.items()}


def test_json_of_a_dry_run_has_the_same_members(live_image, deployed):
    with untouched(deployed.path):
        told = deployer("--json", "--dry-run", live_image, deployed.path).json
    assert told["exit_code"] == 0 and len(told["targets"][0]["partitions"]) == 5


def test_quiet_says_nothing(live_image, tmp_path):
    result = deployer("-q", "--size", SIZE, live_image, tmp_path / "stick.img")
    assert (result.out, result.err) == ("", "")


def test_verify_off_reads_nothing_back(live_image, tmp_path):
    stick = deploy(live_image, tmp_path / "stick.img", "--size", SIZE, "--no-verify")
    assert_sound(stick, live_image, tmp_path)

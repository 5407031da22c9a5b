# SPDX-License-Identifier: GPL-3.0-or-later
"""Images made to do harm: file systems that lead in circles or out of the file, names and texts that
would be commands elsewhere. Each is refused, or becomes a stick that boots what it should."""

import random
import re
import shlex
import shutil
import struct

import pytest

import liveimage
from programs import DEPLOYER, FAILED, REFUSED, SIZE, USAGE, deploy, deployer, finish, start
from proof import extract, untouched
from stick import BLOCK, PVD, run
from test_deploy import assert_sound, entries, files, grub_cfg


def refused(image, tmp_path):
    """Before a file is created, and without waiting for long."""
    target = tmp_path / "new.img"
    result = finish(start("--size", SIZE, image, target, program=DEPLOYER))
    assert result.code in (FAILED, REFUSED), result
    assert result.err.startswith(f"liveng-deploy: {image}") and not target.exists()


# The file system

def test_a_folder_in_itself(live_image, tmp_path):
    _, root, size = live_image.record("")
    refused(live_image.redirected(tmp_path / "a.iso", "live", root, size), tmp_path)


def test_two_folders_in_each_other(small_sets, tmp_path):
    image = liveimage.make_image(tmp_path / "good.iso", small_sets[0],
                                 extra={"live/a/b/c": b"c"})
    _, a, size = image.record("live/a")
    refused(image.redirected(tmp_path / "a.iso", "live/a/b", a, size), tmp_path)


@pytest.mark.parametrize("name", ["live", "live/filesystem.squashfs", ".disk/info", "boot/grub/grub.cfg"])
@pytest.mark.parametrize("block", [2**32 - 1, 2**31, 10_000], ids=hex)
def test_what_lies_beyond_the_end(live_image, tmp_path, name, block):
    refused(live_image.redirected(tmp_path / "a.iso", name, block), tmp_path)


@pytest.mark.parametrize("name", ["live/filesystem.squashfs", "live/vmlinuz-6.1.0-1-amd64",
                                  ".disk/info"])
@pytest.mark.parametrize("size", [2**32 - 1, 2**31], ids=hex)
def test_what_is_longer_than_the_image(live_image, tmp_path, name, size):
    refused(live_image.redirected(tmp_path / "a.iso", name, size=size), tmp_path)


@pytest.mark.parametrize("name", ["live/vmlinuz-6.1.0-1-amd64", "live/filesystem.squashfs"])
def test_a_file_over_the_descriptors(live_image, tmp_path, name):
    """This is where the head of the new file system goes."""
    refused(live_image.redirected(tmp_path / "a.iso", name, 0), tmp_path)


@pytest.mark.parametrize("blocks", [100_000, 2**32 - 1])
def test_a_volume_of_impossible_size(live_image, tmp_path, blocks):
    refused(live_image.patched(tmp_path / "a.iso", (PVD + 80, liveimage.both(blocks))), tmp_path)


def test_an_image_made_by_another_program(live_image, small_sets, tmp_path):
    """genisoimage leaves less room before the files than xorriso."""
    tree = extract(deploy(live_image, tmp_path / "a.img", "--size", SIZE), tmp_path / "1", number=1)
    run("genisoimage", "-quiet", "-R", "-o", tmp_path / "b.iso", tree)
    stick = deploy(tmp_path / "b.iso", tmp_path / "b.img", "--size", SIZE)
    shutil.rmtree(tmp_path / "1")
    assert_sound(stick, live_image, tmp_path)


@pytest.mark.parametrize("size", [0, 1, 512, 4096, 2**16 - 1])
def test_blocks_of_another_size(live_image, tmp_path, size):
    data = struct.pack("<H", size) + struct.pack(">H", size)
    refused(live_image.patched(tmp_path / "a.iso", (PVD + 128, data)), tmp_path)


def test_damage_at_random(live_image, deployed, tmp_path):
    """Bits flipped in descriptors and directories: refused or not, but never a crash, a hang, or a
    stick that is not what its plan says."""
    blocks = [PVD // BLOCK, *(live_image.record(name)[1] for name in ("", "live", ".disk", "boot/grub"))]
    codes = set()
    for seed in range(16):
        pick = random.Random(seed)
        content = bytearray(live_image.path.read_bytes())
        for _ in range(pick.choice((1, 3, 30))):
            content[pick.choice(blocks) * BLOCK + pick.randrange(600)] ^= 1 << pick.randrange(8)
        (tmp_path / "a.iso").write_bytes(content)
        result = finish(start("--dry-run", tmp_path / "a.iso", deployed.path, program=DEPLOYER))
        codes.add(result.code)
        assert result.code in (0, FAILED, REFUSED), f"seed {seed}: {result}"
        assert result.code == 0 or result.err.startswith("liveng-deploy: "), f"seed {seed}: {result}"
    assert len(codes) > 1


@pytest.mark.parametrize("count", [3000])
def test_many_files_and_long_names(small_sets, tmp_path, count):
    names = {f"live/{n:04}{'x' * 90}": b"%d" % n for n in range(count)}
    image = liveimage.make_image(tmp_path / "a.iso", small_sets[0], extra=names)
    stick = deploy(image, tmp_path / "stick.img", "--size", "500M")
    tree = extract(stick, tmp_path / "1", number=1)
    assert len(files(tree)) == count + 8
    assert (tree / f"live/2999{'x' * 90}").read_bytes() == b"2999"


def test_names_of_the_stick_itself_in_the_image(small_sets, tmp_path):
    """What the image calls release, checksums or an old set is not mistaken for the stick's own."""
    image = liveimage.make_image(tmp_path / "a.iso", small_sets[0], extra={
        "live/release": b"9.9\n", "live/SHA256SUMS": b"0" * 64 + b"  vmlinuz\n",
        "live/vmlinuz.old": b"old", "live/initrd.img.old": b"old", "live/release.env": b"x=1\n"})
    stick = deploy(image, tmp_path / "stick.img", "--size", SIZE)
    assert_sound(stick, image, tmp_path)
    assert not [name for name in files(tmp_path / "1/tree") if name.endswith(".old")]


# Texts

HOSTILE = ["'; reboot; '", '"; reboot; "', "$(reboot)", "`reboot`", "${prefix}", "$prefix", "\\",
           "a\\'b", "}\nreboot\n{", "@common@", "@name@ @release@", "\x1b[31mred\x07", "%s%n",
           "x" * 1000, "\xff\xfe", "{ } ; & | < >", "#", "'", ""]


def words(line):
    """The words of a line of grub.cfg; single quotes mean the same in a shell."""
    return shlex.split(line)


def commands(text):
    """The first word of each line of a menu."""
    return {line.split()[0] for line in text.splitlines() if line.split()}


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_would_be_a_command(small_sets, deployed, tmp_path, text):
    """As the image's name, as a parameter in its menu, and on our own command line."""
    image = liveimage.make_image(
        tmp_path / "a.iso", small_sets[0], info=text,
        grub_cfg=liveimage.menu("live/vmlinuz-6.1.0-1-amd64", "live/initrd.img-6.1.0-1-amd64",
                                f"boot=live {text} quiet"))
    stick = deploy(image, tmp_path / "stick.img", "--size", SIZE, "--no-verify",
                   "--append", text[:400], "--console", "ttyS0")
    deployer("--size", SIZE, "--console", "tty" + text[:100], image, tmp_path / "none", code=USAGE,
             says="not a serial console")
    made = grub_cfg(stick)
    (tmp_path / "grub.cfg").write_text(made)
    run("grub-script-check", tmp_path / "grub.cfg")
    assert commands(made) - {"terminal_input", "terminal_output"} == commands(grub_cfg(deployed))
    title = next(line for line in made.splitlines() if "--id standard" in line)
    assert words(title)[0] == "menuentry" and words(title)[-3:] == ["--id", "standard", "{"]
    assert len(title) < 300 and not any(ord(c) < 32 for c in title)
    for line in entries(stick).values():
        line = " ".join(line)
        assert not set(";&|<>`\n") & set(re.sub(r"'[^']*'|\\.", "", line))
        assert words(line)[1] == "boot=live" and len(line) < 2047


def test_parameters_longer_than_a_kernel_accepts(small_sets, live_image, tmp_path):
    text = liveimage.menu("live/vmlinuz-6.1.0-1-amd64", "live/initrd.img-6.1.0-1-amd64",
                          "boot=live " + "x" * 70_000)
    refused(liveimage.make_image(tmp_path / "a.iso", small_sets[0], grub_cfg=text), tmp_path)
    deployer("--size", SIZE, "--append", "x " * 1000, live_image, tmp_path / "none", code=REFUSED,
             says="too long")


@pytest.mark.parametrize("parameter", ["persistence", "nopersistence", "persistence-media=removable",
                                       "live-media=/dev/sda1", "fromiso=/dev/sda1/x.iso",
                                       "findiso=/x.iso", "liveng.boot=previous", "liveng-fallback",
                                       "persistence-label=x", "bootfrom=/dev/sda1"])
def test_parameters_that_name_another_medium_are_left_out(small_sets, tmp_path, parameter):
    text = liveimage.menu("live/vmlinuz-6.1.0-1-amd64", "live/initrd.img-6.1.0-1-amd64",
                          f"boot=live {parameter} quiet")
    image = liveimage.make_image(tmp_path / "a.iso", small_sets[0], grub_cfg=text)
    told = deployer("--dry-run", "--json", "--size", SIZE, image, tmp_path / "none").json
    assert told["targets"][0]["parameters"] == "boot=live quiet"


@pytest.mark.parametrize("kernel", ["../../etc/passwd", "live/../live/vmlinuz-6.1.0-1-amd64",
                                    "live", "(hd0)/vmlinuz", "live/filesystem.squashfs", ""])
def test_a_menu_that_names_another_kernel(small_sets, deployed, tmp_path, kernel):
    """It is ignored: the kernel in live/ is used, or the image refused."""
    text = liveimage.menu(kernel, "live/initrd.img-6.1.0-1-amd64")
    image = liveimage.make_image(tmp_path / "a.iso", small_sets[0], grub_cfg=text)
    with untouched(deployed.path):
        result = finish(start("--dry-run", image, deployed.path, program=DEPLOYER))
    assert result.code == REFUSED or small_sets[0].release in result.out

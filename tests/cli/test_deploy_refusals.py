# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot become a stick is reported before anything is written, each case with its own message: the
target is unchanged, and a file that did not exist does not exist afterwards either."""

import fcntl
import os
import random
import shutil
import subprocess

import pytest

import liveimage
from programs import BUSY, DONE, FAILED, NOT_STICK, NO_ROOM, PATIENCE, REFUSED, SIZE, USAGE, deploy, deployer
from proof import untouched
from stick import MIB, run, tiny_kernel


def refused(image, deployed, tmp_path, *arguments, code=REFUSED, says="", **kwargs):
    """Neither an old stick nor a new file is touched, with --dry-run and without; it is reported once."""
    new = tmp_path / "new.img"
    with untouched(deployed.path):
        plan = deployer("--dry-run", *arguments, image, deployed.path, code=code, says=says, **kwargs)
        done = deployer("--yes", *arguments, image, deployed.path, code=code, says=says, **kwargs)
    made = deployer("--size", SIZE, *arguments, image, new, code=code, says=says, **kwargs)
    assert not new.exists()
    assert plan.out == done.out == made.out == ""
    for said in plan.err, done.err, made.err:
        assert len(said.splitlines()) == 1 or "lacks the module" in said, said
    return done


# The image

def test_no_such_image(deployed, tmp_path):
    refused(tmp_path / "no.iso", deployed, tmp_path, code=FAILED, says="no.iso: no such file")


def test_a_missing_image_is_reported_before_anything_about_the_targets(tmp_path):
    told = deployer(tmp_path / "no.iso", tmp_path / "none", "/dev/none", code=FAILED)
    assert told.err == f"liveng-deploy: {tmp_path}/no.iso: No such file or directory\n"


def test_image_and_target_in_the_wrong_order(live_image, tmp_path):
    """Whether or not the target exists, even with an image on it."""
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(MIB))
    with untouched(live_image.path):
        for target in disk, tmp_path / "none", tmp_path:
            deployer("--yes", "--size", SIZE, target, live_image, code=REFUSED,
                     says=f"{live_image}: is an image, not a target: name the image first, then the targets")


def test_a_folder_as_image(deployed, tmp_path):
    refused(tmp_path, deployed, tmp_path, code=FAILED, says=f"{tmp_path}: is a directory")


def test_a_fifo_as_image(deployed, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    refused(tmp_path / "fifo", deployed, tmp_path, says="neither a file nor a disk")


@pytest.mark.parametrize("beginning, says", [
    (b"PK\x03\x04", "is a zip archive: unpack it"),
    (b"\x1f\x8b\x08", "with gunzip"),
    (b"\xfd7zXZ\0", "with unxz"),
    (b"\x28\xb5\x2f\xfd", "with unzstd"),
    (b"BZh9", "with bunzip2"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"\xef\xbb\xbf\n <!DOCTYPE html>", "is a web page"),
    (b"<HTML><HEAD>", "is a web page"),
    (b"d8:announce35:", "is a torrent"),
    (b"-----BEGIN PGP SIGNATURE-----", "is a signature"),
    (b"QFI\xfb", "virtual machine's disk"),
    (bytes(510) + b"\x55\xaa", "a whole disk"),
    (bytes(510) + b"\x55\xaaEFI PART", "a whole disk"),
    (b"<!-- -->", "is a web page"),
    (b" " * 4096, "is a text, not an image"),
    ("Prüfsumme".encode(), "is a text, not an image"),
    (b"\1" + b" " * 4096, "is not an ISO 9660 image"),
])
@pytest.mark.parametrize("size", [0, 100_000])
def test_what_is_taken_for_an_image(deployed, tmp_path, beginning, says, size):
    image = tmp_path / "image.iso"
    image.write_bytes(beginning + b"x" * size)
    refused(image, deployed, tmp_path, says=says)


def test_several_images(live_image, tmp_path):
    """Such as *.iso: all but the first would be targets."""
    other = shutil.copy(live_image.path, tmp_path / "other.iso")
    for targets in [other], [tmp_path / "new.img", other]:
        with untouched(other):
            deployer("--yes", "--size", SIZE, live_image, *targets, code=REFUSED, says="other.iso: is an image, not a target")


@pytest.mark.parametrize("file, says", [
    ("casper/vmlinuz", "as Ubuntu and Mint are"),
    ("antiX/vmlinuz", "antiX or MX"),
    ("KNOPPIX/KNOPPIX", "is Knoppix"),
    ("arch/boot/x86_64/vmlinuz-linux", "Arch Linux"),
    ("sysresccd/x86_64/airootfs.sfs", "SystemRescue"),
    ("LiveOS/squashfs.img", "Fedora"),
    ("sources/install.wim", "Windows installer"),
    ("install.amd/vmlinuz", "debian-live"),
])
def test_images_of_other_families(deployed, small_sets, tmp_path, file, says):
    """Named as what they are, with the way out."""
    image = liveimage.make_image(tmp_path / "a.iso", small_sets[0], without=["live"], extra={file: b"x"})
    refused(image, deployed, tmp_path, says=says)


def test_tails(deployed, small_sets, tmp_path):
    """It has all that is looked for, but updates itself."""
    image = liveimage.make_image(tmp_path / "a.iso", small_sets[0], extra={"live/Tails.module": b"filesystem.squashfs"})
    refused(image, deployed, tmp_path, says="is Tails")


@pytest.mark.parametrize("size, says", [
    (0, "is empty: the download failed"), (1, "is a text, not an image"), (2048, "is not an ISO 9660 image"),
    (40_000, "is not an ISO 9660 image"), (3_000_000, "is not an ISO 9660 image")])
def test_no_iso_9660(deployed, tmp_path, size, says):
    image = tmp_path / "noise.iso"
    image.write_bytes(random.Random(size).randbytes(size))
    refused(image, deployed, tmp_path, says=says)


def test_zeros(deployed, tmp_path):
    image = tmp_path / "zeros.iso"
    run("truncate", "-s", "30M", image)
    refused(image, deployed, tmp_path, says="is not an ISO 9660 image")


@pytest.mark.parametrize("size", [32768, 34816, 36864, 65536, 200_000, 4_000_000, -2048, -512])
def test_a_truncated_image(live_image, deployed, tmp_path, size):
    """A download that stopped anywhere."""
    size = size % live_image.path.stat().st_size
    said = refused(live_image.cut(tmp_path / "cut.iso", size), deployed, tmp_path).err
    assert "truncated" in said or "not an ISO 9660" in said


def test_no_live_folder(deployed, small_sets, tmp_path):
    image = liveimage.make_image(tmp_path / "a.iso", small_sets[0], without=["live"])
    refused(image, deployed, tmp_path, says="no live/ folder")


def test_no_rock_ridge(deployed, tmp_path):
    """Joliet has long names as well, but Linux and live-boot use the other ones."""
    (tmp_path / "tree/live").mkdir(parents=True)
    (tmp_path / "tree/live/filesystem.squashfs").write_bytes(b"x")
    run("genisoimage", "-quiet", "-J", "-o", tmp_path / "a.iso", tmp_path / "tree")
    refused(tmp_path / "a.iso", deployed, tmp_path, says=["or Joliet", "make it with Rock Ridge"])


def test_no_squashfs(deployed, small_sets, tmp_path):
    image = liveimage.make_image(tmp_path / "a.iso", small_sets[0],
                                 without=["live/filesystem.squashfs"])
    refused(image, deployed, tmp_path, says="no squashfs in live/")


# What is outside live/ may be omitted from the stick.
@pytest.mark.parametrize("folder", ["boot/system", "nowhere", "live/none", "live/../boot/system"])
def test_no_squashfs_where_the_menu_says(deployed, small_sets, tmp_path, folder):
    names = [f"live/{n}-{small_sets[0].release}" for n in ("vmlinuz", "initrd.img")]
    image = liveimage.make_image(
        tmp_path / "a.iso", small_sets[0], extra={"boot/system/system.squashfs": b"hsqs"},
        grub_cfg=liveimage.menu(*names, f"boot=live live-media-path=/{folder}"))
    refused(image, deployed, tmp_path, says=["no squashfs", folder])


@pytest.mark.parametrize("name", ["vmlinuz", "initrd.img"])
def test_no_kernel_or_no_initrd(deployed, small_sets, tmp_path, name):
    image = liveimage.make_image(tmp_path / "a.iso", small_sets[0],
                                 without=[f"live/{name}-{small_sets[0].release}"])
    refused(image, deployed, tmp_path, says="no kernel with an initrd in live/")


def with_file(image, tmp_path, name, data):
    """The image with different content in a file, of the same length."""
    _, block, size = image.record(name)
    return image.patched(tmp_path / "patched.iso", (block * 2048, data[:size]))


def test_a_damaged_kernel(live_image, deployed, tmp_path):
    name = f"live/vmlinuz-{live_image.set.release}"
    kernel = bytearray(live_image.set.kernel.read_bytes())
    kernel[90_000] ^= 1
    refused(with_file(live_image, tmp_path, name, kernel), deployed, tmp_path,
            says=[name, "damaged"])


def test_a_kernel_that_is_not_one(live_image, deployed, tmp_path):
    name = f"live/vmlinuz-{live_image.set.release}"
    refused(with_file(live_image, tmp_path, name, bytes(100_000)), deployed, tmp_path,
            says=[name, "not a Linux kernel"])


def test_a_kernel_without_efi_stub(live_image, deployed, tmp_path):
    """According to the field for that; its checksum is right."""
    name = f"live/vmlinuz-{live_image.set.release}"
    kernel = tiny_kernel(live_image.set.release, efi=False)
    refused(with_file(live_image, tmp_path, name, kernel), deployed, tmp_path, says=["EFI stub"])


def test_a_damaged_initrd(live_image, deployed, tmp_path):
    name = f"live/initrd.img-{live_image.set.release}"
    initrd = bytearray(live_image.set.initrd.read_bytes())
    initrd[100_000] ^= 1
    refused(with_file(live_image, tmp_path, name, initrd), deployed, tmp_path, says=name)


def test_an_initrd_without_live_boot(live_image, material, deployed, tmp_path):
    refused(live_image, deployed, tmp_path, "--kernel", material.new.kernel,
            "--initrd", material.initrd(variant=".nolive"), says="live-boot")


def test_an_initrd_that_does_not_find_usb_sticks(live_image, material, deployed, tmp_path):
    refused(live_image, deployed, tmp_path, "--kernel", material.new.kernel,
            "--initrd", material.initrd(variant=".nousb"), says="usb-storage")


def test_an_initrd_of_another_release(live_image, material, deployed, tmp_path):
    refused(live_image, deployed, tmp_path, "--kernel", material.new.kernel,
            says=[material.release, "modules"])


@pytest.mark.parametrize("option", ["--kernel", "--initrd"])
def test_a_file_that_is_not_there(option, live_image, deployed, tmp_path):
    refused(live_image, deployed, tmp_path, option, tmp_path / "none", code=FAILED, says="none: no such")


def test_encryption_needs_cryptsetup_in_the_initrd(live_image, material, deployed, tmp_path):
    """Reported with the way out, and before asking for a passphrase."""
    refused(live_image, deployed, tmp_path, "--encrypt", "--kernel", material.new.kernel,
            "--initrd", material.initrd(variant=".nocrypt"), says="cryptsetup")


def test_including_the_images_own(material, deployed, tmp_path):
    kernel_set = material.set(material.release, initrd=material.initrd(variant=".nocrypt"))
    image = liveimage.make_image(tmp_path / "nocrypt.iso", kernel_set)
    refused(image, deployed, tmp_path, "--encrypt", says="the image's system has no")
    deploy(image, tmp_path / "clear.img", "--size", "600M")


# The target

def test_larger_than_the_stick(deployed, small_sets, tmp_path):
    """It says how much is needed, and that much is enough."""
    image = liveimage.make_image(tmp_path / "a.iso", small_sets[0], ballast=100 * MIB)
    said = refused(image, deployed, tmp_path, code=NO_ROOM, says="are needed").err
    needed = int(said.split("--size ")[1].split("MB")[0].split()[0])
    assert 500 * MIB < needed * 1000_000 < 600 * MIB
    deploy(image, tmp_path / "enough.img", "--size", f"{needed}MB")
    deployer("--size", f"{needed - 10}MB", image, tmp_path / "less.img", code=NO_ROOM)
    assert not (tmp_path / "less.img").exists()


@pytest.mark.parametrize("size", [1, 511, 4096, "1M", "100M", "400M"])
def test_a_new_file_that_is_too_small(live_image, tmp_path, size):
    path = tmp_path / "stick.img"
    deployer("--size", size, live_image, path, code=NO_ROOM, says=["stick.img", "--size"])
    assert not path.exists()


def test_a_kernel_size_that_does_not_hold_the_set(real_image, deployed, tmp_path):
    refused(real_image, deployed, tmp_path, "--kernel-size", "30M", code=NO_ROOM, says="--kernel-size")


def test_a_kernel_size_larger_than_the_stick(live_image, deployed, tmp_path):
    refused(live_image, deployed, tmp_path, "--kernel-size", "7T", code=NO_ROOM)


def test_a_fifo_as_loader(live_image, deployed, tmp_path):
    """Nobody writes to it."""
    os.mkfifo(tmp_path / "PreLoader.efi")
    with untouched(deployed.path):
        deployer("--yes", "--preloader", tmp_path, live_image, deployed.path, code=FAILED,
                 says="PreLoader.efi", prefix=("timeout", "-s", "KILL", str(PATIENCE)))


def test_an_existing_file_is_too_small(live_image, tmp_path):
    path = tmp_path / "stick.img"
    path.write_bytes(b"precious" * 1000)
    with untouched(path):
        deployer("--yes", live_image, path, code=NO_ROOM,
                 says="stick.img: is not a liveng stick and too small (8.0 kB of")
        deployer("--yes", "--size", "300M", live_image, path, code=NO_ROOM, says="stick.img")


def test_zeros_that_are_too_few(live_image, tmp_path):
    path = tmp_path / "stick.img"
    path.write_bytes(bytes(8000))
    assert "no stick" not in deployer(live_image, path, code=NO_ROOM, says="has 8.0 kB").err


def test_an_existing_file_gets_a_new_size(live_image, tmp_path):
    path = tmp_path / "stick.img"
    path.write_bytes(b"old" * MIB)
    assert deploy(live_image, path, "--size", SIZE).path.stat().st_size == 480 * MIB
    deploy(live_image, path, "--size", "490M")
    assert path.stat().st_size == 490 * MIB
    run("sgdisk", "-v", path)


def test_no_target_of_that_name(live_image, tmp_path):
    deployer("--yes", live_image, tmp_path / "none", code=FAILED, says="--size")
    assert not (tmp_path / "none").exists()


def test_a_folder_as_target(live_image, tmp_path):
    deployer("--yes", "--size", SIZE, live_image, tmp_path, code=REFUSED, says="neither a disk nor")


@pytest.mark.parametrize("there", [True, False])
def test_a_symlink_as_target(live_image, deployed, tmp_path, there):
    path = tmp_path / "link"
    path.symlink_to(deployed.path if there else "nowhere")
    with untouched(deployed.path):
        deployer("--yes", "--size", SIZE, live_image, path, code=REFUSED, says="symlink")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("options", [[], ["-n"]], ids=["write", "dry run"])
def test_a_folder_that_is_not_there(live_image, tmp_path, options):
    deployer(*options, "--size", SIZE, live_image, tmp_path / "no/stick.img", code=FAILED, says="no such file")


@pytest.mark.parametrize("link", [lambda a, b: None, os.link])
def test_the_image_itself_as_target(live_image, tmp_path, link):
    image = tmp_path / "live.iso"
    shutil.copy(live_image.path, image)
    target = tmp_path / "other.iso" if link is os.link else image
    link(image, target)
    with untouched(image):
        deployer("--yes", "--size", SIZE, image, target, code=REFUSED,
                 says="is one of the files the stick is made from")


@pytest.mark.parametrize("option", ["--kernel", "--initrd"])
def test_the_new_kernel_or_initrd_as_target(live_image, tmp_path, option):
    path = tmp_path / "file"
    shutil.copy(live_image.set.kernel if option == "--kernel" else live_image.set.initrd, path)
    with untouched(path):
        deployer("--yes", "--size", SIZE, option, path, live_image, path, code=REFUSED,
                 says="is one of the files the stick is made from")


def test_a_target_that_another_program_holds(live_image, deployed):
    with open(deployed.path, "rb") as f, untouched(deployed.path):
        fcntl.flock(f, fcntl.LOCK_EX)
        deployer("--yes", live_image, deployed.path, code=BUSY, says="in use by another program")


def test_nothing_is_written_without_a_yes(live_image, deployed):
    with untouched(deployed.path):
        deployer(live_image, deployed.path, code=REFUSED, says=["everything on it would", "--yes"],
                 stdin=subprocess.DEVNULL)
        deployer("--keep-persistence", live_image, deployed.path, code=REFUSED,
                 says="everything on it but its persistence would", stdin=subprocess.DEVNULL)


def test_a_new_file_needs_no_yes(live_image, tmp_path):
    deployer("--size", SIZE, live_image, tmp_path / "stick.img", code=DONE,
             stdin=subprocess.DEVNULL)


def test_a_full_disk(live_image, tmp_path):
    """The new file is removed, and so is what was made for it."""
    path = tmp_path / "stick.img"
    deployer("--size", SIZE, live_image, path, code=FAILED, says="too large",
             prefix=["prlimit", f"--fsize={300 * MIB}", "--core=0"])
    assert list(tmp_path.iterdir()) == []


def test_no_place_for_temporary_files(live_image, deployed, tmp_path):
    with untouched(deployed.path):
        deployer("--yes", live_image, deployed.path, code=FAILED, says="TMPDIR",
                 env={**os.environ, "TMPDIR": str(tmp_path / "none")})


# Usage

@pytest.mark.parametrize("arguments", [
    [], ["live.iso"], ["--size", "0", "a", "b"], ["--size", "many", "a", "b"],
    ["--kernel-size", "-1", "a", "b"], ["--encrypt", "--no-persistence", "a", "b"],
    ["--keep-persistence", "--encrypt", "a", "b"], ["--passphrase-fd", "x", "--encrypt", "a", "b"],
    ["--passphrase-file", "x", "a", "b"], ["--nonsense", "a", "b"], ["list", "more"]], ids=" ".join)
def test_wrong_use(arguments):
    assert deployer(*arguments, code=USAGE).err.startswith("liveng-deploy: ")


@pytest.mark.parametrize("arguments, word", [
    (["--encrpt", "a", "b"], "--encrpt"), (["--encryp", "a", "b"], "--encryp"),
    (["--kernel-siz", "1G", "a", "b"], "--kernel-siz"), (["-nZ", "a", "b"], "-Z")])
def test_no_such_option(arguments, word):
    """An abbreviation is not one either; JSON reports it as well."""
    told = deployer("--json", *arguments, code=USAGE).json
    assert told["errors"] == [f"{word}: no such option: see --help"]


def test_the_value_of_an_option(live_image, tmp_path):
    assert deployer("--size", code=USAGE).err == "liveng-deploy: --size needs a value: see --help\n"
    assert "takes no value" in deployer("--yes=1", "a", "b", code=USAGE).err
    deployer("--append", "--foo", "-qn", "--size=500M", live_image, tmp_path / "new")


@pytest.mark.parametrize("option, values", [
    ("locale", ["", "C", "german", "de_DE init=/bin/sh", "de_DE;x"]),
    ("keyboard", ["", "DE", "-help", "/etc/passwd", "de neo", "de:neo:x", "us,"]),
    ("timezone", ["", "../x", "Europe/Berlin quiet", "/etc/localtime"]),
    ("username", ["", "Anna", "-a", "a b", "a" * 40]),
    ("hostname", ["", "-a", "a.b", "A", "a" * 64]),
])
def test_what_live_config_would_not_take(option, values):
    """Nothing of it may become another kernel parameter."""
    for value in values:
        deployer(f"--{option}={value}", "a", "b", code=USAGE, says=f'--{option}: "{value}" is not valid')


def test_what_live_config_would_make_little_of(live_image, tmp_path):
    deployer("--username", "root", "a", "b", code=USAGE, says="root is there anyway")
    options = "--json", "-n", "--size", SIZE, live_image, tmp_path / "new"
    known = deployer("--locale", "C.UTF-8", "--timezone", "Europe/Berlin", *options)
    assert known.json["warnings"] == []
    unknown = deployer("--locale", "xx_YY.UTF-8", "--timezone", "Europe/Nowhere", *options)
    assert [text.split(": is it")[0] for text in unknown.json["warnings"]] == [
        "--locale: xx_YY.UTF-8 is not known here", "--timezone: Europe/Nowhere is not known here"]


@pytest.mark.parametrize("console", ["", "tty0", "ttyS", "ttyS0,fast", "ttyS0 quiet", "ttyS0,115200n8x"])
def test_no_serial_console(console):
    deployer("--console", console, "a", "b", code=USAGE, says=f'--console: "{console}" is not a serial')


@pytest.mark.parametrize("console", ["ttyS0", "ttyUSB0,115200", "ttyAMA0,115200n8", "hvc0", "ttyS1,9600n8r"])
def test_a_serial_console(console, live_image, tmp_path):
    deployer("--console", console, "-n", "--size", SIZE, live_image, tmp_path / "new")


def test_the_boot_menu_is_not_installed(live_image, tmp_path):
    deployer("--size", SIZE, live_image, tmp_path / "new", code=FAILED, says=["make install", "LIVENG_DEPLOY_DATA"],
             env={**os.environ, "LIVENG_DEPLOY_DATA": str(tmp_path)})


def test_keep_persistence_needs_a_stick(live_image, tmp_path):
    path = tmp_path / "stick.img"
    run("truncate", "-s", SIZE, path)
    with untouched(path):
        deployer("--yes", "--keep-persistence", live_image, path, code=NOT_STICK)
    deployer("--keep-persistence", "--size", SIZE, live_image, tmp_path / "new", code=NOT_STICK)
    assert not (tmp_path / "new").exists()


def test_a_letter_that_is_not_an_option_is_named(tmp_path):
    said = deployer("--dry-run", "-xn", tmp_path / "image", tmp_path / "target", code=USAGE).err
    assert said == "liveng-deploy: -x: no such option: see --help\n"

# SPDX-License-Identifier: GPL-3.0-or-later
"""A stock image, whose initrd cannot open an encrypted persistence: what liveng-deploy appends to it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import liveimage
from programs import REFUSED, SIZE, deploy, deployer
from stick import MIB, run

PRIVATE = "usr/lib/liveng/crypt"


@pytest.fixture(scope="session")
def stock(material, tmp_path_factory):
    """Real kernel, initrd without cryptsetup, the squashfs of a system with it."""
    path = tmp_path_factory.mktemp("stock") / "stock.iso"
    return liveimage.make_image(path, material.set(material.release, initrd=material.initrd(variant=".stock")),
                                loaders=True, system=material.folder / "system.squashfs")


@pytest.fixture(scope="session")
def phrase(tmp_path_factory):
    path = tmp_path_factory.mktemp("phrase") / "phrase"
    path.write_text("correct horse battery staple")
    return path


@pytest.fixture(scope="session")
def encrypted(stock, phrase, tmp_path_factory):
    return deploy(stock, tmp_path_factory.mktemp("stick") / "stick.img", "--encrypt", "--passphrase-file", phrase,
                  "--size", "600M")


def unpacked(initrd, skip, folder):
    """The files of the segment after the first @skip bytes, as cpio unpacks them."""
    folder.mkdir()
    (folder.parent / "segment").write_bytes(initrd[skip:].lstrip(b"\0"))
    subprocess.run("zstd -dc ../segment | cpio -idm --quiet", shell=True, check=True, cwd=folder)
    return folder


@pytest.fixture(scope="session")
def segment(encrypted, stock, tmp_path_factory):
    """What was appended."""
    initrd = encrypted.grub_cat("live/initrd.img", number=2)
    own = stock.set.initrd.read_bytes()
    assert initrd[:len(own)] == own
    return unpacked(initrd, len(own), tmp_path_factory.mktemp("initrd") / "root")


@pytest.fixture(scope="session")
def whole(segment, stock, tmp_path_factory):
    """What the kernel makes of both."""
    root = unpacked(stock.set.initrd.read_bytes(), 0, tmp_path_factory.mktemp("whole") / "root")
    run("cp", "-aT", segment, root)
    return root


def test_both_sets_have_the_same_initrd(encrypted):
    assert encrypted.grub_cat("live/initrd.img", number=1) == encrypted.grub_cat("live/initrd.img", number=2)


def test_the_segment_is_small(encrypted, stock):
    initrd = encrypted.grub_cat("live/initrd.img", number=2)
    assert 1 * MIB < len(initrd) - stock.set.initrd.stat().st_size < 7 * 1000 * 1000


def test_the_programs_run_with_their_own_libraries(segment):
    """As the initrd will start them: by their loader, without any library from elsewhere."""
    loader, = (segment / PRIVATE).glob("ld-linux*")
    for path in (segment / PRIVATE).glob("*setup"):
        program = path.name
        listed = run(loader, "--library-path", segment / PRIVATE, "--list", segment / PRIVATE / program).decode()
        for line in listed.splitlines():
            assert "vdso" in line or str(segment / PRIVATE) in line or "ld-linux" in line, line
        assert b"2." in run(loader, "--library-path", segment / PRIVATE, segment / PRIVATE / program, "--version")
        script = (segment / "usr/sbin" / program).read_text()
        assert script.startswith("#!/bin/sh\nexec /lib/liveng/crypt/ld-linux")
        assert os.access(segment / "usr/sbin" / program, os.X_OK)
    assert (segment / PRIVATE / "libgcc_s.so.1").exists()  # for the end of argon2's threads
    assert os.access(segment / "usr/lib/cryptsetup/askpass", os.X_OK)


def test_the_modules_and_their_index(segment, whole, material):
    names = {path.name.partition(".")[0] for path in whole.rglob("*.ko*")}
    assert {"dm-crypt", "dm-mod", "xts", "aesni-intel", "algif_skcipher"} <= names
    assert list(segment.rglob("dm-crypt.ko*")) and list(segment.rglob("modules.dep.bin"))
    # modprobe of the initrd's own index finds them, and all that they need.
    for module in "dm-crypt", "xts", "aesni-intel":
        said = run("modprobe", "--dirname", whole, "--set-version", material.release, "--show-depends", module).decode()
        for line in said.splitlines():
            assert line.startswith("builtin ") or os.path.exists(line.split()[1]), line


def test_udev_and_the_hook(segment, whole):
    rules = {path.name for path in (whole / "usr/lib/udev/rules.d").iterdir()}
    assert "95-dm-notify.rules" in rules  # or `cryptsetup open` waits for ever
    assert (segment / "usr/lib/live/boot/9999-liveng.sh").exists()


def test_an_initrd_that_has_all_gets_the_hook_only(real_image, phrase, tmp_path):
    stick = deploy(real_image, tmp_path / "stick.img", "--encrypt", "--passphrase-file", phrase, "--size", "600M")
    initrd = stick.grub_cat("live/initrd.img", number=2)
    own = real_image.set.initrd.read_bytes()
    assert initrd[:len(own)] == own
    root = unpacked(initrd, len(own), tmp_path / "root")
    assert [path.name for path in root.rglob("*") if path.is_file()] == ["9999-liveng.sh"]


def test_unencrypted_the_initrd_stays_as_it_is(stock, tmp_path):
    stick = deploy(stock, tmp_path / "stick.img", "--size", "600M")
    assert stick.grub_has(stock.set)


@pytest.fixture(scope="session")
def bare_system(material, tmp_path_factory):
    """The system without cryptsetup."""
    folder = tmp_path_factory.mktemp("bare")
    run("unsquashfs", "-quiet", "-no-progress", "-dest", folder / "root", material.folder / "system.squashfs")
    (folder / "root/usr/sbin/cryptsetup").unlink()
    run("mksquashfs", folder / "root", folder / "squashfs", "-quiet", "-no-progress", "-all-root", "-comp", "zstd",
        "-Xcompression-level", "1")
    return folder / "squashfs"


def test_a_system_without_cryptsetup_gets_this_computers(bare_system, stock, phrase, tmp_path):
    image = liveimage.make_image(tmp_path / "bare.iso", stock.set, loaders=True, system=bare_system)
    stick = deploy(image, tmp_path / "stick.img", "--encrypt", "--passphrase-file", phrase, "--size", "600M")
    initrd = stick.grub_cat("live/initrd.img", number=2)
    root = unpacked(initrd, stock.set.initrd.stat().st_size, tmp_path / "root")
    own = shutil.which("cryptsetup", path="/usr/sbin:/sbin")
    assert (root / PRIVATE / "cryptsetup").read_bytes() == Path(own).read_bytes()
    loader, = (root / PRIVATE).glob("ld-linux*")
    assert b"2." in run(loader, "--library-path", root / PRIVATE, root / PRIVATE / "cryptsetup", "--version")


def test_an_image_without_a_system_is_refused(material, small_sets, phrase, tmp_path):
    image = liveimage.make_image(tmp_path / "live.iso", material.set(
        material.release, initrd=material.initrd(variant=".stock")), loaders=True)
    deployer("--yes", "--encrypt", "--passphrase-file", phrase, "--size", SIZE, image, tmp_path / "stick.img",
             code=REFUSED, says="the image's system")
    assert not (tmp_path / "stick.img").exists()

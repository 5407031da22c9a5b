# SPDX-License-Identifier: GPL-3.0-or-later
"""Stock images whose initrd is packed in another way, whose /usr is not merged, whose modules are compressed, or
which are for other machines: what liveng-deploy appends fits all of them."""

import shutil
import subprocess

import pytest

import liveimage
import stockimage
from programs import REFUSED, deploy, deployer
from stick import run
from stockimage import SYSTEM, squashfs_of, status, unpacked

# Both call what the kernel can unpack.
PACKINGS = {"gzip": "gzip -1", "xz": "xz -0 --check=crc32", "zstd": "zstd -1", "lz4": "lz4 -1 -l"}
MODULES = {".ko": "true", ".ko.xz": "xz --check=crc32 --lzma2=dict=1MiB", ".ko.zst": "zstd -q --rm"}


def split_usr(root):
    """As before /usr was merged: the C library and what boots are at the top, other libraries below /usr."""
    for name in "bin", "sbin", "lib", "lib64":
        if (root / name).is_symlink():
            (root / name).unlink()
            if (root / "usr" / name).exists():
                (root / "usr" / name).rename(root / name)
    for path in (root / "lib").glob("*-linux-gnu*/lib[ac-z]*.so*"):
        if path.name.startswith(("libargon2", "libcrypto", "libjson", "liblzma")):
            below = root / "usr/lib" / path.parent.name
            below.mkdir(parents=True, exist_ok=True)
            path.rename(below / path.name)


def compress_modules(root, release, suffix):
    for path in list(root.glob("usr/lib/modules/*/kernel/**/*.ko")):
        run(*MODULES[suffix].split(), path)
    run("/sbin/depmod", "-b", root, release)


def packed(root, path, packing):
    script = f"cd '{root}' && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 | {PACKINGS[packing]} > '{path}'"
    run("sh", "-c", script)
    return path


@pytest.fixture
def image(material, tmp_path):
    """Make a stock image of these kinds."""
    def make(packing, merged, suffix):
        initrd = unpacked(material.initrd(variant=".stock").read_bytes(), 0, tmp_path / "initrd")
        system = tmp_path / "system"
        run("unsquashfs", "-quiet", "-no-progress", "-dest", system, material.folder / "system.squashfs")
        run("cp", "-anT", initrd / "usr/lib/modules", system / "usr/lib/modules")
        for root in initrd, system:
            compress_modules(root, material.release, suffix)
            if not merged:
                split_usr(root)
        run("mksquashfs", system, tmp_path / "squashfs", "-quiet", "-no-progress", "-all-root", "-comp", "zstd",
            "-Xcompression-level", "1")
        squashfs_of(tmp_path / "squashfs", {"var/lib/dpkg/status": status(SYSTEM)})
        kernel_set = material.set(material.release, initrd=packed(initrd, tmp_path / "initrd.img", packing))
        return liveimage.make_image(tmp_path / "stock.iso", kernel_set, loaders=True, system=tmp_path / "squashfs")

    return make


def booted(kernel, initrd):
    """What the programs of an initrd say in a machine which has nothing but this kernel."""
    commands = "cryptsetup --version; modprobe dm-crypt && echo loaded; ls /lib/live/boot; poweroff -f"
    machine = subprocess.run(
        ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "Nehalem", "-m", "1G", "-nographic", "-nic", "none", "-no-reboot",
         "-kernel", kernel, "-initrd", initrd, "-append", f'console=ttyS0 quiet rdinit=/bin/sh -- -c "{commands}"'],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=300, check=True)
    return machine.stdout.decode()


@pytest.mark.slow
@pytest.mark.parametrize("packing, merged, suffix", [
    ("gzip", False, ".ko"), ("xz", True, ".ko.zst"), ("zstd", False, ".ko.xz"), ("lz4", True, ".ko"),
    *(pytest.param(*kind, marks=pytest.mark.full)
      for kind in [("gzip", True, ".ko.xz"), ("xz", False, ".ko"), ("gzip", False, ".ko.zst")])])
def test_what_is_appended_is_like_the_image(image, material, phrase, packages, tmp_path, packing, merged, suffix):
    stock = image(packing, merged, suffix)
    stick = deploy(stock, tmp_path / "stick.img", "--encrypt", "--passphrase-file", phrase, "--packages", packages,
                   "--size", "600M")
    initrd, own = stick.grub_cat("live/initrd.img"), stock.set.initrd.read_bytes()
    assert initrd[:len(own)] == own
    segment = unpacked(initrd, len(own), tmp_path / "segment.root", packing)
    if packing == "xz":
        assert b"CRC32" in run("xz", "--robot", "--list", "--format=xz", tmp_path / "segment")
    usr = "usr/" if merged else ""
    stockimage.assert_programs_run(segment, f"{usr}lib/liveng/crypt", f"{usr}sbin", f"{usr}lib/cryptsetup/askpass")
    for name in "live/boot/9999-liveng.sh", "live/boot/9998-liveng-first.sh", "udev/rules.d/95-dm-notify.rules":
        assert (segment / usr / "lib" / name).exists() or (tmp_path / "initrd" / usr / "lib" / name).exists(), name
    whole = tmp_path / "initrd"
    links = {path for path in whole.rglob("*") if path.is_symlink()}
    run("cp", "-aT", segment, whole)
    assert all(path.is_symlink() for path in links)  # a folder would have taken the place of what it leads to
    assert list(segment.rglob(f"dm-crypt{suffix}"))
    stockimage.assert_modules_are_found(whole, material.release, "dm-crypt", "xts", "aesni-intel")
    (tmp_path / "initrd.img").write_bytes(initrd)
    said = booted(stock.set.kernel, tmp_path / "initrd.img")
    assert "cryptsetup 2." in said and "loaded" in said and "9999-liveng.sh" in said, said


@pytest.fixture(params=["arm64", "i386"])
def foreign(request, material, tmp_path):
    """Another architecture: a kernel set, a system, loaders."""
    release = {"arm64": material.arm_release, "i386": material.i386_release}[request.param]
    if not release:
        pytest.skip(f"apt had no kernel for {request.param} to download")
    flavour = release.rpartition("-")[2] if request.param == "arm64" else "686-pae"
    programs = ["bootaa64.efi", "grubaa64.efi"] if request.param == "arm64" else []
    system = shutil.copy(material.folder / f"system.{request.param}.squashfs", tmp_path / "squashfs")
    squashfs_of(system, {"var/lib/dpkg/status": status({"dpkg": "1.21.22", f"linux-image-{flavour}": "6.1.158-1"},
                                                       request.param)})
    kernel_set = material.set(release, initrd=material.initrd(release, ".stock"))
    loaders = {name: material.folder / name for name in programs}
    return kernel_set, system, loaders, request.param


def elf_machine(path):
    """Which machine a program is for (ELF, e_machine)."""
    return int.from_bytes(path.read_bytes()[18:20], "little")


def test_an_image_for_another_machine(foreign, phrase, tmp_path):
    """All that is appended is its own."""
    kernel_set, system, loaders, architecture = foreign
    stock = liveimage.make_image(tmp_path / "stock.iso", kernel_set, loaders=loaders, system=system)
    stick = deploy(stock, tmp_path / "stick.img", "--encrypt", "--passphrase-file", phrase, "--size", "600M")
    initrd, own = stick.grub_cat("live/initrd.img"), kernel_set.initrd.read_bytes()
    segment = unpacked(initrd, len(own), tmp_path / "segment.root")
    private = segment / stockimage.PRIVATE
    machine = {"arm64": 183, "i386": 3}[architecture]
    assert {elf_machine(path) for path in private.iterdir() if path.suffix != ".sh"} == {machine}
    assert (private / "libgcc_s.so.1").exists() and not (private / "brought").exists()
    module, = segment.rglob("dm-crypt.ko*")
    assert kernel_set.release in str(module) and elf_machine(module) == machine


def test_this_computers_programs_are_not_for_another_machine(foreign, phrase, tmp_path):
    kernel_set, system, loaders, _ = foreign
    run("unsquashfs", "-quiet", "-no-progress", "-dest", tmp_path / "root", system)
    (tmp_path / "root/usr/sbin/cryptsetup").unlink()
    run("mksquashfs", tmp_path / "root", tmp_path / "bare", "-quiet", "-no-progress", "-all-root")
    stock = liveimage.make_image(tmp_path / "stock.iso", kernel_set, loaders=loaders, system=tmp_path / "bare")
    deployer("--encrypt", "--passphrase-file", phrase, "--size", "600M", stock, tmp_path / "stick.img",
             code=REFUSED, says="this computer's is for another machine")
    assert not (tmp_path / "stick.img").exists()

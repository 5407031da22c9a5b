# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks before the first byte is written, with kernels and initrds from Debian's archive.

Each refusal has exit code 4, names what is wrong, and writes nothing.
"""

import os
import re

import pytest

import luks
import stick as sticks
from material import RealSet
from programs import REFUSED, install, kupd, update
from proof import untouched
from stick import MIB


@pytest.fixture
def roomy(new_stick):
    """A stick with room for two real sets."""
    return new_stick(kernel_mib=96)


def refused(stick, kernel_set, says, *arguments):
    with untouched(stick.path):
        return update(stick, kernel_set, *arguments, code=REFUSED, says=says)


def changed(path, source, change):
    """A copy of the file `source` with its bytes changed by a function."""
    data = bytearray(source.read_bytes())
    data = change(data) or data
    path.write_bytes(data)
    return path


def flip(offset):
    def change(data):
        data[offset if offset >= 0 else len(data) + offset] ^= 0x10
    return change


def cut(to):
    """Keep that many bytes; with a negative number, all but that many; with a fraction, that part."""
    def change(data):
        return data[:int(len(data) * to) if isinstance(to, float) else to]
    return change


# The kernel

def test_real_sets_pass_with_their_release_read_from_the_kernel(roomy, material):
    for kernel in material.kernel(material.release), material.kernel(material.release, ".unsigned"):
        kupd("update", "-n", "--disk", roomy.path, "--kernel", kernel, "--initrd",
             material.new.initrd, says=material.release)


def test_kernel_of_another_release(roomy, material):
    mixed = material.set(material.release, kernel=material.kernel(material.old_release))
    refused(roomy, mixed, [material.release, material.old_release])


@pytest.mark.parametrize("offset", [0x1f1, 0x240, 0x3000, 100_000, 0.5, -5000],
                         ids=["setup-size", "header", "version", "early", "middle", "late"])
@pytest.mark.parametrize("variant", ["", ".unsigned"], ids=["signed", "unsigned"])
def test_kernel_with_a_flipped_bit(roomy, material, tmp_path, variant, offset):
    source = material.kernel(material.release, variant)
    if isinstance(offset, float):
        offset = int(source.stat().st_size * offset)
    bad = changed(tmp_path / "vmlinuz-bad", source, flip(offset))
    refused(roomy, material.set(material.release, kernel=bad), "vmlinuz-bad")


@pytest.mark.parametrize("to", [-1, -8, 0.99, 0.5, 65536, 512, 40, 1])
@pytest.mark.parametrize("variant", ["", ".unsigned"], ids=["signed", "unsigned"])
def test_truncated_kernel(roomy, material, tmp_path, variant, to):
    bad = changed(tmp_path / "vmlinuz-bad", material.kernel(material.release, variant), cut(to))
    refused(roomy, material.set(material.release, kernel=bad), "vmlinuz-bad")


@pytest.mark.parametrize("content, says", [
    (b"", "empty"), (b"#!/bin/sh\necho I am no kernel\n", "kernel"), (bytes(100_000), "kernel"),
    (b"\x7fELF" + bytes(100_000), "kernel")], ids=["empty", "text", "zeros", "elf"])
def test_what_is_not_a_kernel(roomy, material, tmp_path, content, says):
    bad = tmp_path / "vmlinuz-bad"
    bad.write_bytes(content)
    refused(roomy, material.set(material.release, kernel=bad), ["vmlinuz-bad", says])


def test_kernel_that_is_a_folder_or_a_fifo(roomy, material, tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for name in "folder", "fifo":
        refused(roomy, material.set(material.release, kernel=tmp_path / name), name)


def arm_set(material, tmp_path, change=None):
    if not material.arm_release:
        pytest.skip("apt had no arm64 kernel to download")
    small = sticks.make_set(tmp_path / "arm", material.arm_release)
    kernel = material.kernel(material.arm_release)
    if change:
        kernel = changed(tmp_path / "vmlinuz-bad", kernel, change)
    return material.set(material.arm_release, kernel=kernel, initrd=small.initrd)


def test_arm64_kernel(roomy, material, tmp_path):
    kernel_set = arm_set(material, tmp_path)
    update(roomy, kernel_set)
    assert roomy.grub_has(kernel_set)
    kupd("status", "--disk", roomy.path, says=material.arm_release)


def test_arm64_kernel_of_another_release(roomy, material, tmp_path):
    kernel_set = arm_set(material, tmp_path)
    kernel_set.release = "6.1.0-1-arm64"
    refused(roomy, kernel_set, [material.arm_release, kernel_set.release])


@pytest.mark.parametrize("change", [cut(-1), cut(0.5), cut(64), flip(1_000_000), flip(-100_000)],
                         ids=["cut-1", "half", "head", "flip", "flip-late"])
def test_damaged_arm64_kernel(roomy, material, tmp_path, change):
    refused(roomy, arm_set(material, tmp_path, change), "vmlinuz-bad")


# The initrd

VARIANTS = ["", ".gzip", ".xz", ".lz4"]


@pytest.mark.parametrize("variant", [*VARIANTS, ".most"])
def test_each_compression_passes(roomy, material, variant):
    good = material.set(material.release, initrd=material.initrd(variant=variant))
    with untouched(roomy.path):
        update(roomy, good, "--dry-run")


@pytest.mark.parametrize("to", [-1, -4096, 0.9, 0.5, 30_000, 100, 3])
@pytest.mark.parametrize("variant", VARIANTS, ids=["zstd", "gzip", "xz", "lz4"])
def test_truncated_initrd(roomy, material, tmp_path, variant, to):
    bad = changed(tmp_path / "initrd-bad", material.initrd(variant=variant), cut(to))
    refused(roomy, material.set(material.release, initrd=bad), "initrd-bad")


@pytest.mark.parametrize("variant", VARIANTS, ids=["zstd", "gzip", "xz", "lz4"])
def test_initrd_with_a_flipped_bit(roomy, material, tmp_path, variant):
    """zstd, gzip and xz have checksums; lz4 can only detect what violates its format."""
    source = material.initrd(variant=variant)
    bad = changed(tmp_path / "initrd-bad", source, flip(source.stat().st_size // 2))
    if variant == ".lz4":
        bad = changed(tmp_path / "initrd-bad", source, lambda data: data.replace(
            b"\x02\x21\x4c\x18", b"\x02\x21\x4c\x19", 1))
    refused(roomy, material.set(material.release, initrd=bad), "initrd-bad")


@pytest.mark.parametrize("content", [b"", b"no archive", bytes(100_000), b"070701" + b"f" * 104],
                         ids=["empty", "text", "zeros", "header-only"])
def test_what_is_not_an_initrd(roomy, material, tmp_path, content):
    bad = tmp_path / "initrd-bad"
    bad.write_bytes(content)
    refused(roomy, material.set(material.release, initrd=bad), "initrd-bad")


def test_zeros_between_and_after_the_segments_are_padding(roomy, material, tmp_path):
    good = changed(tmp_path / "initrd", material.new.initrd, lambda data: data + bytes(4096))
    with untouched(roomy.path):
        update(roomy, material.set(material.release, initrd=good), "--dry-run")


def test_rubbish_after_the_initrd(roomy, material, tmp_path):
    bad = changed(tmp_path / "initrd-bad", material.new.initrd, lambda data: data + b"rubbish" * 99)
    refused(roomy, material.set(material.release, initrd=bad), "initrd-bad")


def test_initrd_of_another_release(roomy, material):
    mixed = material.set(material.release, initrd=material.initrd(material.old_release))
    refused(roomy, mixed, [material.release, "modules"])


def test_initrd_with_the_modules_of_two_releases(roomy, material, tmp_path):
    both = changed(tmp_path / "initrd-both", material.initrd(material.old_release),
                   lambda data: data + material.new.initrd.read_bytes())
    refused(roomy, material.set(material.release, initrd=both), material.old_release)


def test_initrd_without_live_boot(roomy, material):
    bad = material.set(material.release, initrd=material.initrd(variant=".nolive"))
    refused(roomy, bad, "live-boot")


def test_initrd_without_a_module_that_a_stick_needs(roomy, material):
    bad = material.set(material.release, initrd=material.initrd(variant=".nousb"))
    result = refused(roomy, bad, ["usb-storage", "uas"])
    assert "xhci" not in result.err and "squashfs" not in result.err


def test_one_run_reports_everything_that_is_wrong(roomy, material, tmp_path):
    bad = changed(tmp_path / "vmlinuz-bad", material.new.kernel, flip(100_000))
    refused(roomy, material.set(material.release, kernel=bad,
                                initrd=material.initrd(variant=".nousb")),
            ["vmlinuz-bad", "usb-storage"])


# What the kernel was built to do

def system_with(folder, kernel_set, config=None, place="boot/config-{}"):
    """A system with that kernel, its initrd and its configuration."""
    install(folder, kernel_set)
    if config is not None:
        path = folder / place.format(kernel_set.release)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(config)
    return folder


def without(config, *options):
    """The configuration with these options switched off."""
    for option in options:
        config, count = re.subn(rf"^CONFIG_{option}=.*$", f"# CONFIG_{option} is not set", config, flags=re.MULTILINE)
        assert count == 1
    return config


def refused_system(stick, root, says):
    with untouched(stick.path):
        return kupd("update", "--disk", stick.path, "--root", root, code=REFUSED, says=says)


@pytest.fixture
def config(material):
    return material.config(material.release).read_text()


def test_cloud_kernel_is_refused_with_advice_that_fits(roomy, material, tmp_path):
    if not material.cloud_release:
        pytest.skip("apt had no cloud kernel to download")
    cloud = material.set(material.cloud_release)
    root = system_with(tmp_path, cloud, material.config(cloud.release).read_text())
    result = refused_system(roomy, root, ["vmlinuz-", "no USB", "install linux-image-amd64 instead"])
    assert result.err.count("\n") == 1 and "initramfs" not in result.err


def test_cloud_kernel_without_a_configuration_lacks_modules(roomy, material, tmp_path):
    if not material.cloud_release:
        pytest.skip("apt had no cloud kernel to download")
    refused_system(roomy, system_with(tmp_path, material.set(material.cloud_release)), "the module usb-storage")


@pytest.mark.parametrize("variant", VARIANTS, ids=["zstd", "gzip", "xz", "lz4"])
def test_debians_configuration_passes(roomy, material, tmp_path, config, variant):
    root = system_with(tmp_path, material.set(material.release, initrd=material.initrd(variant=variant)), config)
    kupd("update", "-n", "--disk", roomy.path, "--root", root, says=material.release)


@pytest.mark.parametrize("variant, option", [("", "ZSTD"), (".gzip", "GZIP"), (".xz", "XZ"), (".lz4", "LZ4")])
def test_initrd_that_the_kernel_cannot_unpack(roomy, material, tmp_path, config, variant, option):
    initrd = material.set(material.release, initrd=material.initrd(variant=variant))
    root = system_with(tmp_path, initrd, without(config, f"RD_{option}"))
    refused_system(roomy, root, [f"cannot unpack this initrd, which is compressed with {option}",
                                 f"put COMPRESS={'gzip' if option != 'GZIP' else 'zstd'} into"])


@pytest.mark.parametrize("option", ["BLK_DEV_INITRD", "SQUASHFS", "OVERLAY_FS", "ISO9660_FS", "BLK_DEV_LOOP",
                                    "USB_STORAGE", "USB_XHCI_PCI", "EXT4_FS", "DEVTMPFS"])
def test_kernel_that_was_built_without_it(roomy, material, tmp_path, config, option):
    root = system_with(tmp_path, material.new, without(config, option))
    refused_system(roomy, root, [f"built without CONFIG_{option},", "install linux-image-amd64 instead"])


@pytest.mark.parametrize("place", ["usr/lib/modules/{}/config", "lib/modules/{}/config"])
def test_configuration_in_the_folder_of_the_modules(roomy, material, tmp_path, config, place):
    root = system_with(tmp_path, material.new, without(config, "SQUASHFS"), place)
    refused_system(roomy, root, "CONFIG_SQUASHFS")


def test_configuration_next_to_a_kernel_that_is_named(roomy, material, tmp_path, config):
    root = system_with(tmp_path, material.new, without(config, "SQUASHFS"))
    refused(roomy, material.set(material.release, kernel=root / f"boot/vmlinuz-{material.release}"),
            "CONFIG_SQUASHFS")
    # That of an installed kernel says nothing about another one.
    (root / "vmlinuz").write_bytes(material.new.kernel.read_bytes())
    named = material.set(material.release, kernel=root / "vmlinuz")
    update(roomy, named, "-n", "--root", root)


@pytest.mark.parametrize("content", ["", "rubbish\n", "CONFIG_BLK_DEV_INITRD=y\n\0\0\0",
                                     "CONFIG_BLK_DEV_INITRD=n\n" + "#" * (5 * MIB), None],
                         ids=["empty", "rubbish", "zeros", "huge", "fifo"])
def test_what_is_not_a_configuration_is_a_warning(roomy, material, tmp_path, content):
    root = system_with(tmp_path, material.new, content)
    if content is None:
        os.mkfifo(root / f"boot/config-{material.release}")
    with untouched(roomy.path):
        done = kupd("update", "-n", "--disk", roomy.path, "--root", root, "--json").json
    assert len(done["warnings"]) == 1 and "cannot be read as the configuration of a kernel" in done["warnings"][0]


# Encrypted persistence

def encrypt(stick, tmp_path, *options):
    """Put a LUKS header, made by cryptsetup in a separate file, into partition 4."""
    container = tmp_path / "container"
    with open(container, "wb") as f:
        f.truncate(4 * MIB)
    sticks.run("cryptsetup", "luksFormat", "-q", "--key-file", "-", "--pbkdf", "pbkdf2",
               "--pbkdf-force-iterations", "1000", *options, container, input=b"secret")
    stick.write(4, 0, container.read_bytes()[:stick.partition(4)[1]])
    return stick


LUKS2 = ["--type", "luks2", "--luks2-metadata-size", "16k", "--luks2-keyslots-size", "512k",
         "--offset", "2048"]
LUKS1 = ["--type", "luks1"]


@pytest.mark.parametrize("kind", [LUKS2, LUKS1], ids=["luks2", "luks1"])
def test_encrypted_stick_takes_an_initrd_with_cryptsetup(roomy, material, tmp_path, kind):
    encrypt(roomy, tmp_path, *kind)
    update(roomy, material.new)
    assert roomy.grub_has(material.new)


@pytest.mark.parametrize("kind", [LUKS2, LUKS1], ids=["luks2", "luks1"])
def test_encrypted_stick_refuses_an_initrd_without_cryptsetup(roomy, material, tmp_path, kind):
    encrypt(roomy, tmp_path, *kind)
    bad = material.set(material.release, initrd=material.initrd(variant=".nocrypt"))
    refused(roomy, bad, ["/sbin/cryptsetup", "install cryptsetup-initramfs"])


@pytest.mark.parametrize("kind, damaged", [(LUKS2, [0]), (LUKS2, [4106, 20490]), (LUKS1, [8])],
                         ids=["first magic", "both copies", "luks1"])
def test_a_damaged_header_is_still_encrypted(roomy, material, tmp_path, kind, damaged):
    encrypt(roomy, tmp_path, *kind)
    for at in damaged:
        roomy.write(4, at, b"XXXXXX")
    bad = material.set(material.release, initrd=material.initrd(variant=".nocrypt"))
    refused(roomy, bad, ["/sbin/cryptsetup", "install cryptsetup-initramfs"])


def test_encrypted_stick_asks_for_the_cipher_of_its_header(roomy, material, tmp_path):
    encrypt(roomy, tmp_path, *LUKS1)
    # LUKS1: the name of the cipher is at offset 8, 32 bytes; the header has no checksum.
    assert roomy.read(4, 8, 4) == b"aes\0"
    roomy.write(4, 8, b"serpent".ljust(32, b"\0"))
    refused(roomy, material.new, "serpent")


def test_encrypted_stick_asks_for_the_cipher_of_a_keyslot(roomy, material, tmp_path):
    encrypt(roomy, tmp_path, *LUKS2)
    header = bytearray(roomy.read(4, 0, 2 * 16384))
    luks.set_keyslot_cipher(header, "serpent-xts-plain64")
    roomy.write(4, 0, header)
    refused(roomy, material.new, "serpent")


def test_encrypted_stick_warns_of_an_initrd_without_usb_keyboards(new_stick, small_sets, tmp_path):
    small = small_sets[1]
    stick = encrypt(new_stick(), tmp_path, *LUKS2)
    assert update(stick, small, "-n", "--json").json["warnings"] == []
    modules = sticks.MODULES.replace("usbhid", "").replace("hid-generic", "")
    (tmp_path / "initrd").write_bytes(sticks.tiny_initrd(tmp_path, small.release, builtin=modules))
    set_without = RealSet(small.release, small.kernel, tmp_path / "initrd")
    warnings = update(stick, set_without, "--json").json["warnings"]
    assert len(warnings) == 1 and "add usbhid and hid-generic to /etc/initramfs-tools/modules" in warnings[0]
    assert stick.grub_has(set_without)
    assert update(new_stick("plain.img"), set_without, "--json").json["warnings"] == []


def test_a_plain_stick_takes_an_initrd_without_cryptsetup(roomy, material):
    plain = material.set(material.release, initrd=material.initrd(variant=".nocrypt"))
    update(roomy, plain)
    assert roomy.grub_has(plain)


def test_force_goes_on_and_warns(roomy, material, tmp_path):
    encrypt(roomy, tmp_path, *LUKS2)
    plain = material.set(material.release, initrd=material.initrd(variant=".nocrypt"))
    update(roomy, plain, "--force", says=["cryptsetup", "--force"])
    assert roomy.grub_has(plain)


def test_refusals_are_in_json_too(roomy, material):
    mixed = material.set(material.release, kernel=material.kernel(material.old_release))
    result = refused(roomy, mixed, "", "--json").json
    assert result["exit_code"] == REFUSED
    assert any(material.old_release in text for text in result["errors"])


def test_an_unsigned_kernel_for_a_stick_that_boots_with_secure_boot(new_stick, small_sets, material):
    """Where this machine does not enforce it."""
    stick = new_stick(deployed=True)
    for options in ["-n"], ["-q"]:
        warnings = update(stick, small_sets[1], *options, "--json").json["warnings"]
        assert len(warnings) == 1 and "is not signed: a computer with Secure Boot boots" in warnings[0]
    assert stick.grub_has(small_sets[1])
    assert update(stick, material.new, "-n", "--json").json["warnings"] == []
    assert update(new_stick("plain.img"), small_sets[1], "--json").json["warnings"] == []

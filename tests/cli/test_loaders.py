# SPDX-License-Identifier: GPL-3.0-or-later
"""Which boot loaders a stick gets, in which places, and what is said about Secure Boot."""

import struct
from pathlib import Path

import pytest

import liveimage
from programs import REFUSED, SIZE, deployer
from proof import untouched
from stick import MIB, Stick

SHIM = Path("/usr/lib/shim/shimx64.efi.signed")
SIGNED = Path("/usr/lib/grub/x86_64-efi-signed")
REMOVABLE = SIGNED / "gcdx64.efi.signed"  # looks in /boot/grub
INSTALLED = SIGNED / "grubx64.efi.signed"  # looks in /EFI/debian
CA_2011 = "Microsoft Corporation UEFI CA 2011"
CA_2023 = "Microsoft UEFI CA 2023"


class Deployed(Stick):
    """A stick, and what liveng-deploy said about it."""

    def __init__(self, path, result):
        super().__init__(path)
        self.result = result
        self.loaders = {entry["firmware"]: entry for entry in result.json["targets"][0]["loaders"]}

    def file(self, path):
        return self.mtools("mtype", f"::{path}")

    def names(self, folder):
        listed = self.mtools("mdir", "-b", f"::{folder}").decode().split()
        return {name.rpartition("/")[2] for name in listed if not name.endswith("/")}


@pytest.fixture
def made(tmp_path, small_sets):
    """Deploy an image that has these files in place of its loaders."""
    def make(*arguments, kernel_set=None, says="", **form):
        image = liveimage.make_image(tmp_path / "live.iso", kernel_set or small_sets[0], **form)
        result = deployer("--yes", "--json", *arguments, "--no-persistence", "--size", SIZE, image,
                          tmp_path / "stick.img", says=says)
        return Deployed(tmp_path / "stick.img", result)
    return make


def certificate_table(program):
    """Where the signatures of a PE32+ program lie: the place of the directory entry, and the table."""
    header, = struct.unpack_from("<I", program, 0x3c)
    entry = header + 24 + 112 + 4 * 8
    return entry, *struct.unpack_from("<II", program, entry)


def with_signature(program, number):
    """A program with only one of its signatures left."""
    entry, start, size = certificate_table(program)
    table, found = program[start:start + size], []
    while table:
        length = struct.unpack_from("<I", table)[0] + 7 & ~7
        found.append(table[:length])
        table = table[length:]
    changed = bytearray(program[:start] + found[number])
    struct.pack_into("<II", changed, entry, start, len(found[number]))
    return bytes(changed)


def unsigned(program):
    entry, start, _ = certificate_table(program)
    changed = bytearray(program[:start])
    struct.pack_into("<II", changed, entry, 0, 0)
    return bytes(changed)


def pair(shim=SHIM.read_bytes(), grub=REMOVABLE.read_bytes(), folder="EFI/boot"):
    return {f"{folder}/bootx64.efi": shim, f"{folder}/grubx64.efi": grub}


def test_the_images_own_are_preferred(made):
    stick = made(extra=pair() | {"EFI/boot/mmx64.efi": INSTALLED.read_bytes()})
    assert stick.loaders["x86_64-efi"]["source"] == "image"
    assert stick.file("EFI/BOOT/bootx64.efi") == SHIM.read_bytes()
    assert stick.file("EFI/BOOT/grubx64.efi") == REMOVABLE.read_bytes()
    assert stick.file("EFI/BOOT/mmx64.efi") == INSTALLED.read_bytes()


def test_names_in_capitals_are_found(made):
    files = {name.upper(): data for name, data in pair().items()}
    stick = made(extra=files, without=["EFI/boot"])
    assert stick.loaders["x86_64-efi"]["source"] == "image"


def test_those_that_are_only_in_the_fat_of_the_image_are_found(made):
    """With an image whose tree has none; a folder of the tree was moved into the FAT before."""
    stick = made(loaders=True, without=["EFI"])
    assert stick.loaders["x86_64-efi"]["source"] == "image"
    assert stick.file("EFI/BOOT/bootx64.efi") == SHIM.read_bytes()
    assert stick.file("EFI/BOOT/grubx64.efi") == REMOVABLE.read_bytes()


def test_the_program_that_would_write_to_the_firmware_is_omitted(made):
    stick = made(extra=pair() | {"EFI/boot/fbx64.efi": SHIM.read_bytes()})
    assert "fbx64.efi" not in stick.names("EFI/BOOT")


def test_an_image_without_loaders_gets_this_machines_signed_ones(made):
    stick = made()
    assert stick.loaders["x86_64-efi"]["source"] == "host"
    assert stick.file("EFI/BOOT/bootx64.efi") == SHIM.read_bytes()
    assert stick.file("EFI/BOOT/grubx64.efi") == REMOVABLE.read_bytes()


@pytest.mark.parametrize("files", [
    pair(shim=unsigned(SHIM.read_bytes())), pair(grub=unsigned(REMOVABLE.read_bytes())),
    pair(shim=b"no program at all"), pair(shim=SHIM.read_bytes()[:300_000]),
    pair(grub=REMOVABLE.read_bytes()[:1000]), pair(grub=SHIM.read_bytes()),
    {"EFI/boot/bootx64.efi": SHIM.read_bytes()}],
    ids=["unsigned shim", "unsigned GRUB", "rubbish", "cut shim", "cut GRUB", "no GRUB", "alone"])
def test_loaders_that_are_not_a_signed_pair_are_not_used(made, files):
    stick = made(extra=files)
    assert stick.loaders["x86_64-efi"]["source"] == "host"
    assert stick.file("EFI/BOOT/grubx64.efi") == REMOVABLE.read_bytes()


def test_a_grub_that_looks_elsewhere_is_led_to_the_menu(made):
    stick = made(extra=pair(grub=INSTALLED.read_bytes()))
    assert stick.loaders["x86_64-efi"]["source"] == "image"
    led = stick.file("EFI/debian/grub.cfg").decode()
    assert "set prefix=($root)/boot/grub\n" in led and "source $prefix/grub.cfg\n" in led


def test_32_bit_firmware_gets_a_grub_made_here(made):
    """live-build's own looks for its files on whatever medium comes first."""
    stick = made(extra=pair() | {"EFI/boot/bootia32.efi": b"MZ"})
    entry = stick.loaders["i386-efi"]
    assert entry["source"] == "made" and entry["grub"] == {"signed_by": [], "sbat": 0}
    assert "turned off" in entry["secure_boot"]
    program = stick.file("EFI/BOOT/bootia32.efi")
    assert program[:2] == b"MZ" and b"/boot/grub" in program and len(program) > 200_000


# Secure Boot

def test_who_signed_is_reported(made):
    entry = made(extra=pair()).loaders["x86_64-efi"]
    assert entry["shim"]["signed_by"] == [CA_2011, CA_2023] and entry["shim"]["sbat"] >= 4
    assert entry["grub"]["signed_by"] == ["Debian Secure Boot CA"] and entry["grub"]["sbat"] >= 5


@pytest.mark.parametrize("number, authority, says", [(0, CA_2011, "only Microsoft's UEFI CA 2023"),
                                                     (1, CA_2023, "only Microsoft's UEFI CA 2011")])
def test_a_shim_that_some_machines_refuse(made, material, number, authority, says):
    stick = made(extra=pair(shim=with_signature(SHIM.read_bytes(), number)), kernel_set=material.new)
    entry = stick.loaders["x86_64-efi"]
    assert entry["shim"]["signed_by"] == [authority]
    assert entry["secure_boot"].startswith("boots, but not") and says in entry["secure_boot"]


def test_a_signed_kernel_boots(made, material):
    entry = made(extra=pair(), kernel_set=material.new).loaders["x86_64-efi"]
    assert entry["secure_boot"] == "boots"


@pytest.mark.parametrize("named", [False, True], ids=["the image's", "by --kernel"])
def test_a_kernel_that_shim_will_refuse(made, material, named):
    kernel = material.kernel(material.release, ".unsigned")
    kernel_set = material.set(material.release, kernel=None if named else kernel)
    arguments = ["--kernel", kernel] if named else []
    entry = made(*arguments, extra=pair(), kernel_set=kernel_set).loaders["x86_64-efi"]
    assert "shim refuses the kernel" in entry["secure_boot"]


def test_revoked_loaders_are_reported(made, material):
    old = SHIM.read_bytes().replace(b"shim,4,UEFI", b"shim,2,UEFI")
    entry = made(extra=pair(shim=old), kernel_set=material.new).loaders["x86_64-efi"]
    assert entry["shim"]["sbat"] == 2 and "revocations" in entry["secure_boot"]


# The Linux Foundation's PreLoader

def test_preloader_starts_a_grub_that_does_without_shim(made, tmp_path):
    folder = tmp_path / "preloader"
    folder.mkdir()
    for name in ("PreLoader.efi", "HashTool.efi"):
        (folder / name).write_bytes(with_signature(SHIM.read_bytes(), 0) + name.encode())
    stick = made("--preloader", folder, extra=pair())
    assert stick.file("EFI/BOOT/bootx64.efi").endswith(b"PreLoader.efi")
    assert stick.file("EFI/BOOT/HashTool.efi").endswith(b"HashTool.efi")
    assert b"/boot/grub" in stick.file("EFI/BOOT/loader.efi")
    assert "grubx64.efi" not in stick.names("EFI/BOOT")


@pytest.mark.parametrize("name", ["PreLoader.efi", "HashTool.efi"])
def test_a_preloader_without_its_files(live_image, tmp_path, name):
    (tmp_path / name).write_bytes(SHIM.read_bytes())
    (tmp_path / "stick.img").write_bytes(bytes(MIB))
    with untouched(tmp_path / "stick.img"):
        deployer("--yes", "--preloader", tmp_path, live_image, tmp_path / "stick.img", code=1,
                 says=".efi: No such file")
    (tmp_path / "PreLoader.efi").write_bytes(b"MZ")
    (tmp_path / "HashTool.efi").write_bytes(b"MZ")
    with untouched(tmp_path / "stick.img"):
        deployer("--yes", "--preloader", tmp_path, live_image, tmp_path / "stick.img", code=REFUSED,
                 says="is not a UEFI program")

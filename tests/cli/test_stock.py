# SPDX-License-Identifier: GPL-3.0-or-later
"""A stock image, whose initrd cannot open an encrypted persistence: what liveng-deploy appends to it."""

import os
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path

import pytest

import liveimage
import stockimage
from programs import DEPLOYER, ENVIRONMENT, FAILED, REFUSED, SIZE, TOP, USAGE, deploy, deployer, finish, start
from stick import MIB, Stick, run
from stockimage import COMMON, META, PRIVATE, SYSTEM, package, paragraph, squashfs_of, status, system, unpacked


@pytest.fixture(scope="session")
def make_stock(material, tmp_path_factory):
    """Real kernel, initrd without cryptsetup, the squashfs of a system with it and with these packages."""
    def make(installed, base=material.folder / "system.squashfs"):
        folder = tmp_path_factory.mktemp("stock")
        kernel_set = material.set(material.release, initrd=material.initrd(variant=".stock"))
        return liveimage.make_image(folder / "stock.iso", kernel_set, loaders=True,
                                    system=system(base, installed, folder / "squashfs"))

    return make


@pytest.fixture(scope="session")
def stock(make_stock):
    return make_stock(SYSTEM)


@pytest.fixture(scope="session")
def encrypted(stock, phrase, packages, tmp_path_factory):
    return deploy(stock, tmp_path_factory.mktemp("stick") / "stick.img", "--encrypt", "--passphrase-file", phrase,
                  "--packages", packages, "--size", "600M")


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
    stockimage.assert_programs_run(segment)
    assert (segment / PRIVATE / "libgcc_s.so.1").exists()  # for the end of argon2's threads


def test_the_modules_and_their_index(segment, whole, material):
    names = {path.name.partition(".")[0] for path in whole.rglob("*.ko*")}
    assert {"dm-crypt", "dm-mod", "xts", "aesni-intel", "algif_skcipher"} <= names
    assert list(segment.rglob("dm-crypt.ko*")) and list(segment.rglob("modules.dep.bin"))
    stockimage.assert_modules_are_found(whole, material.release, "dm-crypt", "xts", "aesni-intel")


def test_udev_and_the_hook(segment, whole):
    rules = {path.name for path in (whole / "usr/lib/udev/rules.d").iterdir()}
    assert "95-dm-notify.rules" in rules  # or `cryptsetup open` waits for ever
    assert (segment / "usr/lib/live/boot/9999-liveng.sh").exists()


def test_one_made_for_this_stays_as_it_is(real_image, phrase, tmp_path):
    stick = deploy(real_image, tmp_path / "stick.img", "--encrypt", "--passphrase-file", phrase, "--size", "600M")
    assert stick.grub_has(real_image.set)
    assert not stick.grub_ls("liveng", number=1)


def test_its_first_boot_writes_the_newer_kernel_of_a_kept_persistence(real_image, tmp_path):
    stick = deploy(real_image, tmp_path / "stick.img", "--size", "600M")
    assert stick.grub_has(real_image.set)
    stick = deploy(real_image, stick.path, "--keep-persistence")
    root = unpacked(stick.grub_cat("live/initrd.img"), real_image.set.initrd.stat().st_size, tmp_path / "root")
    assert {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} == {
        "usr/lib/live/boot/9998-liveng-first.sh", "usr/lib/liveng/first/first-boot",
        "usr/lib/liveng/first/liveng-first.service"}


def test_what_the_first_boot_does(encrypted, segment, packages):
    """It installs what is on partition 1: the program, and the metapackage of this very kernel."""
    assert (segment / "usr/lib/live/boot/9998-liveng-first.sh").exists()
    assert {path.name for path in (segment / "usr/lib/liveng/first").iterdir()} == {"first-boot", "liveng-first.service"}
    names = {"livengkupd_1.0_amd64.deb", f"{COMMON}_1.0_amd64.deb", f"{META}_1.0_amd64.deb"}
    assert encrypted.grub_ls("liveng", number=1) == names
    for name in names:
        assert encrypted.grub_cat(f"liveng/{name}", number=1) == (packages / name).read_bytes()


@pytest.mark.parametrize("keyboard", ["de", "de:neo"])
def test_the_keyboard_of_the_passphrase(stock, phrase, packages, keyboard, tmp_path):
    """live-boot's load_keymap() wants no more than these two files; loadkeys takes the layout."""
    result = deployer("--yes", "--json", "--encrypt", "--passphrase-file", phrase, "--packages", packages,
                      "--keyboard", keyboard, "--size", "600M", stock, tmp_path / "stick.img")
    assert result.json["warnings"] == []
    layout, _, variant = keyboard.partition(":")
    settings = f"keyboard-layouts={layout}" + (f" keyboard-variants={variant}" if variant else "")
    stick = Stick(tmp_path / "stick.img")
    assert settings in result.json["targets"][0]["settings"] and settings.encode() in stick.mtools("mtype", "::boot/grub/grub.cfg")
    root = unpacked(stick.grub_cat("live/initrd.img"), stock.set.initrd.stat().st_size, tmp_path / "root")
    keys = root / "usr/lib/liveng/keys"  # its libraries never meet cryptsetup's, which may be this computer's
    loader, = keys.glob("ld-linux*")
    keymap = run("gzip", "-dc", root / "etc/boottime.kmap.gz")
    table = run(loader, "--library-path", keys, keys / "loadkeys", "--unicode", "--mktable", "-",
                input=keymap)
    assert b"plain_map" in table
    assert os.access(root / "usr/bin/loadkeys", os.X_OK)


@pytest.mark.parametrize("keyboard", ["xx", "ru", "gr,us", "il", "de:nosuch"])
def test_a_keyboard_that_cannot_be_had(stock, phrase, packages, keyboard, tmp_path):
    """Or on which the passphrase could not be typed."""
    result = deployer("--yes", "--json", "--encrypt", "--passphrase-file", phrase, "--packages", packages,
                      "--keyboard", keyboard, "--size", "600M", "--dry-run", stock, tmp_path / "stick.img")
    assert "as on a US keyboard" in result.json["warnings"][0]


def test_settings_that_nothing_sets_up(stock, make_stock, packages, encrypted, tmp_path):
    options = "--yes", "--json", "--dry-run", "--packages", packages, "--username", "anna"
    result = deployer(*options, "--size", "600M", stock, tmp_path / "stick.img")
    assert "has no live-config" in result.json["warnings"][0]
    image = make_stock(SYSTEM | {"live-config": "11"})
    assert deployer(*options, "--size", "600M", image, tmp_path / "stick.img").json["warnings"] == []
    result = deployer(*options, "--keep-persistence", image, encrypted.path)
    assert "change nothing in a persistence that is kept" in result.json["warnings"][0]


def test_unencrypted_nothing_for_luks(stock, packages, tmp_path):
    stick = deploy(stock, tmp_path / "stick.img", "--packages", packages, "--size", "600M")
    root = unpacked(stick.grub_cat("live/initrd.img"), stock.set.initrd.stat().st_size, tmp_path / "root")
    assert {path.name for path in root.rglob("*") if path.is_file()} == {
        "9998-liveng-first.sh", "9999-liveng.sh", "first-boot", "liveng-first.service"}


def test_without_persistence_nothing_is_installed(stock, packages, tmp_path):
    deployer("--no-persistence", "--packages", packages, stock, tmp_path / "stick.img", code=USAGE,
             says="--packages cannot be used")
    stick = deploy(stock, tmp_path / "stick.img", "--no-persistence", "--size", "600M")
    root = unpacked(stick.grub_cat("live/initrd.img"), stock.set.initrd.stat().st_size, tmp_path / "root")
    assert {path.name for path in root.rglob("*") if path.is_file()} == {"9999-liveng.sh"}
    assert not stick.grub_ls("liveng", number=1)


@pytest.mark.parametrize("installed, names", [
    (SYSTEM | {COMMON: "0.9"}, set()),                          # the image's own decision
    ({k: v for k, v in SYSTEM.items() if k != "linux-image-amd64"}, {"livengkupd_1.0_amd64.deb", f"{COMMON}_1.0_amd64.deb"}),
])
def test_what_the_image_has_decides(make_stock, packages, installed, names, tmp_path):
    result = deployer("--yes", "--json", "--packages", packages, "--size", "600M", make_stock(installed),
                      tmp_path / "stick.img")
    assert set(result.json["targets"][0]["packages"]) == names
    assert ("linux-image-amd64" in result.err) == (len(names) == 2)


def test_without_systemd_the_first_boot_needs_help(make_stock, packages, tmp_path):
    image = make_stock({name: version for name, version in SYSTEM.items() if name != "systemd-sysv"})
    deployer("--yes", "--dry-run", "--packages", packages, "--size", "600M", image, tmp_path / "stick.img",
             says="sudo sh /run/liveng/first/first-boot")


def test_packages_that_the_image_cannot_install(make_stock, packages, tmp_path):
    """Named ones are refused, with apt's reason; what nobody asked for is a warning."""
    image = make_stock(SYSTEM | {"libc6": "2.31-13"})
    said = ["livengkupd : Depends: libc6 (>= 2.34)"]
    deployer("--yes", "--packages", packages, "--size", "600M", image, tmp_path / "stick.img", code=REFUSED, says=said)
    assert not (tmp_path / "stick.img").exists()
    data = tmp_path / "data"
    shutil.copytree(TOP / "deploy/data", data)
    shutil.copytree(packages, data / "packages")
    result = deployer("--yes", "--json", "--size", "600M", image, tmp_path / "stick.img", says=said,
                      env=ENVIRONMENT | {"LIVENG_DEPLOY_DATA": str(data)})
    assert "will keep its kernel" in result.json["warnings"][0]
    assert result.json["targets"][0]["packages"] == []


@pytest.mark.parametrize("version, name", [("1.0~deb12u1+b1", "stick ("), ("2:1.0", "a+b%20~ö'\"$x")])
def test_names_that_apt_encodes(stock, packages, version, name, tmp_path):
    folder = tmp_path / name
    folder.mkdir()
    package(folder, COMMON, version, Depends="initramfs-tools")
    package(folder, META, version, Depends=f"linux-image-amd64, {COMMON}")
    result = deployer("--yes", "--json", "--dry-run", "--packages", folder, "--size", "600M", stock,
                      tmp_path / "stick.img", env=ENVIRONMENT | {"TMPDIR": str(folder)})
    assert set(result.json["targets"][0]["packages"]) == {path.name for path in folder.glob("*.deb")}
    assert len(list(folder.iterdir())) == 2
    deployer("--yes", "--dry-run", "--packages", *folder.glob(f"{META}*"), "--size", "600M", stock,
             tmp_path / "stick.img", code=FAILED, says="Not a directory")


def test_what_is_no_package_is_named(stock, packages, tmp_path):
    """apt would not name it, and wait for a FIFO."""
    for name, says in ("empty.deb", "is not a Debian package"), ("folder.deb", "is not a file"), \
            ("fifo.deb", "is not a file"), ("text.deb", "is not a Debian package"):
        folder = tmp_path / name.replace(".", "-")
        shutil.copytree(packages, folder)
        match name:
            case "empty.deb":
                (folder / name).touch()
            case "folder.deb":
                (folder / name).mkdir()
            case "fifo.deb":
                os.mkfifo(folder / name)
            case _:
                (folder / name).write_text("no archive, though it is long enough for one")
        deployer("--yes", "--packages", folder, "--size", "600M", stock, tmp_path / "stick.img", code=REFUSED,
                 says=f"{name}: {says}")
    for n in range(520):
        shutil.copy(next(packages.glob(f"{META}*")), tmp_path / "text-deb" / f"{n}.deb")
    (tmp_path / "text-deb/text.deb").unlink()
    deployer("--yes", "--packages", tmp_path / "text-deb", "--size", "600M", stock, tmp_path / "stick.img",
             code=REFUSED, says="there may be 512")


def test_a_target_among_the_packages(stock, packages, tmp_path):
    folder = shutil.copytree(packages, tmp_path / "packages")
    for path in list(folder.iterdir()):
        before = path.read_bytes()
        deployer("--yes", "--packages", folder, "--size", "600M", stock, path, code=REFUSED,
                 says="is one of the files the stick is made from")
        assert path.read_bytes() == before


def test_packages_of_another_architecture_or_of_no_use(make_stock, stock, tmp_path):
    folder = tmp_path / "packages"
    folder.mkdir()
    package(folder, COMMON, arch="i386")
    deployer("--yes", "--packages", folder, "--size", "600M", stock, tmp_path / "stick.img", code=REFUSED,
             says=f"there is no {COMMON} for amd64")
    package(folder, COMMON, "2.0")
    package(folder, META, Depends=f"{COMMON} (= 1.0)")
    result = deployer("--yes", "--json", "--packages", folder, "--size", "600M", "--dry-run", stock,
                      tmp_path / "stick.img")
    assert result.json["targets"][0]["packages"] == [f"{COMMON}_2.0_amd64.deb"]
    assert f"cannot have {META} installed" in result.json["warnings"][0]
    result = deployer("--yes", "--json", "--packages", folder, "--size", "600M", "--dry-run",
                      make_stock(SYSTEM | {COMMON: "1.0"}), tmp_path / "stick.img")
    assert f"nothing of {folder} is used" in result.json["warnings"][0]
    package(folder, "dpkg")
    deployer("--yes", "--packages", folder, "--size", "600M", make_stock({"libc6": "1"}), tmp_path / "stick.img",
             code=REFUSED, says="names no architecture")


def test_an_interruption_while_apt_waits(stock, tmp_path):
    """For a network, say: it is not waited for, and nothing is left."""
    apt = tmp_path / "bin/apt-get"
    apt.parent.mkdir()
    apt.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    apt.chmod(0o755)
    (tmp_path / "scratch").mkdir()
    process = start("--yes", "--size", "600M", stock, tmp_path / "stick.img", program=DEPLOYER,
                    env=ENVIRONMENT | {"PATH": f"{apt.parent}:{ENVIRONMENT['PATH']}", "TMPDIR": str(tmp_path / "scratch")})
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().endswith("\n"):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    result = finish(process)
    assert result.code == FAILED and "interrupted" in result.err and "warning" not in result.err
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert not (tmp_path / "stick.img").exists() and not list((tmp_path / "scratch").iterdir())


def test_no_packages_anywhere(stock, packages, tmp_path):
    """apt is asked last; a folder that was named must have some."""
    folder = tmp_path / "empty"
    folder.mkdir()
    deployer("--yes", "--packages", folder, "--size", "600M", stock, tmp_path / "stick.img", code=REFUSED,
             says="no packages")
    deployer("--yes", "--packages", folder / "x", "--size", "600M", stock, tmp_path / "stick.img", code=FAILED,
             says=["--packages: ", "empty/x", "No such file"])
    apt = tmp_path / "bin/apt-get"
    apt.parent.mkdir()
    apt.write_text(f"""#!/bin/sh
case "$*" in *" download "*) ;; *) exec /usr/bin/apt-get "$@" ;; esac
echo "$*" >> {tmp_path}/asked
[ -e {tmp_path}/has ] || exit 100
cp {packages}/livengkupd* {packages}/linux-image-liveng-common* {packages}/linux-image-liveng-amd64* .
""")
    apt.chmod(0o755)
    environment = ENVIRONMENT | {"PATH": f"{apt.parent}:{ENVIRONMENT['PATH']}", "TMPDIR": str(folder)}
    result = deployer("--yes", "--json", "--dry-run", "--size", "600M", stock, tmp_path / "stick.img", env=environment,
                      says="install liveng-stick-packages:amd64")
    assert result.json["targets"][0]["packages"] == []
    assert [line.split()[-2:] for line in (tmp_path / "asked").read_text().splitlines()] == [
        [f"{COMMON}:amd64", f"{META}:amd64"], ["livengkupd:amd64", f"{COMMON}:amd64"]]  # a distribution may have no metapackage
    (tmp_path / "has").touch()
    result = deployer("--yes", "--json", "--dry-run", "--size", "600M", stock, tmp_path / "stick.img", env=environment)
    assert len(result.json["targets"][0]["packages"]) == 3
    assert not list(folder.iterdir())


def test_a_kept_persistence_is_opened_too(encrypted, stock, segment, packages, tmp_path):
    """Whether it is encrypted, only the stick knows."""
    stick = encrypted.copy(tmp_path / "stick.img")
    result = deployer("--yes", "--json", "--keep-persistence", "--packages", packages, stock, stick.path)
    assert result.json["targets"][0]["persistence"] == "kept, encrypted"
    root = unpacked(stick.grub_cat("live/initrd.img"), stock.set.initrd.stat().st_size, tmp_path / "root")
    names = {path.relative_to(root) for path in root.rglob("*")}
    assert names == {path.relative_to(segment) for path in segment.rglob("*")}


@pytest.fixture(scope="session")
def bare_system(material, tmp_path_factory):
    """The system without cryptsetup."""
    folder = tmp_path_factory.mktemp("bare")
    run("unsquashfs", "-quiet", "-no-progress", "-dest", folder / "root", material.folder / "system.squashfs")
    (folder / "root/usr/sbin/cryptsetup").unlink()
    run("mksquashfs", folder / "root", folder / "squashfs", "-quiet", "-no-progress", "-all-root", "-comp", "zstd",
        "-Xcompression-level", "1")
    return folder / "squashfs"


def test_a_system_without_cryptsetup_gets_this_computers(bare_system, make_stock, packages, phrase, tmp_path):
    """And keeps it for the initrds that it builds itself."""
    image = make_stock(SYSTEM, bare_system)
    stick = deploy(image, tmp_path / "stick.img", "--encrypt", "--passphrase-file", phrase, "--packages", packages,
                   "--size", "600M")
    initrd = stick.grub_cat("live/initrd.img", number=2)
    root = unpacked(initrd, image.set.initrd.stat().st_size, tmp_path / "root")
    assert (root / PRIVATE / "brought").exists()
    for name in "sbin/cryptsetup", "lib/cryptsetup/askpass":
        script = root / "usr" / name
        assert (root / PRIVATE / f"{script.name}.sh").read_bytes() == script.read_bytes()
    own = shutil.which("cryptsetup", path="/usr/sbin:/sbin")
    assert (root / PRIVATE / "cryptsetup").read_bytes() == Path(own).read_bytes()
    loader, = (root / PRIVATE).glob("ld-linux*")
    assert b"2." in run(loader, "--library-path", root / PRIVATE, root / PRIVATE / "cryptsetup", "--version")


@pytest.mark.parametrize("target", ["cryptsetup", "/"])
def test_a_cryptsetup_that_cannot_be_read_is_not_missing(bare_system, make_stock, packages, phrase, target, tmp_path):
    """This computer's is not taken silently in its place."""
    base = tmp_path / "squashfs"
    run("mksquashfs", bare_system.parent / "root", base, "-quiet", "-no-progress", "-all-root", "-comp", "zstd",
        "-Xcompression-level", "1", "-p", f"usr/sbin/cryptsetup s 777 0 0 {target}")
    deployer("--yes", "--encrypt", "--passphrase-file", phrase, "--packages", packages, "--size", "600M",
             make_stock(SYSTEM, base), tmp_path / "stick.img", code=REFUSED, says="cannot use sbin/cryptsetup of the image")


def test_an_image_without_a_system_is_refused(material, small_sets, phrase, tmp_path):
    image = liveimage.make_image(tmp_path / "live.iso", material.set(
        material.release, initrd=material.initrd(variant=".stock")), loaders=True)
    deployer("--yes", "--encrypt", "--passphrase-file", phrase, "--size", SIZE, image, tmp_path / "stick.img",
             code=REFUSED, says="the image's system")
    assert not (tmp_path / "stick.img").exists()


def test_a_system_in_layers_below_live(material, packages, phrase, tmp_path):
    """As Grml has it: the menu is in another file and names a folder, in which a list names the squashfs files. The
    last one hides what is in those before it."""
    kernel_set = material.set(material.release, initrd=material.initrd(variant=".stock"))
    base = system(material.folder / "system.squashfs", SYSTEM | {COMMON: "0.9"}, tmp_path / "base")
    over = squashfs_of(tmp_path / "over", {"var/lib/dpkg/status": status(SYSTEM)})
    entry = liveimage.menu("boot/full/vmlinuz", "boot/full/initrd.img", "boot=live live-media-path=/live/full/ nodhcp")
    image = liveimage.make_image(
        tmp_path / "image.iso", kernel_set, loaders=True, without=["live/filesystem.squashfs"],
        grub_cfg="source /boot/grub/header.cfg\nfor c in /boot/grub/*_default.cfg; do source $c; done\n",
        extra={"boot/grub/full_default.cfg": entry.encode(), "boot/full/vmlinuz": kernel_set.kernel.read_bytes(),
               "boot/full/initrd.img": kernel_set.initrd.read_bytes(),
               "live/full/zbase.squashfs": base.read_bytes(), "live/full/a-over.squashfs": over.read_bytes(),
               "live/full/unused.squashfs": b"not a squashfs",
               "live/full/filesystem.module": b"zbase.squashfs\na-over.squashfs\n"})
    stick = tmp_path / "stick.img"
    result = deployer("--yes", "--json", "--encrypt", "--passphrase-file", phrase, "--packages", packages,
                      "--size", "900M", image, stick)
    assert result.json["targets"][0]["packages"]
    assert "live-media-path=/live/full/" in result.json["targets"][0]["parameters"]
    names = Stick(stick).grub_ls("live/full", number=1)
    assert names == {"zbase.squashfs", "a-over.squashfs", "unused.squashfs", "filesystem.module"}
    assert {"vmlinuz", "initrd.img"} <= Stick(stick).grub_ls("live", number=1)


def test_an_image_with_the_packages_but_without_cryptsetup(bare_system, material, phrase, tmp_path):
    """Its first boot keeps this computer's cryptsetup: its own initrds could not open the persistence otherwise."""
    initrd = tmp_path / "initrd"
    run("sh", "-c", "mkdir -p \"$1\" && cp \"$2\" \"$1\" && cd \"$0\" && find usr | cpio --quiet -o -H newc > extra",
        tmp_path, tmp_path / "usr/lib/live/boot", TOP / "initramfs-hooks/9999-liveng.sh")
    stock_initrd = material.initrd(variant=".stock").read_bytes()
    initrd.write_bytes((tmp_path / "extra").read_bytes() + stock_initrd)
    image = liveimage.make_image(tmp_path / "image.iso", material.set(material.release, initrd=initrd), loaders=True,
                                 system=system(bare_system, SYSTEM | {COMMON: "0.9"}, tmp_path / "squashfs"))
    stick = deploy(image, tmp_path / "stick.img", "--encrypt", "--passphrase-file", phrase, "--size", "600M")
    root = unpacked(stick.grub_cat("live/initrd.img"), initrd.stat().st_size, tmp_path / "root")
    assert (root / PRIVATE / "brought").exists() and (root / "usr/lib/liveng/first/first-boot").exists()
    assert not stick.grub_ls("liveng", number=1)


def test_a_boot_configuration_at_the_end_of_the_initrd(material, packages, tmp_path):
    """What is appended would take its place, and the kernel would not find it any more."""
    text = b"kernel.panic = 5\n\0"
    initrd = tmp_path / "initrd"
    initrd.write_bytes(material.initrd(variant=".stock").read_bytes() + text
                       + struct.pack("<II", len(text), sum(text)) + b"#BOOTCONFIG\n")
    image = liveimage.make_image(tmp_path / "image.iso", material.set(material.release, initrd=initrd), loaders=True,
                                 system=system(material.folder / "system.squashfs", SYSTEM, tmp_path / "squashfs"))
    deployer("--yes", "--packages", packages, "--size", "600M", image, tmp_path / "stick.img", code=REFUSED,
             says="has a boot configuration at its end")


@pytest.mark.full
def test_a_squashfs_of_more_than_4_gib(material, packages, phrase, tmp_path):
    """ISO 9660 has it in two extents."""
    kernel_set = material.set(material.release, initrd=material.initrd(variant=".stock"))
    large = system(material.folder / "system.squashfs", SYSTEM, tmp_path / "squashfs")
    tree = tmp_path / "tree"
    (tree / "live").mkdir(parents=True)
    (tree / "live/vmlinuz").write_bytes(kernel_set.kernel.read_bytes())
    (tree / "live/initrd.img").write_bytes(kernel_set.initrd.read_bytes())
    os.truncate(large, 4400 * MIB)
    large.rename(tree / "live/filesystem.squashfs")
    run("xorriso", "-as", "mkisofs", "-iso-level", "3", "-r", "-o", tmp_path / "image.iso", tree)
    shutil.rmtree(tree)
    stick = deploy(tmp_path / "image.iso", tmp_path / "stick.img", "--encrypt", "--passphrase-file", phrase,
                   "--packages", packages, "--size", "6G")
    assert stick.grub_ls("liveng", number=1)

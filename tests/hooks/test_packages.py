# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages themselves: lintian, hardening, reproducible builds; and those for one's own kernels."""

import os
import re
import subprocess

import pytest

from system import BUILD, TOP


def run(*argv, **kwargs):
    done = subprocess.run([str(a) for a in argv], cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding="utf-8", errors="replace", check=False, **kwargs)
    assert done.returncode == 0, done.stdout
    return done.stdout


def results(folder):
    return {p.name: p for p in folder.iterdir() if re.search(r"\.(deb|dsc|tar\.xz)$", p.name)}


def test_lintian_has_nothing_to_say():
    (changes,) = BUILD.glob("liveng_*.changes")
    done = subprocess.run(["lintian", "--pedantic", "--fail-on", "pedantic,warning,error", changes],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_compiler_call_is_hardened():
    run("blhc", BUILD / "deb/log")


@pytest.mark.full
def test_two_builds_are_the_same(tmp_path):
    """In another folder, time zone and language, with another umask; and from the source package, without git."""
    other = tmp_path / "another/folder"
    (source,) = BUILD.glob("liveng_*.dsc")
    run("sh", "-c", "umask 027 && dpkg-source -x \"$1\" \"$2/source\" && exec \"$2/source/debian/build.sh\" \"$3\"",
        "sh", source, tmp_path, other,
        env={**os.environ, "TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "LANG": "de_DE.UTF-8"})
    run("sh", "-c", "cd \"$1\" && exec /usr/bin/python3 -Bm pytest -q -p no:cacheprovider --collect-only "
        "tests/test_source.py", "sh", tmp_path / "source")
    ours, theirs = results(BUILD), results(other)
    assert ours.keys() == theirs.keys()
    for name, path in ours.items():
        if path.read_bytes() != theirs[name].read_bytes():
            pytest.fail(run("sh", "-c", "diffoscope \"$@\" || :", "sh", path, theirs[name])[:20000])


@pytest.mark.parametrize("suite, left_out", [("12.4+deb12u11", False), ("13.2", True)])
def test_kernels_that_a_suite_no_longer_has_are_left_out(tmp_path, suite, left_out):
    query = tmp_path / "dpkg-query"
    query.write_text(f"#!/bin/sh\necho {suite}\n")
    query.chmod(0o755)
    said = run("make", "-n", "-f", "debian/rules", "binary", "DEB_HOST_ARCH=i386",
               env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert ("-Nlinux-image-liveng-686-pae" in said) == left_out


def test_units_are_sandboxed():
    unit = TOP / "debian/linux-image-liveng-common.liveng-bless.service"
    run("systemd-analyze", "security", "--offline=true", "--threshold=15", unit)


@pytest.mark.either
def test_udev_takes_the_rule(system):
    rule = system.run("ls /*/udev/rules.d/70-liveng.rules /usr/lib/udev/rules.d/70-liveng.rules 2> /dev/null || :").text
    assert "70-liveng.rules" in rule
    if "verify" in system.run("udevadm --help").text:
        system.run(f"udevadm verify {rule.split()[0]}")


@pytest.mark.full
def test_packages_of_ones_own_kernel(system, tmp_path):
    """Installed, and installed again: each time the stick gets the kernel with a new initrd."""
    abi, arch = system.new.rsplit("-", 1)
    version = system.run(f"dpkg-query -Wf '${{Version}}' linux-image-{system.new}").text
    run(TOP / "debian/kernel-packages/make-packages", abi, version, arch, tmp_path)
    for package in tmp_path.glob("*.deb"):
        system.put(f"/own/{package.name}", package.read_bytes())
    for again in ("", "--reinstall"):
        done = system.apt(f"install {again} /own/*.deb")
        assert system.builds() == [system.new]
        assert done.text.count("wrote") == 1
    meta = system.run(f"dpkg-query -Wf '${{Version}} ${{Depends}}' linux-image-liveng-{arch}").text
    assert meta == f"{version} linux-image-liveng-{system.new} (= {version})"
    # It is a conffile: an admin may have removed it.
    system.run("rm /etc/kernel/postinst.d/zz-liveng")
    assert "wrote" not in system.apt("install --reinstall /own/*.deb").text


@pytest.mark.parametrize("flavour, architecture", [
    ("686-pae", "i386"), ("rt-686-pae", "i386"), ("cloud-amd64", "amd64"), ("arm64", "arm64"),
    ("arm64-16k", "arm64"), ("armmp", "armhf"), ("rt-armmp", "armhf"), ("armmp-lpae", "armhf")])
def test_packages_of_a_flavour(tmp_path, flavour, architecture):
    maintainer = "Kernels / R&D <kernels@example.org>"
    run(TOP / "debian/kernel-packages/make-packages", "6.1.0-1", "6.1.1-1", flavour, tmp_path,
        env={**os.environ, "MAINTAINER": maintainer})
    packages = list(tmp_path.glob("*.deb"))
    assert len(packages) == 2
    for package in packages:
        assert run("dpkg-deb", "-f", package, "Architecture").strip() == architecture
        assert run("dpkg-deb", "-f", package, "Maintainer").strip() == maintainer


def test_packages_of_an_unknown_architecture(tmp_path):
    done = subprocess.run([TOP / "debian/kernel-packages/make-packages", "6.1.0-1", "6.1.1-1", "mine-16k", tmp_path],
                          capture_output=True, text=True)
    assert done.returncode == 2 and "no 16k" in done.stderr and not list(tmp_path.iterdir())


@pytest.mark.parametrize("umask", ["077", "002"])
def test_packages_are_the_same_whatever_the_umask(tmp_path, umask):
    make = TOP / "debian/kernel-packages/make-packages"
    env = {**os.environ, "SOURCE_DATE_EPOCH": "1"}
    run("sh", "-c", "umask 022 && exec \"$@\"", "sh", make, "6.1.0-1", "6.1.1-1", "amd64", tmp_path / "one", env=env)
    run("sh", "-c", f"umask {umask} && exec \"$@\"", "sh", make, "6.1.0-1", "6.1.1-1", "amd64", tmp_path / "other",
        env=env)
    for package in (tmp_path / "one").iterdir():
        assert package.read_bytes() == (tmp_path / "other" / package.name).read_bytes()


def test_packages_without_an_abi(tmp_path):
    done = subprocess.run([TOP / "debian/kernel-packages/make-packages", "", "6.1.1-1", "amd64", tmp_path],
                          capture_output=True, text=True)
    assert done.returncode == 2 and not list(tmp_path.iterdir())


def test_live_build_takes_the_example(tmp_path):
    run("cp", "-r", TOP / "debian/examples/live-build", tmp_path)
    folder = tmp_path / "live-build"
    run("sh", "-c", "cd \"$1\" && lb config --distribution trixie", "sh", folder)
    settings = "".join((folder / "config" / name).read_text() for name in ("bootstrap", "binary", "chroot"))
    assert 'LB_DISTRIBUTION="trixie"' in settings
    assert 'LB_UEFI_SECURE_BOOT="enable"' in settings
    assert "linux-image-liveng-amd64" in (folder / "config/package-lists/liveng.list.chroot").read_text()


@pytest.mark.full
def test_autopkgtest(system):
    """debian/tests/hooks in the machine, as Debian's own testbeds run it. What it needs base.sh has fetched."""
    for name in ("debian/tests/hooks", "tests/data/published-stick.sh"):
        system.put(f"/src/{name}", (TOP / name).read_bytes(), mode="755")
    system.apt("install xorriso mtools dosfstools e2fsprogs fdisk grub-common grub-efi-amd64-bin")
    system.run("cd /src && AUTOPKGTEST_TMP=/tmp debian/tests/hooks")


def test_what_autoremove_leaves_alone():
    """Metapackages and what they need; not those of one version, each of which has its kernel."""
    pattern = re.search('"(.*)";', (TOP / "debian/apt/02liveng").read_text())[1]
    kept = ["common", "amd64", "rt-amd64", "686-pae", "mine-16k"]
    assert [name for name in [*kept, "6.1.0-56-amd64", "6.12.90+deb13-amd64", "6.1.0-1-mine-16k"]
            if re.search(pattern, f"linux-image-liveng-{name}")] == kept


@pytest.mark.either
def test_the_removal_from_a_stick_is_asked_about(system):
    """Nobody to ask: a notice is enough."""
    question = "linux-image-liveng-common linux-image-liveng-common/remove boolean"
    system.run(f"echo {question} false | debconf-set-selections")
    done = system.apt("remove linux-image-liveng-common", check=False)
    assert done.code != 0 and "is not removed, as you said" in done.text
    assert "install ok installed" in system.run("dpkg-query -Wf '${Status}' linux-image-liveng-common").text
    assert "wrote" in system.run("update-initramfs -u").text
    done = system.apt("remove linux-image-liveng-common")
    assert f"the stick continues to boot {system.new}" in done.text


@pytest.mark.either
def test_a_downgrade_leaves_nothing_that_the_older_version_does_not_know(system):
    """One that does not stand in for live-tools' program."""
    system.run("""
        dpkg-deb -R /debs/linux-image-liveng-common_*.deb /older
        sed -i 's/^Version: .*/&~older/' /older/DEBIAN/control
        echo '#!/bin/sh' > /older/DEBIAN/postinst && dpkg-deb -b /older /older.deb""")
    assert "liveng" in system.run("dpkg-divert --list '*live-update-initramfs*'").text
    system.run("dpkg -i /older.deb")
    assert system.run("dpkg-divert --list '*live-update-initramfs*'").text == ""
    assert "is disabled" in system.run("update-initramfs -u").text
    system.run("dpkg -i /debs/linux-image-liveng-common_*.deb")
    assert "wrote" in system.run("update-initramfs -u").text


@pytest.mark.full
def test_grml_keeps_its_backend(bare):
    """Its live-boot-grml-initramfs-tools excludes Debian's live-boot-initramfs-tools."""
    bare.put("/made/grml/DEBIAN/control", "Package: live-boot-grml-initramfs-tools\nVersion: 1\nArchitecture: all\n"
             "Maintainer: The liveng developers <liveng@localhost>\nProvides: live-boot-backend\n"
             "Conflicts: live-boot-backend, live-boot-initramfs-tools\nReplaces: live-boot-initramfs-tools\n"
             "Description: as Grml's\n")
    bare.run("for file in $(dpkg -L live-boot-initramfs-tools); do [ -d $file ] || cp --parents $file /made/grml; done; "
             "dpkg-deb -b /made/grml /made/grml.deb")
    bare.apt("install /made/grml.deb")
    done = bare.install()
    assert "live-boot-grml-initramfs-tools" not in done.text and "wrote" in done.text
    assert "ok installed" in bare.run("dpkg-query -Wf '${Status}' live-boot-grml-initramfs-tools").text

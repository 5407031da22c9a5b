# SPDX-License-Identifier: GPL-3.0-or-later
"""Stock images, the packages for them, and what liveng-deploy has appended to their initrd."""

import os
import shutil
import subprocess

from stick import run

PRIVATE = "usr/lib/liveng/crypt"  # where cryptsetup is put, if /usr is merged

COMMON = "linux-image-liveng-common"
META = "linux-image-liveng-amd64"

# What dpkg has recorded in a live system, as far as apt asks here.
SYSTEM = {"dpkg": "1.21.22", "initramfs-tools": "0.142+deb12u3", "libc6": "2.36-9+deb12u13",
          "linux-image-amd64": "6.1.158-1", "systemd-sysv": "252.39-1~deb12u1"}


def paragraph(name, version, arch="amd64", **fields):
    more = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in fields.items())
    return (f"Package: {name}\nVersion: {version}\nArchitecture: {arch}\nMaintainer: nobody <nobody@localhost>\n"
            f"{more}Description: {name}\n")


def status(installed, arch="amd64"):
    """dpkg's record of these packages."""
    return "\n".join(paragraph(name, version, arch, Status="install ok installed")
                     for name, version in installed.items())


def squashfs_of(path, files):
    """Add files to a squashfs, which may be a new one."""
    folder = path.parent / f"{path.name}.files"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    run("mksquashfs", folder, path, "-quiet", "-no-progress", "-all-root")
    return path


def system(base, installed, path):
    """A copy of the squashfs @base in which these packages are recorded."""
    shutil.copy(base, path)
    return squashfs_of(path, {"var/lib/dpkg/status": status(installed)})


def package(folder, name, version="1.0", **fields):
    """A package file."""
    tree = folder / f"{name}_{version}"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(paragraph(name, version, **fields))
    run("dpkg-deb", "--root-owner-group", "--build", tree, folder)
    shutil.rmtree(tree)


def unpacked(initrd, skip, folder, packing="zstd"):
    """The files of the segment after the first @skip bytes, as cpio unpacks them."""
    folder.mkdir()
    (folder.parent / "segment").write_bytes(initrd[skip:].lstrip(b"\0"))
    subprocess.run(f"{packing} -dc < ../segment | cpio -idm --quiet", shell=True, check=True, cwd=folder)
    return folder


def assert_programs_run(root, private=PRIVATE, sbin="usr/sbin", askpass="usr/lib/cryptsetup/askpass"):
    """As the initrd will start them: by their loader, without any library from elsewhere."""
    loader, = (root / private).glob("ld-linux*")
    for path in (root / private).glob("*setup"):
        program = path.name
        listed = run(loader, "--library-path", root / private, "--list", path).decode()
        for line in listed.splitlines():
            assert "vdso" in line or str(root / private) in line or "ld-linux" in line, line
        assert b"2." in run(loader, "--library-path", root / private, path, "--version")
        script = (root / sbin / program).read_text()
        assert script.startswith("#!/bin/sh\nexec /lib/liveng/crypt/ld-linux")
        assert os.access(root / sbin / program, os.X_OK)
    assert os.access(root / askpass, os.X_OK)


def assert_modules_are_found(root, release, *modules):
    """modprobe of the initrd's own index finds them, and all that they need."""
    for module in modules:
        said = run("modprobe", "--dirname", root, "--set-version", release, "--show-depends", module).decode()
        for line in said.splitlines():
            assert line.startswith("builtin ") or os.path.exists(line.split()[1]), line

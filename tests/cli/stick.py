# SPDX-License-Identifier: GPL-3.0-or-later
"""Small sticks in sparse regular files, without root and without mounting, and small kernel sets.

A stick made here has the partitions 1 to 4 of a real one at their places, only smaller; its ISO
file systems come from xorriso, its FAT from mtools, its grubenv from grub-editenv. All content is
drawn from seeds: the same call makes the same bytes.
"""

import functools
import json
import os
import random
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

SECTOR = 512
BLOCK = 2048
MIB = 1024 * 1024
PVD = 32768  # the primary volume descriptor, in bytes from the start of the partition
MODULES = ("usb-storage uas xhci-hcd xhci-pci sd_mod isofs squashfs overlay loop ext4 vfat "
           "scsi_mod usbcore nls_ascii nls_utf8 dm-crypt dm-mod xts aes_generic sha256_generic usbhid hid-generic")


def run(*argv, **kwargs):
    """Run a program; its output (bytes), or an exception that shows what it said."""
    done = subprocess.run([str(a) for a in argv], capture_output=True, check=False, **kwargs)
    if done.returncode:
        raise RuntimeError(f"{argv}: exit code {done.returncode}\n"
                           f"{(done.stdout + done.stderr).decode(errors='replace')}")
    return done.stdout


# Kernel sets

def tiny_kernel(release, size=150_000, seed=1, efi=True):
    """The bytes of a bzImage that no machine could start: valid header, release, EFI stub's PE header
    (if it has that) and CRC-32."""
    setup_sectors = 31
    head = (setup_sectors + 1) * SECTOR
    size = max(size, head + 4096) // 16 * 16
    image = bytearray(random.Random(f"kernel {release} {seed}").randbytes(size))
    image[:head] = bytes(head)
    text = f"{release} (tests@liveng) #1 SMP PREEMPT_DYNAMIC Debian".encode() + b"\0"
    image[0x3000:0x3000 + len(text)] = text
    # PE format: a COFF header for amd64, a PE32+ optional header, one section
    image[:2] = b"MZ" if efi else b"\0\0"
    struct.pack_into("<I", image, 0x3c, 0x80)
    image[0x80:0x84] = b"PE\0\0"
    struct.pack_into("<HHIIIHH", image, 0x84, 0x8664, 1, 0, 0, 0, 160, 0x206)
    struct.pack_into("<H", image, 0x98, 0x20b)
    struct.pack_into("<I", image, 0x98 + 108, 6)  # data directories, all empty
    struct.pack_into("<8sIIII", image, 0x98 + 160, b".text", size - head, head, size - head, head)
    # Linux, Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header"
    image[0x1f1] = setup_sectors
    struct.pack_into("<I", image, 0x1f4, (size - head) // 16)  # syssize, in 16-byte units
    struct.pack_into("<H", image, 0x1fe, 0xaa55)
    image[0x200:0x202] = b"\xeb\x6a"  # a jump over the header, which ends at 0x26c
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, 0x020f)          # boot protocol 2.15
    struct.pack_into("<H", image, 0x20e, 0x3000 - 0x200)  # kernel_version
    image[0x211] = 1                                      # loadflags: LOADED_HIGH
    struct.pack_into("<I", image, 0x214, 0x100000)        # code32_start
    struct.pack_into("<II", image, 0x248, 0x400, 0x800)   # payload_offset, payload_length
    # The CRC-32 of the whole file, without the final inversion, is 0.
    struct.pack_into("<I", image, size - 4, zlib.crc32(image[:size - 4]) ^ 0xffffffff)
    return bytes(image)


def tiny_initrd(folder, release, size=200_000, seed=1, builtin=MODULES):
    """The bytes of a gzip-compressed cpio with live-boot's scripts, the programs for LUKS and a
    modules folder in which all that a stick needs is `builtin`. `folder` is for scratch files."""
    root = Path(folder, f"initrd-{release}-{seed}")
    shutil.rmtree(root, ignore_errors=True)
    modules = root / "usr/lib/modules" / release
    modules.mkdir(parents=True)
    for name in ("init", "scripts/live", "usr/lib/live/boot/9990-main.sh", "usr/lib/live/boot/9999-liveng.sh",
                 "bin/live-boot", "usr/sbin/cryptsetup", "usr/lib/cryptsetup/askpass", "usr/bin/sh"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n# {name}\n")
        path.chmod(0o755)
    (root / "lib").symlink_to("usr/lib")
    names = [name.replace("-", "_") for name in builtin.split()]
    (modules / "modules.builtin").write_text("".join(f"kernel/tiny/{n}.ko\n" for n in names))
    (modules / "modules.order").write_text("")
    run("depmod", "-b", root, release)
    (root / "ballast").write_bytes(random.Random(f"initrd {release} {seed}").randbytes(size))
    for path in sorted(root.rglob("*")):
        os.utime(path, (1_700_000_000, 1_700_000_000), follow_symlinks=False)
    paths = "".join(f"{p.relative_to(root)}\n" for p in sorted(root.rglob("*")))
    cpio = run("cpio", "--quiet", "-o", "-H", "newc", "--reproducible", "-R", "0:0",
               cwd=root, input=paths.encode())
    shutil.rmtree(root)
    return run("gzip", "-n", "-1", input=cpio)


class KernelSet:
    """A kernel set in a folder: vmlinuz, initrd.img and release, as they belong in live/."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.kernel = self.folder / "vmlinuz"
        self.initrd = self.folder / "initrd.img"

    @property
    def release(self):
        return (self.folder / "release").read_text().strip()

    def files(self):
        """Name in live/ -> content."""
        return {p.name: p.read_bytes() for p in self.folder.iterdir()}


def make_set(folder, release, kernel_size=150_000, initrd_size=200_000, seed=1):
    """Make a small kernel set in `folder`."""
    folder = Path(folder)
    folder.mkdir(parents=True)
    (folder / "vmlinuz").write_bytes(tiny_kernel(release, kernel_size, seed))
    (folder / "initrd.img").write_bytes(tiny_initrd(folder.parent, release, initrd_size, seed))
    (folder / "release").write_text(release + "\n")
    return KernelSet(folder)


# Sticks

class Stick:
    """A stick image and what other programs say about it."""

    def __init__(self, path):
        self.path = Path(path)

    @functools.cached_property
    def _table(self):
        """The partition table, by sfdisk."""
        table = json.loads(run("sfdisk", "-J", self.path))["partitiontable"]["partitions"]
        return {int(p["node"].removeprefix(str(self.path))): p for p in table}

    @property
    def table(self):
        """sfdisk's view of the partitions: {number: {"start": …, "type": …, "uuid": …, "name": …}}."""
        return self._table

    def partition(self, number):
        """Start and size in bytes."""
        entry = self._table[number]
        return entry["start"] * SECTOR, entry["size"] * SECTOR

    def read(self, number, offset, size):
        """Bytes of a partition."""
        with open(self.path, "rb") as f:
            f.seek(self.partition(number)[0] + offset)
            return f.read(size)

    def write(self, number, offset, data):
        """Change bytes of a partition."""
        with open(self.path, "r+b") as f:
            f.seek(self.partition(number)[0] + offset)
            f.write(data)

    def save(self, number, path):
        """Copy a partition to a separate file; holes stay holes. Returns the path."""
        start, size = self.partition(number)
        run("dd", f"if={self.path}", f"of={path}", "bs=1M", "iflag=skip_bytes,count_bytes",
            f"skip={start}", f"count={size}", "conv=sparse", "status=none")
        return path

    def blkid(self, number):
        """blkid's view of a partition's file system: {"LABEL": …, "UUID": …, "TYPE": …}."""
        start, size = self.partition(number)
        out = run("blkid", "-p", "-o", "export", "-O", start, "-S", size, self.path).decode()
        return dict(line.split("=", 1) for line in out.splitlines())

    def mtools(self, program, *arguments):
        """Run a program of mtools on partition 3; its paths begin with ::"""
        return run(program, "-i", f"{self.path}@@{self.partition(3)[0]}", *arguments,
                   env={**os.environ, "MTOOLS_SKIP_CHECK": "1"})

    def grubenv(self):
        """The variables of grubenv, read by grub-editenv; None if there is no grubenv."""
        try:
            block = self.mtools("mtype", "::boot/grub/grubenv")
        except RuntimeError:
            return None
        copy = self.path.with_suffix(".grubenv")
        copy.write_bytes(block)
        out = run("grub-editenv", copy, "list").decode()
        copy.unlink()
        return dict(line.split("=", 1) for line in out.splitlines())

    def set_grubenv(self, variables):
        """Rewrite grubenv with only these variables."""
        copy = self.path.with_suffix(".grubenv")
        copy.unlink(missing_ok=True)
        run("grub-editenv", copy, "create")
        if variables:
            run("grub-editenv", copy, "set", *(f"{k}={v}" for k, v in variables.items()))
        self.mtools("mcopy", "-o", copy, "::boot/grub/grubenv")
        copy.unlink()

    def grubenv_offset(self):
        """Where the 1024 bytes of grubenv lie on the disk, in bytes; None if there is none."""
        if self.grubenv() is None:
            return None
        block = self.mtools("mtype", "::boot/grub/grubenv")
        start, size = self.partition(3)
        disk = self.path.read_bytes()[start:start + size]
        found = [start + i for i in range(0, size - 1023, SECTOR) if disk[i:i + 1024] == block]
        assert len(found) == 1, f"{len(found)} places hold grubenv's bytes"
        return found[0]

    def grub_cat(self, name, number=2):
        """A file of a partition, as GRUB's own reader finds it ("live/vmlinuz")."""
        return run("grub-fstest", self.path, "cat", f"(loop0,gpt{number})/{name}")

    def grub_ls(self, folder, number=2):
        """The names in a folder of a partition, as GRUB's own reader finds them; none if it has no such folder."""
        done = subprocess.run(["grub-fstest", self.path, "ls", f"(loop0,gpt{number})/{folder}/"], capture_output=True,
                              encoding="utf-8", check=False)
        return set(done.stdout.split()) if done.returncode == 0 else set()

    def grub_has(self, kernel_set):
        """Does GRUB find exactly this set's kernel and initrd as the current ones?"""
        return all(subprocess.run(["grub-fstest", self.path, "cmp", f"(loop0,gpt2)/live/{name}",
                                   f], capture_output=True, check=False).returncode == 0
                   for name, f in (("vmlinuz", kernel_set.kernel),
                                   ("initrd.img", kernel_set.initrd)))

    def copy(self, path):
        """An independent copy; holes stay holes."""
        run("cp", "--sparse=always", self.path, path)
        return Stick(path)


def _put(path, offset, size, source):
    """Copy the file `source`, of `size` bytes at most, into `path` at byte `offset`."""
    data = Path(source).read_bytes()
    assert len(data) <= size, f"{source} needs {len(data)} bytes, its partition has {size}"
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(data)


def _write_iso(path, tree, form, label, size):
    """An ISO 9660 file system of the folder `tree` in the new file `path`. Forms: "session" (as
    liveng-deploy and the published setup leave it: session at LBA 32), "plain" (as the published
    update leaves it: from LBA 0, root directory below LBA 32), "joliet" (plain, with Joliet)."""
    with open(path, "wb") as f:
        f.truncate(size)
    if form == "session":
        run("xorriso", "-outdev", f"stdio:{path}", "-blank", "as_needed", "-volid", label,
            "-volume_date", "uuid", "2024010203040506", "-map", tree, "/", "-commit")
        return
    run("xorrisofs", "-quiet", "-volid", label, "--modification-date=2024010203040506",
        *(["-joliet"] if form == "joliet" else []), "-o", path, tree)
    os.truncate(path, size)


def build_stick(path, kernel_set, form="session", grubenv=None, kernel_mib=4,
                label="LIVENG_SYSTEM2", names=True, extra=None, esp=True):
    """Make the stick image `path` with `kernel_set` in partition 2 (and 1).

    form: see _write_iso(). grubenv: variables; None makes none, as on old sticks. names: the GPT
    names of liveng; False as on old sticks. extra: more files for partition 2 {"live/System.map":
    bytes}. esp: False leaves partition 3 unformatted. kernel_mib: size of partition 2.
    """
    path = Path(path)
    scratch = path.with_suffix(".scratch")
    scratch.mkdir()
    factory = sum(f.stat().st_size for f in (kernel_set.kernel, kernel_set.initrd))
    sizes = [2 + factory // MIB, kernel_mib, 34, 2]  # MiB; a FAT32 needs 65525 clusters
    gpt_names = ["liveng-system", "liveng-kernel", "liveng-esp", "persistence"]
    types = ["linux", "linux", "uefi", "linux"]
    lines = ["label: gpt", "label-id: 11111111-2222-4333-8444-555555555555"]
    start = 1
    starts = []
    for number, (size, kind, name) in enumerate(zip(sizes, types, gpt_names), 1):
        lines.append(f"start={start}MiB, size={size}MiB, type={kind}, "
                     f"uuid=aaaaaaaa-0000-4000-8000-00000000000{number}"
                     + (f', name="{name}"' if names else ""))
        starts.append(start * MIB)
        start += size
    with open(path, "wb") as f:
        f.truncate((start + 1) * MIB)
    run("sfdisk", "--quiet", path, input="\n".join(lines).encode())

    tree = scratch / "tree"
    live = tree / "live"
    live.mkdir(parents=True)
    shutil.copy(kernel_set.kernel, live / "vmlinuz")
    shutil.copy(kernel_set.initrd, live / "initrd.img")
    # The published steps write no `release` and no sums; a new stick has both.
    if form == "session" and names:
        shutil.copy(kernel_set.folder / "release", live)
        (live / "release.env").write_text(
            f"# GRUB Environment Block\nliveng_release={kernel_set.release}\n")
        (live / "SHA256SUMS").write_bytes(
            run("sha256sum", "vmlinuz", "initrd.img", "release", cwd=live))
    for name, data in (extra or {}).items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(data)
    _write_iso(scratch / "2.iso", tree, form, label, kernel_mib * MIB)
    _put(path, starts[1], sizes[1] * MIB, scratch / "2.iso")

    (live / "filesystem.squashfs").write_bytes(b"hsqs" + bytes(4092))
    _write_iso(scratch / "1.iso", tree, "session", label.removesuffix("2"), sizes[0] * MIB)
    _put(path, starts[0], sizes[0] * MIB, scratch / "1.iso")

    uuid = "99999999-0000-4000-8000-000000000004"
    run("mke2fs", "-q", "-F", "-L", "persistence", "-U", uuid,
        "-E", f"offset={starts[3]},hash_seed={uuid}", path, f"{sizes[3] * 1024}k")
    stick = Stick(path)
    if esp:
        stick.mtools("mformat", "-F", "-v", "LIVENG_EFI", "-N", "12345678",
                     "-T", sizes[2] * MIB // SECTOR, "-h", 64, "-s", 32, "-c", 1, "::")
        stick.mtools("mmd", "::EFI", "::EFI/BOOT", "::boot", "::boot/grub")
        if grubenv is not None:
            stick.set_grubenv(grubenv)
    shutil.rmtree(scratch)
    return stick

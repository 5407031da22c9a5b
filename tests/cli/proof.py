# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on a stick, seen by programs that are not ours; what changed; and deliberate damage."""

import contextlib
import hashlib
import os
from pathlib import Path

import stick as sticks


def state_of(path):
    """All that a write would change: content and times."""
    path = Path(path)
    digest = hashlib.sha256()
    piece = 1024 * 1024
    with open(path, "rb") as f:
        offset = 0
        size = f.seek(0, os.SEEK_END)
        while offset < size:
            try:  # sparse files are large
                offset = f.seek(offset, os.SEEK_DATA) // piece * piece
            except OSError:
                break
            f.seek(offset)
            data = f.read(piece)
            if data.strip(b"\0"):
                digest.update(b"%d " % offset)
                digest.update(data)
            offset += piece
    status = path.stat()
    return digest.hexdigest(), size, status.st_mtime_ns, status.st_ctime_ns


def identity(stick):
    """How other programs identify the kernel partition."""
    return {name: stick.blkid(2)[name] for name in ("TYPE", "LABEL", "UUID")}


@contextlib.contextmanager
def untouched(path):
    """Nothing in the body may write to this file."""
    before = state_of(path)
    yield
    assert state_of(path) == before, f"{path} was written to"


def outside(stick, *numbers):
    """A digest of the disk except for the given partitions."""
    data = bytearray(stick.path.read_bytes())
    for number in numbers:
        start_, size = stick.partition(number)
        data[start_:start_ + size] = bytes(size)
    return hashlib.sha256(data).hexdigest()


def extract(stick, folder, number=2):
    """The files of that partition, as xorriso reads them: a folder's path."""
    folder = Path(folder)
    folder.mkdir()
    part = stick.save(number, folder / "partition")
    sticks.run("xorriso", "-indev", f"stdio:{part}", "-osirrox", "on", "-extract", "/",
               folder / "tree")
    part.unlink()
    sticks.run("chmod", "-R", "u+w", folder / "tree")
    return folder / "tree"


def kernel_place(stick, kernel_set):
    """Where this set's kernel lies in partition 2, in bytes; it must be one place."""
    content = stick.read(2, 0, stick.partition(2)[1])
    kernel = kernel_set.kernel.read_bytes()
    assert content.count(kernel) == 1
    return content.index(kernel)


def damage(stick, kernel_set):
    """One flipped bit in this set's kernel on the stick."""
    at = kernel_place(stick, kernel_set) + 70_000
    stick.write(2, at, bytes([stick.read(2, at, 1)[0] ^ 4]))


def damage_root(stick):
    """Make all files of the current set unfindable."""
    root = int.from_bytes(stick.read(2, sticks.PVD + 158, 4), "little")
    stick.write(2, root * sticks.BLOCK, b"\xff" * sticks.BLOCK)


def assert_holds(stick, folder, current, previous=None):
    """Two readers that are not ours find these sets, whole, and their checksums pass."""
    assert stick.grub_has(current), "GRUB does not find the current set"
    live = extract(stick, folder) / "live"
    assert (live / "vmlinuz").read_bytes() == current.kernel.read_bytes()
    assert (live / "initrd.img").read_bytes() == current.initrd.read_bytes()
    assert (live / "release").read_text() == current.release + "\n"
    assert f"liveng_release={current.release}\n" in (live / "release.env").read_text()
    sticks.run("sha256sum", "--strict", "-c", "SHA256SUMS", cwd=live)
    old = {path.name.removesuffix(".old"): path for path in live.glob("*.old")}
    if not previous:
        assert not old
        return
    assert set(old) == {"vmlinuz", "initrd.img", "release", "release.env", "SHA256SUMS"}
    assert old["vmlinuz"].read_bytes() == previous.kernel.read_bytes()
    assert old["initrd.img"].read_bytes() == previous.initrd.read_bytes()
    assert old["release"].read_text() == previous.release + "\n"
    assert stick.grub_cat("live/vmlinuz.old") == previous.kernel.read_bytes()
    # The sums have the names that the files had when they were current.
    again = Path(folder, "previous")
    again.mkdir()
    for name, path in old.items():
        path.rename(again / name)
    sticks.run("sha256sum", "--strict", "-c", "SHA256SUMS", cwd=again)

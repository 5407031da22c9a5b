# SPDX-License-Identifier: GPL-3.0-or-later
"""Small live images like those of live-build: the input of liveng-deploy."""

import random
import shutil
import struct
from pathlib import Path

from stick import BLOCK, PVD, run

NAME = 'Debian GNU/Linux 12 "Bookworm" - Official Snapshot amd64 LIVE Binary 20260101-00:00'
PARAMETERS = "boot=live components quiet splash"

# The signed programs that live-build puts on an image, and their names there.
LOADERS = {"bootx64.efi": "/usr/lib/shim/shimx64.efi.signed",
           "grubx64.efi": "/usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed"}


def menu(kernel, initrd, parameters=PARAMETERS):
    """live-build's grub.cfg, without the installer's part."""
    return f"""source /boot/grub/config.cfg

# Live boot
menuentry "Live system (amd64)" --hotkey=l {{
	linux	/{kernel} {parameters} findiso=${{iso_path}}
	initrd	/{initrd}
}}
menuentry "Live system (amd64 fail-safe mode)" {{
	linux	/{kernel} boot=live components memtest noapic noapm nodma nomce nosmp nosplash vga=788
	initrd	/{initrd}
}}
submenu 'Utilities...' --hotkey=u {{
	source /boot/grub/theme.cfg
	if [ "${{grub_platform}}" = "efi" ]; then
		menuentry "UEFI Firmware Settings" {{
			fwsetup
		}}
	fi
}}
"""


def both(number):
    """A number in both byte orders, ECMA-119 7.3.3."""
    return struct.pack("<I", number) + struct.pack(">I", number)


class LiveImage:
    """An image file, its kernel set and the content of its squashfs."""

    def __init__(self, path, kernel_set, squashfs):
        self.path = path
        self.set = kernel_set
        self.squashfs = squashfs  # bytes

    def __str__(self):
        return str(self.path)

    def cut(self, path, size):
        """The first bytes of it."""
        path.write_bytes(self.path.read_bytes()[:size])
        return path

    def patched(self, path, *changes):
        """A copy with different bytes at some places: (offset, bytes)."""
        content = bytearray(self.path.read_bytes())
        for offset, data in changes:
            content[offset:offset + len(data)] = data
        path.write_bytes(content)
        return path

    def record(self, name):
        """Where the directory record of a path ("live/filesystem.packages") lies, and which blocks
        it names: offset in bytes, first block, size in bytes. ECMA-119 9.1; names by Rock Ridge."""
        content = self.path.read_bytes()
        at = PVD + 156  # the root directory's own record
        for part in filter(None, name.split("/")):
            block, size = struct.unpack_from("<I4xI", content, at + 2)
            at = block * BLOCK
            end = at + size
            while not b"NM%c\1\0%s" % (5 + len(part), part.encode()) in content[at:at + content[at]]:
                at = at + content[at] if content[at] else (at // BLOCK + 1) * BLOCK
                assert at < end, f"no {part} in the image"
        return at, *struct.unpack_from("<I4xI", content, at + 2)

    def redirected(self, path, name, block=None, size=None):
        """A copy in which that path's record names other blocks."""
        at, old_block, old_size = self.record(name)
        return self.patched(path, (at + 2, both(old_block if block is None else block)),
                            (at + 10, both(old_size if size is None else size)))


def squashfs(folder, ballast=0):
    """The bytes of a small root file system."""
    root = folder / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/hostname").write_text("live\n")
    (root / "ballast").write_bytes(random.Random(0).randbytes(ballast))
    run("mksquashfs", root, folder / "squashfs", "-quiet", "-no-progress", "-all-root", "-noD",
        "-mkfs-time", "0", "-all-time", "0")
    return (folder / "squashfs").read_bytes()


def efi_image(path, programs):
    """The FAT that firmware reads from a CD."""
    run("mformat", "-C", "-i", path, "-T", 12288, "-h", 2, "-s", 32, "::")
    run("mmd", "-i", path, "::EFI", "::EFI/boot")
    for program in programs:
        run("mcopy", "-i", path, program, "::EFI/boot")


def make_image(path, kernel_set, *, loaders=False, grub_cfg=None, info=NAME, extra=None,
               without=(), more_sets=(), ballast=0, system=None):
    """Make the image `path` with this kernel set, named with its release as live-build does.

    loaders: put the signed EFI programs of this machine on it, as live-build would; or {name: program}.
    grub_cfg: another boot menu. extra: more files {"live/x": bytes}. without: paths that are left
    out. more_sets: further kernels beside the one that is booted. system: a squashfs in place of the small one.
    """
    path = Path(path)
    scratch = path.with_suffix(".scratch")
    tree = scratch / "tree"
    content = system.read_bytes() if system else squashfs(scratch, ballast)
    for folder in (".disk", "live", "boot/grub", "EFI/boot", "pool/main", "install"):
        (tree / folder).mkdir(parents=True)
    for s in (kernel_set, *more_sets):
        shutil.copy(s.kernel, tree / f"live/vmlinuz-{s.release}")
        shutil.copy(s.initrd, tree / f"live/initrd.img-{s.release}")
    (tree / "live/filesystem.squashfs").write_bytes(content)
    (tree / "live/filesystem.packages").write_text("live-boot 1:20230131\n")
    (tree / ".disk/info").write_text(info + "\n")
    (tree / "boot/grub/grub.cfg").write_text(grub_cfg or menu(
        f"live/vmlinuz-{kernel_set.release}", f"live/initrd.img-{kernel_set.release}"))
    (tree / "boot/grub/config.cfg").write_text("set default=0\n")
    for name in ("pool/main/installer.deb", "install/vmlinuz", "md5sum.txt"):
        (tree / name).write_text("nothing that a stick needs\n")
    if loaders:
        for name, source in (LOADERS if loaders is True else loaders).items():
            shutil.copy(source, tree / "EFI/boot" / name)
    efi_image(tree / "boot/grub/efi.img", sorted((tree / "EFI/boot").iterdir()))
    for name, data in (extra or {}).items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(data)
    for name in without:
        shutil.rmtree(tree / name) if (tree / name).is_dir() else (tree / name).unlink()
    run("xorriso", "-as", "mkisofs", "-quiet", "-J", "-joliet-long", "-l", "-R",
        "-V", "Debian bookworm test", "--modification-date=2026010100000000",
        *(["-e", "boot/grub/efi.img", "-no-emul-boot"] if "boot" not in without else []),
        "-o", path, tree)
    shutil.rmtree(scratch)
    return LiveImage(path, kernel_set, content)

# SPDX-License-Identifier: GPL-3.0-or-later
"""A stick whose partitions are mounted while livengkupd changes them, with the kernel's own FAT and ISO 9660.
No live system is needed for that: a small machine starts a kernel, and of its initrd only the tools."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from console import plain
from qemu import accelerator, patience

sys.path.append(str(Path(__file__).resolve().parents[1] / "cli"))

import stick as sticks  # noqa: E402
from material import MATERIAL, Material  # noqa: E402
from programs import PLAIN_PROGRAM  # noqa: E402

INIT = r"""#!/usr/bin/busybox sh
/usr/bin/busybox --install -s /usr/bin 2> /dev/null
mkdir -p /proc /sys /dev /esp /iso /run /tmp /new/var/lib
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for module in virtio_pci virtio_blk nls_cp437 nls_ascii nls_iso8859-1 vfat isofs; do modprobe $module; done
until [ -b /dev/vda4 ]; do sleep 1; done
put() { printf '%s\n' '# GRUB Environment Block' "$@" "$padding" | head -c 1024 1<> /esp/boot/grub/grubenv; }
padding=$(yes '#' | head -n 1024 | tr -d '\n')
seen() { echo "[$1]" $(tr -d '#' < /esp/boot/grub/grubenv); }
kupd() { echo "+ $*"; livengkupd "$@" --disk /dev/vda 2>&1; echo "= $?"; }

mount -t vfat /dev/vda3 /esp
put x=1
kupd update --kernel /new/vmlinuz --initrd /new/initrd.img
seen 'mount behind update'
put x=2 liveng_tries=2 liveng_previous=1
kupd bless
umount /esp; mount -t vfat -o ro /dev/vda3 /esp
seen 'medium behind bless'
kupd next --once fallback
seen 'mount behind next'
umount /esp; mount -t vfat /dev/vda3 /esp
put liveng_tries=0 liveng_previous=1
mount -t iso9660 -o ro /dev/vda2 /iso
kupd bless --booted previous
mount -t iso9660 -o ro /dev/vda2 /iso
kupd rollback --undo
mount -t iso9660 -o ro /dev/vda2 /iso
dd if=/dev/zero of=/dev/vda2 bs=2048 seek=16 count=1 conv=notrunc,fsync 2> /dev/null
kupd repair --root /new
seen end
poweroff -f
"""


def make_initrd(path, kernel_set, folder):
    """The initrd of a real kernel, with livengkupd, a kernel set and INIT in it."""
    libraries = re.findall(r"/\S+", sticks.run("ldd", PLAIN_PROGRAM).decode())
    places = {"usr/sbin/livengkupd": PLAIN_PROGRAM,
              "new/vmlinuz": kernel_set.kernel, "new/initrd.img": kernel_set.initrd,
              **{"usr" + name.removeprefix("/usr"): Path(name) for name in libraries}}
    for place, source in places.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, folder / place)
    (folder / "init").write_text(INIT)
    (folder / "init").chmod(0o755)
    names = "".join(f"{p.relative_to(folder)}\n" for p in sorted(folder.rglob("*")))
    more = sticks.run("cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0", cwd=folder, input=names.encode())
    real = Material(MATERIAL).initrd(variant=".most").read_bytes()
    path.write_bytes(real + bytes(-len(real) % 4) + more)


def run_machine(stick, initrd):
    """What the machine printed until it was off."""
    command = ["qemu-system-x86_64", *accelerator(), "-machine", "q35", "-m", "1G", "-display", "none",
               "-nodefaults", "-no-reboot", "-serial", "stdio", "-kernel", Material(MATERIAL).new.kernel,
               "-initrd", initrd, "-append", "console=ttyS0 quiet panic=-1",
               "-drive", f"if=virtio,cache=unsafe,format=raw,file={stick.path}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=patience(200), check=True)
    return plain(done.stdout.decode(errors="replace").replace("\r\n", "\n"))


def test_what_is_changed_beneath_a_mount(tmp_path):
    old, new = (sticks.make_set(tmp_path / name, f"6.1.0-{seed}-amd64", seed=seed)
                for seed, name in enumerate(("old", "new"), 1))
    stick = sticks.build_stick(tmp_path / "stick.img", old, grubenv={})
    make_initrd(tmp_path / "initrd", new, tmp_path / "root")
    said = run_machine(stick, tmp_path / "initrd")
    assert re.findall(r"^= (\d+)$", said, re.MULTILINE) == ["0"] * 6, said
    assert said.count("partition 3 is mounted at /esp: nothing else may write there now") == 5, said
    # What was written through the mount, and what was written beneath it, in the mount's eyes and on the medium.
    for words in ("mount behind update] GRUB Environment Block x=1 liveng_tries=3 liveng_previous=1",
                  "medium behind bless] GRUB Environment Block x=2 liveng_previous=1",
                  "mount behind next] GRUB Environment Block x=2 liveng_previous=1 liveng_once=fallback"):
        assert words in said, said
    assert said.count("/iso: unmounted") == 3, said
    assert stick.grub_has(old)  # the proven one

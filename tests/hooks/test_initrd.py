# SPDX-License-Identifier: GPL-3.0-or-later
"""What the initramfs hook puts in is what a stick needs, an encrypted one too, whatever the system's own
configuration leaves out."""

import json
import subprocess

SFDISK, CRYPTSETUP = "/usr/sbin/sfdisk", "/usr/sbin/cryptsetup"


def encrypt(stick, folder):
    """Make the stick's persistence a LUKS partition. Only its header counts here."""
    header = folder / "luks"
    header.touch()
    subprocess.run(["truncate", "-s", "64M", header], check=True)
    subprocess.run([CRYPTSETUP, "luksFormat", "--batch-mode", "--type", "luks2", "--pbkdf", "pbkdf2",
                    "--pbkdf-force-iterations", "1000", "--key-file", "-", header], input=b"secret", check=True)
    table = json.loads(subprocess.run([SFDISK, "--json", stick], capture_output=True, check=True).stdout)
    start = table["partitiontable"]["partitions"][3]["start"]
    subprocess.run(["dd", f"if={header}", f"of={stick}", f"seek={start}", "conv=notrunc", "status=none"],
                   check=True)


def test_encrypted_stick_wants_what_the_hook_puts_in(system, tmp_path):
    """The same system with the hook passes livengkupd's checks, without it does not."""
    encrypt(system.stick, tmp_path)
    system.put("/etc/cryptsetup-initramfs/conf-hook", "ASKPASS=n\n")
    system.run("chmod -x /usr/share/initramfs-tools/hooks/liveng")
    done = system.run(f"/etc/kernel/postinst.d/zz-liveng {system.old}", check=False)
    assert done.code == 4
    for lacks in ("module usb-storage", "module uas", "/lib/cryptsetup/askpass"):
        assert f"the initrd lacks {'the ' if 'module' in lacks else ''}{lacks}" in done.text
    assert system.current() == system.new

    system.run("chmod +x /usr/share/initramfs-tools/hooks/liveng")
    assert "wrote" in system.run(f"/etc/kernel/postinst.d/zz-liveng {system.old}").text
    assert system.current() == system.old


def test_files_of_live_boot_stay_as_they_are(system):
    system.run(f"unmkinitramfs /boot/initrd.img-{system.new} /initrd")
    done = system.run("diff -r /usr/lib/live/boot /initrd/usr/lib/live/boot || :")
    assert done.text == "Only in /initrd/usr/lib/live/boot: 9999-liveng.sh\n"

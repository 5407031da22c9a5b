# SPDX-License-Identifier: GPL-3.0-or-later
"""The initramfs hook adds what a stick needs, even an encrypted one, whatever the system's own configuration
leaves out."""

import pytest


@pytest.mark.either
def test_encrypted_stick_wants_what_the_hook_puts_in(system, tmp_path):
    """With the hook the same system passes livengkupd's checks, without it it does not."""
    (tmp_path / "passphrase").write_text("correct horse")
    system.deploy("--encrypt", "--passphrase-file", tmp_path / "passphrase")
    system.put("/etc/cryptsetup-initramfs/conf-hook", "ASKPASS=n\n")
    system.run("chmod -x /usr/share/initramfs-tools/hooks/liveng")
    done = system.run(f"/etc/kernel/postinst.d/zz-liveng {system.new}", check=False)
    assert done.code == 4
    for lacks in ("module usb-storage", "module uas", "/lib/cryptsetup/askpass"):
        assert f"the initrd lacks {'the ' if 'module' in lacks else ''}{lacks}" in done.text
    assert system.current() == system.old

    system.run("chmod +x /usr/share/initramfs-tools/hooks/liveng")
    assert "wrote" in system.run(f"/etc/kernel/postinst.d/zz-liveng {system.new}").text
    assert system.current() == system.new


def test_files_of_live_boot_stay_as_they_are(system):
    system.run(f"unmkinitramfs /boot/initrd.img-{system.new} /initrd")
    done = system.run("diff -r /usr/lib/live/boot /initrd/usr/lib/live/boot || :")
    assert done.text == "Only in /initrd/usr/lib/live/boot: 9999-liveng.sh\n"

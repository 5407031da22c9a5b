# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demo and the tests do with a stick, step by step: write it, look at the system that runs from
it, have apt upgrade its kernel."""

import json
import os
import re
import shlex
import subprocess

from console import Failure
from qemu import BUILD, FASTER

PASSPHRASE = "correct horse battery staple"
ROOT = BUILD.parent
ARCHIVE = ROOT / "tests/data/archive.sh"

# What our trigger says first, and what its end looks like.
BUILDING = r"update-initramfs: Generating /boot/initrd\.img-(\S+)"
WRITTEN = r"livengkupd: [^\n]*: wrote (\S+) into slot ([AB])"


def deploy(image, stick, *options, encrypted=False, append="", size="4G", passphrase=PASSPHRASE):
    """Write @image to the new file @stick by liveng-deploy. It boots on the serial line, too."""
    command = [BUILD / "liveng-deploy", "--yes", "--packages", BUILD, *options]
    command += ["--console", "ttyS0,115200", "--append", f"{FASTER} {append}".strip()]
    if "--keep-persistence" not in options:
        command += ["--size", size]
        stick.unlink(missing_ok=True)
    reader, writer = os.pipe()
    with open(reader, "rb"), open(writer, "wb") as pipe:
        if encrypted:
            command += ["--encrypt", "--passphrase-fd", str(reader)]
            pipe.write(passphrase.encode() + b"\n")
        pipe.close()
        done = subprocess.run([*command, image, stick], pass_fds=[reader], capture_output=True,
                              text=True, check=False,
                              env=os.environ | {"LIVENG_DEPLOY_DATA": str(ROOT / "deploy/data")})
    if done.returncode != 0:
        raise Failure(f"liveng-deploy: exit status {done.returncode}\n{done.stderr}")
    return done.stderr


def kupd(stick, *arguments):
    """The result of livengkupd on a stick that is plugged into this machine, as it were."""
    done = subprocess.run([BUILD / "livengkupd", "--json", "--disk", stick, *arguments],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"livengkupd {' '.join(map(str, arguments))}: exit status {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def partition(stick, number):
    """Where partition @number of the file @stick is: its first byte and its length in bytes."""
    table = json.loads(subprocess.run(["sfdisk", "--json", stick], capture_output=True, check=True).stdout)
    found = table["partitiontable"]["partitions"][number - 1]
    return found["start"] * 512, found["size"] * 512


def release(machine):
    """The kernel that runs."""
    return machine.run("uname -r")


def status(machine):
    """What livengkupd says about the stick, inside the machine."""
    return json.loads(machine.run("livengkupd --json status", 120))


def state(machine):
    """What anyone may read of it, without the device."""
    return json.loads(machine.run("setpriv --reuid 65534 --regid 65534 --clear-groups cat /run/liveng/status.json"))


def identity(machine):
    """What an update must leave as it is: the UUIDs of the stick's partitions and file systems."""
    return machine.run("disk=/dev/$(lsblk -no PKNAME $(findmnt -no SOURCE /run/live/medium))"
                       " && lsblk -rno NAME,PARTUUID,UUID,LABEL $disk | grep -v '^dm-'")


def guards(machine):
    """Whether the firmware enforces Secure Boot, the kernel is locked down, the persistence is
    encrypted."""
    return {
        "Secure Boot": machine.run(
            "od -An -j4 -tu1 /sys/firmware/efi/efivars/SecureBoot-* 2>/dev/null || echo 0").strip() == "1",
        "lockdown": "[none]" not in machine.run(
            "mountpoint -q /sys/kernel/security || mount -t securityfs securityfs /sys/kernel/security;"
            " cat /sys/kernel/security/lockdown"),
        "LUKS": "crypto_LUKS" in machine.run("lsblk -rno FSTYPE"),
    }


def begin_upgrade(machine, packages="--with-new-pkgs upgrade"):
    """Have apt begin what it calls an upgrade, once there is a network and all that it takes has been fetched.
    apt-get update calls it a success if it reached nobody."""
    machine.run("until ip route | grep -q ^default; do sleep 1; done", 300)
    fetch = f"sh -c {shlex.quote(ARCHIVE.read_text())} archive.sh apt-get -y -q=2"
    machine.run(f"{fetch} -o APT::Update::Error-Mode=any update && {fetch} --download-only {packages}", 1200)
    machine.start(f"DEBIAN_FRONTEND=noninteractive apt-get -y -q {packages}")


def finish_upgrade(machine):
    """Wait until apt is done. Returns what it said."""
    exit_status, said = machine.finish(1800)
    if exit_status != 0:
        raise Failure(f"apt-get: exit status {exit_status}\n{said[-3000:]}")
    return said


# cryptsetup-initramfs looks for the device of / if there is a crypttab, and there is no way to tell it that a live
# system has none.
CRYPTROOT = r"cryptsetup: (ERROR: Couldn't resolve device overlay|WARNING: Couldn't determine root device)"


def noise(said):
    """What apt said that looks like something wrong."""
    return [line for line in said.splitlines()
            if re.search(r"^(W|E): |warning|error|cannot|can't|couldn't", line, re.I) and not re.search(CRYPTROOT, line)]


def upgrade(machine, packages="--with-new-pkgs upgrade"):
    """Have apt upgrade the kernel, or the initrd. Returns the release that the stick was given."""
    begin_upgrade(machine, packages)
    said = finish_upgrade(machine)
    built = re.findall(BUILDING, said)
    written = re.findall(WRITTEN, said)
    if len(built) != 1 or len(written) != 1:
        raise Failure(f"{len(built)} initrds were built, {len(written)} kernel sets written:\n{said}")
    if noise(said):
        raise Failure("apt said what is not so:\n" + "\n".join(noise(said)))
    return written[0][0]


def wait_for_service(machine, name):
    """Wait until a one-shot service has done its work. Returns what it said; its failure is ours."""
    machine.run(f"for i in $(seq 600); do systemctl is-active -q {name} && break;"
                f" systemctl is-failed -q {name} && break; sleep 1; done", 900)
    said = machine.run(f"systemctl --no-pager -n 30 status {name}", check=False)
    if machine.run(f"systemctl is-active {name}", check=False) != "active":
        raise Failure(f"{name}.service did not do its work:\n{said}")
    return said


def wait_until_blessed(machine):
    """A boot that came up ends the trial: livengkupd bless, by its service."""
    said = wait_for_service(machine, "liveng-bless")
    if (found := status(machine))["tries"] is not None:
        raise Failure(f"the set is still on trial, {found['assessment']}:\n{said}")


def has_first_boot(machine):
    """Is this the boot of a set that liveng-deploy made of a stock image's?"""
    return machine.run("ls /run/systemd/system/liveng-first.service 2> /dev/null", check=False) != ""


def wait_for_first_boot(machine):
    """The first boot of a stick made of a stock image installs what is on it. Returns the kernel that runs."""
    wait_for_service(machine, "liveng-first")
    said = machine.run("cat /run/liveng/first/log; dpkg-query -Wf '${Status} ${Version}\\n' linux-image-liveng-amd64",
                       check=False)
    if "install ok installed" not in said:
        raise Failure(f"the first boot did not install the packages:\n{said}")
    return release(machine)


def tested(machine, firmware, encrypted, suite, before, after):
    """What the matrix keeps of an upgrade: on what, from which release to which, with what versions."""
    versions = machine.run("dpkg-query -Wf '${Package} ${Version}\\n' apt live-boot initramfs-tools"
                           " linux-image-liveng-common; printf 'Debian '; cat /etc/debian_version")
    return {"firmware": firmware, "persistence": "LUKS" if encrypted else "clear", "suite": suite,
            "from": before, "to": after, "versions": versions.splitlines()}

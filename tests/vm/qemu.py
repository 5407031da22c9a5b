# SPDX-License-Identifier: GPL-3.0-or-later
"""A PC in QEMU that boots a stick, driven over its serial line and QMP."""

import json
import os
import re
import socket
import subprocess
import tempfile
import time
from functools import lru_cache
from pathlib import Path

from console import Console, Failure, patience, plain

BUILD = Path(__file__).resolve().parent.parent.parent / "build"
OVMF = Path("/usr/share/OVMF")

# On an emulated processor with AES instructions the guest's module for them crashes: an older one. And just one: of
# two, on a busy host, one may wait for the other for ever ("soft lockup").
TCG = ["-accel", "tcg", "-cpu", "Nehalem", "-smp", "1"]
KVM = ["-accel", "kvm", "-cpu", "host", "-smp", "2"]

# What makes an emulated machine slow without proving anything here. Random addresses are the worst: QEMU
# translates a program's code anew for each address that it runs at, at each start of a program.
FASTER = "quiet norandmaps mitigations=off init_on_alloc=0"

# Secure Boot with Microsoft's keys, UEFI without it, BIOS: code, variables, the machine.
SECURE_MACHINE = ["-machine", "q35,smm=on",
                  "-global", "driver=cfi.pflash01,property=secure,value=on"]
FIRMWARE = {
    "secureboot": ("OVMF_CODE_4M.ms.fd", "OVMF_VARS_4M.ms.fd", SECURE_MACHINE),
    "uefi": ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd", ["-machine", "q35,smm=off"]),
    "bios": (None, None, ["-machine", "q35"]),
}

PROMPT = r"root@\w+:~# "
PASSPHRASE = r"[Pp]assphrase[^\n]*: ?|unlock disk[^\n]*: ?"
NO_BOOT = r"Kernel panic|\(initramfs\)|You are in emergency mode"


@lru_cache
def accelerator():
    """KVM where its guests really run, else emulation. An open /dev/kvm proves nothing, nor does a
    guest that only gets through the boot loader: so a kernel has to come up to where it finds no root."""
    kernel = min((BUILD / "material").glob("vmlinuz-*[0-9]-amd64"), default=None)
    if kernel is None or not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return TCG
    probe = ["qemu-system-x86_64", *KVM, "-m", "512M", "-display", "none", "-nodefaults",
             "-no-reboot", "-kernel", kernel, "-append", "panic=-1"]
    try:
        subprocess.run(probe, timeout=patience(15), capture_output=True, check=True)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        return TCG
    return KVM


def overlay(base, file):
    """A disk @file that has what @base has, and keeps what is written to it for itself. Unlike a plain
    file it can hold snapshots of the machine."""
    file.unlink(missing_ok=True)
    form = "qcow2" if base.suffix == ".qcow2" else "raw"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", form,
                    "-b", base.absolute(), file], check=True)
    return file


class Machine(Console):
    """A PC with one stick in its USB port that boots it.

    @folder keeps `NAME.serial` (all that came over the serial line), the firmware's variables and, after
    a failure, `NAME.png` (the screen) and `NAME.cpu` (where its processors were). @others are more disks
    in USB ports. @snapshot: go on where `save` was called, with that stick as it was then, and the variables
    beside it.
    """

    def __init__(self, stick, folder, name, firmware="secureboot", others=(), snapshot=None,
                 network=True, progress=None):
        self.serial_log = Path(folder, f"{name}.serial")
        self.screen = Path(folder, f"{name}.png")
        self.screen.unlink(missing_ok=True)
        self._sockets = tempfile.TemporaryDirectory(prefix="liveng-vm-")
        code, variables, machine = FIRMWARE[firmware]
        command = ["qemu-system-x86_64", *accelerator(), *machine, "-m", "2G"]
        if code:
            own = Path(Path(stick).parent if snapshot else folder, f"{firmware}.qcow2")
            if not own.exists():
                overlay(OVMF / variables, own)
            command += self._drive("if=pflash,readonly=on", OVMF / code)
            command += self._drive("if=pflash,cache=unsafe", own)
        command += ["-device", "qemu-xhci"]
        for number, disk in enumerate([stick, *others]):
            command += self._drive(f"if=none,cache=unsafe,id=drive{number}", disk)
            command += ["-device", f"usb-storage,drive=drive{number},id=stick{number},removable=on"
                                   f",serial=stick{number}" + ("" if number else ",bootindex=0")]
        command += ["-nic", "user,model=virtio-net-pci" if network else "none", "-display", "none", "-vga", "std"]
        command += ["-chardev", f"socket,id=serial,path={self._sockets.name}/serial,server=on,wait=off,"
                                f"logfile={self.serial_log}", "-serial", "chardev:serial"]
        command += ["-qmp", f"unix:{self._sockets.name}/qmp,server=on,wait=off", "-S"]
        if snapshot:
            command += ["-loadvm", snapshot]
        with open(Path(folder, f"{name}.qemu"), "w", encoding="utf-8") as log:
            print(*command, file=log, flush=True)
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                             stderr=log)
        try:
            super().__init__(self._connect("serial"), progress)
            self._qmp_socket = self._connect("qmp")
            self._qmp = self._qmp_socket.makefile("rw", encoding="utf-8")
            self._qmp.readline()
            self.qmp("qmp_capabilities")
            self.qmp("cont")
        except BaseException:
            self.cut_power()
            raise

    @staticmethod
    def _drive(options, file):
        form = "qcow2" if Path(file).suffix == ".qcow2" else "raw"
        return ["-drive", f"{options},file={file},format={form}"]

    def _connect(self, name):
        end = time.monotonic() + patience(20)
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(f"{self._sockets.name}/{name}")
                return connection
            except OSError:
                connection.close()
                if time.monotonic() > end or self._process.poll() is not None:
                    raise Failure(f"QEMU does not start, see {self.serial_log.parent}") from None
                time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        try:
            if kind is not None and self._process.poll() is None:
                self.screenshot(self.screen)
                self.screen.with_suffix(".cpu").write_text(self.monitor("info registers -a"))
        except (OSError, ValueError, Failure):
            pass  # the first failure is the one to hear of
        finally:
            self.cut_power()

    def qmp(self, command, **arguments):
        """Give QEMU itself a command."""
        self._qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._qmp.flush()
        while line := self._qmp.readline():
            answer = json.loads(line)
            if "error" in answer:
                raise Failure(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise Failure(f"{command}: QEMU went away")

    def monitor(self, line):
        """Give QEMU's monitor a line: what it says."""
        return self.qmp("human-monitor-command", **{"command-line": line})

    def screenshot(self, file):
        """What the screen shows, as PNG."""
        self.qmp("screendump", filename=str(Path(file).absolute()), format="png")

    def save(self, name):
        """Keep the machine as it is now, with what is on its disks, in the stick's overlay."""
        said = self.monitor(f"savevm {name}")
        if said.strip():
            raise Failure(f"savevm: {said}")

    def pull(self, number=0):
        """Pull a stick out of its port."""
        self.qmp("device_del", id=f"stick{number}")

    def reset(self):
        """The reset button."""
        self.qmp("system_reset")

    def cut_power(self):
        """The plug. What the guest had not flushed to the stick may be lost."""
        self._process.kill()
        self._process.wait()
        self._sockets.cleanup()

    def wait_for_boot(self, passphrase=None, timeout=400):
        """Wait until root's shell is there, giving @passphrase if it is asked for. Returns how many
        seconds it took."""
        started = time.monotonic()
        match = self.wait_for(f"{PROMPT}|{PASSPHRASE}|{NO_BOOT}", timeout)
        if passphrase and re.fullmatch(PASSPHRASE, match[0]):
            self.send(passphrase + "\n")
            # plymouth repeats its question for each key: another one says nothing.
            match = self.wait_for(f"{PROMPT}|{NO_BOOT}", timeout)
        if not match[0].startswith("root@"):
            raise Failure(f"the machine does not boot: {match[0]}")
        self.enter_shell()
        return time.monotonic() - started

    def reboot(self, passphrase=None):
        """Restart as a user does, and wait for the shell."""
        self.send("reboot\n")
        return self.wait_for_boot(passphrase)

    def login(self):
        """Log out and in again. Returns what the login says."""
        self.send("exit\n")
        said = self.wait_for(rf"(?s)(.*?){PROMPT}", 120)[1]
        self.enter_shell()
        return plain(said)

    def power_off(self):
        """Shut down as a user does, and wait until the machine is off."""
        self.send("poweroff\n")
        try:
            self._process.wait(patience(180))
        except subprocess.TimeoutExpired:
            raise Failure("the machine does not power off") from None

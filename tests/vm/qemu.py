# SPDX-License-Identifier: GPL-3.0-or-later
"""A PC in QEMU that boots a stick, driven over its serial line."""

import json
import re
import shutil
import socket
import subprocess
import tempfile
import time
from functools import lru_cache
from pathlib import Path

OVMF = Path("/usr/share/OVMF")

# On an emulated processor with AES instructions the guest's module for them crashes: an older one.
TCG = ["-accel", "tcg", "-cpu", "Nehalem"]
KVM = ["-accel", "kvm", "-cpu", "host"]


class Failure(Exception):
    """The machine did not do what it was asked to."""


@lru_cache
def accelerator():
    """KVM where its guests really run, which an open /dev/kvm does not prove; else emulation."""
    code = bytes.fromhex("baf400 b010 ee f4 ebfd")  # mov dx, 0xf4; mov al, 0x10; out dx, al; hlt
    with tempfile.NamedTemporaryFile() as disk:
        disk.write(code.ljust(510, b"\0") + b"\x55\xaa")
        disk.flush()
        probe = ["qemu-system-x86_64", *KVM, "-display", "none", "-nodefaults"]
        probe += ["-drive", f"file={disk.name},format=raw"]
        probe += ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
        try:
            done = subprocess.run(probe, timeout=10, capture_output=True, check=False)
        except subprocess.TimeoutExpired:
            return TCG
    return KVM if done.returncode == 0x10 * 2 + 1 else TCG


def plain(text):
    """What a terminal would show of @text: no sequences, of each line what was written last."""
    text = re.sub(r"\x1b\[[0-9;?=]*[A-Za-z]|\x1b[^\[]", "", text)
    return re.sub(r"[^\n]*\r", "", text.strip())


class Machine:
    """A UEFI PC with one stick in its USB port.

    @folder keeps `NAME.serial` (all that came over the serial line) and, after a failure,
    `NAME.png` (the screen). @payload is a file that becomes a second, read-only disk.
    """

    def __init__(self, stick, folder, name, payload=None, progress=None):
        self.serial_log = Path(folder, f"{name}.serial")
        self.screen = Path(folder, f"{name}.png")
        self.screen.unlink(missing_ok=True)
        self._progress = progress or (lambda line: None)
        self._received = ""
        self._sockets = Path(tempfile.mkdtemp(prefix="liveng-vm-"))
        variables = self._sockets / "vars.fd"
        shutil.copy(OVMF / "OVMF_VARS_4M.ms.fd", variables)
        command = ["qemu-system-x86_64", *accelerator(), "-smp", "2", "-m", "2G"]
        command += ["-machine", "q35,smm=on"]
        command += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
        command += self._drive("pflash", OVMF / "OVMF_CODE_4M.ms.fd", "readonly=on")
        command += self._drive("pflash", variables)
        command += self._drive("none", stick, "id=stick")
        command += ["-device", "qemu-xhci"]
        command += ["-device", "usb-storage,drive=stick,bootindex=0,removable=on"]
        if payload:
            command += self._drive("virtio", payload, "readonly=on")
        command += ["-nic", "user,model=virtio-net-pci", "-display", "none"]
        command += ["-chardev", f"socket,id=serial,path={self._sockets}/serial,server=on,wait=off,"
                                f"logfile={self.serial_log}", "-serial", "chardev:serial"]
        command += ["-qmp", f"unix:{self._sockets}/qmp,server=on,wait=off"]
        with open(Path(folder, f"{name}.qemu"), "w", encoding="utf-8") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                             stderr=log)
        try:
            self._serial = self._connect("serial")
            self._qmp_socket = self._connect("qmp")
            self._qmp = self._qmp_socket.makefile("rw", encoding="utf-8")
            self._qmp.readline()
            self.qmp("qmp_capabilities")
        except BaseException:
            self._stop()
            raise

    @staticmethod
    def _drive(interface, file, more="cache=unsafe"):
        return ["-drive", f"if={interface},file={file},format=raw,{more}"]

    def _connect(self, name):
        end = time.monotonic() + 10
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self._sockets / name))
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
                self.qmp("screendump", filename=str(self.screen.absolute()), format="png")
        except (OSError, ValueError, Failure):
            pass  # the first failure is the one to hear of
        finally:
            self._stop()

    def _stop(self):
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._sockets)

    def qmp(self, command, **arguments):
        """Give QEMU itself a command."""
        self._qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._qmp.flush()
        while True:
            answer = json.loads(self._qmp.readline())
            if "error" in answer:
                raise Failure(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def wait_for(self, pattern, timeout):
        """Read on until @pattern has come over the serial line; returns its match. What came
        before it is consumed."""
        end = time.monotonic() + timeout
        while not (match := re.search(pattern, self._received)):
            self._serial.settimeout(max(end - time.monotonic(), 0.01))
            try:
                received = self._serial.recv(65536)
            except TimeoutError:
                raise Failure(f"nothing like {pattern!r} in {timeout} s; the last lines were:\n"
                              + self._received[-1500:]) from None
            if not received:
                raise Failure("the machine went away:\n" + self._received[-1500:])
            self._received += received.decode(errors="replace")
            self._received = self._received.replace("\r\n", "\n")
            self._progress(plain(self._received).rpartition("\n")[2])
        self._received = self._received[match.end():]
        return match

    def wait_for_shell(self, timeout=600):
        """Wait until root is logged in."""
        self.wait_for(r"root@\w+:~# ", timeout)
        # A shell that neither edits, echoes nor prompts: what comes back is what was printed.
        self._serial.sendall(b"stty -echo; echo the' shell'; exec env PS1= PS2= sh\n")
        self.wait_for(r"the shell\n", 60)

    def run(self, command, timeout=60, check=True):
        """Run a shell command as root. Returns what it printed; its failure is ours if @check."""
        self._serial.sendall(f"{{ {command}\n}} 2>&1; echo end''-of-command $?\n".encode())
        match = self.wait_for(r"(?s)(.*?)end-of-command (\d+)\n", timeout)
        if check and match[2] != "0":
            raise Failure(f"{command}: exit code {match[2]}\n{match[1]}")
        return plain(match[1])

    def reboot(self):
        """Restart as a user does, and wait for the shell."""
        self._serial.sendall(b"systemctl reboot\n")
        self.wait_for_shell()

    def power_off(self):
        """Shut down as a user does, and wait until the machine is off."""
        self._serial.sendall(b"systemctl poweroff\n")
        try:
            self._process.wait(120)
        except subprocess.TimeoutExpired:
            raise Failure("the machine does not power off") from None

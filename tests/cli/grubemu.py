# SPDX-License-Identifier: GPL-3.0-or-later
"""GRUB as a program (grub-emu): the stick's own boot menu, run on the stick, without a machine.

All is real but the loading of a kernel: `linux` and `initrd` say what they were given, or fail like
the real ones if there is no such file, and the end of an entry is the end of GRUB if they did not.
"""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from programs import PATIENCE

COLUMNS = 300  # no line is wrapped

PRELUDE = """
function linux {
	set loaded=
	if [ -f "$1" ]; then
		echo "<linux $@>"
	else
		false
	fi
}
function initrd {
	if [ -f "$1" ]; then
		echo "<initrd $1>"
		set loaded=1
	else
		false
	fi
}
"""
BOOT = """
	if [ "$loaded" = 1 ]; then
		reboot
	fi
"""


class Booted:
    """What GRUB was about to start."""

    def __init__(self, text):
        self.text = text
        lines = re.findall(r"<linux ([^>]*)>", text)
        initrds = re.findall(r"<initrd ([^>]*)>", text)
        assert lines and initrds, text
        self.kernel, *self.parameters = lines[-1].split()
        self.initrd = initrds[-1]

    @property
    def entry(self):
        """The id of the entry, recognized by what it loads."""
        partition, name = re.fullmatch(r"\(hd\d,gpt(\d)\)/live/vmlinuz(.*)", self.kernel).groups()
        assert self.initrd == self.kernel.replace("vmlinuz", "initrd.img")
        entry = {("2", ""): "standard", ("2", ".old"): "previous"}.get((partition, name))
        if partition == "1":
            entry = "fallback" if "persistence" in self.parameters else "pristine"
        assert ("liveng.boot=previous" in self.parameters) == (entry == "previous")
        assert ("liveng-fallback" in self.parameters) == (partition == "1")
        return entry


def _plain(data):
    """A terminal's text without its control sequences, frames and the blanks between two things."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[\u2500-\u257f]", " ", data.decode(errors="replace"))
    return re.sub(r"   +", "   ", text)


def _prepare(stick, timeout):
    """Put the prelude before the stick's grub.cfg; no graphics: grub-emu would want a window."""
    menu = stick.mtools("mtype", "::boot/grub/grub.cfg").decode()
    for old, new in (("set timeout=5\n", f"set timeout={timeout}\n"),
                     ("if loadfont unicode;", "if false;")):
        assert menu.count(old) == 1
        menu = menu.replace(old, new)
    menu = PRELUDE + re.sub(r"(?ms)^(\t?)(menuentry .*?)^\1\}", rf"\1\2{BOOT}\1}}", menu)
    file = stick.path.with_suffix(".cfg")
    file.write_text(menu)
    stick.mtools("mcopy", "-o", str(file), "::boot/grub/grub.cfg")


def run(sticks, keys="", boot=0, timeout=0):
    """Start GRUB from disk number @boot of @sticks and type @keys at its menu. Returns everything it printed,
    up to its end."""
    if not getattr(sticks[boot], "is_prepared", False):
        _prepare(sticks[boot], timeout)
        sticks[boot].is_prepared = True
    devices = sticks[boot].path.with_suffix(".map")
    devices.write_text("".join(f"(hd{n}) {stick.path}\n" for n, stick in enumerate(sticks)))
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 25, COLUMNS, 0, 0))
    process = subprocess.Popen(["grub-emu", "-m", devices, "-r", f"hd{boot},gpt3", "-d", "/boot/grub"],
                               stdin=slave, stdout=slave, stderr=slave,
                               env={**os.environ, "TERM": "vt100"})
    os.close(slave)
    said = b""
    end = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < end:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    said += os.read(master, 65536)
                except OSError:  # the other end is closed
                    break
            elif process.poll() is not None:
                break
            if keys and b"executed automatically" in said or b"Press any key" in said:
                os.write(master, (keys or "\n").encode())
                keys = ""
        else:
            raise AssertionError("GRUB does not end:\n" + _plain(said))
    finally:
        process.kill()
        process.wait()
        os.close(master)
    return _plain(said)


def boot(stick, **kwargs):
    """One boot through the menu."""
    return Booted(run([stick], **kwargs))

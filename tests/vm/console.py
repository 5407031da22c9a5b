# SPDX-License-Identifier: GPL-3.0-or-later
"""The serial line of a machine: reading until something comes, and root's shell on it."""

import os
import re
import time


class Failure(Exception):
    """The machine did not do what it was told."""


def patience(seconds):
    """How long to wait for something that takes at most @seconds on an otherwise idle machine; the load may
    have begun just now."""
    return seconds * max(4.0, os.getloadavg()[0] / os.cpu_count())


def plain(text):
    """What a terminal would show of @text: no sequences, of each line what was written last."""
    text = re.sub(r"\x1b\[[0-9;?=]*[A-Za-z]|\x1b[^\[]", "", text)
    return re.sub(r"[^\n]*\r", "", text.strip())


class Console:
    """What comes over @connection, a socket. @progress is called with the last whole line of it."""

    def __init__(self, connection, progress=None):
        self._connection = connection
        self._progress = progress or (lambda line: None)
        self._received = ""
        self._commands = 0

    def send(self, text):
        """Type @text."""
        self._connection.sendall(text.encode())

    def _receive(self, end):
        self._connection.settimeout(max(end - time.monotonic(), 0.01))
        received = self._connection.recv(65536)
        if not received:
            raise Failure("the machine went away:\n" + plain(self._received[-1500:]))
        self._received += received.decode(errors="replace")
        self._received = self._received.replace("\r\n", "\n")
        self._progress(plain(self._received.rpartition("\n")[0]).rpartition("\n")[2])

    def wait_for(self, pattern, timeout):
        """Read on until @pattern has come; returns its match. What came before it is consumed."""
        end = time.monotonic() + patience(timeout)
        while not (match := re.search(pattern, self._received)):
            try:
                self._receive(end)
            except TimeoutError:
                raise Failure(f"nothing like {pattern!r} in {patience(timeout):.0f} s; the last lines were:\n"
                              + plain(self._received[-1500:])) from None
        self._received = self._received[match.end():]
        return match

    def enter_shell(self):
        """From the prompt on: a shell that neither edits, echoes nor prompts, so that what comes back is
        what was printed, and a kernel that prints nothing in between."""
        self.send("stty -echo; dmesg -n 1; echo the' shell'; exec env PS1= PS2= sh\n")
        self.wait_for(r"the shell\n", 120)

    def start(self, command):
        """Have the shell begin a command; `finish` waits for its end."""
        self._commands += 1
        self.send(f"{{ {command}\n}} 2>&1; echo end''-of-command {self._commands} $?\n")

    def finish(self, timeout=60):
        """Wait for the end of what was started. Returns its exit status and what it has printed since
        the last thing that was waited for."""
        match = self.wait_for(rf"(?s)(.*?)end-of-command {self._commands} (\d+)\n", timeout)
        return int(match[2]), plain(match[1])

    def run(self, command, timeout=60, check=True):
        """Run a shell command as root. Returns what it printed; its failure is ours if @check."""
        self.start(command)
        status, printed = self.finish(timeout)
        if check and status != 0:
            raise Failure(f"{command}: exit status {status}\n{printed}")
        return printed

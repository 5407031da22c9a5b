# SPDX-License-Identifier: GPL-3.0-or-later
"""The persistence of a stick made by liveng-deploy, in the clear and encrypted, as e2fsprogs and
cryptsetup see it; and where its passphrase comes from, and where it does not go."""

import contextlib
import os
import pty
import re
import select
import signal
import termios
import time

import pytest

import liveimage
import luks
from programs import (DEPLOYER, DONE, ENVIRONMENT, FAILED, PATIENCE, REFUSED, SIZE, USAGE, deploy, deployer, finish, kupd,
                      start)
from proof import untouched
from stick import MIB, Stick, run
from test_deploy import entries

PASSPHRASE = "correct horse battery staple"


def debugfs(path, request):
    return run("debugfs", "-R", request, path).decode()


def assert_persistence(path):
    """A sound ext4 that live-boot takes for one."""
    run("e2fsck", "-fn", path)
    assert debugfs(path, "cat persistence.conf") == "/ union\n"
    status = debugfs(path, "stat persistence.conf")
    assert "Mode:  0644 " in status and "User:     0   Group:     0 " in status, status
    assert run("e2label", path).decode().strip() == "persistence"


@pytest.fixture(scope="module")
def phrase(tmp_path_factory):
    """A file with the passphrase, as written by an editor."""
    path = tmp_path_factory.mktemp("phrase") / "phrase"
    path.write_text(PASSPHRASE + "\n")
    return path


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """A used target: nothing on it is zero."""
    path = tmp_path_factory.mktemp("used") / "stick.img"
    with open(path, "wb") as f:
        for _ in range(480):
            f.write(b"\xa5" * MIB)
    return Stick(path)


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory, live_image, used, phrase):
    """An encrypted stick, made on that."""
    stick = used.copy(tmp_path_factory.mktemp("encrypted") / "stick.img")
    return deploy(live_image, stick.path, "--encrypt", "--passphrase-file", phrase)


def test_in_the_clear(live_image, used, tmp_path):
    stick = deploy(live_image, used.copy(tmp_path / "stick.img").path)
    assert stick.blkid(4)["TYPE"] == "ext4"
    assert_persistence(stick.save(4, tmp_path / "persistence"))


def test_encrypted(encrypted, tmp_path):
    assert encrypted.blkid(4)["TYPE"] == "crypto_LUKS"
    assert kupd("status", "--disk", encrypted.path, "--json").json["persistence"] == "encrypted"
    part = encrypted.save(4, tmp_path / "persistence")
    run("cryptsetup", "isLuks", "--type", "luks2", part)
    assert luks.opens(part, PASSPHRASE.encode())
    assert not luks.opens(part, PASSPHRASE.encode() + b"\n")
    assert_persistence(luks.decrypt(part, PASSPHRASE.encode(), tmp_path / "plain"))


def test_a_machine_of_two_gib_can_open_it(encrypted, tmp_path):
    part = encrypted.save(4, tmp_path / "persistence")
    slots = run("cryptsetup", "luksDump", part).decode()
    assert slots.count("PBKDF:      argon2id") == 1
    assert int(re.search(r"Memory: +(\d+)", slots)[1]) <= 512 * 1024  # KiB


def test_the_menu_asks_for_it(encrypted):
    kernels = entries(encrypted)
    assert len(kernels) == 4
    for name, words in kernels.items():
        assert ("persistence-encryption=luks" in words) == (name != "pristine")


# The initrd must be able to open it

@pytest.fixture(scope="module")
def image_without_cryptsetup(tmp_path_factory, material):
    path = tmp_path_factory.mktemp("image") / "live.iso"
    return liveimage.make_image(path, material.set(
        material.release, initrd=material.initrd(variant=".nocrypt")))


def test_an_image_that_cannot_open_it_is_refused(image_without_cryptsetup, used, phrase):
    with untouched(used.path):
        deployer("--yes", "--encrypt", "--passphrase-file", phrase, image_without_cryptsetup,
                 used.path, code=REFUSED, says="the image's system has no")


def test_another_initrd_helps(image_without_cryptsetup, phrase, material, tmp_path):
    deployer("--dry-run", "--encrypt", "--passphrase-file", phrase, "--initrd",
             material.new.initrd, "--size", "1G", image_without_cryptsetup,
             tmp_path / "stick.img", code=DONE, says="LUKS2")


# Where the passphrase comes from

@pytest.mark.parametrize("content, says", [
    (b"", "empty"), (b"\n", "empty"), (b"one\ntwo\n", "line"), (b"dos line\r\n", "line"),
    (b"x" * 513, "512 bytes")], ids=["nothing", "newline", "lines", "carriage-return", "long"])
def test_what_could_not_be_typed_at_boot_is_refused(live_image, used, tmp_path, content, says):
    path = tmp_path / "phrase"
    path.write_bytes(content)
    with untouched(used.path):
        deployer("--yes", "--encrypt", "--passphrase-file", path, live_image, used.path,
                 code=REFUSED, says=[str(path), says])


def test_a_missing_file(live_image, tmp_path):
    deployer("--encrypt", "--passphrase-file", tmp_path / "missing", "--size", SIZE, live_image,
             tmp_path / "stick.img", code=FAILED, says=[str(tmp_path / "missing"), "No such file"])
    assert not (tmp_path / "stick.img").exists()


def test_a_dry_run_looks_at_the_passphrase_as_well(material, live_image, phrase, tmp_path):
    new = ["--kernel", material.new.kernel, "--initrd", material.new.initrd]
    options = ["-n", "--encrypt", "--size", "1G", *new]
    target = tmp_path / "stick.img"
    deployer(*options, "--passphrase-file", tmp_path / "missing", live_image, target, code=FAILED,
             says=[str(tmp_path / "missing"), "No such file"])
    deployer(*options, "--passphrase-file", phrase, live_image, target, says="nothing was written")
    deployer(*options, live_image, target, says="nothing was written")  # the passphrase would be asked for


def test_a_passphrase_without_encryption(live_image, tmp_path, phrase):
    deployer("--passphrase-file", phrase, "--size", SIZE, live_image, tmp_path / "stick.img",
             code=USAGE, says="--encrypt")


def test_a_descriptor_and_where_it_does_not_go(live_image, tmp_path):
    """Not in any argument, another program's environment or a message, and not on the stick."""
    path = tmp_path / "stick.img"
    trace = tmp_path / "trace"
    ours, theirs = os.pipe()
    os.write(theirs, PASSPHRASE.encode())
    os.close(theirs)
    result = finish(start(
        "--encrypt", "--passphrase-fd", ours, "--size", SIZE, "--verbose", "--json", live_image,
        path, program=DEPLOYER, pass_fds=[ours],
        prefix=["strace", "-f", "-v", "-s", "10000", "-o", trace, "-e",
                "trace=execve,write,pwrite64,writev,sendto,sendmsg"]))
    os.close(ours)
    assert result.code == DONE, result
    assert luks.opens(Stick(path).save(4, tmp_path / "persistence"), PASSPHRASE.encode())
    said = trace.read_text(errors="replace")
    assert "mke2fs" in said
    assert PASSPHRASE not in said + result.out + result.err


# The prompt

def test_without_a_terminal_the_options_are_named(live_image, used):
    with untouched(used.path):
        result = finish(start("--yes", "--encrypt", live_image, used.path, program=DEPLOYER,
                              start_new_session=True))
    assert result.code == REFUSED and "--passphrase-file" in result.err, result


class Typist:
    """The program in a child with its own terminal, and somebody who types."""

    def __init__(self, *arguments):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            with contextlib.suppress(OSError):
                os.execve(DEPLOYER, [str(a) for a in (DEPLOYER, *arguments)], ENVIRONMENT)
            os._exit(99)
        self.shown = ""

    def wait_for(self, words, times=1):
        deadline = time.monotonic() + PATIENCE
        while self.shown.count(words) < times:
            assert select.select([self.fd], [], [], max(deadline - time.monotonic(), 0))[0], self.shown
            self.shown += os.read(self.fd, 4096).decode()

    def type(self, text):
        os.write(self.fd, text.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def end(self):
        """Its exit code; everything it printed is then in `shown`."""
        with contextlib.suppress(OSError):
            while piece := os.read(self.fd, 4096):
                self.shown += piece.decode()
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def test_the_prompt_asks_twice(encrypted, live_image, tmp_path):
    """And a second stick with the same passphrase has nothing else in common with the first."""
    path = tmp_path / "stick.img"
    typist = Typist("--encrypt", "--size", SIZE, live_image, path)
    typist.wait_for("Passphrase")
    assert not typist.echoes()
    typist.type(PASSPHRASE + "\n")
    typist.wait_for("again")
    typist.type(PASSPHRASE + "\n")
    assert typist.end() == DONE, typist.shown
    assert "horse" not in typist.shown

    parts = [stick.save(4, tmp_path / f"{n}") for n, stick in enumerate((encrypted, Stick(path)))]
    keys = {luks.volume_key(part, PASSPHRASE.encode(), tmp_path) for part in parts}
    ids = {run("cryptsetup", "luksUUID", part) for part in parts}
    assert len(keys) == len(ids) == 2


@pytest.mark.parametrize("by_key", [True, False], ids=["ctrl-c", "SIGTERM"])
def test_ctrl_c_at_the_prompt_leaves_target_and_terminal_alone(live_image, used, by_key):
    with untouched(used.path):
        typist = Typist("--yes", "--encrypt", live_image, used.path)
        typist.wait_for("Passphrase")
        typist.type("half a word\x03" if by_key else "half a word")
        if not by_key:
            os.kill(typist.pid, signal.SIGTERM)
        typist.wait_for("interrupted: nothing was written")
        assert typist.echoes()
        assert typist.end() == FAILED, typist.shown
    assert "half" not in typist.shown and typist.shown.count("interrupted") == 1


def holds_memory(process):
    """Does it derive the key?"""
    with contextlib.suppress(OSError), open(f"/proc/{process.pid}/status", encoding="utf-8") as f:
        return any(line.startswith("VmRSS:") and int(line.split()[1]) > 100_000 for line in f)
    return False


def test_ctrl_c_while_the_key_is_made_leaves_the_target_alone(live_image, used, phrase):
    with untouched(used.path):
        process = start("--yes", "--encrypt", "--passphrase-file", phrase, live_image, used.path,
                        program=DEPLOYER)
        deadline = time.monotonic() + PATIENCE
        while not holds_memory(process):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        result = finish(process)
        assert result.code == FAILED and "nothing was written" in result.err, result

# SPDX-License-Identifier: GPL-3.0-or-later
"""The targets of liveng-deploy: the list of disks, the question before writing, disks and files. Disks are
loop devices, if root can have them."""

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import pytest

import stick as sticks
from programs import (BUSY, DEPLOYER, DONE, ENVIRONMENT, FAILED, NO_ROOM, PATIENCE, REFUSED, SIZE, USAGE, Result,
                      deployer, finish, kupd, start, update)
from proof import untouched
from stick import MIB, run


def new_file(path, size=SIZE, content=b""):
    """An image file that is one hole, or holds something."""
    path.write_bytes(content)
    run("truncate", "-s", size, path)
    return path


def answer(*arguments, answers):
    """Run it on a terminal of its own; each answer, or signal, follows a question. An answer may be
    a function, which is called before its result is given as the answer."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(DEPLOYER, [DEPLOYER, *map(str, arguments)], ENVIRONMENT)
    seen, asked = b"", 0
    answers = list(answers)
    deadline = time.monotonic() + PATIENCE
    while select.select([fd], [], [], max(deadline - time.monotonic(), 0))[0]:
        try:
            piece = os.read(fd, 4096)
        except OSError:  # the other end is closed
            break
        seen += piece
        if seen.count(b"type its name") > asked and seen.endswith(b": ") and answers:
            asked += 1
            reply = answers.pop(0)
            reply = reply() if callable(reply) else reply
            if isinstance(reply, signal.Signals):
                os.kill(pid, reply)
            else:
                os.write(fd, reply.encode())
    os.close(fd)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return Result(code, seen.decode().replace("\r\n", "\n"), "")


def alone(*arguments, **kwargs):
    """Run it where there is no terminal."""
    return deployer(*arguments, start_new_session=True, stdin=subprocess.DEVNULL, **kwargs)


# The list

def test_list_names_all_disks_of_the_machine():
    told = alone("list", "--json").json
    disks = {disk["node"] for disk in told["disks"]}
    sizes = {disk["node"]: disk["size"] for disk in told["disks"]}
    known = json.loads(run("lsblk", "-J", "-b", "-d", "-o", "PATH,TYPE,SIZE"))["blockdevices"]
    known = {d["path"]: d["size"] for d in known
             if d["type"] == "disk" and not re.match("/dev/(loop|ram|zram|dm-|md|nbd)", d["path"])}
    assert disks == set(known)
    assert sizes == known
    assert told["schema_version"] == 1 and told["exit_code"] == 0


def test_list_says_why_not():
    told = alone("list", "--json").json
    text = alone("list").out
    for disk in told["disks"]:
        assert disk["is_candidate"] == (disk["why_not"] is None)
        assert disk["node"] in text
        if disk["why_not"]:
            assert f"{disk['why_not']}: {disk['way_out']}" in text


def system_disk():
    """The node of the disk that this machine runs from."""
    source = run("findmnt", "-no", "SOURCE", "/").decode().strip()
    for disk in alone("list", "--json").json["disks"]:
        if source.startswith(disk["node"]):
            return disk
    pytest.skip("the root of this machine lies on no disk")


def test_the_disk_of_the_running_system_is_not_a_candidate():
    assert system_disk()["why_not"].startswith("holds the running system (/")


def test_that_disk_is_refused_whether_it_may_be_read_or_not(live_image):
    """The reason for not writing to it is more important than that only root can open it."""
    alone("--yes", live_image, system_disk()["node"], code=REFUSED, says="holds the running system (/")


# The question

def test_the_name_must_be_typed(deployed, live_image, tmp_path):
    stick = deployed.copy(tmp_path / "stick.img")
    told = answer(live_image, stick.path, answers=["no\n", "stick.img\n"])
    assert told.code == DONE, told
    assert "holds liveng stick, with persistence" in told.out
    assert 'ISO 9660 "LIVENG_SYSTEM2", named liveng-kernel' in told.out
    assert "Everything on it will be lost" in told.out
    assert told.out.count("type its name, stick.img") == 2
    plan = told.out[:told.out.index("type its name")]
    assert re.search(r"^partition 4 +persistence +\S+ MB  in the clear$", plan, re.MULTILINE), plan
    assert f"kernel       {live_image.set.release}, " in plan and "image        Debian" in plan
    assert "ready to boot" in told.out


@pytest.mark.parametrize("answers, code, says", [
    (["\n"], REFUSED, "was not confirmed: nothing was written"),
    (["\x04"], REFUSED, "was not confirmed: nothing was written"),
    (["yes\n"] * 3, REFUSED, "was not confirmed: nothing was written"),
    (["\x03"], FAILED, "interrupted: nothing was written"),
], ids=["empty", "end", "another word", "ctrl-c"])
def test_another_answer_writes_nothing(deployed, live_image, answers, code, says):
    with untouched(deployed.path):
        told = answer(live_image, deployed.path, answers=answers)
    assert told.code == code and says in told.out, told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_a_signal_at_the_question(deployed, live_image, number):
    with untouched(deployed.path):
        told = answer(live_image, deployed.path, answers=[number])
    assert told.code == FAILED and told.out.endswith("interrupted: nothing was written\n"), told


def test_without_a_terminal_nothing_is_asked_or_written(deployed, live_image):
    with untouched(deployed.path):
        alone(live_image, deployed.path, code=REFUSED, says=["no terminal", "--yes"])


def test_with_keep_persistence_the_question_says_so(deployed, live_image):
    with untouched(deployed.path):
        told = answer("--keep-persistence", live_image, deployed.path, answers=["\n"])
    assert "Everything but the persistence on it will be lost" in told.out


def test_a_file_is_shown_as_large_as_it_is(deployed, live_image):
    with untouched(deployed.path):
        told = answer("--size", "600MB", live_image, deployed.path, answers=["\n"])
    assert f"{deployed.path}: an image file of 503.3 MB" in told.out
    assert re.search(f"^target +{deployed.path}, 600.0 MB", told.out, re.MULTILINE), told


def test_a_persistence_that_changed_since_is_not_kept_by_mistake(deployed, live_image, tmp_path):
    stick = deployed.copy(tmp_path / "stick.img")

    def other():
        run("sgdisk", "--partition-guid=4:R", stick.path)
        return "stick.img\n"

    told = answer("--keep-persistence", live_image, stick.path, answers=[other])
    assert told.code == REFUSED and "no longer the one that was examined" in told.out, told
    assert stick.grub_has(live_image.set)


@pytest.mark.parametrize("name", ["live.iso", "vmlinuz"])
def test_an_image_or_kernel_that_is_truncated_while_it_is_written(name, deployed, live_image, tmp_path):
    """It is reported, not the target."""
    stick = deployed.copy(tmp_path / "stick.img")
    image = shutil.copy(live_image.path, tmp_path / "live.iso")
    kernel = shutil.copy(live_image.set.kernel, tmp_path / "vmlinuz")

    def cut():
        os.truncate(tmp_path / name, 100_000)
        return "stick.img\n"

    told = answer("--kernel", kernel, image, stick.path, answers=[cut])
    assert told.code == FAILED, told
    assert f"stick.img: cannot read {tmp_path / name}: " in told.out
    assert told.out.endswith(": it holds no system\n")
    assert "\x1b[Kliveng-deploy: " in told.out  # in place of the progress, not after it


@pytest.mark.parametrize("options", [[], ["--no-verify"]], ids=" ".join)
def test_a_kernel_that_can_no_longer_be_read(options, live_image, tmp_path):
    """libisofs would put zeros in its place. It reads, the checks before it pread()."""
    kernel = shutil.copy(live_image.set.kernel, tmp_path / "vmlinuz")
    deployer(*options, "--size", SIZE, "--kernel", kernel, live_image, tmp_path / "stick.img", code=FAILED,
             says=[f"stick.img: cannot read {kernel}: ", ": it holds no system"],
             prefix=["strace", "-f", "-qq", "-o", os.devnull, "-P", kernel, "-e", "trace=read",
                     "-e", "inject=read:error=EIO"])


def test_two_programs_create_the_same_file(live_image, tmp_path):
    """At the same time: only one of them does."""
    path = tmp_path / "stick.img"
    processes = [start("--yes", "--size", SIZE, live_image, path, program=DEPLOYER) for _ in range(2)]
    results = sorted((finish(process) for process in processes), key=lambda result: result.code)
    assert results[0].code == DONE and results[1].code in (REFUSED, BUSY), results
    assert re.search("stick.img: (is in use|did not exist before)", results[1].err), results
    assert sticks.Stick(path).grub_has(live_image.set)


def test_any_content_is_something_to_lose(live_image, tmp_path):
    path = new_file(tmp_path / "thesis.img", content=b"chapter 1")
    with untouched(path):
        alone(live_image, path, code=REFUSED, says="--yes")


@pytest.mark.parametrize("options", [["--yes"], ["-n"]], ids=["write", "dry run"])
def test_a_files_own_name_does_not_write_to_the_terminal(deployed, live_image, tmp_path, options):
    path = deployed.copy(tmp_path / "red\033[31m.img").path
    result = deployer(*options, live_image, path, says="red?[31m.img: an image file of")
    assert "\033" not in result.out + result.err


def test_names_on_a_stick_do_not_write_to_the_terminal(live_image, tmp_path):
    path = new_file(tmp_path / "stick.img")
    run("sfdisk", "--quiet", path, input='label: gpt\nname="\x1b[2Jx"\n'.encode())
    with untouched(path):
        told = answer(live_image, path, answers=["\n"])
    assert "named ?[2Jx" in told.out and "\x1b" not in told.out, told


def test_what_would_be_lost_is_reported_to_programs(deployed, live_image, tmp_path):
    loss = deployer("-n", "--json", live_image, deployed.path).json["targets"][0]["lost"]
    assert loss["contents"] == "liveng stick, with persistence" and not loss["but_persistence"]
    assert [p["label"] for p in loss["partitions"] if p["number"] == 2] == ["LIVENG_SYSTEM2"]
    kept = deployer("-n", "--json", "--keep-persistence", live_image, deployed.path).json
    assert kept["targets"][0]["lost"]["but_persistence"]
    new = deployer("-n", "--json", "--size", SIZE, live_image, tmp_path / "new").json
    assert new["targets"][0]["lost"] is None


# Disks

@pytest.mark.parametrize("options", [[], ["--partscan"]], ids=" ".join)
def test_a_disk_is_written_and_read_again_by_the_kernel(loop, live_image, tmp_path, options):
    path = new_file(tmp_path / "disk.img")
    node = loop(path, *options)
    told = deployer("--yes", "--allow-fixed", live_image, node)
    stick = sticks.Stick(path)
    assert set(stick.table) == {1, 2, 3, 4, 5}
    assert stick.blkid(4)["TYPE"] == "ext4"
    assert "old table" not in told.err


def test_a_fixed_disk_needs_its_option(loop, live_image, tmp_path):
    path = new_file(tmp_path / "disk.img")
    node = loop(path)
    with untouched(path):
        deployer("--yes", live_image, node, code=REFUSED, says=[f"{node}: is not removable: ", "--allow-fixed"])


def test_a_read_only_disk(loop, live_image, tmp_path):
    node = loop(new_file(tmp_path / "disk.img"), "--read-only")
    deployer("--yes", "--allow-fixed", live_image, node, code=REFUSED, says=f"{node}: is read-only")


def test_a_disk_with_large_sectors(loop, live_image, tmp_path):
    node = loop(new_file(tmp_path / "disk.img"), "--sector-size", "4096")
    deployer("--yes", "--allow-fixed", live_image, node, code=REFUSED,
             says=f"{node}: has sectors of 4096 bytes: use one with sectors of 512")


def test_a_disk_that_is_too_small(loop, live_image, tmp_path):
    node = loop(new_file(tmp_path / "disk.img", "100M"))
    deployer("--yes", "--allow-fixed", live_image, node, code=NO_ROOM,
             says=["has 104.9 MB, ", "are needed", "use a larger one"])


@pytest.fixture
def mounted(loop, tmp_path):
    """A disk whose file system is mounted at mnt."""
    path = new_file(tmp_path / "disk.img")
    run("mke2fs", "-q", path)
    node = loop(path)
    (tmp_path / "mnt").mkdir()
    if subprocess.run(["mount", node, tmp_path / "mnt"], capture_output=True, check=False).returncode:
        pytest.skip("no mounts for us")
    yield node
    run("umount", tmp_path / "mnt")


def test_a_mounted_disk(mounted, live_image, tmp_path):
    deployer("--yes", "--allow-fixed", live_image, mounted, code=BUSY,
             says=f"is mounted at {tmp_path}/mnt: unmount it first")


def test_a_disk_that_another_program_holds(loop, live_image, tmp_path):
    path = new_file(tmp_path / "disk.img")
    node = loop(path)
    fd = os.open(node, os.O_RDONLY | os.O_EXCL)
    try:
        with untouched(path):
            deployer("--yes", "--allow-fixed", live_image, node, code=BUSY,
                     says=f"{node}: is in use by another program")
    finally:
        os.close(fd)


def test_an_image_that_lies_on_the_disk(mounted, live_image, tmp_path):
    """In a mounted file system; being mounted is not the reason given."""
    shutil.copy(live_image.path, tmp_path / "mnt/live.iso")
    deployer("--yes", "--allow-fixed", tmp_path / "mnt/live.iso", mounted, code=REFUSED,
             says=f"{mounted}: holds {tmp_path}/mnt/live.iso: copy that to another disk first")


def test_what_a_disk_holds_is_shown(loop, live_image, tmp_path):
    path = new_file(tmp_path / "disk.img")
    run("mke2fs", "-q", "-L", "holidays", path)
    node = loop(path)
    with untouched(path):
        told = answer("--allow-fixed", live_image, node, answers=["\n"])
    assert f"{node}: 503.3 MB, virtual" in told.out
    assert 'holds ext2 "holidays"' in told.out
    assert f"type its name, {node}:" in told.out


def test_a_write_protected_stick_is_left_alone(loop, stick, small_sets):
    node = loop(stick.path, "--read-only")
    argv = ("update", "--disk", node, "--kernel", small_sets[1].kernel, "--initrd",
            small_sets[1].initrd, small_sets[1].release)
    with untouched(stick.path):
        told = kupd(*argv, code=FAILED, says=f"{node}: is write-protected")
        kupd("status", "--disk", node, says=small_sets[0].release)
    assert "boots" not in told.err


# Files that another program holds

def test_a_stick_that_is_attached_as_a_disk(loop, stick, small_sets):
    node = loop(stick.path)
    with untouched(stick.path):
        update(stick, small_sets[1], code=BUSY, says=f"is attached as {node}: use that")


def test_a_file_that_is_attached_as_a_disk(loop, live_image, tmp_path):
    path = new_file(tmp_path / "disk.img")
    node = loop(path)
    with untouched(path):
        deployer("--yes", live_image, path, code=BUSY, says=f"is attached as {node}: detach it first")


def test_a_file_that_a_virtual_machine_holds(live_image, tmp_path):
    """QEMU locks single bytes, not the file."""
    path = new_file(tmp_path / "disk.img")
    with open(path, "rb") as f, untouched(path):
        fcntl.lockf(f, fcntl.LOCK_SH, 1, 100)
        deployer("--yes", live_image, path, code=BUSY, says="is in use by another program")


# The words on the command line

@pytest.mark.parametrize("option", ["--progress-fd", "--passphrase-fd"])
def test_a_descriptor_that_is_not_open(option):
    """The stick would get its number when opened later."""
    deployer("--encrypt", option, 9, "x.iso", "x.img", code=USAGE, says="descriptor 9 is not open")


@pytest.mark.parametrize("size, bytes_", [("480M", 480 * MIB), ("480MiB", 480 * MIB),
                                          ("510MB", 510_000_000), (str(500 * MIB), 500 * MIB),
                                          ("0.5G", 512 * MIB)])
def test_sizes_as_people_write_them(live_image, tmp_path, size, bytes_):
    told = deployer("--dry-run", "--json", "--size", size, live_image, tmp_path / "x").json
    last = told["targets"][0]["partitions"][3]
    assert 0 < bytes_ - last["start"] - last["size"] <= 2 * MIB

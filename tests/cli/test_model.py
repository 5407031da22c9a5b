# SPDX-License-Identifier: GPL-3.0-or-later
"""Every state that updates, boots, choices and power cuts can bring a stick into, walked through.

A state is what lies in partition 2 and in grubenv, and what the system remembers of failed sets. From
each, the boot menu (the real grub.cfg, see bootmenu.py) starts something that comes up or not, what
came up runs bless or repair (the real program), and then perhaps updates, rolls back or chooses, more
than once; a power cut may come after each of their writes. Whatever happened, boots alone must end
in a system that is up, and on the best kernel set that there is; and the last set that is known to
boot is still there.
"""

import hashlib
import itertools
import os
import random
import struct
import zlib
from dataclasses import dataclass, field

import pytest

import bootmenu
import grubemu
import stick as sticks
from programs import DONE, NOT_STICK, PLAIN_PROGRAM, REFUSED, VERIFY, install, kupd, update
from proof import kernel_place
from iotrace import read_log

BOOTS = 6       # after this many at the latest something is up
SETTLED = 14    # and after this many on a good set: each bad one may have used its boots

# States of a story; where there are more, those are walked that are found first.
LIMIT = int(os.environ.get("LIVENG_MODEL_STATES", 60))


def records(data, start, size):
    """The entries of a directory: name -> (first byte, bytes)."""
    found, at, end = {}, start, start + size
    while at < end:
        length = data[at]
        if length == 0:
            at = at // sticks.BLOCK * sticks.BLOCK + sticks.BLOCK
            continue
        name_length = data[at + 32]
        use = data[at + 33 + name_length + (name_length + 1) % 2:at + length]
        nm = use.find(b"NM")
        if nm >= 0:
            lba, size_ = struct.unpack_from("<I4xI", data, at + 2)
            found[use[nm + 5:nm + use[nm + 2]].decode()] = lba * sticks.BLOCK, size_
        at += length
    return found


def live_files(data, pvd):
    """The files of live/ in the tree of the descriptor at byte `pvd`; none without one."""
    if data[pvd:pvd + 6] != b"\1CD001":
        return {}
    root = struct.unpack_from("<I4xI", data, pvd + 158)
    live = records(data, root[0] * sticks.BLOCK, root[1]).get("live")
    return records(data, *live) if live else {}


@dataclass(frozen=True)
class State:
    """A stick while the machine is off."""
    partition: bytes = field(repr=False)  # compressed
    env: tuple    # grubenv's variables, sorted
    memory: str   # /var/lib/liveng/failed
    proven: int   # the last set known to boot: its number; None: there is none
    booted: frozenset  # the sets in the partition that have ever come up
    key: tuple    # everything that matters of these


class World:
    """A stick, its system with installed kernels, and which sets come up."""

    def __init__(self, stick, root, tools, sets, good):
        self.stick, self.root, self.tools, self.good = stick, root, tools, good
        self.sets = {hashlib.sha256(s.kernel.read_bytes()).digest()
                     + hashlib.sha256(s.initrd.read_bytes()).digest(): n for n, s in enumerate(sets)}
        self.releases = [s.release for s in sets]
        self.failed = root / "var/lib/liveng/failed"
        self.start, self.size = stick.partition(2)
        self.grubenv = stick.grubenv_offset()
        self.known = {}  # runs: (key of a state, words) -> states
        self.boots = 0

    # States

    def content(self, data, files, old=""):
        """Which set that is: its number, None: none, -1: a damaged one."""
        if "vmlinuz" + old not in files:
            return None
        digests = b""
        for name in "vmlinuz" + old, "initrd.img" + old:
            start, size = files.get(name, (0, 0))
            digests += hashlib.sha256(data[start:start + size]).digest()
        return self.sets.get(digests, -1)

    def state(self, data, env, memory, proven, booted):
        middle = self.size // 2 // sticks.MIB * sticks.MIB
        trees = []
        for pvd in sticks.PVD, 65536 + sticks.PVD, middle + sticks.PVD, 8 * sticks.BLOCK:
            files = live_files(data, pvd)
            trees.append((self.content(data, files), self.content(data, files, ".old"),
                          files.get("vmlinuz")))
        failed = tuple(line.split()[0] for line in memory.splitlines())
        env = tuple(sorted(env.items()))
        whole = {content for tree in trees for content in tree[:2]}
        booted = frozenset(booted) & whole
        if proven is not None and proven not in whole:
            # One that was cut off three times in a row counts as bad; and where the head is
            # destroyed another set that came up will do.
            assert booted or self.releases[proven] in failed, \
                f"set {proven} is lost: {trees, env, failed}"
            proven = max(booted, default=None)
        return State(zlib.compress(data, 1), env, memory, proven, booted,
                     (*trees, proven, booted, env, failed))

    def came_up(self, state, n):
        """The same, and that set is known to boot."""
        return self.state(zlib.decompress(state.partition), dict(state.env), state.memory, n,
                          state.booted | {n})

    def put(self, state):
        """Put the stick and the system into that state."""
        text = "# GRUB Environment Block\n" + "".join(f"{k}={v}\n" for k, v in state.env)
        with open(self.stick.path, "r+b") as f:
            f.seek(self.start)
            f.write(zlib.decompress(state.partition))
            f.seek(self.grubenv)
            f.write(text.ljust(1024, "#").encode())
        self.failed.parent.mkdir(parents=True, exist_ok=True)
        self.failed.write_text(state.memory)

    @staticmethod
    def parse_env(block):
        lines = block.decode().split("\n")[1:]
        return dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")

    # What can happen

    def run(self, state, *words):
        """A run of the program: the states after each of its writes, the complete one last."""
        if (state.key, words) in self.known:
            return self.known[state.key, words]
        try:
            states = self.record(state, words)
        except AssertionError as error:
            raise AssertionError(f"{words} on {state}") from error
        self.known[state.key, words] = states
        return states

    def record(self, state, words):
        self.put(state)
        log = self.stick.path.with_suffix(".log")
        done = self.tools.record(self.stick, log, PLAIN_PROGRAM, *words, "--disk", self.stick.path,
                                 "-q", *(["--root", self.root] if words[0] not in
                                         ("rollback", "next") else []))
        assert done.returncode in (DONE, NOT_STICK, REFUSED, VERIFY), (words, state, done.stderr)
        memory = self.failed.read_text() if self.failed.exists() else ""
        data = bytearray(zlib.decompress(state.partition))
        env = dict(state.env)
        block = bytearray(("# GRUB Environment Block\n" + "".join(
            f"{k}={v}\n" for k, v in state.env)).ljust(1024, "#").encode())
        known = state.proven, state.booted
        states = [] if memory == state.memory else [self.state(bytes(data), env, memory, *known)]
        for record in read_log(log):
            if record.kind != "W":
                continue
            if record.touches(self.grubenv, 1024):
                at = record.offset - self.grubenv
                block[max(at, 0):at + record.size] = record.data[max(-at, 0):][:1024]
                env = self.parse_env(bytes(block))
            else:
                at = record.offset - self.start
                data[at:at + record.size] = record.data
            states.append(self.state(bytes(data), env, memory, *known))
        if words == ("rollback",) and states and "liveng_tries" not in env:
            current = states[-1].key[0][0]
            assert current in state.booted, "a set that never came up is marked as proven"
            states.append(self.came_up(states[-1], current))
        return states or [state]

    def menu(self, state, refuses_damaged):
        """The way through the boot menu: (states after each of its saves, the entry, whether that
        comes up)."""
        data = zlib.decompress(state.partition)
        files = live_files(data, sticks.PVD)
        factory = ["1/live/vmlinuz", "1/live/initrd.img"]
        names = [f"2/live/{name}" for name in files]
        sets = {"standard": self.content(data, files), "previous": self.content(data, files, ".old"),
                "fallback": "factory"}
        loadable = factory + [name for name, entry in (("2/live/vmlinuz", "standard"),
                                                       ("2/live/vmlinuz.old", "previous"))
                              if name in names and not (refuses_damaged and sets[entry] == -1)]
        boot = bootmenu.boot(dict(state.env), factory + names, loadable)
        self.boots += 1
        assert boot.entry, f"the menu waits for a key: {state.key}"
        states = [self.state(data, env, state.memory, state.proven, state.booted)
                  for env in boot.saves]
        started = sets[boot.entry]
        return states, boot.entry, started == "factory" or started in self.good

    def after_boot(self, state, entry):
        """What the booted system does automatically."""
        if entry == "fallback":
            return self.run(state, "repair")
        runs = state.key[0][entry == "previous"]
        states = self.run(state, "bless", "--booted", entry)
        # bless does nothing if the previous set was chosen.
        if states[-1].key[0][0] == runs and "liveng_tries" not in dict(states[-1].env):
            states = [*states, self.came_up(states[-1], runs)]
        return states

    def actions(self, state, mishaps, choices):
        """What the user and apt do then."""
        if choices and not mishaps:
            yield self.run(state, "rollback", "--undo")
        yield self.run(state, "update")
        back = self.run(state, "rollback")
        yield back
        if not mishaps:
            yield self.run(back[-1], "update")
        if choices and not mishaps:
            yield self.run(self.run(state, "update")[-1], "update")
        for entry in ("previous", "fallback") if choices else ():
            yield self.run(state, "next", "--once", entry)

    def mishaps(self, state):
        """What a worn medium, or a person, does to a stick while the machine is off."""
        data = zlib.decompress(state.partition)
        head = data[:sticks.PVD] + bytes(sticks.BLOCK) + data[sticks.PVD + sticks.BLOCK:]
        # Right after the switch of an update that was cut off there is no other way to the new set.
        beheaded = self.state(head, dict(state.env), state.memory, None, state.booted)
        is_lost = state.proven not in {content for tree in beheaded.key[:4] for content in tree[:2]}
        yield beheaded if is_lost else self.state(head, dict(state.env), state.memory, state.proven,
                                                  state.booted)
        yield self.state(bytes(self.size), dict(state.env), state.memory, None, ())

    # The walk

    def explore(self, first, unnoticed, mishaps, choices):
        """The states, and for each where boots alone lead: key -> (is up, key of the next)."""
        states, todo, onward = {}, [first], {}

        def add(found):
            for state in found:
                if state.key not in states and len(states) < LIMIT:
                    states[state.key] = state
                    todo.append(state)

        states[first.key] = first
        while todo:
            state = todo.pop()
            onward[state.key] = []
            add(self.mishaps(state) if mishaps else ())
            for refuses_damaged in [True, False][:1 + unnoticed]:
                saved, entry, up = self.menu(state, refuses_damaged)
                add(saved)
                last = saved[-1] if saved else state
                if up:
                    served = self.after_boot(last, entry)
                    add(served)
                    for then in self.actions(served[-1], mishaps, choices):
                        add(then)
                    last = served[-1]
                onward[state.key].append((up, last.key))
        return states, onward


@dataclass
class Story:
    """How a world begins: set 0 is on the stick, these are written and proven after it, and one of
    them is damaged; what is installed, and which sets come up."""
    installed: list
    good: set
    written: list = field(default_factory=list)
    damaged: int = None
    env: dict = field(default_factory=dict)
    # May a damaged kernel be loaded, and die? One that is proven is not counted: only the menu's
    # entries help then.
    unnoticed: bool = True
    choices: bool = True  # does the user undo a rollback, or choose what the next boot takes?
    mishaps: bool = False  # is the partition also found beheaded, and wiped, in each state?


STORIES = {
    "the new kernel is bad": Story([0, 1], {0}, mishaps=True),
    "the new kernel is good": Story([0, 1], {0, 1}, mishaps=True),
    "only the oldest is good": Story([0, 1, 2], {0}),
    "only the newest is good": Story([0, 1, 2], {2}, env={"liveng_tries": "3"}),
    "none is good but the factory's": Story([0, 1], set(), env={"liveng_tries": "3"}),
    "the previous set is damaged": Story([0, 1, 2], {0, 1}, written=[1], damaged=0),
    "the one before never came up": Story([0, 1, 2], {1}, written=[1], env={"liveng_tries": "3"},
                                           unnoticed=False, choices=False),
    "the current set is damaged": Story([0, 1, 2], {0, 1}, written=[1], damaged=1,
                                        unnoticed=False),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STORIES)
def test_every_state_leads_to_a_system_that_is_up(name, new_stick, tiny_sets, tools, tmp_path):
    story = STORIES[name]
    stick = new_stick(kernel_set=tiny_sets[0], kernel_mib=2, grubenv=story.env)
    for n in story.written:
        update(stick, tiny_sets[n])
        kupd("bless", "--disk", stick.path)
    if story.damaged is not None:
        stick.write(2, kernel_place(stick, tiny_sets[story.damaged]) + 20_000, b"damaged")
    root = tmp_path / "root"
    (root / "var/lib").mkdir(parents=True)
    for n in story.installed:
        install(root, tiny_sets[n])
    world = World(stick, root, tools, tiny_sets, story.good)
    booted = [n for n in [0, *story.written][bool(story.env):] if n != story.damaged]
    first = world.state(stick.read(2, 0, world.size), stick.grubenv(), "",
                        booted[-1] if booted else None, booted)
    states, onward = world.explore(first, story.unnoticed, story.mishaps, story.choices)

    for key, state in states.items():
        for way in range(1 + story.unnoticed):
            up, at = [], key
            while at in onward and len(up) < SETTLED:
                is_up, at = onward[at][way]
                up.append(is_up)
            if len(up) < SETTLED:
                continue  # leads to one beyond the limit
            assert any(up[:BOOTS]), f"nothing comes up in {BOOTS} boots: {state}"
            assert up[-1], f"it does not stay up: {state}"
            # A good one that was cut off three times in a row is taken for a bad one.
            if any(n in story.good and world.releases[n] not in at[-1] for n in story.installed):
                assert at[0][0] in story.good, f"ends on {at}, from {state}"
    print(f"{name}: {len(states)} states, {len(world.known)} runs, {world.boots} boots")


@pytest.fixture(scope="session")
def tiny_sets(tmp_path_factory):
    """Sets as small as possible: they are copied often."""
    folder = tmp_path_factory.mktemp("tiny")
    return [sticks.make_set(folder / str(n), f"6.1.0-{n}-amd64", 24_000, 8_000, seed=n)
            for n in range(1, 4)]


def test_the_models_menu_does_what_grub_does(deployed, small_sets, tmp_path):
    """bootmenu.py against GRUB itself, which is too slow for all those boots."""
    stick = deployed.copy(tmp_path / "stick.img")
    files = ["1/live/vmlinuz", "1/live/initrd.img", "2/live/vmlinuz", "2/live/initrd.img"]
    for has_previous in False, True:
        if has_previous:
            update(stick, small_sets[1])
            files += ["2/live/vmlinuz.old", "2/live/initrd.img.old"]
        choices = itertools.product([None, "3", "2", "1", "0", "7x"],
                                    [None, "0", "1", "2"],
                                    [None, "standard", "previous", "fallback", "other"])
        for values in random.Random(1).sample(list(choices), 25):
            names = "liveng_tries", "liveng_previous", "liveng_once"
            env = {name: value for name, value in zip(names, values) if value}
            stick.set_grubenv(env)
            booted = grubemu.boot(stick)
            model = bootmenu.boot(env, files, files)
            assert (model.entry, (model.saves or [env])[-1]) == (booted.entry, stick.grubenv()), env
            assert model.kernel == booted.kernel.replace("(hd0,gpt", "").replace(")", ""), env

# SPDX-License-Identifier: GPL-3.0-or-later
"""The bash completion, asked as bash would ask it."""

import re
import subprocess
from pathlib import Path

import pytest

from conftest import kupd

TOP = Path(__file__).resolve().parents[2]
COMPLETION = TOP / "kupd/livengkupd.bash-completion"

# Bash cuts words at = too, before it calls the function.
ASK = r"""
source /usr/share/bash-completion/bash_completion
source "$1"
COMP_LINE=$2
shift 2
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9
COMP_POINT=${#COMP_LINE}
_livengkupd livengkupd "${!#}" "${@: -2:1}" 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"
"""

VERBS = {"update", "status", "verify", "rollback", "next", "bless", "repair"}


def complete(line, folder):
    """What bash offers at the end of a line typed in that folder."""
    words = [word for part in line.split(" ") for word in re.findall("=|[^=]+|^$", part)]
    if line.endswith("="):
        words.append("")
    answer = subprocess.run(["bash", "--norc", "-c", ASK, "bash", COMPLETION, line, *words],
                            cwd=folder, stdout=subprocess.PIPE, encoding="utf-8", timeout=20,
                            check=False)
    return set(answer.stdout.split("\n")) - {""}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "stick.img").touch()
    for release in ("6.1.0-40-amd64", "6.1.0-9-amd64", "6.1.0-8-amd64"):
        (tmp_path / "root/usr/lib/modules" / release).mkdir(parents=True)
    (tmp_path / "root/boot").mkdir()
    (tmp_path / "root/boot/vmlinuz-6.1.0-40-amd64").touch()
    (tmp_path / "root/usr/lib/modules/6.1.0-9-amd64/vmlinuz").touch()
    (tmp_path / "root/lib").symlink_to("usr/lib")
    return tmp_path


def test_offers_all_options_of_the_help(folder):
    options = re.findall(r"--[a-z][a-z-]+", kupd("--help").out)
    assert complete("livengkupd --", folder) == set(options)


def test_offers_all_verbs_of_the_help(folder):
    verbs = kupd("--help").out.split("Verbs:\n")[1].split("\n\n")[0]
    assert {line.split()[0] for line in verbs.split("\n")} == VERBS
    assert VERBS <= complete("livengkupd ", folder)
    assert complete("livengkupd --disk stick.img -q ver", folder) == {"verify"}


@pytest.mark.parametrize("line, offered", [
    ("livengkupd --root root update ", {"6.1.0-40-amd64", "6.1.0-9-amd64"}),
    ("livengkupd --root root update 6.1.0-4", {"6.1.0-40-amd64"}),
    ("livengkupd --root=root --force update 6.1.0-4", {"6.1.0-40-amd64"}),
    ("livengkupd --root root 6", {"6.1.0-40-amd64", "6.1.0-9-amd64"}),
    ("livengkupd --root root ", {"6.1.0-40-amd64", "6.1.0-9-amd64"} | VERBS),
    ("livengkupd --root root 6.1.0-9-amd64 ", set()),
    ("livengkupd --root root update 6.1.0-9-amd64 ", set()),
    ("livengkupd --root root status ", set()),
])
def test_offers_installed_releases(folder, line, offered):
    assert complete(line, folder) == offered


@pytest.mark.parametrize("line, offered", [
    ("livengkupd --disk st", {"stick.img"}),
    ("livengkupd --disk=st", {"stick.img"}),
    ("livengkupd status --partition s", {"stick.img"}),
    ("livengkupd update --kernel s", {"stick.img"}),
    ("livengkupd --root ", {"root"}),
    ("livengkupd next --once p", {"previous"}),
    ("livengkupd --force=s", set()),
])
def test_offers_files_for_options(folder, line, offered):
    assert complete(line, folder) == offered

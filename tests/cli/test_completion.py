# SPDX-License-Identifier: GPL-3.0-or-later
"""The bash completion of both programs, called as bash would call it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from programs import PATIENCE, deployer, finish, kupd, start

TOP = Path(__file__).resolve().parents[2]
COMPLETIONS = {"livengkupd": TOP / "kupd/livengkupd.bash-completion",
               "liveng-deploy": TOP / "deploy/liveng-deploy.bash-completion"}

# Bash also splits words at =, before it calls the function.
ASK = r"""
source /usr/share/bash-completion/bash_completion
source "$1"
COMP_LINE=$2
shift 2
function=_${1//-/_}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9
COMP_POINT=${#COMP_LINE}
"$function" "$1" "${!#}" "${@: -2:1}" 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"
"""

VERBS = {"update", "status", "verify", "rollback", "next", "bless", "repair"}


def complete(line, folder, **environment):
    """What bash offers at the end of a line typed in that folder."""
    words = [word for part in line.split(" ") for word in re.findall("=|[^=]+|^$", part)]
    if line.endswith("="):
        words.append("")
    answer = subprocess.run(
        ["bash", "--norc", "-c", ASK, "bash", COMPLETIONS[words[0]], line, *words], cwd=folder,
        env={**os.environ, **environment}, stdout=subprocess.PIPE, encoding="utf-8", timeout=PATIENCE,
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


def takes(verb, option, folder):
    """Does the program itself agree? The stick does not exist."""
    value = {"--once": ["previous"], "--booted": ["fallback"]}.get(option, [])
    if option in ("--disk", "--partition", "--root", "--kernel", "--initrd"):
        value = [folder / "missing"]
    target = [] if option in ("--disk", "--partition") else ["--disk", folder / "missing"]
    return "does not use" not in finish(start(verb, *target, option, *value)).err


def test_offers_what_the_verb_takes(folder):
    options = set(re.findall(r"--[a-z][a-z-]+", kupd("--help").out))
    for verb in VERBS:
        taken = {option for option in options if takes(verb, option, folder)}
        assert complete(f"livengkupd {verb} --", folder) == taken, verb
        assert complete(f"livengkupd --disk stick.img -q {verb} --", folder) == taken, verb
    update = complete("livengkupd update --", folder)
    assert "--force" in update and "--undo" not in update
    assert complete("livengkupd update 6.1.0-9-amd64 --", folder) == update
    assert complete("livengkupd 6.1.0-9-amd64 --", folder) == update
    assert complete("livengkupd rollback --u", folder) == {"--undo"}


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


def test_deploy_offers_all_options_of_the_help(folder):
    options = re.findall(r"--[a-z][a-z-]+", deployer("--help").out)
    assert complete("liveng-deploy --", folder) == set(options)


@pytest.mark.parametrize("line, offered", [
    ("liveng-deploy ", {"list", "live.iso", "root"}),
    ("liveng-deploy l", {"list", "live.iso"}),
    ("liveng-deploy list ", set()),
    ("liveng-deploy -n --size 8G live.iso s", {"stick.img"}),
    ("liveng-deploy live.iso stick.img --yes s", {"stick.img"}),
    ("liveng-deploy --size ", set()),
    ("liveng-deploy --console=t", set()),
    ("liveng-deploy --initrd st", {"stick.img"}),
    ("liveng-deploy --kernel=st", {"stick.img"}),
    ("liveng-deploy --preloader ", {"root"}),
    ("liveng-deploy --encrypt=s", set()),
])
def test_deploy_offers_images_then_targets(folder, line, offered):
    (folder / "live.iso").touch()
    assert complete(line, folder) == offered


def test_deploy_offers_disks_that_can_be_written_to(folder):
    """Those that `liveng-deploy list` shows before the blank line."""
    program = folder / "liveng-deploy"
    program.write_text("""#!/bin/sh
cat <<END
Can be written to:
  /dev/sdb   30.8 GB  usb  Ultra Fit  serial 4C53
             holds vfat "x"
  /dev/mmcblk0  30.8 GB  mmc  SC32G

Not written to:
  /dev/sda  512.1 GB  ata  Samsung
END
""")
    program.chmod(0o755)
    path = {"PATH": f"{folder}:/usr/bin:/bin"}
    assert complete("liveng-deploy x.iso /dev/", folder, **path) == {"/dev/sdb", "/dev/mmcblk0"}
    assert complete("liveng-deploy x.iso /dev/sdb /dev/m", folder, **path) == {"/dev/mmcblk0"}

# SPDX-License-Identifier: GPL-3.0-or-later
"""What the boot menu does with a stick: the real grub.cfg, run by bash in GRUB's place.

GRUB's script language is near enough to the shell's; the few commands that the menu uses are
functions here. What GRUB itself does around the script is below, in `boot`.
"""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[2] / "deploy/data/grub.cfg"
VALUES = {"name": "'liveng'", "release": "'factory'", "common": " boot=live",
          "persistence": " persistence", "terminal": ""}

# Variables and files come as lines on standard input: "env NAME=VALUE", "file PATH", "good PATH"
# (a file that can be loaded), "read-only", "no-env".
COMMANDS = r"""
declare -A vars files loadable
entries=()
while read -r kind rest; do
	case $kind in
	env) vars[${rest%%=*}]=${rest#*=} ;;
	file) files[$rest]=1 ;;
	good) loadable[$rest]=1 ;;
	*) printf -v "${kind//-/_}" 1 ;;
	esac
done
set() { local a; for a; do printf -v "${a%%=*}" %s "${a#*=}"; done; }
regexp() { [[ $3 =~ $2 ]] && printf -v "${1#--set=1:}" %s "${BASH_REMATCH[1]}"; }
loadfont() { return 1; }
terminal_output() { return 1; }
has_file() { [[ ${files[$1]} ]]; }
load_env() {
	[[ $2 == */grubenv && ! $no_env ]] || return 1
	local a
	for a in "${@:3}"; do
		if [[ ${vars[$a]+1} ]]; then printf -v "$a" %s "${vars[$a]}"; fi
	done
}
save_env() {
	[[ ! $no_env && ! $read_only ]] || return 1
	local a
	for a in "${@:3}"; do
		if [[ ${!a+1} ]]; then vars[$a]=${!a}; else unset "vars[$a]"; fi
	done
	echo save
	for a in "${!vars[@]}"; do echo "env $a=${vars[$a]}"; done
}
linux() { echo "linux $*"; loaded=; [[ ${loadable[$1]} ]] && loaded=1; }
initrd() { [[ $loaded ]] && has_file "$1"; }
fwsetup() { return 1; }
root=hd0,gpt3 grub_platform=efi
"""
# The default entry, or the first one if there is none of that name. It boots what was loaded last.
BOOT = r"""
declare -F "entry_$default" >/dev/null || default=${entries[0]}
"entry_$default"
[[ ! $loaded ]] || echo boot
"""
ENTRIES = {"2/live/vmlinuz": "standard", "2/live/vmlinuz.old": "previous",
           "1/live/vmlinuz": "fallback"}


def as_bash(text):
    """grub.cfg with the three constructs that bash does not have replaced."""
    text = re.sub(r"@(\w+)@", lambda m: VALUES[m[1]], text)
    text = re.sub(r"^(\s*)menuentry .* --id (\w+) \{$", r"\1entries+=(\2); entry_\2() {", text,
                  flags=re.MULTILINE)
    text = re.sub(r'\[ -f ("[^"]*") \]', r"has_file \1", text)
    text = re.sub(r"\b(linux|initrd) \((\$\w+)\)([^\s;]*)", r'\1 "(\2)\3"', text)
    return COMMANDS + text + BOOT


@dataclass
class Boot:
    """One way through the menu."""
    saves: list = field(default_factory=list)  # grubenv after each save: dictionaries
    tried: list = field(default_factory=list)  # files it tried to load
    entry: str = ""                            # whose kernel was finally booted; "": none
    kernel: str = ""
    parameters: list = field(default_factory=list)


def boot(env, files, loadable, read_only=False, script=as_bash(TEMPLATE.read_text())):
    """Go through the menu without a key pressed. `env`: grubenv's variables, None: it cannot be
    read. `files` and `loadable`: paths such as "2/live/vmlinuz", of the partition first."""
    def path(name):
        return f"(hd0,gpt{name[0]}){name[1:]}"

    lines = [f"env {name}={value}" for name, value in (env or {}).items()]
    lines += [f"file {path(name)}" for name in files] + [f"good {path(name)}" for name in loadable]
    lines += ["no-env"] if env is None else []
    lines += ["read-only"] if read_only else []
    done = subprocess.run(["bash", "-c", script], input="\n".join(lines) + "\n", encoding="utf-8",
                          capture_output=True, check=False)
    assert not done.stderr, done.stderr
    result = Boot()
    for line in done.stdout.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "save":
            result.saves.append({})
        elif kind == "env":
            name, _, value = rest.partition("=")
            result.saves[-1][name] = value
        elif kind == "linux":
            result.kernel, *result.parameters = rest.split()
            result.kernel = result.kernel[8] + result.kernel[10:]
            result.tried.append(result.kernel)
        elif kind == "boot":
            result.entry = ENTRIES[result.kernel]
    return result

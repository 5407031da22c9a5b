#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put what the tests in virtual machines have seen into results.json, and that into README.md."""

import json
import textwrap
from collections import Counter

from qemu import BUILD

README = BUILD.parent / "README.md"
KEPT = BUILD.parent / "tests/vm/results.json"
FIRMWARE = {"secureboot": "UEFI, Secure Boot", "uefi": "UEFI", "bios": "BIOS"}
SCENES = {
    "test_boot_menu": "the boot menu",
    "test_disks": "disks",
    "test_fallback": "self-repair",
    "test_given_up": "failing kernels",
    "test_mounted": "mounted partitions",
    "test_power_cut": "power cuts",
    "test_stock_image": "stock images",
    "test_user": "a stick in memory",
    "test_ways": "older, pulled and second sticks",
}
PERSISTENCE = {"LUKS": "LUKS", "clear": "unencrypted"}
SUITE = {"bookworm": "Debian 12", "trixie": "Debian 13"}
BEGIN, END = "<!-- make matrix -->\n", "<!-- end -->\n"


def outcome(result):
    """As a word for a table."""
    return {"passed": "passed", "failed": "**failed**"}.get(result["outcome"], result["outcome"])


def method(result):
    """How the stick got its new kernel."""
    if "test_user" in result["test"]:
        return "apt install, from a new source"
    if "test_stock_image" in result["test"]:
        return "stock image without cryptsetup, apt upgrade" if "bare" in result["test"] else "stock image, apt upgrade"
    return "apt upgrade"


def upgrades(results):
    """A row for each combination: the newest of its results, one that did not pass before all others."""
    newest = {}
    for result in sorted(results, key=lambda r: (r["outcome"] != "passed", r["date"])):
        if "firmware" in result:
            newest[SUITE[result["suite"]], FIRMWARE[result["firmware"]], PERSISTENCE[result["persistence"]],
                   method(result)] = result
    rows = ["| firmware | persistence | suite | method | kernel | result | date |", "|---|---|---|---|---|---|---|"]
    for (suite, firmware, persistence, by), result in sorted(newest.items()):
        rows.append(f"| {firmware} | {persistence} | {suite} | {by} | {result['from']} to {result['to']} "
                    f"| {outcome(result)} | {result['date']} |")
    return rows


def others(results):
    """All other scenarios in one sentence: how many passed, of what kinds, and those that did not."""
    scenes = [result for result in results if "firmware" not in result]
    if not scenes:
        return []
    kinds = Counter(SCENES.get(name := result["test"].partition(".py")[0], name) for result in scenes)
    failed = [result["test"] for result in scenes if result["outcome"] != "passed"]
    passed = f"{len(scenes) - len(failed)} of the {len(scenes)}" if failed else f"All {len(scenes)}"
    text = (f"{passed} other test scenarios passed, the last on {max(result['date'] for result in scenes)}: "
            + ", ".join(f"{kind} ({n})" for kind, n in kinds.items())
            + (f"; **failed**: {', '.join(failed)}" if failed else "") + ".")
    return ["", *textwrap.wrap(text, 120, break_long_words=False, break_on_hyphens=False)]


def versions(results):
    """What was tested, suite by suite."""
    found = {r["suite"]: r["versions"] for r in results if "versions" in r}
    return ["", *(f"{SUITE[suite]}: {', '.join(lines)}." for suite, lines in found.items())] if found else []


def exists(test):
    """Is there still a test of that name?"""
    file, _, function = test.partition("::")
    path = KEPT.parent / file
    return path.exists() and f"def {function.partition('[')[0]}(" in path.read_text()


def main():
    kept = {r["test"]: r for r in json.loads(KEPT.read_text())} if KEPT.exists() else {}
    for file in (BUILD / "vm/results").glob("*.json"):
        result = json.loads(file.read_text())
        kept[result["test"]] = result
    results = sorted((r for r in kept.values() if exists(r["test"])), key=lambda r: r["test"])
    KEPT.write_text(json.dumps(results, indent=1) + "\n")
    table = "\n".join([*upgrades(results), *others(results), *versions(results)]) + "\n"
    before, _, rest = README.read_text().partition(BEGIN)
    README.write_text(before + BEGIN + table + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()

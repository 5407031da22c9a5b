#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put what the tests in virtual machines have seen into results.json, and that into README.md."""

import json
import re

from qemu import BUILD

README = BUILD.parent / "README.md"
KEPT = BUILD.parent / "tests/vm/results.json"
FIRMWARE = {"secureboot": "UEFI, Secure Boot", "uefi": "UEFI", "bios": "BIOS"}
SUITE = {"bookworm": "Debian 12", "trixie": "Debian 13"}
BEGIN, END = "<!-- make matrix -->\n", "<!-- end -->\n"


def outcome(result):
    """As a word for a table."""
    return {"passed": "passed", "failed": "**failed**"}.get(result["outcome"], result["outcome"])


def upgrades(results):
    """A row for each upgrade: firmware x persistence x suite."""
    rows = ["| firmware | persistence | suite | by | kernel | result | seen |", "|---|---|---|---|---|---|---|"]
    for result in results:
        if "firmware" in result:
            way = "apt install, a new source" if "test_user" in result["test"] else "apt upgrade"
            rows.append(f"| {FIRMWARE[result['firmware']]} | {result['persistence']} "
                        f"| {SUITE[result['suite']]} | {way} | {result['from']} to {result['to']} "
                        f"| {outcome(result)} | {result['date']} |")
    return rows


def others(results):
    """A row for each other test function: how many of its cases passed."""
    rows = ["| test | passed | seen |", "|---|---|---|"]
    functions = {}
    for result in results:
        if "firmware" not in result:
            name = re.match(r".*::test_(\w+)", result["test"])[1].replace("_", " ")
            functions.setdefault(name, []).append(result)
    for name, found in functions.items():
        passed = sum(result["outcome"] == "passed" for result in found)
        rows.append(f"| {name} | {passed} of {len(found)} | {max(r['date'] for r in found)} |")
    return rows


def versions(results):
    """What was tested, suite by suite."""
    found = {r["suite"]: r["versions"] for r in results if "versions" in r}
    return [f"{SUITE[suite]}: {', '.join(lines)}." for suite, lines in found.items()]


def main():
    kept = {r["test"]: r for r in json.loads(KEPT.read_text())} if KEPT.exists() else {}
    for file in (BUILD / "vm/results").glob("*.json"):
        result = json.loads(file.read_text())
        kept[result["test"]] = result
    results = sorted(kept.values(), key=lambda r: r["test"])
    KEPT.write_text(json.dumps(results, indent=1) + "\n")
    table = "\n".join([*upgrades(results), "", *others(results), "", *versions(results)]) + "\n"
    before, _, rest = README.read_text().partition(BEGIN)
    README.write_text(before + BEGIN + table + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()

"""Looks at a healthy service under load many times over and counts false alarms.

`python lab/steady.py [--runs 20] [--looks 1000] [--python 3.12] [CASE ...]` starts the cured twin of each case (by
default the healthy services), looks at it as often as asked, and prints every finding that is not mere information.
Takes about ten seconds a run. Exit status 1 if there was any.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from lab_cases import Case, all_cases
from run import pythons, running

SPINDOCTOR = Path(sys.executable).with_name("spindoctor")
RATE_HZ = 100


def main() -> int:
    """Run from the command line."""
    options = _arguments()
    cases = [case for case in all_cases() if case.name in options.case or (not options.case and case.slug == HEALTHY)]
    alarms = sum([_tell(case, options) for case in cases])
    return 1 if alarms else 0


HEALTHY = "nothing-wrong"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="*")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--looks", type=int, default=1000)
    parser.add_argument("--python", default=f"{sys.version_info.major}.{sys.version_info.minor}")
    return parser.parse_args()


def _tell(case: Case, options: argparse.Namespace) -> int:
    """Look at one case as often as asked; how many looks gave a false alarm."""
    alarms = 0
    for number in range(options.runs):
        found = list(_findings(case, options))
        alarms += bool(found)
        print(f"{case.name} {options.python} run {number + 1}: {', '.join(found) or 'no finding'}", flush=True)
    print(f"{case.name} {options.python}: {options.runs - alarms} of {options.runs} runs without a finding")
    return alarms


def _findings(case: Case, options: argparse.Namespace) -> Iterator[str]:
    seconds = options.looks / RATE_HZ
    with running(case, "cured", pythons.find_interpreters()[options.python]) as scene:
        command = [SPINDOCTOR, "diagnose", str(scene.pid), "--json", "--quiet", "--seconds", str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    yield from ([] if report["look"]["looks"] else ["no look"])
    for outcome in report["outcomes"]:
        faults = [one for one in outcome.get("findings", []) if one["severity"] != "info"]
        yield from (f"{outcome['slug']}: {one['claim']}" for one in faults)


if __name__ == "__main__":
    sys.exit(main())

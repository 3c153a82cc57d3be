"""Measures spindoctor beside the other readers, interleaved and repeated, and writes docs/benchmarks.md.

    python bench/run.py [--quick] [--repeats N] [--seconds S] [--only WORKLOAD ...]

A standard run takes some ten minutes on an otherwise idle machine. It starts processes of its own and looks at no
others.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from measuring import Run, alone, watch
from page import page
from peers import peers
from pythons import find_interpreters
from service import serve

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
MAIN = ("3.12", "3.15")
EVERY = ("3.8", "3.12", "3.14", "3.15")
PLAN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("founding", EVERY),
    ("truth", MAIN),
    ("speed", MAIN),
    ("threads-40", ("3.12",)),
    ("threads-200", ("3.12",)),
    ("deep-500", ("3.12",)),
    ("tasks-2000", ("3.12",)),
    ("workers-16", ("3.12",)),
)
CURVE = ("threads-1", "threads-10", "threads-100", "threads-1000", "tasks-10", "tasks-100", "tasks-1000", "tasks-10000")


def plan(*, quick: bool, only: list[str]) -> list[tuple[str, str]]:
    """(workload, Python) in order."""
    pairs = [(workload, version) for workload, versions in PLAN for version in (versions[-1:] if quick else versions)]
    return [(workload, version) for workload, version in pairs if not only or workload in only]


def main() -> None:
    """Measure all, keep the figures, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one Python for each workload, once, two seconds")
    parser.add_argument("--repeats", type=int, help="how often each is measured (3)")
    parser.add_argument("--seconds", type=float, help="how long each reader looks (3)")
    parser.add_argument(
        "--only", nargs="*", default=[], help="these workloads alone: " + ", ".join(one for one, _ in PLAN)
    )
    parser.add_argument("--out", type=Path, default=PAGE, help="the page to write (docs/benchmarks.md)")
    asked = parser.parse_args()
    repeats = asked.repeats or (1 if asked.quick else 3)
    seconds = asked.seconds or (2.0 if asked.quick else 3.0)
    found, readers = find_interpreters(), peers()
    runs: list[Run] = []
    for number in range(repeats):
        for workload, version in plan(quick=asked.quick, only=asked.only):
            if version not in found:
                continue
            able = [one for one in readers if one.versions is None or version in one.versions]
            turned = [*able[number % len(able) :], *able[: number % len(able)]]  # nobody is always the first
            runs.append(tell(alone(found[version], workload, seconds)))
            runs += [tell(watch(one, found[version], workload, seconds)) for one in turned]
        if not asked.only:
            runs += [tell(one) for one in serve(found["3.12"], readers, seconds)]
    if not asked.only and not asked.quick:
        ours = next(one for one in readers if one.name == "spindoctor")
        runs += [tell(watch(ours, found["3.12"], workload, seconds)) for workload in CURVE]
    asked.out.with_suffix(".json").write_text(json.dumps([asdict(one) for one in runs], indent=1) + "\n")
    asked.out.write_text(page(runs, repeats, seconds, CURVE))


def tell(run: Run) -> Run:
    """Say on stderr how it goes."""
    cores = "-" if run.steady_cores is None else f"{run.steady_cores:.3f}"
    sys.stderr.write(f"{run.workload:12} {run.python:5} {run.peer:20} {cores} cores {run.failed}\n")
    return run


if __name__ == "__main__":
    main()

"""Measures spindoctor beside the other readers, interleaved and repeated, and writes docs/benchmarks.md.

    python bench/run.py [--quick] [--add] [--only WORKLOAD ...] [--python 3.12 ...] [--reader NAME ...]

A standard run takes some half an hour on an otherwise idle machine; it can be made in parts with --only and --python.
Runs are kept in docs/benchmarks.json. In parts, what is measured anew takes the place of what was kept of it (with
--add it is added), and the page is written from all that is kept; a whole run begins with none. It starts processes of
its own and looks at no others.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import service
from measuring import alone, commit, help_s, watch
from pages import CURVE, HELP, page
from peers import PEERS_BY_NAME, austin, missing, tool
from pythons import Interpreter, find_interpreters
from runs import OURS, PURE, Run, load, merged, refuses, save

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
COMPARED = ("3.8", "3.12", "3.14", "3.15")
MINE = ("3.9", "3.10", "3.11", "3.13")
"""On these we look alone, at the targets that say how many looks are torn."""

WORKLOADS = ("founding", "truth", "speed", "threads-40", "threads-200", "deep-500", "tasks-2000", "workers-16")
QUICK = "3.12"
TORN = ("founding", "truth")
ASKS_ALL = (WORKLOADS[0], HELP)
"""Elsewhere a reader that ran at no target of this Python is not asked again."""


def plan(asked: argparse.Namespace) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(workload, Python, readers), in order."""
    everybody = tuple(PEERS_BY_NAME)
    others = tuple(one for one in everybody if one != PURE)
    steps = [(one, version, everybody if one == WORKLOADS[0] else others) for version in COMPARED for one in WORKLOADS]
    steps += [(one, version, (OURS,)) for version in MINE for one in TORN]
    steps += [(service.WORKLOAD, "3.12", others), (HELP, "", others)]
    steps += [(one, "3.12", (OURS,)) for one in CURVE]
    for workload, version, readers in steps:
        wanted = tuple(one for one in readers if one in (asked.readers or readers))
        pythons = asked.python or ([QUICK, ""] if asked.quick else [])
        if (workload in asked.only or not asked.only) and (version in pythons or not pythons) and wanted:
            yield workload, version, wanted


def main() -> None:
    """Measure what is asked for, keep the figures, write the page."""
    asked = _arguments()
    for sentence in missing():
        print(sentence, file=sys.stderr)
    found = find_interpreters()
    is_whole = not (asked.page or asked.add or asked.only or asked.python or asked.readers)
    kept = [] if is_whole or asked.fresh else load(asked.runs)
    for workload, version, readers in () if asked.page else plan(asked):
        if version and version not in found:
            continue
        able = [name for name in readers if workload in ASKS_ALL or not refuses(kept, name, version)]
        if not able:
            continue
        target = found.get(version)
        new = [tell(one) for n in range(asked.repeats) for one in measure(workload, target, able, n, asked)]
        kept = merged(kept, [replace(one, commit=commit(ROOT)) for one in new], adds=asked.add)
        save(kept, asked.runs)
    asked.out.write_text(page(kept, asked.note))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="each once, on Python 3.12 alone: some four minutes")
    parser.add_argument("--repeats", type=int, default=0, help="how often each is measured (3)")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each reader looks (3)")
    parser.add_argument("--only", nargs="*", default=[], metavar="WORKLOAD", help=", ".join((*WORKLOADS, *CURVE)))
    parser.add_argument("--python", nargs="*", default=[], metavar="VERSION", help=", ".join((*COMPARED, *MINE)))
    parser.add_argument(
        "--reader", dest="readers", nargs="*", default=[], choices=list(PEERS_BY_NAME), help="these readers alone"
    )
    parser.add_argument("--add", action="store_true", help="add to the runs that are kept of the same")
    parser.add_argument("--fresh", action="store_true", help="forget all runs that are kept")
    parser.add_argument(
        "--page", action="store_true", help="measure nothing, write the page from the runs that are kept"
    )
    parser.add_argument("--note", default="", help="what the page says of the machine, e.g. 'shared with others'")
    parser.add_argument("--out", type=Path, default=PAGE, help="the page (docs/benchmarks.md)")
    parser.add_argument("--runs", type=Path, help="the runs (the page's name with .json)")
    asked = parser.parse_args()
    asked.repeats = asked.repeats or (1 if asked.quick else 3)
    asked.runs = asked.runs or asked.out.with_suffix(".json")
    return asked


def measure(
    workload: str, target: Interpreter | None, readers: Sequence[str], number: int, asked: argparse.Namespace
) -> Iterator[Run]:
    """One round: nobody first, then each reader; who comes first changes from round to round."""
    first = number % len(readers)
    peers = [PEERS_BY_NAME[name] for name in (*readers[first:], *readers[:first])]
    if workload == HELP or target is None:
        yield from _helps(readers)
    elif workload == service.WORKLOAD:
        yield from service.serve(target, peers, asked.seconds) if tool("wrk") else ()
    else:
        if len(readers) > 1:
            yield alone(target, workload, asked.seconds)
        for peer in peers:
            yield watch(peer, target, workload, asked.seconds)


def _helps(readers: Sequence[str]) -> Iterator[Run]:
    """How long each program takes to say how it is used: its start-up without a look."""
    commands = {OURS: [tool("spindoctor")], "py-spy": [tool("py-spy")], "Austin": [str(austin("3.7.0") or "")]}
    for name in readers:
        if (command := commands.get(name)) and command[0]:
            yield Run(HELP, "", name, whole_s=help_s([*command, "--help"]))


def tell(run: Run) -> Run:
    """Say on stderr how it goes."""
    cores = "-" if run.cores is None else f"{run.cores:.4f}"
    sys.stderr.write(f"{run.workload:12} {run.python:5} {run.reader:20} {cores} cores {run.failed}\n")
    return run


if __name__ == "__main__":
    main()

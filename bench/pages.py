"""The kept runs as a page: what was aimed at and whether it is met, then all figures; pure."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Sequence

from aims import CURVE, HELP, Aim, aims
from figures import paired, spread
from runs import NOBODY, Run

__all__ = ["CURVE", "HELP", "page"]

HEAD = """# Benchmarks

Written by `make bench` from [benchmarks.json](benchmarks.json); not edited by hand. Each figure is the median of the
runs with the smallest and the largest behind it. Within a round all readers look in turn, each at a target started
anew, at 100 looks a second; who comes first changes from round to round. Figures in which spindoctor loses stand like
the others.

- Machine: {machine}.
- Measured at commit {commits}.
- Readers: {versions}.

The readers do not do the same work: `spindoctor diagnose` also reads tasks, locks, pools and descriptors, judges them
and gives a verdict; the others write stacks to a file, and so does `spindoctor record`, with tasks and requests in
them. py-spy stops the target for each look, the others do not.
"""
WORDS = """## What the columns say

- **CPU**: own CPU at 100 looks a second in percent of one core, start-up and report left out: from one second after
  the reader's start to the end of its look, by the kernel's clock of the process. **a look**: the same for one look;
  py-spy and Austin do not say how many they made, for them it is by the rate that was asked for.
- **looks**: how many it made of those that it was asked for, a hundred for each second.
- **whole CPU**: own CPU of the whole run with start-up and report. **beyond the look**: what the run took more than it
  was asked to look: start-up, and from the last look to the end of its output.
- **memory**: the largest resident memory of the reader, as the kernel keeps it (`VmHWM`).
- **missed**: of the looks that were made those that failed or gave a stack without its beginning, as each reader
  counts them itself.
- **profile's error**: C code drives a generator, then a plain function runs; the target counts the CPU time of both.
  The error is how far the reader's share is from the target's own, in percentage points.
- **target**: the target's iterations a second while the reader looks, as a share of the median with nobody looking.
  The row of nobody shows how much that varies by itself.

| workload | what it is |
| --- | --- |
| founding | one busy asyncio loop, 22 idle threads of an executor |
| truth | `sum()` drives a generator, then a plain function; the target counts both |
| speed | generators and coroutines, made and thrown away as fast as can be |
| threads-N | one busy thread, N that wait |
| deep-500 | one busy thread, 500 frames deep |
| tasks-N | one busy asyncio loop, N tasks that wait |
| workers-16 | 16 processes, one of them busy; all are looked at, by `profiling.sampling` the parent alone |
"""


def percent(share: float | None) -> float | None:
    """A share in percent."""
    return None if share is None else 100 * share


COLUMNS: tuple[tuple[str, Callable[[Run], float | None], str], ...] = (
    ("CPU, %", lambda run: percent(run.cores), "{:.2f}"),
    ("a look, us", lambda run: run.look_us, "{:.0f}"),
    ("looks", lambda run: run.looks, "{:.0f}"),
    ("whole CPU, s", lambda run: run.cpu_s, "{:.2f}"),
    ("beyond the look, s", lambda run: run.around_s, "{:.2f}"),
    ("memory, MB", lambda run: run.memory_mb, "{:.0f}"),
    ("missed, %", lambda run: percent(run.missed), "{:.2f}"),
    ("profile's error, points", lambda run: percent(run.error), "{:.1f}"),
)


def page(runs: Sequence[Run], note: str = "") -> str:
    """All tables; `note` says of the machine what it does not know itself."""
    apart = {*CURVE, "fastapi", HELP}
    places = dict.fromkeys(run.place for run in runs if run.workload not in apart)
    order = list(dict.fromkeys(workload for workload, _ in places))
    ordered = sorted(places, key=lambda place: (order.index(place[0]), _minor(place[1])))
    parts = [_head(runs, note), _aims(aims(runs)), _refusals(runs), _service(runs), _helps(runs), _curve(runs), WORDS]
    parts += [_table(place, [run for run in runs if run.place == place]) for place in ordered]
    return "\n".join(part for part in parts if part)


def _minor(version: str) -> int:
    return int(version.partition(".")[2] or 0)


def _head(runs: Sequence[Run], note: str) -> str:
    cores = f"{os.cpu_count()} cores" + (f", {note}" if note else "")
    machine = f"{platform.machine()}, Linux {platform.release()}, {cores}; our own Python {platform.python_version()}"
    versions: dict[str, dict[str, None]] = {}
    for run in runs:
        if run.version and not run.failed:
            versions.setdefault(run.reader, {})[run.version] = None
    told = ", ".join(f"{reader} {' and '.join(each)}" for reader, each in versions.items())
    commits = ", ".join(dict.fromkeys(run.commit for run in runs if run.commit))
    return HEAD.format(machine=machine, commits=commits or "unknown", versions=told or "none")


def _aims(found: Iterable[Aim]) -> str:
    lines = ["## Aims\n", "| aim | wanted | measured | |", "| --- | --- | --- | --- |"]
    lines += [f"| {one.what} | {one.wanted} | {one.measured} | {one.verdict} |" for one in found]
    return "\n".join(lines) + "\n"


def _refusals(runs: Sequence[Run]) -> str:
    """Where a reader did not run, and what it said."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for run in runs:
        if run.failed:
            at = places.setdefault((run.reader, run.version, run.failed), [])
            at += [] if run.python in at else [run.python]
    if not places:
        return ""
    lines = ["## Where a reader did not run\n", "| reader | Python | what it said |", "| --- | --- | --- |"]
    for (reader, version, said), pythons in places.items():
        told = said.replace("|", "\\|").replace("`", "'")
        lines.append(f"| {reader} {version} | {', '.join(sorted(pythons, key=_minor))} | `{told}` |")
    return "\n".join(lines) + "\n"


def _table(place: tuple[str, str], runs: Sequence[Run]) -> str:
    ran = [run for run in runs if not run.failed]
    titles = [title for title, pick, _ in COLUMNS if any(pick(run) is not None for run in ran)]
    lines = [f"## {place[0]}, Python {place[1]}\n", f"| reader | runs | {' | '.join(titles)} | target |"]
    lines.append("| --- | ---: |" + " ---: |" * (len(titles) + 1))
    base = spread(run.rate for run in ran if run.reader == NOBODY)
    for reader in dict.fromkeys(run.reader for run in ran):
        mine = [run for run in ran if run.reader == reader]
        cells = [_told(map(pick, mine), form) for title, pick, form in COLUMNS if title in titles]
        kept = _told((run.rate / base.middle if run.rate and base else None for run in mine), "{:.2f}")
        lines.append(f"| {reader} | {len(mine)} | {' | '.join(cells)} | {kept} |")
    return "\n".join(lines) + "\n"


def _service(runs: Sequence[Run]) -> str:
    served = [run for run in runs if run.workload == "fastapi" and not run.failed]
    if not served:
        return "## A FastAPI service under wrk\n\nNot measured: it needs `wrk` (`apt-get install wrk`).\n"
    lines = [
        f"## A FastAPI service under wrk, Python {served[0].python}\n",
        "One service, one worker; before and after each look the same load with nobody looking. A ratio is a load",
        "with the reader to the mean of the two around it; behind the mean of all pairs stands its 95 % interval.",
        "The row of nobody is such a load without a reader: what the method says of no difference. The load keeps the",
        "service's core busy, and the machine has two: a reader's own CPU is taken from `wrk`.\n",
        "| reader | pairs | requests a second | ratio | slowest hundredth, ms | ratio | CPU, % |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for reader in dict.fromkeys(run.reader for run in served):
        mine = [run for run in served if run.reader == reader]
        slower = [run.p99_ms / run.p99_beside_ms for run in mine if run.p99_ms and run.p99_beside_ms]
        cells = [_told((run.rate for run in mine), "{:.0f}"), _ratio(run.kept_rate for run in mine)]
        cells += [_told((run.p99_ms for run in mine), "{:.1f}"), _ratio(slower)]
        cells += [_told((percent(run.cores) for run in mine), "{:.2f}")]
        lines.append(f"| {reader} | {len(mine)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _ratio(ratios: Iterable[float | None]) -> str:
    found = list(ratios)
    told = paired(found)
    return f"{told.mean:.3f} ({told.low:.3f}-{told.high:.3f})" if told else _told(found, "{:.3f}")


def _helps(runs: Sequence[Run]) -> str:
    asked = [run for run in runs if run.workload == HELP]
    if not asked:
        return ""
    lines = ["## `--help`\n", "| program | ms |", "| --- | ---: |"]
    for reader in dict.fromkeys(run.reader for run in asked):
        times = (1000 * run.whole_s for run in asked if run.reader == reader and run.whole_s is not None)
        lines.append(f"| {reader} | {_told(times, '{:.0f}')} |")
    return "\n".join(lines) + "\n"


def _curve(runs: Sequence[Run]) -> str:
    grown = [run for run in runs if run.workload in CURVE and not run.failed]
    if not grown:
        return ""
    lines = [
        "## Cost by what exists but does not run\n",
        f"spindoctor alone, Python {grown[0].python}; one thread is busy.\n",
        "| waiting | runs | CPU, % | whole CPU, s | memory, MB | time to verdict, s |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for workload in CURVE:
        mine = [run for run in grown if run.workload == workload]
        kind, _, count = workload.partition("-")
        cells = [_told((percent(run.cores) for run in mine), "{:.2f}"), _told((run.cpu_s for run in mine), "{:.2f}")]
        cells += [_told((run.memory_mb for run in mine), "{:.0f}"), _told((run.whole_s for run in mine), "{:.2f}")]
        lines += [f"| {int(count):,} {kind} | {len(mine)} | {' | '.join(cells)} |"] if mine else []
    return "\n".join(lines) + "\n"


def _told(values: Iterable[float | None], form: str) -> str:
    found = spread(values)
    return found.told(form) if found else ""

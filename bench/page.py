"""The figures of a run as a page: medians, with the smallest and the largest."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable, Iterable, Sequence

from measuring import Run

HEAD = """# Benchmarks

Written by `make bench`; not edited by hand. Each figure is the median of {repeats} runs with the smallest and the
largest behind it; readers take turns within a run, {seconds:g} s each, at 100 looks a second. Machine: {machine}.

- **cores**: own CPU while looking, start-up and reporting left out (CPU seconds per second).
- **CPU s**: own CPU of the whole run, start-up and report included.
- **start, end s**: what the run took beyond the look: start-up, and the time from its end to the answer.
- **target's rate**: the target's iterations (FastAPI: requests) a second, as a share of those with nobody looking.
- **truth**: C code drives a generator and then calls a plain function; the target counts the CPU time of both. The
  error is the distance of the reader's share from the target's own, in percentage points.
- **missed**: looks that failed, or that gave a stack without its beginning, as spindoctor counts them; what the others
  miss is not asked of them.

"""
COLUMNS: tuple[tuple[str, Callable[[Run], float | None], str], ...] = (
    ("cores", lambda run: run.steady_cores, "{:.3f}"),
    ("CPU s", lambda run: run.cpu_s, "{:.2f}"),
    ("start, end s", lambda run: run.start_s, "{:.2f}"),
    ("memory MB", lambda run: run.memory_mb, "{:.0f}"),
    ("truth, error in points", lambda run: run.error_of_share and 100 * run.error_of_share, "{:.1f}"),
    ("missed %", lambda run: None if run.missed_share is None else 100 * run.missed_share, "{:.2f}"),
)


def page(runs: Sequence[Run], repeats: int, seconds: float, curve: Sequence[str]) -> str:
    """All tables."""
    machine = f"{platform.machine()}, Linux {platform.release()}, Python {platform.python_version()}"
    parts = [HEAD.format(repeats=repeats, seconds=seconds, machine=machine)]
    places = dict.fromkeys((run.workload, run.python) for run in runs if run.workload not in {*curve, "fastapi"})
    parts += [_table(*place, [run for run in runs if (run.workload, run.python) == place]) for place in places]
    served = [run for run in runs if run.workload == "fastapi"]
    parts += [_service(served)] if served else []
    grown = [run for run in runs if run.workload in curve]
    parts += [_curve(grown)] if grown else []
    return "\n".join(parts)


def _table(workload: str, python: str, runs: Sequence[Run]) -> str:
    titles = [title for title, pick, _ in COLUMNS if any(pick(run) is not None for run in runs)]
    lines = [f"## {workload}, Python {python}\n", f"| reader | {' | '.join(titles)} | target's rate |"]
    lines.append("| --- |" + " ---: |" * (len(titles) + 1))
    base = _median(run.rate for run in runs if run.peer == "none")
    for peer in dict.fromkeys(run.peer for run in runs):
        mine = [run for run in runs if run.peer == peer]
        cells = [_spread(map(pick, mine), form) for title, pick, form in COLUMNS if title in titles]
        share = _spread((run.rate / base if run.rate and base else None for run in mine), "{:.2f}")
        failed = next((f" ({run.failed})" for run in mine if run.failed), "")
        lines.append(f"| {peer}{failed} | {' | '.join(cells)} | {share} |")
    return "\n".join(lines) + "\n"


def _service(runs: Sequence[Run]) -> str:
    lines = [
        "## FastAPI under wrk\n",
        "| reader | requests a second | slowest hundredth, ms |",
        "| --- | ---: | ---: |",
    ]
    for peer in dict.fromkeys(run.peer for run in runs):
        mine = [run for run in runs if run.peer == peer]
        slow = _spread((getattr(run, "p99_ms", None) for run in mine), "{:.1f}")
        lines.append(f"| {peer} | {_spread((run.rate for run in mine), '{:.0f}')} | {slow} |")
    return "\n".join(lines) + "\n"


def _curve(runs: Sequence[Run]) -> str:
    lines = ["## Cost by what exists but does not run\n", "| idle | cores | memory MB |", "| --- | ---: | ---: |"]
    for workload in dict.fromkeys(run.workload for run in runs):
        mine = [run for run in runs if run.workload == workload]
        kind, _, count = workload.partition("-")
        cores = _spread((run.steady_cores for run in mine), "{:.3f}")
        lines.append(f"| {count} {kind} | {cores} | {_spread((run.memory_mb for run in mine), '{:.0f}')} |")
    return "\n".join(lines) + "\n"


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _spread(values: Iterable[float | None], form: str) -> str:
    known = sorted(value for value in values if value is not None)
    if not known:
        return ""
    middle = form.format(statistics.median(known))
    return middle if len(known) == 1 else f"{middle} ({form.format(known[0])}-{form.format(known[-1])})"

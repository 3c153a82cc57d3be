"""What was aimed at, beside what was measured; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from figures import Paired, Spread, paired, ratio, spread
from runs import OURS, STACKS, Run

HELP = "help"
CURVE = ("threads-1", "threads-10", "threads-100", "threads-1000", "tasks-10", "tasks-100", "tasks-1000", "tasks-10000")

MOST_OF_PY_SPY = 1 / 20
MOST_OF_SAMPLING = 1 / 2
MOST_MISSED = 0.005
MOST_HELP_S = 0.150
MOST_DIAGNOSE_S = 4.0
MOST_MB = 60.0
LEAST_TOLD = 0.9
"""An interval that reaches below would hide the loss of a tenth: it says nothing."""

MOST_GROWTH = 2.0
"""A hundred times the threads may cost less than twice: what grows with all threads would cost dozens of times."""


@dataclass(frozen=True)
class Aim:
    """One line of the table; `is_met` is None where something was not measured, or not well enough to tell."""

    what: str
    wanted: str
    measured: str
    is_met: bool | None

    @property
    def verdict(self) -> str:
        """In words."""
        unknown = "cannot be told" if self.measured else "not measured"
        return {True: "met", False: "**not met**", None: unknown}[self.is_met]


def aims(runs: Sequence[Run]) -> list[Aim]:
    """All aims, in the order in which they were set."""
    return [*_cheaper(runs), *_throughput(runs), *_missed(runs), *_truth(runs), *_small(runs), *_grows(runs)]


def of(runs: Iterable[Run], workload: str, python: str, reader: str) -> list[Run]:
    """The runs of one reader at one place that went well."""
    return [run for run in runs if (run.workload, run.python, run.reader, run.failed) == (workload, python, reader, "")]


def _pythons(runs: Iterable[Run], workload: str, reader: str) -> list[str]:
    met = {run.python for run in runs if run.workload == workload and run.reader == reader and not run.failed}
    return sorted(met, key=lambda version: int(version.partition(".")[2] or 0))


def _cheaper(runs: Sequence[Run]) -> list[Aim]:
    found = []
    for mine, peer, most, wanted in (
        (OURS, "py-spy", MOST_OF_PY_SPY, "at most 1/20 of py-spy's"),
        (STACKS, "py-spy", MOST_OF_PY_SPY, "at most 1/20 of py-spy's"),
        (OURS, "profiling.sampling", MOST_OF_SAMPLING, "at most 1/2 of profiling.sampling's"),
        (STACKS, "profiling.sampling", MOST_OF_SAMPLING, "at most 1/2 of profiling.sampling's"),
    ):
        for python in _pythons(runs, "founding", peer):
            ours, theirs = (spread(one.cores for one in of(runs, "founding", python, name)) for name in (mine, peer))
            if mine != OURS and ours is None:
                continue
            share = ratio(ours, theirs)
            told = f"{100 * _middle(ours):.2f} % to {100 * _middle(theirs):.2f} %: {share:.3f}" if share else ""
            reads = "" if mine == OURS else f"{mine}, "
            what = f"own CPU at 100 looks a second, {reads}founding shape, Python {python}"
            found.append(Aim(what, wanted, told, None if share is None else share <= most))
    return found


def _throughput(runs: Sequence[Run]) -> list[Aim]:
    found = []
    for reader in (OURS, "py-spy"):
        mine = [run for run in runs if run.workload == "fastapi" and run.reader == reader and not run.failed]
        told = paired(run.kept_rate for run in mine)
        if reader == OURS or told:
            wanted = "within the noise of none" if reader == OURS else "(beside it)"
            shown = f"{told.mean:.3f} ({told.low:.3f}-{told.high:.3f}), {told.count} pairs" if told else ""
            found.append(Aim(f"the service's requests a second, {reader}", wanted, shown, _is_noise(told)))
    return found


def _is_noise(told: Paired | None) -> bool | None:
    """None where the pairs scatter so much that they would hide a loss."""
    if told is None or (told.holds_one and told.low < LEAST_TOLD):
        return None
    return told.holds_one


def _missed(runs: Sequence[Run]) -> list[Aim]:
    """The mean of all runs of a Python: a median hides that one in three misses many."""
    found = []
    for workload in ("founding", "truth"):
        for python in _pythons(runs, workload, OURS):
            shares = [run.missed for run in of(runs, workload, python, OURS) if run.missed is not None]
            mean = sum(shares) / len(shares) if shares else None
            told = (
                f"{100 * mean:.2f} % of {sum(run.looks or 0 for run in of(runs, workload, python, OURS))} looks"
                if shares
                else ""
            )
            is_met = None if mean is None else mean < MOST_MISSED
            wanted = f"below {100 * MOST_MISSED:g} %" if python != "3.8" else "none set"
            what = f"missed or torn looks, {workload}, Python {python}"
            found += [Aim(what, wanted, told, is_met)] if python != "3.8" else []
    return found


def _truth(runs: Sequence[Run]) -> list[Aim]:
    found = []
    for python in _pythons(runs, "truth", OURS):
        ours = spread(run.error for run in of(runs, "truth", python, OURS))
        others = {
            peer: theirs
            for peer in ("py-spy", "profiling.sampling")
            if (theirs := spread(run.error for run in of(runs, "truth", python, peer)))
        }
        if ours and others:
            told = ", ".join(f"{name} {100 * one.middle:.1f}" for name, one in {OURS: ours, **others}.items())
            is_met = all(ours.middle <= one.middle for one in others.values())
            found.append(
                Aim(f"the profile's error in points, Python {python}", "at most that of the others", told, is_met)
            )
    return found


def _small(runs: Sequence[Run]) -> list[Aim]:
    helps = spread(run.whole_s for run in runs if (run.workload, run.reader) == (HELP, OURS))
    found = [_below("`spindoctor --help`", helps, MOST_HELP_S, "{:.0f} ms", 1000)]
    for python in _pythons(runs, "founding", OURS):
        whole = spread(run.whole_s for run in of(runs, "founding", python, OURS) if run.seconds == 3)  # noqa: PLR2004 - as aimed at
        found.append(_below(f"`diagnose --seconds 3` in all, Python {python}", whole, MOST_DIAGNOSE_S, "{:.2f} s", 1))
    for workload in ("founding", "tasks-2000"):
        most = spread(run.memory_mb for run in runs if (run.workload, run.reader) == (workload, OURS))
        found.append(_below(f"own memory, {workload}, all Pythons", most, MOST_MB, "{:.0f} MB", 1))
    return found


def _below(what: str, seen: Spread | None, most: float, form: str, scale: float) -> Aim:
    told = seen and f"{form.format(scale * seen.middle)} (at most {form.format(scale * seen.most)})"
    return Aim(what, f"below {form.format(scale * most)}", told or "", None if seen is None else seen.middle < most)


def _grows(runs: Sequence[Run]) -> list[Aim]:
    found = []
    for few, many in (("threads-10", "threads-1000"), ("tasks-100", "tasks-10000")):
        cost = [spread(run.cores for run in runs if (run.workload, run.reader) == (one, OURS)) for one in (few, many)]
        growth = ratio(cost[1], cost[0])
        kind, _, count = many.partition("-")
        what = f"cost with {int(count):,} waiting {kind} to that with {int(few.partition('-')[2])}"
        told = f"{growth:.1f} times" if growth else ""
        found.append(Aim(what, f"below {MOST_GROWTH:g} times", told, None if growth is None else growth < MOST_GROWTH))
    return found


def _middle(of_runs: Spread | None) -> float:
    return of_runs.middle if of_runs else 0.0

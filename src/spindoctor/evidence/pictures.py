"""The pictures that prove a verdict: a timeline of the threads, and the stacks cut to the culprit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from spindoctor.evidence.profile import profile as weigh
from spindoctor.evidence.waiting import waits
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.outcome import Culprit
from spindoctor.model.pictures import Band, Cut, Pictures, Shares, Timeline
from spindoctor.model.profile import ON_CPU, Lane, Profile, Spot, State
from spindoctor.model.recording import Recording

MOST_BANDS = 8
"""Threads in the picture: more of them are a wall of colour on a telephone."""

MOST_COLUMNS = 120
"""Columns of time: at three seconds 25 ms each, the width of a stroke on a telephone."""

LEAST_SHARE = 0.02
"""A thread that was idle for all but this share of the look has no band of its own."""

ORDER: tuple[State, ...] = ("python", "native", "gil", "ready", "call", "await", "idle")
"""From the bottom of a column to its top: what costs first."""

MEMBER = re.compile(r"[-_ ]?\d+$")
"""What tells the members of a pool apart in their names."""

KEPT_ABOVE = 2
"""Frames that stay above the culprit: who called it says which use of it is meant."""


def pictures(recording: Recording, culprit: Culprit | None) -> Pictures:
    """All pictures; with a culprit, its thread comes first and the stacks are those through its function."""
    whole = weigh(recording)
    lanes = [lane for lane in whole.lanes if lane.tid is not None and lane.spots]
    meant = _meant(lanes, culprit)
    return Pictures(
        timeline=_timeline(whole, lanes, meant) if lanes else None,
        cut=_cut(whole, meant, culprit) if meant else None,
        waits=waits(recording),
    )


def _meant(lanes: Sequence[Lane], culprit: Culprit | None) -> Lane | None:
    """The culprit's thread, else one that has its function on the stack, else the busiest of its process."""
    if culprit is None:
        return lanes[0] if lanes else None
    mine = [lane for lane in lanes if culprit.pid in {None, lane.pid}]
    named = [lane for lane in mine if culprit.thread and lane.name == culprit.thread]
    there = [lane for lane in mine if any(_place(spot.stack, culprit) is not None for spot in lane.spots)]
    return next(iter([*named, *there, *mine]), None)


def _timeline(whole: Profile, lanes: Sequence[Lane], meant: Lane | None) -> Timeline:
    columns = max(1, min(MOST_COLUMNS, max(len(lane.spots) for lane in lanes)))
    groups = [group for group in _alike(lanes, meant) if meant in group or max(map(_activity, group)) >= LEAST_SHARE]
    groups.sort(key=lambda group: (meant not in group, -_cores(whole, group), -sum(map(_activity, group))))
    shown = groups[:MOST_BANDS]
    bands = tuple(_band(whole, group, columns, is_culprit=meant in group) for group in shown)
    return Timeline(whole.seconds, bands, len(lanes) - sum(map(len, shown)))


def _cores(whole: Profile, group: Sequence[Lane]) -> float:
    """As the band shows them: of those that show the same, forty that wait say more than one that does."""
    return round(sum(lane.cpu_s for lane in group) / (whole.seconds or 1.0), 2)


def _alike(lanes: Sequence[Lane], meant: Lane | None) -> list[list[Lane]]:
    """Threads whose names differ by a number only; the culprit's is one by itself."""
    groups: dict[object, list[Lane]] = {}
    for lane in lanes:
        key = lane.tid if lane is meant else (lane.pid, MEMBER.sub("", lane.name))
        groups.setdefault(key, []).append(lane)
    return list(groups.values())


def _activity(lane: Lane) -> float:
    """The share of its time in which it was not idle."""
    total = sum(spot.seconds for spot in lane.spots)
    return sum(spot.seconds for spot in lane.spots if spot.state != "idle") / total if total else 0.0


def _band(whole: Profile, lanes: Sequence[Lane], columns: int, *, is_culprit: bool) -> Band:
    seconds = whole.seconds or 1.0
    cells: list[dict[State, float]] = [{} for _ in range(columns)]
    total: dict[State, float] = {}
    for spot in (spot for lane in lanes for spot in lane.spots):
        cell = cells[min(columns - 1, max(0, int(spot.at_s / seconds * columns)))]
        for one in (cell, total):
            one[spot.state] = one.get(spot.state, 0.0) + spot.seconds
    several = len(lanes) > 1
    return Band(
        pid=lanes[0].pid,
        name=MEMBER.sub("", lanes[0].name) if several else lanes[0].name,
        threads=len(lanes),
        cores=sum(lane.cpu_s for lane in lanes) / seconds,
        total=_shares(total),
        columns=tuple(map(_shares, cells)),
        is_culprit=is_culprit,
    )


def _shares(cell: Mapping[State, float]) -> Shares:
    whole = sum(cell.values())
    return tuple((state, cell[state] / whole) for state in ORDER if cell.get(state)) if whole else ()


def _cut(whole: Profile, lane: Lane, culprit: Culprit | None) -> Cut | None:
    busy = [spot for spot in lane.spots if spot.state != "idle"]
    through = [spot for spot in busy if culprit and _place(spot.stack, culprit) is not None]
    if 2 * len(through) < len(busy):
        through = []
    shown = through or busy
    if not shown:
        return None
    outer = _outer(shown, culprit) if through else 0
    spots = tuple(replace(spot, stack=spot.stack[outer:]) for spot in shown)
    return Cut(
        profile=replace(whole, lanes=(replace(lane, spots=spots, cpu_s=_cpu_s(spots)),)),
        thread=lane.name,
        pid=lane.pid,
        looks=len(busy),
        through=len(through) if through else None,
        outer=outer,
    )


def _cpu_s(spots: Sequence[Spot]) -> float:
    return sum(spot.cpu_ns for spot in spots if spot.state in ON_CPU) / 1e9


def _place(stack: Stack, culprit: Culprit) -> int | None:
    """Where in a stack (outermost first) the culprit's function first stands."""
    if not culprit.function or not culprit.file:
        return None
    return next((place for place, frame in enumerate(stack) if _is(frame, culprit)), None)


def _is(frame: Frame, culprit: Culprit) -> bool:
    return (frame.function, frame.file) == (culprit.function, culprit.file)


def _outer(spots: Sequence[Spot], culprit: Culprit | None) -> int:
    """How many of the outermost frames all stacks share, but for a few above the culprit."""
    first = spots[0].stack
    shared = len(first)
    for spot in spots:
        same = next((n for n, (a, b) in enumerate(zip(first, spot.stack, strict=False)) if a != b), len(spot.stack))
        shared = min(shared, same)
    places = [place for spot in spots if culprit and (place := _place(spot.stack, culprit)) is not None]
    return max(0, min([shared, *(place - KEPT_ABOVE for place in places)]))

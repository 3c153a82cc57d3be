"""What the script of the flame graph reads: looks with equal stacks added up, everything named by its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spindoctor.model.frames import Frame, Stack
from spindoctor.model.origin import is_user
from spindoctor.model.profile import STATES, Lane, Profile, Spot, State
from spindoctor.report.profile.tables import StackTree, Table
from spindoctor.report.words import safe, sentence

MS = 1000
ORDER = list(STATES)

MOST_ROWS, MOST_NODES = 6000, 40_000
"""Stacks, and calls in them, that a page has room for: with these it stays below 1.5 MB."""

SMALLER = "smaller stacks"

Json = dict[str, Any]
Kind = tuple[int, str | None, str | None, State, str, Stack]
Key = tuple[int, int, int, int, int, int]


def content(after: Profile, before: Profile | None = None) -> Json:
    """Tables and rows.

    A row is [lane, route, task, state, detail, node, milliseconds] and, where two recordings are compared, the
    milliseconds before; both are for one second of looking then. -1 is "none".
    """
    names: Table[str] = Table()
    lanes: Table[tuple[str, str]] = Table()
    tree = StackTree()
    totals: dict[Kind, list[float]] = {}
    for column, profile in enumerate([after, before] if before else [after]):
        scale = MS / profile.seconds if before and profile.seconds else MS
        for lane, spot in _spots(profile):
            place = lanes.place(_who(lane, after, before))
            kind = (place, spot.route, spot.coroutine, spot.state, spot.detail, spot.stack)
            totals.setdefault(kind, [0.0, 0.0])[column] += spot.weight_s * scale
    rows = _rows(totals, names, tree)
    return {
        "title": sentence(after.title),
        "seconds": 1 if before else after.seconds,
        "compares": before is not None,
        "states": [[state, STATES[state]] for state in ORDER],
        "lanes": [[safe(part) for part in lane] for lane in lanes],
        "frames": [_frame(frame, names) for frame in tree.frames],
        "nodes": [part for node in tree.nodes for part in node],
        "names": [safe(name) for name in names],
        "rows": [[*key, *_rounded(total, compares=before is not None)] for key, total in rows.items()],
    }


def _who(lane: Lane, after: Profile, before: Profile | None) -> tuple[str, str]:
    """Process and thread by what they share with those compared to: no thread id; after a restart by role, no pid."""
    if before is None:
        return lane.process, lane.title
    is_restarted = {one.pid for one in after.lanes}.isdisjoint(one.pid for one in before.lanes)
    process = lane.process.replace(f"pid {lane.pid}", "process", 1) if is_restarted else lane.process
    return process, lane.name


def _spots(profile: Profile) -> Iterator[tuple[Lane, Spot]]:
    return ((lane, spot) for lane in profile.lanes for spot in lane.weighted)


def _rows(totals: Mapping[Kind, list[float]], names: Table[str], tree: StackTree) -> dict[Key, list[float]]:
    """The heaviest stacks whole; once there are enough, of the others what they share with those."""
    rows: dict[Key, list[float]] = {}
    for (lane, route, task, state, detail, stack), total in sorted(totals.items(), key=lambda one: -sum(one[1])):
        is_whole = len(rows) < MOST_ROWS and len(tree.nodes) < MOST_NODES
        told = detail if is_whole else SMALLER
        key = (
            lane,
            names.place(route) if route else -1,
            names.place(task) if task else -1,
            ORDER.index(state),
            names.place(told) if told else -1,
            tree.place(stack) if is_whole else tree.known(stack),
        )
        row = rows.setdefault(key, [0.0, 0.0])
        row[0] += total[0]
        row[1] += total[1]
    return rows


def _frame(frame: Frame, names: Table[str]) -> list[int]:
    """Function, file, line, and whose it is: 0 the user's, 1 a library's, 2 no function at all."""
    whose = 2 if not frame.file else 0 if is_user(frame) else 1
    return [names.place(frame.function), names.place(frame.file), frame.line, whose]


def _rounded(total: list[float], *, compares: bool) -> list[float]:
    return [round(value, 3) for value in total[: 2 if compares else 1]]

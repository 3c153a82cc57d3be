"""Chrome's trace event format, for Perfetto (ui.perfetto.dev) and chrome://tracing.

"Trace Event Format", https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU: a thread's
functions as complete events (`X`) that lie inside each other, suspended tasks as asynchronous events (`b`, `e`), the
number of threads that wait for the GIL and of those on a CPU as counters (`C`). Times are microseconds.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from spindoctor.model.frames import Frame
from spindoctor.model.profile import ON_CPU, STATES, Lane, Profile, Spot
from spindoctor.report.words import safe

US = 1_000_000
TASKS_TID = 0
"""Suspended tasks belong to no thread."""

Event = dict[str, Any]
Open = tuple[Frame, float]


def render(profile: Profile) -> bytes:
    """A JSON object with all events; a look stands for the time since the look before."""
    events = [event for lane in profile.lanes for event in _events(lane)]
    content = {
        "traceEvents": [*_names(profile), *sorted(events, key=lambda event: event["ts"]), *_counters(profile)],
        "displayTimeUnit": "ms",
        "otherData": {"title": safe(profile.title), "exporter": "spindoctor"},
    }
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()


def _names(profile: Profile) -> Iterator[Event]:
    for process, pid in dict.fromkeys((lane.process, lane.pid) for lane in profile.lanes):
        yield _meta("process_name", pid, TASKS_TID, safe(process))
    for lane in profile.lanes:
        if lane.tid:
            yield _meta("thread_name", lane.pid, lane.tid, safe(lane.name))


def _meta(name: str, pid: int, tid: int, value: str) -> Event:
    return {"ph": "M", "name": name, "cat": "__metadata", "ts": 0, "pid": pid, "tid": tid, "args": {"name": value}}


def _events(lane: Lane) -> Iterator[Event]:
    return _thread(lane, lane.tid) if lane.tid is not None else _tasks(lane)


def _thread(lane: Lane, tid: int) -> Iterator[Event]:
    """What stays from one look to the next is one event; of those that begin together the outermost is first."""
    row: list[Open] = []
    done: list[tuple[int, Event]] = []
    end_s = 0.0
    for spot in lane.spots:
        begin_s = max(end_s, spot.at_s - spot.seconds)
        kept = _common([frame for frame, _ in row], spot.path)
        done += [(depth, _complete(lane, tid, *row[depth], end_s)) for depth in range(kept, len(row))]
        row = [*row[:kept], *((frame, begin_s) for frame in spot.path[kept:])]
        end_s = spot.at_s
    done += [(depth, _complete(lane, tid, *one, end_s)) for depth, one in enumerate(row)]
    yield from (event for _, event in sorted(done, key=lambda one: (one[1]["ts"], one[0])))


def _common(row: Sequence[Frame], path: Sequence[Frame]) -> int:
    """How many outermost functions are the same, whatever the line."""
    pairs = zip(row, path, strict=False)
    return next(
        (place for place, (old, new) in enumerate(pairs) if (old.function, old.file) != (new.function, new.file)),
        min(len(row), len(path)),
    )


def _complete(lane: Lane, tid: int, frame: Frame, since_s: float, end_s: float) -> Event:
    where = {"file": safe(frame.file), "line": frame.line} if frame.file else {}
    begin, end = max(0, round(since_s * US)), round(end_s * US)
    return {
        "ph": "X",
        "name": safe(frame.function),
        "cat": "python",
        "pid": lane.pid,
        "tid": tid,
        "ts": begin,
        "dur": max(0, end - begin),
        "args": where,
    }


def _tasks(lane: Lane) -> Iterator[Event]:
    """A task that awaits at one place in look after look is one event."""
    rows: dict[int | None, list[Spot]] = {}
    for spot in lane.spots:
        rows.setdefault(spot.task, []).append(spot)
    for task, spots in rows.items():
        stays: list[list[Spot]] = []
        for spot in spots:
            is_same = stays and stays[-1][-1].stack == spot.stack and stays[-1][-1].at_s >= _begin(spot)
            if is_same:
                stays[-1].append(spot)
            else:
                stays.append([spot])
        for stay in stays:
            yield from _stay(lane, task or 0, stay)


def _stay(lane: Lane, task: int, stay: Sequence[Spot]) -> Iterator[Event]:
    first = stay[0]
    head = {
        "name": safe(first.coroutine or "task"),
        "cat": "task",
        "id": f"{task:#x}",
        "pid": lane.pid,
        "tid": TASKS_TID,
    }
    where = [f"{frame.function} ({frame.file}:{frame.line})" for frame in first.stack if frame.file]
    args = {"state": STATES[first.state], "route": safe(first.route or ""), "chain": [safe(one) for one in where]}
    yield {"ph": "b", "ts": max(0, round(_begin(first) * US)), "args": args, **head}
    yield {"ph": "e", "ts": round(stay[-1].at_s * US), "args": {}, **head}


def _begin(spot: Spot) -> float:
    return spot.at_s - spot.seconds


def _counters(profile: Profile) -> Iterator[Event]:
    """Threads on a CPU, and threads that wait for the GIL, of each process at each look."""
    on_cpu: Counter[tuple[int, float]] = Counter()
    waits: Counter[tuple[int, float]] = Counter()
    for lane in profile.lanes:
        for spot in lane.spots if lane.tid is not None else ():
            on_cpu[lane.pid, spot.at_s] += spot.state in ON_CPU
            waits[lane.pid, spot.at_s] += spot.state == "gil"
    for pid, at_s in sorted(on_cpu):
        args = {"on a CPU": on_cpu[pid, at_s], "wait for the GIL": waits[pid, at_s]}
        yield {"ph": "C", "name": "threads", "pid": pid, "tid": TASKS_TID, "ts": round(at_s * US), "args": args}

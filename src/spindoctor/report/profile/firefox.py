"""The Firefox Profiler's processed profile (profiler.firefox.com), version 48: newer versions upgrade it themselves.

https://github.com/firefox-devtools/profiler/blob/main/docs-developer/processed-profile-format.md and
CHANGELOG-formats.md beside it. Times are milliseconds; tables are columns.
"""

from __future__ import annotations

import json
from typing import Any

from spindoctor.model.frames import Frame
from spindoctor.model.profile import STATES, Lane, Profile, Spot, State
from spindoctor.report.profile.tables import Table
from spindoctor.report.words import safe

FORMAT = 48
MS = 1000
NS_IN_US = 1000
COLORS: dict[State, str] = {
    "python": "yellow",
    "native": "orange",
    "unseen": "grey",
    "ready": "magenta",
    "gil": "red",
    "call": "blue",
    "idle": "transparent",
    "await": "lightblue",
}
CATEGORIES = list(COLORS)
"""States in the order of their categories; a grey one for what has none comes last, as the profiler wants it."""

Json = dict[str, Any]
Node = tuple[int | None, int, int]
"""Parent, frame, category."""


def render(profile: Profile) -> bytes:
    """A profile that the Firefox Profiler opens from a file."""
    content = {
        "meta": _meta(profile),
        "libs": [],
        "pages": [],
        "counters": [],
        "profilerOverhead": [],
        "threads": [_thread(lane) for lane in profile.lanes],
    }
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()


def _meta(profile: Profile) -> Json:
    colored = [*((STATES[state], color) for state, color in COLORS.items()), ("Other", "grey")]
    return {
        "categories": [{"name": name, "color": color, "subcategories": ["Other"]} for name, color in colored],
        "debug": False,
        "extensions": {"baseURL": [], "id": [], "length": 0, "name": []},
        "interval": MS / profile.rate_hz if profile.rate_hz else 1,
        "markerSchema": [],
        "preprocessedProfileVersion": FORMAT,
        "processType": 0,
        "product": safe(profile.title),
        "importedFrom": "spindoctor",
        "sampleUnits": {"eventDelay": "ms", "threadCPUDelta": "µs", "time": "ms"},
        "sourceCodeIsNotOnSearchfox": True,
        "doesNotUseFrameImplementation": True,
        "usesOnlyOneStackType": True,
        "stackwalk": 0,
        "startTime": profile.started_at * MS,
        "symbolicated": True,
        "version": 24,
    }


def _thread(lane: Lane) -> Json:
    """Suspended tasks are a thread of their own, whose looks lie side by side."""
    strings: Table[str] = Table()
    nodes: Table[Node] = Table()
    frames: Table[Frame] = Table()
    samples = _samples(lane, nodes, frames)
    functions: Table[tuple[str, str]] = Table()
    placed = [(functions.place((frame.function, frame.file)), frame) for frame in frames]
    return {
        "name": safe(lane.name),
        "isMainThread": lane.tid == lane.pid,
        "processName": safe(lane.process),
        "processType": "default",
        "pid": str(lane.pid),
        "tid": str(lane.tid) if lane.tid is not None else f"{lane.pid} {lane.name}",
        "processStartupTime": 0,
        "processShutdownTime": None,
        "registerTime": 0,
        "unregisterTime": None,
        "pausedRanges": [],
        "markers": _empty("category", "data", "endTime", "name", "phase", "startTime"),
        "nativeSymbols": _empty("address", "functionSize", "libIndex", "name"),
        "resourceTable": _empty("lib", "name", "host", "type"),
        "samples": samples,
        "stackTable": _stacks(nodes),
        "frameTable": _frames(placed),
        "funcTable": _functions(functions, strings),
        "stringArray": list(strings),
    }


def _empty(*columns: str) -> Json:
    return {"length": 0, **{column: [] for column in columns}}


def _samples(lane: Lane, nodes: Table[Node], frames: Table[Frame]) -> Json:
    stacks = [_node(spot, nodes, frames) for spot in lane.spots]
    return {
        "length": len(stacks),
        "stack": stacks,
        "time": [round(spot.at_s * MS, 3) for spot in lane.spots],
        "weight": [round(spot.seconds * MS, 3) for spot in lane.spots],
        "weightType": "tracing-ms",
        "threadCPUDelta": [spot.cpu_ns // NS_IN_US for spot in lane.spots],
    }


def _node(spot: Spot, nodes: Table[Node], frames: Table[Frame]) -> int | None:
    """The node of a stack. A category belongs to a node, so the same stack in another state has nodes of its own."""
    category = CATEGORIES.index(spot.state)
    node: int | None = None
    for frame in spot.path:
        node = nodes.place((node, frames.place(frame), category))
    return node


def _stacks(nodes: Table[Node]) -> Json:
    return {
        "length": len(nodes),
        "prefix": [parent for parent, _, _ in nodes],
        "frame": [frame for _, frame, _ in nodes],
        "category": [category for _, _, category in nodes],
        "subcategory": [0] * len(nodes),
    }


def _frames(frames: list[tuple[int, Frame]]) -> Json:
    many = len(frames)
    return {
        "length": many,
        "address": [-1] * many,
        "inlineDepth": [0] * many,
        "category": [None] * many,
        "subcategory": [None] * many,
        "func": [function for function, _ in frames],
        "nativeSymbol": [None] * many,
        "innerWindowID": [None] * many,
        "implementation": [None] * many,
        "line": [frame.line or None for _, frame in frames],
        "column": [None] * many,
    }


def _functions(functions: Table[tuple[str, str]], strings: Table[str]) -> Json:
    pairs = list(functions)
    many = len(pairs)
    return {
        "length": many,
        "name": [strings.place(safe(name)) for name, _ in pairs],
        "isJS": [False] * many,
        "relevantForJS": [False] * many,
        "resource": [-1] * many,
        "fileName": [strings.place(safe(file)) if file else None for _, file in pairs],
        "lineNumber": [None] * many,
        "columnNumber": [None] * many,
    }

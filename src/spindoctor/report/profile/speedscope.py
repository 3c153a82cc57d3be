"""The file format of speedscope: https://www.speedscope.app/file-format-schema.json, one profile for each lane."""

from __future__ import annotations

import json
from typing import Any

from spindoctor.model.frames import Frame
from spindoctor.model.profile import Lane, Profile
from spindoctor.report.profile.tables import Table
from spindoctor.report.words import safe

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def render(profile: Profile) -> bytes:
    """One sampled profile a lane, in the order of time, weighted in seconds."""
    frames: Table[Frame] = Table()
    content = {
        "$schema": SCHEMA,
        "name": safe(profile.title),
        "exporter": "spindoctor",
        "activeProfileIndex": 0,
        "profiles": [_lane(lane, frames) for lane in profile.lanes],
        "shared": {"frames": [_frame(frame) for frame in frames]},
    }
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()


def _lane(lane: Lane, frames: Table[Frame]) -> dict[str, Any]:
    return {
        "type": "sampled",
        "name": safe(f"{lane.process} {lane.title}"),
        "unit": "seconds",
        "startValue": 0,
        "endValue": round(sum(spot.seconds for spot in lane.spots), 6),
        "samples": [[frames.place(frame) for frame in spot.path] for spot in lane.spots],
        "weights": [round(spot.seconds, 6) for spot in lane.spots],
    }


def _frame(frame: Frame) -> dict[str, Any]:
    found: dict[str, Any] = {"name": safe(frame.function)}
    if frame.file:
        found["file"] = safe(frame.file)
    if frame.line:
        found["line"] = frame.line
    return found

"""One moment of the live view for programs: `docs/json.md` describes it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from spindoctor.model.live import Column, Dashboard, Row, Sheet
from spindoctor.report.json import Json, finite

FORMAT = 1
"""Grows when a key changes its meaning or goes; new keys do not change it."""


def render(board: Dashboard) -> str:
    """The moment as one JSON object (RFC 8259: ASCII only, no NaN), ended by a line break."""
    return json.dumps(finite(plain(board)), indent=2, allow_nan=False) + "\n"


def plain(board: Dashboard) -> Json:
    """The gauges, and each table by its name as a list of rows, in the order that the table is sorted in."""
    return {
        "format": FORMAT,
        "gauges": asdict(board.gauges),
        "window_s": board.window_s,
        "note": board.note,
        **{sheet.name: _rows(sheet) for sheet in board.sheets},
    }


def _rows(sheet: Sheet) -> list[Json]:
    rows = sorted(sheet.rows, key=lambda row: row.cells[sheet.sort], reverse=True)
    return [_row(row, sheet) for row in rows]


def _row(row: Row, sheet: Sheet) -> Json:
    found: dict[str, Any] = {"pid": row.pid}
    found |= {key(column): value for column, value in zip(sheet.columns, row.cells, strict=True)}
    found["stacks"] = [
        {"share": path.share, "what": path.words, "frames": [asdict(frame) for frame in path.stack]}
        for path in row.paths
    ]
    return found


def key(column: Column) -> str:
    """A column's heading as a key: `own CPU` is `own_cpu`."""
    return column.name.lower().replace(" ", "_")

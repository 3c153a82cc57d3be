"""A flame graph for a browser: one HTML element with its data, and the style and script that draw it.

A page takes `style()` and `script()` once and as many `figure(...)` as it likes; `page(...)` is such a page. All of it
is in the page: nothing is fetched, and without the script the figure says what it would need.
"""

from __future__ import annotations

import html
import json
from collections.abc import Collection
from importlib import resources
from typing import Literal

from spindoctor.model.counting import count
from spindoctor.model.profile import Profile, State
from spindoctor.report.flame.data import content
from spindoctor.report.words import moment, seconds, sentence

Group = Literal["", "thread", "task", "route"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""What the page may load: nothing. What is in it may run."""

NO_LOOKS = "No look succeeded, so there is nothing to draw."

CPU_S = 0.005
"""Less of it is shown as none."""

ICON = "data:,"
"""An empty icon, or the browser looks for one beside the file."""


def style() -> str:
    """The style sheet; every rule is below `.sd-flame`."""
    return _text("flame.css")


def script() -> str:
    """The script; it draws every `.sd-flame` of its page once the page is there."""
    return _text("flame.js")


def figure(
    after: Profile, before: Profile | None = None, *, group: Group | None = None, states: Collection[State] = ()
) -> str:
    """The graph as one element. With `before` it shows what has changed.

    `group` is what stands at the top (by default routes where there are any), `states` what is shown at first (by
    default what runs, or where nothing does what waits).
    """
    data = {**content(after, before), "group": group, "show": list(states)}
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return (
        '<div class="sd-flame"><noscript>A script in this file draws the graph; scripts are switched off.</noscript>'
        f'<script type="application/json">{text}</script></div>'
    )


def page(after: Profile, before: Profile | None = None) -> bytes:
    """A whole page with one graph."""
    title = html.escape(sentence(after.title))
    if before and before.title != after.title:
        title = f"{html.escape(sentence(before.title))} &rarr; {title}"
    notes = [_words(before), _words(after)] if before else [_words(after)]
    lines = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    empty = "" if after.looks or (before and before.looks) else f"<p>{html.escape(NO_LOOKS)}</p>"
    text = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<link rel="icon" href="{ICON}"><meta name="color-scheme" content="light dark">'
        f"<title>{title} - spindoctor</title><style>{_text('page.css')}{style()}</style></head>\n"
        f"<body><header><h1>{title}</h1>{lines}{empty}</header>\n<main>{figure(after, before)}</main>\n"
        f"<script>{script()}</script></body></html>\n"
    )
    return text.encode("utf-8", "replace")


def _words(profile: Profile) -> str:
    """When, how long and how well it was looked at."""
    began = moment(profile.started_at) if profile.started_at else ""
    used_s = sum(lane.cpu_s for lane in profile.lanes)
    met_s = sum(lane.met_s for lane in profile.lanes)
    torn_s = sum(lane.torn_s for lane in profile.lanes)
    parts = [
        f"{count(profile.looks, 'look')} in {seconds(profile.seconds)}" + (f" from {began}" if began else ""),
        f"{profile.missed:,} missed" if profile.missed else "none missed",
        f"{used_s:.2f} s of CPU"
        + (f", {used_s - met_s:.2f} s of it between the looks" if used_s - met_s >= CPU_S else "")
        + (f", {torn_s:.2f} s in looks at stacks that changed meanwhile" if torn_s >= CPU_S else ""),
        "interrupted" if profile.is_interrupted else "",
    ]
    return ", ".join(filter(None, parts))


def _text(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")

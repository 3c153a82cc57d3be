"""Folded stacks, for flamegraph.pl, inferno and their kin: `process;thread;outer;inner COUNT` in milliseconds.

Of CPU where the thread was on one, of time where it was not.

https://github.com/brendangregg/FlameGraph#2-fold-stacks
"""

from __future__ import annotations

from collections import Counter

from spindoctor.model.profile import Profile
from spindoctor.report.words import sentence

MS = 1000


def render(profile: Profile) -> bytes:
    """Every stack once with the milliseconds that it stood there; what rounds to none is left out."""
    totals: Counter[str] = Counter()
    for lane in profile.lanes:
        head = f"{_name(lane.process)};{_name(lane.title)}"
        for spot in lane.weighted:
            totals[";".join([head, *(_name(frame.function) for frame in spot.path)])] += round(spot.weight_s * MS * MS)
    lines = ((stack, round(total / MS)) for stack, total in sorted(totals.items()))
    return "".join(f"{stack} {total}\n" for stack, total in lines if total).encode("utf-8", "backslashreplace")


def _name(text: str) -> str:
    """A semicolon divides frames."""
    return sentence(text).replace(";", ":")

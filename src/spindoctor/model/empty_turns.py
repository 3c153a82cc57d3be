"""How a loop shows that it turns for nothing: little comes in, and each look meets another turn."""

from __future__ import annotations

from spindoctor.model.facts import Circle, Loop
from spindoctor.model.pursuits import Pursuit
from spindoctor.model.share import Share

MAX_ARRIVALS_PER_S = 60
"""For each core: a request that takes 17 ms in steps that are all short waits for several answers, a segment each."""

MAX_IDLE_ARRIVALS_PER_S = 100
"""The same where most of the time no function of the user's is at work: 10 ms of a library's own for every segment."""

MAX_SAME_ARRIVALS_PER_S = 300
"""The same where the user's functions hold the same in each look, too: whatever comes in is not for them."""

MOSTLY_TURNING = 0.5
"""Lower bound: the library's own work is the greater part."""

MIN_OTHER_TURNING = 0.3
"""Pieces of work handed on in memory leave a sixth of the time to the loop's own work, empty steps near half. It is
asked, too, where those who come back are others from time to time."""

MIN_NEW_TURNS = 0.85
"""Lower bound. Empty turns take less than a millisecond: next to no two looks, ten milliseconds apart, meet the same.
Those that change while they are read, and are not counted, are no longer than the others."""

MIN_TURNS_ALONE = 0.7
"""Lower bound, nine of nine. Where nothing at all comes in, a loop that is mostly at its own work has only itself to be
awake for; that few looks met a function of the user's is a sign of the same."""

MAX_HELD = 0.1
"""A loop that is held for long now and then is awake for that."""


def is_awake_for_itself(circle: Circle, loop: Loop, pursuit: Pursuit | None) -> bool:
    """Whether a loop of another kind turns fast and for nothing while next to nothing comes in."""
    most = MAX_IDLE_ARRIVALS_PER_S if loop.spinning.low >= MOSTLY_TURNING else MAX_ARRIVALS_PER_S
    if most == MAX_IDLE_ARRIVALS_PER_S and pursuit and pursuit.holds_the_same:
        most = MAX_SAME_ARRIVALS_PER_S
    quiet = is_quiet(circle.arrivals_per_s, most * loop.cores)
    is_empty = loop.held.ratio < MAX_HELD and loop.spinning.ratio >= MIN_OTHER_TURNING
    return circle.is_other and quiet and is_empty and _turns_fast(circle, loop) and not _hands_on(circle, pursuit)


def _hands_on(circle: Circle, pursuit: Pursuit | None) -> bool:
    """Whether several take part, and the one met most has something else in hand each time: work in memory."""
    return len(circle.members) > 1 and pursuit is not None and pursuit.changes


def is_quiet(arrivals_per_s: float | None, most: float) -> bool:
    """Whether no more than this comes in, as far as it is counted at all."""
    return arrivals_per_s is not None and arrivals_per_s <= most


def _turns_fast(circle: Circle, loop: Loop) -> bool:
    """Whether nearly each look that met a function of the user's met it in another turn."""
    turns = loop.turns or 0
    pairs = loop.turn_pairs if loop.turn_pairs is not None else max(circle.share.of - 1, turns)
    is_alone = circle.arrivals_per_s == 0 and loop.spinning.low >= MOSTLY_TURNING
    return Share(turns, pairs).low >= (MIN_TURNS_ALONE if is_alone else MIN_NEW_TURNS)

"""Single matches of a regular expression that take long, told from many short ones by the subject that stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from spindoctor.evidence.sites import Moment, Namer, group, own_part
from spindoctor.model.burning import Matching
from spindoctor.model.hot import HotLook
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.sample import ThreadLook
from spindoctor.model.share import Share

SLOW_S_PER_CHARACTER = 5e-6
"""A match without backtracking reads millions of characters a second, a slow one a million; this is 200,000."""

MIN_MATCH_S = 0.03
"""Three looks at 100/s: shorter stays cannot be told from several matches."""


def matching(process: ProcessRecording, tid: int, namer: Namer, of: int) -> Matching | None:
    """The pattern whose slow matches took most of this thread's time; `of` is all looks at it. None without any."""
    looks = [look for look in process.hot_looks if look.tid == tid]
    stays = [stay for stay in _stays(looks) if stay[0].match]
    seen = [(stay, _inside(process, tid, stay)) for stay in stays]
    many = {stay[0].match for stay, inside in seen if not inside}
    slow = [(stay, inside) for stay, inside in seen if stay[0].match not in many and _is_slow(stay, inside)]
    counts = Counter(_pattern(stay) for stay, inside in slow for _ in inside)
    if not counts:
        return None
    pattern, count = counts.most_common(1)[0]
    mine = [(stay, inside) for stay, inside in slow if _pattern(stay) == pattern]
    moments = [moment for _, inside in mine for moment in inside]
    return Matching(
        pattern=pattern,
        subject_length=max(stay[0].match.subject_length for stay, _ in mine if stay[0].match),
        share=Share(count, of),
        longest_s=max(_cpu_s(inside) for _, inside in mine),
        matches=len(mine),
        site=group(moments, namer, tid, of, by_line=True)[0],
    )


def _pattern(stay: Sequence[HotLook]) -> str:
    return stay[0].match.pattern if stay[0].match else ""


def _stays(looks: Sequence[HotLook]) -> list[list[HotLook]]:
    """Runs of looks that show the same match: the same subject, and nothing changed in the frames around it."""
    found: list[list[HotLook]] = []
    for look in looks:
        last = found[-1][-1] if found else None
        if last and (last.match, last.stack, last.marks) == (look.match, look.stack, look.marks):
            found[-1].append(look)
        else:
            found.append([look])
    return [stay for stay in found if len(stay) > 1]


def _inside(process: ProcessRecording, tid: int, stay: Sequence[HotLook]) -> list[Moment]:
    """The quick looks at the thread between the first and the last look of a stay.

    None where one of them met it at another instruction: then these are many matches of the same subject, and so are
    those that no look happened to interrupt.
    """
    seen = [
        (sample, look)
        for sample in process.samples
        if stay[0].at_s <= sample.at_s <= stay[-1].at_s
        for look in sample.threads
        if look.tid == tid and look.stack
    ]
    there = [(sample, look) for sample, look in seen if _is_there(look, stay[0])]
    places = {look.instruction for _, look in there if look.instruction is not None}
    if len(places) > 1 or len(there) < len(seen):
        return []
    return [Moment(sample.at_s, look, own_part(sample, look), stay=stay[0].at_s) for sample, look in there]


def _is_there(look: ThreadLook, there: HotLook) -> bool:
    return look.stack == there.stack and look.call is None


def _cpu_s(inside: Sequence[Moment]) -> float:
    return sum(moment.look.ran_ns for moment in inside[1:]) / 1e9


def _is_slow(stay: Sequence[HotLook], inside: Sequence[Moment]) -> bool:
    match = stay[0].match
    used_s = _cpu_s(inside)
    return bool(match) and used_s >= max(MIN_MATCH_S, match.subject_length * SLOW_S_PER_CHARACTER if match else 0.0)

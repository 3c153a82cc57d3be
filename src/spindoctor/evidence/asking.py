"""Does a thread that burns CPU get anywhere, or does it ask the same question again and again?

Three things must come together. Next to nothing that its frames can see changes: they hold what they held when they
were last seen. It turns: the stack moves, or the kernel does the turning. And it shows that it asks: by the names of
the functions that it calls, by the line it stands at, or because its loop has no body at all.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from spindoctor.model.frames import Frame, Stack
from spindoctor.model.hot import HotLook
from spindoctor.model.share import NO_LOOKS, Share

Lines = Mapping[tuple[str, int], str]
"""The text of source lines by file and number."""

QUESTIONS = frozenset({
    "empty", "full", "qsize", "done", "poll", "select", "epoll", "kqueue", "locked", "acquire", "ready",
    "alive", "running", "finished", "closed", "exists", "isfile", "available", "pending", "stopped",
    "cancelled", "canceled", "expired", "sleep", "yield", "wait", "peek", "isset", "isalive", "isready",
    "nowait", "check", "readable", "writable", "has", "is", "can", "should", "try",
})  # fmt: skip
"""Words in names that ask for a state or give way, in any library: `is_set`, `get_nowait`, `proc.poll()`, `sleep(0)`.
Counted only where nothing changes and the thread turns; a name alone proves nothing."""

WORD = re.compile(r"[A-Za-z][a-z]*")
CALL = re.compile(r"\b(?!(?:not|and|or|in|is|if|while|elif)\b)([A-Za-z_]\w*)\s*\(")
NO_BODY = re.compile(
    r"^\s*((while|if|elif)\s+(?!(True|1)\s*:\s*(#.*)?$).*:\s*(pass|continue|\.\.\.)?|pass|continue|\.\.\.)\s*(#.*)?$"
)
"""A line that does nothing but ask a condition; `while True:` asks nothing."""

CAN_CALL = re.compile(r"[(\[+*/%@&|^<>~-]|\b(for|import|from|with|in|del|is|yield|await)\b|=")
"""A line without a call, an operator or a loop over something cannot stand in native code."""

FAILS = "an exception each time"
OFTEN_FAILS = 0.05
"""The line that catches takes a small part of each turn; seen in one look of twenty, it is passed in every turn."""

MANY_FAILURES = 3
"""Fewer may have caught something else."""

CLOCKS = frozenset({"time", "monotonic", "perf_counter"})


@dataclass(frozen=True, slots=True)
class Asking:
    """What looks at one thread's frames say together; see `BusyThread`."""

    repeats: Share = NO_LOOKS
    turns: int = 0
    asks: Share = NO_LOOKS
    asked: tuple[str, ...] = ()
    place: Frame | None = None
    caught: tuple[tuple[str, int], ...] = ()


def asking(looks: Sequence[HotLook], lines: Lines) -> Asking:
    """What these looks at one thread say."""
    looks = _same_run(looks)
    if not looks:
        return Asking()
    depth = _loop_depth([look.stack for look in looks])
    asked = [words for look in looks if (words := _asked(look.stack, depth, lines))]
    fails = sum(FAILS in words for words in asked)
    if fails >= max(MANY_FAILURES, OFTEN_FAILS * len(looks)):
        asked = [{FAILS}] * len(looks)
    return Asking(
        repeats=_repeats(looks),
        turns=sum(1 for one, two in itertools.pairwise(looks) if one.stack != two.stack),
        asks=Share(len(asked), len(looks)),
        asked=tuple(word for word, _ in Counter(word for words in asked for word in sorted(words)).most_common(4)),
        place=_place(looks, depth),
        caught=tuple(Counter(kind for look in looks for kind in look.caught).most_common(3)),
    )


def _same_run(looks: Sequence[HotLook]) -> list[HotLook]:
    """The looks whose stacks end at the function at which most of them end; others met the thread elsewhere."""
    ends = Counter(look.stack[-1].function for look in looks if look.stack)
    most = next(iter(ends.most_common(1)), ("", 0))[0]
    return [look for look in looks if look.stack and look.stack[-1].function == most]


def _repeats(looks: Sequence[HotLook]) -> Share:
    """Looks in which each frame holds what the same function, as deep in the stack, held when it was last seen."""
    last: dict[tuple[int, Frame], int] = {}
    same = []
    for look in looks:
        outermost_first = enumerate(reversed(look.stack))
        keys = [(depth, replace(frame, line=0)) for depth, frame in outermost_first][::-1]
        now = dict(zip(keys, look.marks, strict=False))
        known = [key for key in now if key in last]
        same.append(all(last[key] == now[key] for key in known))
        last |= now
    return Share(sum(same[1:]), len(same[1:]))


def _loop_depth(stacks: Sequence[Stack]) -> int:
    """How many outermost functions of all stacks are the loop and its callers; a question is none."""
    depth = _common_functions(stacks)
    while depth > 1 and _questions(stacks[0][len(stacks[0]) - depth].function.rpartition(".")[2]):
        depth -= 1
    return depth


def _common_functions(stacks: Sequence[Stack]) -> int:
    """How many outermost functions all stacks have in common."""
    outermost_first = [[(frame.file, frame.function) for frame in reversed(stack)] for stack in stacks]
    same = itertools.takewhile(lambda level: len(set(level)) == 1, zip(*outermost_first, strict=False))
    return sum(1 for _ in same)


def _place(looks: Sequence[HotLook], depth: int) -> Frame | None:
    """The line of the innermost common function that was seen most: the loop that asks."""
    seen = Counter(look.stack[len(look.stack) - depth] for look in looks if depth)
    return next(iter(seen.most_common(1)), (None, 0))[0]


def _asked(stack: Stack, depth: int, lines: Lines) -> set[str]:
    """The words by which one look shows that something is asked; `depth` outermost functions are those that ask."""
    called = stack[: len(stack) - depth]
    if called:
        return _questions(called[-1].function.rpartition(".")[2])
    here = stack[0] if stack else None
    line = lines.get((here.file, here.line), "") if here else ""
    calls = CALL.findall(line)
    if not all(_questions(name) or name in CLOCKS for name in calls):
        return set()
    asked = {word for name in calls for word in _questions(name)}
    if line.lstrip().startswith("except"):
        return {FAILS}
    return asked or ({"a bare condition"} if NO_BODY.match(line) else set())


def _questions(name: str) -> set[str]:
    return {name} if {word.lower() for word in WORD.findall(name)} & QUESTIONS else set()


def can_call(line: str) -> bool:
    """Whether native code can be running below a line; True where its text is not known."""
    return not line or bool(CAN_CALL.search(line.partition("#")[0]))

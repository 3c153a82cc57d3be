"""Does a thread that burns CPU get anywhere, or does it ask the same question again and again?

Three things must come together. It goes round in a loop whose lines, as far as it is met at them, ask or pass and do no
work: what would be done if the answer were another is not reached. Next to nothing that its frames can see changes:
they hold what they held before. And where native code answers, its name or its failure says that it was asked.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from spindoctor.evidence.anatomy import CLOCKS, Anatomy, Loop, Step, counted, find, handled
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.hot import Held, HotLook
from spindoctor.model.origin import is_user
from spindoctor.model.share import NO_LOOKS, Share

Known = Mapping[str, Sequence[Anatomy]]
"""Functions of which the source was read, by file."""

QUESTIONS = frozenset({
    "empty", "full", "qsize", "done", "poll", "select", "epoll", "kqueue", "locked", "acquire", "ready",
    "alive", "running", "finished", "closed", "exists", "isfile", "isdir", "available", "pending", "stopped",
    "cancelled", "canceled", "expired", "sleep", "yield", "wait", "waitpid", "peek", "isset", "isalive", "isready",
    "nowait", "check", "readable", "writable", "has", "is", "can", "should", "try", "stat", "size", "getsize",
    "getmtime", "listdir", "scandir", "access", "open", "recv", "read", "readline", "receive", "accept", "get", "pop",
    "popleft", "fetch", "status", "state", "count", "find", "contains", "search", "test", "join",
})  # fmt: skip
"""Words in names of native functions that give a state or give way: `is_set`, `get_nowait`, `recv`, `sleep(0)`.
Counted only where the answer decides what comes next and nothing changes; a name alone proves nothing."""

HARMLESS = frozenset({
    "len", "isinstance", "issubclass", "bool", "int", "str", "float", "getattr", "hasattr", "callable", "type", "id",
    "any", "all", "min", "max", "abs", "strip", "lower", "upper", "startswith", "endswith", "keys", "values", "items",
    "list", "tuple", "set", "iter", "next", "range", "enumerate", "zip", "reversed", "getpid", "getppid",
}) | CLOCKS  # fmt: skip
"""Built-in functions that only look at what is there already."""

NOTHING_YET = frozenset({
    "Empty", "QueueEmpty", "Full", "QueueFull", "BlockingIOError", "InterruptedError", "WouldBlock", "TimeoutError",
    "TimeoutExpired", "timeout", "InvalidStateError", "IndexError", "KeyError", "LookupError", "AttributeError",
    "StopIteration", "FileNotFoundError", "FileExistsError", "ProcessLookupError", "ChildProcessError",
})  # fmt: skip
"""Exceptions of the standard library by which a question is answered with "not yet"."""

WORD = re.compile(r"[A-Za-z][a-z]*")
CAN_CALL = re.compile(r"[(\[+*/%@&|^<>~-]|\b(for|import|from|with|in|del|is|yield|await)\b|=")
"""A line without a call, an operator or a loop over something cannot stand in native code."""

COMPREHENSION = re.compile(r"<(genexpr|listcomp|setcomp|dictcomp)>$")
"""The frame of a loop that is part of an expression: to go through it is work that the line itself does."""

MOST_SAME = 0.95
"""One look of twenty may be torn, or belong to something else that the thread does now and then."""


OFTEN_ENTERED = 0.2
"""A line that calls Python code is met with the callee above it; a torn look shows that of any line now and then."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What looks at one thread say together; see `BusyThread`. `place` is where its loop was seen most."""

    repeats: Share = NO_LOOKS
    turns: int = 0
    ways: Share = NO_LOOKS
    asks: Share = NO_LOOKS
    works: Share = NO_LOOKS
    asked: tuple[str, ...] = ()
    place: Frame | None = None
    caught: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Circle:
    """A loop that a thread goes round in: the function `depth` levels from the outermost, and the stacks seen in it."""

    anatomy: Anatomy
    loop: Loop
    depth: int
    stacks: tuple[Stack, ...]

    def frame(self, stack: Stack) -> Frame:
        """The frame of the loop's function."""
        return stack[len(stack) - self.depth]

    @property
    def place(self) -> Frame:
        """The line of the loop at which it was seen most."""
        return Counter(self.frame(stack) for stack in self.stacks).most_common(1)[0][0]


def asking(stacks: Sequence[Stack], hot: Sequence[HotLook], caught: Sequence[str], known: Known) -> Asking:
    """What the looks at one thread on the CPU say; `caught` are types of exceptions that it was seen to handle."""
    circle = circle_of(stacks, known)
    kinds = Counter([*caught, *(kind for look in hot for kind in look.caught)])
    if circle is None:
        return Asking(repeats=_repeats(hot, 0, set()), caught=tuple(kinds.most_common(3)))
    told = _Told(circle, known, set(kinds))
    steps = [told.step(stack) for stack in circle.stacks]
    asked = Counter(word for stack in circle.stacks for word in told.words(stack))
    return Asking(
        repeats=_repeats(hot, circle.depth, counted(circle.loop)),
        turns=sum(1 for one, two in itertools.pairwise(circle.stacks) if one != two),
        ways=Share(len(set(circle.stacks)), len(circle.stacks)),
        asks=Share(steps.count(Step.ASKS), len(steps)),
        works=Share(sum(step not in {Step.ASKS, Step.PASSES} for step in steps), len(steps)),
        asked=tuple(word for word, _ in asked.most_common(4)) or ("a bare condition",),
        place=circle.place,
        caught=tuple(kinds.most_common(3)),
    )


def circle_of(stacks: Sequence[Stack], known: Known) -> Circle | None:
    """The innermost loop that nearly all of these looks are in; None where there is none or its source is not known."""
    kept, depth = _trunk(stacks)
    for level in range(depth, 0, -1):
        frames = [stack[len(stack) - level] for stack in kept]
        anatomy = find(known, frames[0].file, frames[0].line)
        loop = anatomy.loop_around(Counter(frame.line for frame in frames)) if anatomy else None
        if anatomy and loop:
            return Circle(anatomy, loop, level, tuple(kept))
    return None


def _trunk(stacks: Sequence[Stack]) -> tuple[list[Stack], int]:
    """The stacks that share their outermost functions with nearly all others, and how many functions they share."""
    kept, depth = [stack for stack in stacks if stack], 0
    while kept:
        level = depth + 1
        deep = [stack for stack in kept if len(stack) >= level]
        seen = Counter((stack[-level].file, stack[-level].function) for stack in deep)
        most = seen.most_common(1)
        if not most or most[0][1] < MOST_SAME * len(stacks):
            break
        kept = [s for s in deep if (s[-level].file, s[-level].function) == most[0][0]]
        depth = level
    return kept, depth


class _Told:
    """What single looks show, frame by frame from the loop inwards."""

    def __init__(self, circle: Circle, known: Known, caught: Collection[str]) -> None:
        self._circle = circle
        self._known = known
        self._caught = {kind.rpartition(".")[2] for kind in caught}
        self._python = {frame.function.rpartition(".")[2] for stack in circle.stacks for frame in stack}
        lines = Counter((frame.file, frame.line) for stack in circle.stacks for frame in stack)
        calls = Counter((s[d].file, s[d].line) for s in circle.stacks for d in range(1, len(s)))
        self._enters = {place for place, count in calls.items() if count >= OFTEN_ENTERED * lines[place]}
        self._seen = {file: {line: n for (f, line), n in lines.items() if f == file} for file, _ in lines}
        self._steps: dict[int, dict[int, Step]] = {
            id(circle.anatomy): circle.anatomy.steps(self._seen[circle.anatomy.file], circle.loop)
        }

    def step(self, stack: Stack) -> Step:
        """Whether one look shows a question, work, or neither."""
        position, is_asked = len(stack) - self._circle.depth, False
        while True:
            frame = stack[position]
            step, anatomy = self._here(frame)
            if step is Step.FAILS:
                return Step.ASKS if self._answers(anatomy, frame.line) else Step.WORKS
            if step is Step.RETURNS:
                step = Step.ASKS if is_asked else Step.WORKS
            if position == 0 or step not in {Step.ASKS, Step.CALLS}:
                return self._innermost(frame, step, anatomy)
            inner = stack[position - 1]
            if not is_user(inner) or find(self._known, inner.file, inner.line) is None:
                return Step.WORKS if step is Step.CALLS else step
            position, is_asked = position - 1, step is Step.ASKS

    def _here(self, frame: Frame) -> tuple[Step, Anatomy | None]:
        anatomy = find(self._known, frame.file, frame.line)
        if anatomy is None:
            return Step.ASKS, None
        steps = self._steps.get(id(anatomy))
        if steps is None:
            steps = self._steps[id(anatomy)] = anatomy.steps(self._seen.get(frame.file, {}))
        return steps.get(frame.line, Step.PASSES), anatomy

    def _innermost(self, frame: Frame, step: Step, anatomy: Anatomy | None) -> Step:
        if step is Step.CALLS:
            is_entered = (frame.file, frame.line) in self._enters and not COMPREHENSION.search(frame.function)
            return Step.PASSES if is_entered else Step.WORKS
        if step is Step.ASKS and anatomy is not None:
            native = anatomy.calls(frame.line) - self._python
            return step if all(name in HARMLESS or _is_question(name) for name in native) else Step.WORKS
        return step

    def _answers(self, anatomy: Anatomy | None, line: int) -> bool:
        """Whether the exception that comes of a line says no more than "not yet"."""
        named = {name for one in (anatomy.tries(line) if anatomy else [])[:1] for name in handled(one)}
        kinds = self._caught or named
        return bool(kinds) and kinds <= NOTHING_YET

    def words(self, stack: Stack) -> set[str]:
        """The names by which a look shows what is asked."""
        frame = self._circle.frame(stack)
        step, anatomy = self._here(frame)
        if step is Step.FAILS:
            kinds = sorted(self._caught) or ["an exception"]
            return {f"{kind} each time" for kind in kinds}
        calls = anatomy.calls(frame.line) if anatomy and step is Step.ASKS else set()
        return {name for name in calls if name not in HARMLESS}


def _is_question(name: str) -> bool:
    return bool({word.lower() for word in WORD.findall(name)} & QUESTIONS)


def _repeats(looks: Sequence[HotLook], depth: int, counters: Collection[str]) -> Share:
    """Looks in which each frame from the loop inwards holds what the same function has held before.

    What the loop itself holds is compared by identity, what its callees hold by value: they may be given objects that
    are made anew in each turn. Variables that only count turns are left out.
    """
    known: dict[tuple[int, str, str], set[object]] = {}
    same: list[bool] = []
    for look in looks:
        is_known = True
        for level, (frame, held) in enumerate(zip(look.stack[::-1], _outermost_first(look), strict=False), 1):
            if not held or level < depth:
                continue
            if level == depth:
                state: object = tuple((one.name, one.value) for one in held if not is_counter(one.name, counters))
            else:
                state = tuple((one.name, one.shape) for one in held)
            states = known.setdefault((level, frame.file, frame.function), set())
            is_known = is_known and (state in states or not states)
            states.add(state)
        same.append(is_known)
    return Share(sum(same[1:]), len(same[1:]))


def is_counter(name: str, counters: Collection[str]) -> bool:
    """Whether a variable, or an attribute of `self`, is one of those that only count."""
    return name.rpartition(".")[2] in counters


def _outermost_first(look: HotLook) -> list[tuple[Held, ...] | None]:
    """What each frame holds; None for those that were not read."""
    return [*[None] * (len(look.stack) - len(look.held)), *look.held[::-1]]


def can_call(line: str) -> bool:
    """Whether native code can be running below a line; True where its text is not known."""
    return not line or bool(CAN_CALL.search(line.partition("#")[0]))

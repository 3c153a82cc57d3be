"""Loops that go on asking while every answer refuses.

A client that looks at the status of an answer, and asks again where it does not like it, raises nothing. What looks do
meet is the answer: it stays in its variable until the next one comes, with a number that says what became of it.
"""

from __future__ import annotations

import ast
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spindoctor.evidence.anatomy import Loop, anatomies, counted, extent, find, own_nodes
from spindoctor.evidence.asking import is_counter
from spindoctor.evidence.attempts import is_endless
from spindoctor.evidence.futile import steps_of
from spindoctor.evidence.sites import Namer, looks_by_thread
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.hot import Held
from spindoctor.model.origin import is_user
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.retrying import Rejection
from spindoctor.model.sample import SLEEPS
from spindoctor.model.share import Share
from spindoctor.model.tasks import BARE_YIELD

MIN_MET = 5
"""Fewer refusals are those of single requests."""


@dataclass(frozen=True)
class _Round:
    """One look at what a loop's function held: the frame, the loop, the variables, and which of them is the answer."""

    frame: Frame
    loop: Loop
    held: tuple[Held, ...]
    answer: str

    @property
    def key(self) -> tuple[str, int, str]:
        return self.frame.file, self.loop.lineno, self.answer


@dataclass(frozen=True)
class _Asker:
    """Where in its source a loop asks: the lines that bring an answer, and of `with` all that is done with it."""

    file: str
    function: str
    lines: range
    asks: frozenset[int]

    def line(self, stack: Stack) -> int:
        """The line of the loop that a stack stands at; 0 where it is in none."""
        mine = (one.line for one in stack if (one.file, one.function) == (self.file, self.function))
        return next((line for line in mine if line in self.lines), 0)


def rejections(recording: Recording) -> tuple[Rejection, ...]:
    """For each thread that burns CPU the loop in which most refusals were met."""
    if recording.seconds <= 0:
        return ()
    pairs = [(process, use) for process in recording.processes if process.hot_looks for use in process.threads]
    found = [_of_thread(process, use, recording.seconds) for process, use in pairs if use.cpu_s]
    return tuple(one for one in found if one)


def _of_thread(process: ProcessRecording, use: ThreadUse, seconds: float) -> Rejection | None:
    rounds = list(_rounds(process, use.tid))
    keys = Counter(one.key for one in rounds)
    if not keys or keys.most_common(1)[0][1] < MIN_MET:
        return None
    first = next(one for one in rounds if one.key == keys.most_common(1)[0][0])
    asks = frozenset(line for one in _bringing(first.loop, first.answer) for line in extent(one))
    asker = _Asker(first.frame.file, first.frame.function, extent(first.loop), asks)
    held = list(_held_in(process, use.tid, asker))
    answers = [one for variables in held for one in variables if one.name == first.answer and one.identity]
    stack, task, inside = _inside(process, use, asker)
    namer = Namer(process)
    return Rejection(
        pid=process.pid,
        tid=use.tid,
        thread=use.name or use.kernel_name,
        is_loop=use.loop is not None,
        culprit=namer.culprit(stack or (first.frame,), use.tid, task),
        cores=use.cpu_s / seconds,
        wanted_cores=use.wanted_s / seconds,
        answer=first.answer,
        status=Counter(one.status for one in answers if one.status).most_common(1)[0][0],
        refused=Share(sum(one.status > 0 for one in answers), len(answers)),
        rounds=sum(one.identity != two.identity for one, two in itertools.pairwise(answers)),
        inside=inside,
        pauses=_pauses(process, use, asker),
        repeats=_repeats(held, first),
        task=namer.tasks[task].name if task in namer.tasks else None,
        traced=process.calls_of(use.tid),
    )


def _rounds(process: ProcessRecording, tid: int) -> Iterator[_Round]:
    """The looks that met a refusal in a variable which an unending loop of the user's sets."""
    known = anatomies(process.functions)
    for look in process.hot_looks:
        for frame, held in zip(look.stack, look.held, strict=False) if look.tid == tid else ():
            refusals = [one.name for one in held if one.status]
            anatomy = find(known, frame.file, frame.line) if refusals and is_user(frame) else None
            around = [one for one in (anatomy.loops if anatomy else ()) if frame.line in extent(one)]
            asking = ((loop, name) for loop in around if is_endless(loop) for name in refusals)
            found = next(((loop, name) for loop, name in asking if list(_bringing(loop, name))), None)
            if found:
                yield _Round(frame, found[0], held, found[1])


def _bringing(loop: Loop, name: str) -> Iterator[ast.AST]:
    """The statements in a loop that set a variable to what a call brings."""
    for node in own_nodes(loop):
        if isinstance(node, ast.stmt) and name in _set_by(node):
            values = [node.value] if isinstance(node, ast.Assign | ast.AnnAssign) else _entered(node)
            if any(isinstance(one, ast.Call) for value in values if value for one in ast.walk(value)):
                yield node


def _entered(node: ast.AST) -> list[ast.expr | None]:
    """What a `with` enters; nothing of any other statement."""
    return [one.context_expr for one in node.items] if isinstance(node, ast.With | ast.AsyncWith) else []


def _set_by(node: ast.AST) -> set[str]:
    """The variables that a statement sets, not those that statements inside of it do."""
    if isinstance(node, ast.With | ast.AsyncWith):
        targets: Sequence[ast.AST | None] = [item.optional_vars for item in node.items]
    elif isinstance(node, ast.Assign):
        targets = node.targets
    else:
        targets = [getattr(node, "target", None)]
    return {one.id for target in targets if target for one in ast.walk(target) if isinstance(one, ast.Name)}


def _made_of(loop: Loop, name: str) -> set[str]:
    """A variable, and those that a loop makes of it."""
    found, nodes = {name}, [one for one in own_nodes(loop) if isinstance(one, ast.stmt)]
    for _ in nodes:
        before = len(found)
        for node in nodes:
            value = getattr(node, "value", None) or getattr(node, "iter", None)
            used = {one.id for one in ast.walk(value) if isinstance(one, ast.Name)} if value else set()
            found |= _set_by(node) if used & found else set()
        if len(found) == before:
            break
    return found


def _held_in(process: ProcessRecording, tid: int, asker: _Asker) -> Iterator[tuple[Held, ...]]:
    """What the loop's function held, in each look that met it there."""
    for look in process.hot_looks:
        for frame, held in zip(look.stack, look.held, strict=False) if look.tid == tid else ():
            if (frame.file, frame.function) == (asker.file, asker.function) and frame.line in asker.lines and held:
                yield held
                break


def _repeats(held: Sequence[tuple[Held, ...]], first: _Round) -> Share:
    """Looks in which the loop's function holds, by value, what it has held before."""
    left_out, counters = _made_of(first.loop, first.answer), counted(first.loop)
    states: set[object] = set()
    same: list[bool] = []
    for variables in held:
        kept = (one for one in variables if one.name not in left_out and not is_counter(one.name, counters))
        state = tuple((one.name, one.shape) for one in kept)
        same.append(state in states)
        states.add(state)
    return Share(sum(same[1:]), len(same[1:]))


def _inside(process: ProcessRecording, use: ThreadUse, asker: _Asker) -> tuple[Stack, int | None, Share]:
    """Of the looks on the CPU those in the loop, with the stack and the task that were met most at its question."""
    if use.loop is not None:
        steps = list(steps_of(process, use.tid))
    else:
        looks = [look for _, look in looks_by_thread(process.samples).get(use.tid, ())]
        steps = [(look.stack, None) for look in looks if look.ran_ns and look.call is None and look.stack]
    mine = [(stack, task) for stack, task in steps if asker.line(stack)]
    asking = Counter((_from(stack, asker), task) for stack, task in mine if asker.line(stack) in asker.asks)
    (stack, task), _ = next(iter(asking.most_common(1)), (((), None), 0))
    return stack, task, Share(len(mine), len(steps))


def _from(stack: Stack, asker: _Asker) -> Stack:
    """A stack from the loop's function outwards."""
    same = (n for n, one in enumerate(stack) if (one.file, one.function) == (asker.file, asker.function))
    return stack[next(same, 0) :]


def _pauses(process: ProcessRecording, use: ThreadUse, asker: _Asker) -> Share:
    """Looks that found it waiting for anything but an answer, of those that found it in the loop."""
    if use.loop is None:
        looks = [look for _, look in looks_by_thread(process.samples).get(use.tid, ())]
        mine = [(asker.line(look.stack), look) for look in looks if asker.line(look.stack)]
        waits = [(line, look.call) for line, look in mine if look.call is not None and not look.waits_for_gil]
        return Share(sum(line not in asker.asks or call.name in SLEEPS for line, call in waits), len(mine))
    tasks = [task for look in process.task_looks for task in look.tasks if asker.line(task.chain)]
    waiting = [task for task in tasks if task.waits_on not in {None, BARE_YIELD}]
    sleeps = [task.chain[0].function.rpartition(".")[2] == "sleep" for task in waiting]
    pauses = sum(
        is_asleep or asker.line(one.chain) not in asker.asks for is_asleep, one in zip(sleeps, waiting, strict=True)
    )
    return Share(pauses, len(tasks))

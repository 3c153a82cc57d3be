"""Event loops that are none of asyncio's, told by what their thread does.

Such a thread works with an epoll that watches many connections, goes round in a library's function, and calls the
user's code from there. As long as the user's code runs or waits, nobody else on that epoll is served.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

from spindoctor.evidence.origin import once_each, since_fork
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.origin import is_user
from spindoctor.model.recording import ProcessRecording, ThreadUse
from spindoctor.model.sample import EPOLL_WAITS, LoopLook, ThreadLook
from spindoctor.model.tasks import KEPT

MIN_CONNECTIONS = 4
"""A client of a broker keeps up to three, and may well wait for each message in turn; a server listens."""

MIN_TURNS = 10
"""Readings of a clock by the function that goes round: a time-out that never changes is none."""

MOST_TORN = 0.2
"""Of the looks at a busy thread, up to 3.11."""

LISTENS, CONNECTED = "LISTEN", "ESTABLISHED"


Look = tuple[float, LoopLook, ThreadLook]
"""When, where the loop stood, and what its thread did."""


def looks(process: ProcessRecording, use: ThreadUse) -> list[Look]:
    """Each look at a thread, as one at an event loop; none where it runs no loop, or asyncio's."""
    if use.loop_type == KEPT:
        return list(_told(process, use))
    if not _is_its_own(process, use) or not _serves_many(process, use.loop_epoll):
        return []
    every = [(sample.at_s, look) for sample in process.samples for look in sample.threads if look.tid == use.tid]
    seen = _rooted(every)
    goes_round = _goes_round([look.stack for _, look in seen if look.is_complete and look.stack])
    if not goes_round:
        return []
    clocks = {look.beneath.clock for _, look in seen if look.beneath and look.beneath.clock is not None}
    turns = len(clocks) >= MIN_TURNS
    return [(at_s, _look(look, goes_round, number, turns=turns), look) for number, (at_s, look) in enumerate(seen, 1)]


def _told(process: ProcessRecording, use: ThreadUse) -> Iterator[Look]:
    """The looks at a loop whose tasks could be read: where it stood shows by them."""
    for sample in process.samples:
        look = next((one for one in sample.threads if one.tid == use.tid), None)
        yield from ((sample.at_s, loop, look) for loop in sample.loops if look and loop.tid == use.tid)


def _rooted(seen: list[tuple[float, ThreadLook]]) -> list[tuple[float, ThreadLook]]:
    """The looks whose stacks begin where nearly all do: the others were torn, as of a generator between two steps."""
    roots = Counter(look.stack[-1].function for _, look in seen if look.stack)
    root, count = roots.most_common(1)[0] if roots else ("", 0)
    if count < (1 - MOST_TORN) * sum(roots.values()):
        return seen
    return [(at_s, look) for at_s, look in seen if not look.stack or look.stack[-1].function == root]


def _is_its_own(process: ProcessRecording, use: ThreadUse) -> bool:
    """Whether the epoll that a thread can reach is the one that it works with.

    A worker of the loop reaches it too, through the future that it works for. Who is seen waiting in it has it; where
    nobody is, the main thread; but not of a child that a fork has left it to and that has no connection to serve, or
    that was forked inside of one of its callbacks and works elsewhere.
    """
    reach = [one for one in process.threads if one.loop_epoll is not None and one.loop_epoll == use.loop_epoll]
    if use not in reach or any(one.loop is not None for one in reach):
        return False
    is_shared = any(one.shared_with for one in process.epolls if one.fd == use.loop_epoll)
    is_left = is_shared and (_is_forked_within(process, use.tid) or not _has_accepted(process))
    return use.tid in (_waiting_in(process, use.loop_epoll) or (set() if is_left else {process.pid}))


def _is_forked_within(process: ProcessRecording, tid: int) -> bool:
    stacks = [look.stack for sample in process.samples for look in sample.threads if look.tid == tid]
    return any(once_each(stacks, _is_called_back))


def _is_called_back(stack: Stack) -> bool:
    """Whether the user's code that forked had been called by a library: what a program forks before its loop is not."""
    below = stack[len(since_fork(stack)) :]
    mine = [is_user(frame) for frame in reversed(below)]
    start = mine.index(False) if False in mine else len(mine)
    return True in mine[start:]


def _has_accepted(process: ProcessRecording) -> bool:
    sockets = [one.socket for one in process.descriptors if one.socket]
    served = {one.local for one in sockets if one.state == LISTENS}
    return any(one.local in served for one in sockets if one.state != LISTENS)


def _waiting_in(process: ProcessRecording, epoll_fd: int | None) -> set[int]:
    looks = [look for sample in process.samples for look in sample.threads if look.call]
    return {
        look.tid
        for look in looks
        if look.call and look.call.name in EPOLL_WAITS and epoll_fd in look.call.arguments[:1]
    }


def _serves_many(process: ProcessRecording, epoll_fd: int | None) -> bool:
    """Whether an epoll watches a socket that others connect to, or many connections."""
    watched = {entry.inode for one in process.epolls if one.fd == epoll_fd for entry in one.entries}
    states = [one.socket.state for one in process.descriptors if one.socket and one.inode in watched]
    return LISTENS in states or states.count(CONNECTED) >= MIN_CONNECTIONS


def _goes_round(stacks: Sequence[Stack]) -> int:
    """How many outermost frames all stacks have in common, as far as the library's function that goes round.

    The program's own start comes before it; its code that is called from there does not count.
    """
    levels = list(_common(stacks))
    start = next((number for number, frame in enumerate(levels) if not is_user(frame)), len(levels))
    called = next((number for number in range(start, len(levels)) if is_user(levels[number])), len(levels))
    return called if called > start else 0


def _common(stacks: Sequence[Stack]) -> Iterator[Frame]:
    """The functions that all stacks begin with, outermost first."""
    outermost_first = [stack[::-1] for stack in stacks]
    for level in zip(*outermost_first, strict=False):
        if len({(frame.file, frame.function) for frame in level}) > 1:
            return
        yield level[0]


def _look(look: ThreadLook, goes_round: int, number: int, *, turns: bool) -> LoopLook:
    """Inside a callback where the user's code is on the stack; `number` keeps looks apart of which nothing more shows.

    What the library does between callbacks cannot be told from what it does for them.
    """
    called = look.stack[: max(0, len(look.stack) - goes_round)]
    depth = len(called) if any(map(is_user, called)) else 0
    polls = not depth and look.call is not None and look.call.name in EPOLL_WAITS
    if not depth or look.beneath is None:
        return LoopLook(look.tid, 0, polls=polls, callback=number, depth=depth)
    turn = look.beneath.clock if turns else None
    return LoopLook(look.tid, 0, turn=turn, callback=look.beneath.held, depth=depth)


def name(stacks: Sequence[Stack]) -> str:
    """What to call the loop: the function that goes round."""
    count = _goes_round(stacks)
    frames = list(itertools.islice(_common(stacks), count))
    return f"loop of {frames[-1].function}" if frames else "event loop"

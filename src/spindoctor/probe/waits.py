"""The part of the slow look that asks who waits: for whom, and at which connection."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.conversations import Conversation
from spindoctor.model.frames import Frame
from spindoctor.model.locks import Party, Wait
from spindoctor.model.sample import ThreadLook
from spindoctor.model.tasks import TaskLook
from spindoctor.probe.at_hand import AtHandReader
from spindoctor.probe.claims import ClaimReader
from spindoctor.probe.conversations import ConversationReader, Still
from spindoctor.probe.full_queues import MOST_PARTIES, FullQueueReader
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.limits import LimitReader, with_limits, worth_asking
from spindoctor.probe.locks import MUTEXES, LockReader, Scene, Sleeper
from spindoctor.probe.module_values import ModuleValues
from spindoctor.probe.queue_crews import QueueCrewReader
from spindoctor.probe.task_crews import TaskCrewReader

_ADDRESS = re.compile(r"( (of thread|at|from)|:)? ?\b0x[0-9a-f]+\b( or after)?")
"""An address, with the words that lead to it and from it."""

TIMEOUT = 3
"""Which argument of futex(2) points to the time at which a wait ends."""


class WaitReader:
    """Reads waits of one process; what could not be read is counted in `missed`."""

    def __init__(self, interpreter: Interpreter, is_user: Callable[[Frame], bool], missed: Counter[str]) -> None:
        """Look through this interpreter; `is_user` tells the user's own code."""
        modules = ModuleValues(interpreter)
        self._locks = LockReader(interpreter)
        self._conversations = ConversationReader(interpreter, is_user)
        self._claims = ClaimReader(interpreter, is_user)
        self._crews = TaskCrewReader(interpreter, is_user, modules)
        self._queue_crews = QueueCrewReader(interpreter, is_user, modules)
        self._limits = LimitReader(interpreter)
        self._full_queues = FullQueueReader(interpreter, is_user, modules)
        self._at_hand = AtHandReader(interpreter, is_user, modules, by_name=True)
        self._missed = missed

    def look(
        self, look: TaskLook, threads: Collection[ThreadLook], scene: Scene, waiters: Mapping[int, int]
    ) -> TaskLook:
        """The slow look with what these threads and tasks wait for; `waiters` are the futures that tasks await."""
        asleep = [one for one in threads if one.call and scene.stacks.get(one.tid)]
        talks = self._talks(asleep, scene, waiters)
        claims = self._claims.look(asleep, scene, {one.party for one in talks if one.waits_at is not None})
        sleepers = _sleepers(asleep, scene)
        crews = (
            *self._crews.look(look, scene.chains, waiters),
            *self._queue_crews.look(look, sleepers, scene, waiters),
        )
        pools = (*look.pools, *crews)
        puts, full = self._full_queues.look(sleepers, scene, waiters)
        waits = (*self._with_handles(self._waits(sleepers, scene), scene), *puts)
        found = replace(look, waits=waits, conversations=talks, claims=claims, pools=pools, full_queues=full)
        return with_limits(found, self._limits.limited(worth_asking(found), scene.chains))

    def _waits(self, sleepers: Collection[Sleeper], scene: Scene) -> tuple[Wait, ...]:
        """Who waits for whom, of the threads that sleep on a futex and have not moved since the look before."""
        try:
            return self._locks.look(sleepers, scene)
        except Misread as misread:
            self._missed[f"locks: {reason(misread)}"] += 1
            return ()

    def _with_handles(self, waits: Collection[Wait], scene: Scene) -> Iterator[Wait]:
        """The waits, the first for each lock without a holder with all who have it at hand, if these can be asked."""
        wanted = frozenset(one.target for one in waits if one.kind in MUTEXES and not one.holders)
        parties: dict[Party, tuple[RawFrame, ...]] = {Party(tid=tid): frames for tid, frames in scene.stacks.items()}
        parties |= {Party(task=task): frames for task, frames in scene.chains.items()}
        is_few = wanted and len(parties) <= MOST_PARTIES
        held = [pair for one in self._at_hand.held(parties, wanted).values() for pair in one.handles] if is_few else []
        left = {lock: tuple(handle for of, handle in held if of == lock) for lock in wanted}
        for wait in waits:
            handles = left.pop(wait.target, ()) if not wait.holders else ()
            yield replace(wait, handles=handles) if handles else wait

    def _talks(
        self, threads: Collection[ThreadLook], scene: Scene, waiters: Mapping[int, int]
    ) -> tuple[Conversation, ...]:
        """The connections that threads without a loop, and tasks, wait at and work for."""
        loops = {loop.tid for loop in scene.loops}
        still = [
            Still(one.tid, scene.stacks[one.tid], one.call, one) for one in threads if one.call and one.tid not in loops
        ]
        try:
            return self._conversations.look(still, scene.chains, waiters)
        except Misread as misread:
            self._missed[f"connections: {reason(misread)}"] += 1
            return ()


def _sleepers(threads: Collection[ThreadLook], scene: Scene) -> list[Sleeper]:
    """The threads that sleep on a futex, each with its frames."""
    return [
        Sleeper(
            one.tid,
            scene.stacks[one.tid],
            one.call.arguments[0],
            has_limit=len(one.call.arguments) > TIMEOUT and one.call.arguments[TIMEOUT] != 0,
        )
        for one in threads
        if one.call and one.call.name == "futex" and one.call.arguments and not one.waits_for_gil
    ]


def reason(misread: Misread) -> str:
    """The kind of misread without its addresses, so that equal ones are counted together."""
    return _ADDRESS.sub("", str(misread)).strip() or "a torn read"

"""Queues with a bound in which somebody waits for room, and whose functions have them at hand.

Such a wait is known by its shape: a method that puts, sends or pushes, suspended in an object that keeps those who wait
for room, by itself or in a part of its own. A channel with two ends has that part in both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.frames import Frame
from spindoctor.model.locks import PUT, FullQueue, Party, Wait
from spindoctor.probe.at_hand import AtHandReader, Held
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.locks import Scene, Sleeper
from spindoctor.probe.module_values import ModuleValues

KEEPS_PUTTERS = re.compile(r"^_*(\w+_)?(putters|not_full|waiting_(senders|putters)|senders_waiting)$")
"""What a queue calls those who wait for room in it, in any library."""

PUTS = re.compile(r"^_*(async_|sync_|a)?(put|send|push|enqueue)(?![a-z])")
"""How the methods begin that wait for room."""

SELF = ("self",)
INNER_FRAMES = 4
"""The wait itself, a helper, the method, and one that calls it."""

MOST_PARTS = 32
MOST_PARTIES = 300
"""Asked for what they have at hand in one look; who has not moved is asked once. Where they are more, one stands for
all who wait for room at the same line."""

Frames = Sequence[RawFrame]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who waits for room in a queue: the queue, and what tells this wait from the next."""

    queue: int
    mark: int
    has_limit: bool = False


class FullQueueReader:
    """Reads such queues of one process."""

    def __init__(self, interpreter: Interpreter, is_user: Callable[[Frame], bool], modules: ModuleValues) -> None:
        """Look through this interpreter; `is_user` tells the user's own code."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._is_user = is_user
        self._asked: dict[Party, tuple[Frames, int | None]] = {}
        self._at_hand = AtHandReader(interpreter, is_user, modules)

    def look(
        self, sleepers: Collection[Sleeper], scene: Scene, waiters: Mapping[int, int]
    ) -> tuple[tuple[Wait, ...], tuple[FullQueue, ...]]:
        """Every wait for room, and the queues; `waiters` are the futures that tasks await."""
        asked = self._all_asked(sleepers, scene, waiters)
        wanted = frozenset(one.queue for one in asked.values())
        if not wanted:
            return (), ()
        names = {queue: self._type_name(queue) for queue in wanted}
        parties = self._parties(scene, asked)
        held = self._at_hand.held(parties, wanted)
        waits = tuple(
            Wait(party, PUT, one.mark, names[one.queue], has_limit=one.has_limit) for party, one in asked.items()
        )
        queues = (_full(queue, names[queue], asked, held, is_asked=bool(parties)) for queue in sorted(wanted))
        return waits, tuple(queues)

    def _all_asked(
        self, sleepers: Collection[Sleeper], scene: Scene, waiters: Mapping[int, int]
    ) -> Mapping[Party, _Asked]:
        known, self._asked = self._asked, {}
        found: dict[Party, _Asked] = {}
        for one in sleepers:
            if queue := self._queue_of(Party(tid=one.tid), one.frames, known):
                found[Party(tid=one.tid)] = _Asked(queue, one.futex, has_limit=one.has_limit)
        for task, frames in scene.chains.items():
            if task in waiters and (queue := self._queue_of(Party(task=task), frames, known)):
                found[Party(task=task)] = _Asked(queue, waiters[task])
        return found

    def _queue_of(self, party: Party, frames: Frames, known: Mapping[Party, tuple[Frames, int | None]]) -> int | None:
        before = known.get(party)
        if before is None or before[0] is not frames:
            before = frames, self._find(frames)
        self._asked[party] = before
        return before[1]

    def _find(self, frames: Frames) -> int | None:
        """The queue in a method of which, the library's or the user's own, these frames wait for room."""
        for raw in frames[:INNER_FRAMES]:
            if PUTS.match(raw.frame.function.rpartition(".")[2]):
                with suppress(Misread):
                    holder = self._interpreter.some_locals(raw, SELF).get("self")
                    if holder and (queue := next(self._within(holder), None)):
                        return queue
            if self._is_user(raw.frame):
                return None
        return None

    def _within(self, holder: int) -> Iterator[int]:
        """What keeps those who wait for room: an object itself, or a part of it."""
        names = self._objects.attributes(holder)
        if any(map(KEEPS_PUTTERS.match, names)):
            yield holder
            return
        for part in list(names.values())[:MOST_PARTS]:
            with suppress(Misread):
                if any(map(KEEPS_PUTTERS.match, self._objects.attributes(part))):
                    yield part

    def _parties(self, scene: Scene, asked: Mapping[Party, _Asked]) -> Mapping[Party, Frames]:
        """Whom to ask for what they have at hand; nobody where they are too many."""
        parties = {Party(tid=tid): frames for tid, frames in scene.stacks.items()}
        parties |= {Party(task=task): frames for task, frames in scene.chains.items()}
        if len(parties) > MOST_PARTIES:
            kinds = {tuple(raw.frame for raw in parties[one]): one for one in asked}
            one_each = set(kinds.values())
            parties = {one: frames for one, frames in parties.items() if one not in asked or one in one_each}
        return parties if len(parties) <= MOST_PARTIES else {}

    def _type_name(self, address: int) -> str:
        try:
            return self._objects.type_name(address)
        except Misread:
            return "queue"


def _full(
    queue: int, name: str, asked: Mapping[Party, _Asked], held: Mapping[Party, Held], *, is_asked: bool
) -> FullQueue:
    putters = tuple(party for party, one in asked.items() if one.queue == queue)
    handles = tuple(handle for one in held.values() for of, handle in one.handles if of == queue)
    others = tuple(party for party, one in held.items() if queue in one.by_library and party not in putters)
    return FullQueue(queue, name, putters, handles, others, is_asked=is_asked)

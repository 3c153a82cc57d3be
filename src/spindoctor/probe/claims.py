"""Who waits inside of which object for a member of it: semaphores, pools of connections, queues that hand them out.

Such objects are recognised by what they have, never by whose they are: a semaphore keeps a value and its waiters; a
pool says how many members it may have; a queue keeps those who wait to get something; whoever hands out what he keeps
in a container of his own lets callers wait at a condition while that is empty.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from spindoctor.cpython.contexts import Contexts
from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.conversations import Claim
from spindoctor.model.frames import Frame
from spindoctor.model.locks import Party
from spindoctor.model.sample import ThreadLook
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.locks import Scene

SIZE = re.compile(
    r"^_*(max_?(size|conn\w*|clients?|members|open|active)|(pool|conn\w*)_?(size|limit)|max_pool_size|limit|capacity)$"
)
"""Names under which a pool keeps how many members it may have, in any library."""

TAKEN = re.compile(r"^_*\w*(conn|member|holder|used|in_use|acquired|busy|checked)\w*$")
"""Names under which a pool keeps, or counts, the members that there are or that it has given out."""

OVERFLOW = re.compile(r"^_*(max_?)?overflow$")
"""A queue whose owner may go beyond its size hands out members that come back, not news."""

STACKS = frozenset({"LifoQueue"})
"""Queues that give out first what came back last: right for members that are kept warm, never for news."""

BOUNDS = ("_bound_value", "_initial_value", "maxsize", "_maxsize")
ENTRIES = frozenset({"__aenter__", "__enter__"})
TELLING = frozenset({"_value", "_getters", "not_empty", "_waiters"})
"""Names by which a semaphore, a queue and a condition are known; pools are by `SIZE`, queues' owners by `OVERFLOW`."""

BARREN_AFTER = 8
"""So many instances of a type without any such name, and its others are not asked: one alone may be half made."""

QUEUE = "Queue"
"""How the types of queues end, in any library."""

CONDITION = frozenset({"_lock", "_waiters"})
CONTAINERS = frozenset({"list", "dict", "set", "collections.deque", "collections.OrderedDict"})
SELF = ("self",)
INNER_FRAMES = 10
MOST_CHAINS = 200
"""Those asked for it in one look; who does not move is asked once."""

Waiting = Mapping[str, int]


class ClaimReader:
    """Reads claims in one process."""

    def __init__(self, interpreter: Interpreter, is_user: Callable[[Frame], bool]) -> None:
        """Look through this interpreter; `is_user` tells the user's own code."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._is_user = is_user
        self._known: dict[int, tuple[tuple[RawFrame, ...], Claim | None]] = {}
        """By kernel id of the thread, or by the task's address, which is larger than any kernel id."""
        self._barren: Counter[int] = Counter()

    def look(self, threads: Collection[ThreadLook], scene: Scene, at_peers: Collection[Party]) -> tuple[Claim, ...]:
        """The claims of all threads asleep on a futex and of all tasks but those that wait at a connection."""
        loops = {loop.tid for loop in scene.loops}
        asleep = [one.tid for one in threads if one.call and one.call.name == "futex" and one.tid not in loops]
        stacks = [(tid, scene.stacks[tid]) for tid in asleep]
        chains = [(task, frames) for task, frames in scene.chains.items() if frames]
        known, self._known = self._known, {}
        asked = 0
        for number, (key, frames) in enumerate((*stacks, *chains)):
            before = known.get(key)
            if before and before[0] is frames:
                self._known[key] = before
                continue
            party = Party(tid=key) if number < len(stacks) else Party(task=key)
            if party not in at_peers and asked < MOST_CHAINS:
                asked += 1
                self._known[key] = frames, self._claim(party, frames, is_greenlet=key in scene.greenlets)
        return tuple(claim for _, claim in self._known.values() if claim)

    def _claim(self, party: Party, frames: Sequence[RawFrame], *, is_greenlet: bool = False) -> Claim | None:
        queue = self._unframed(party, frames[0]) if is_greenlet else None
        is_unframed = queue is not None
        asked = frames[0] if is_unframed else None
        pool: Claim | None = None
        stock: Claim | None = None
        for caller, raw, holder, names in self._holders(frames):
            called = raw.frame.function.rpartition(".")[2]
            if "_value" in names and names.keys() & {"_waiters", "_cond", "_lot"} and "acquire" in called:
                return self._permit(party, holder, names, caller)
            if names.keys() & {"_getters", "not_empty"}:
                if called.endswith("get") and queue is None:
                    queue, asked = Claim(party, holder, "queue", self._objects.type_name(holder)), caller
                continue
            if caller and called == "wait" and names.keys() >= CONDITION and not queue:
                stock = self._stock(party, _asker(caller, frames), frames)
            if queue and any(map(OVERFLOW.match, names)):
                return self._owned(queue, holder, names)
            size = None if pool else self._number(names, [name for name in names if SIZE.match(name)])
            if size:
                pool = Claim(party, holder, "pool", self._objects.type_name(holder), size, self._taken(names))
            if pool and not queue:
                return pool
            if queue and raw is asked:
                queue = self._owned(queue, holder, names)
        return pool or stock or (self._items(queue, frames[0 if is_unframed else 1 : 2]) if queue else None)

    def _items(self, queue: Claim, by: Sequence[RawFrame]) -> Claim | None:
        """The claim to an item of a queue; one that the user's own function asks may hold members."""
        if not by or not self._is_user(by[0].frame):
            return queue if by else None
        try:
            size = self._number(self._objects.attributes(queue.target), BOUNDS)
            return Claim(queue.party, queue.target, "members", self._objects.type_name(queue.target), size)
        except Misread:
            return None

    def _unframed(self, party: Party, innermost: RawFrame) -> Claim | None:
        """The claim to an item of a queue written in C, in a method of which a greenlet is suspended without a frame.

        What the method was called on lies on the evaluation stack of the frame that called it.
        """
        for address in Contexts(self._interpreter.reader, self._objects).values(innermost):
            try:
                kind = self._objects.type_name(address) if address else ""
            except Misread:
                continue
            if kind.endswith(QUEUE):
                return Claim(party, address, "queue", kind)
        return None

    def _stock(self, party: Party, asked: RawFrame, frames: Sequence[RawFrame]) -> Claim | None:
        """The claim to something of an object's that waits at a condition while a container of its own is empty."""
        owner = self._self(asked)
        try:
            names = self._objects.attributes(owner) if owner else {}
        except Misread:
            return None
        if owner is None or not any(map(self._is_empty, names.values())):
            return None
        outer = frames[frames.index(asked) + 1 :]
        by = next((raw.frame for raw in outer if self._is_user(raw.frame) and self._self(raw) != owner), None)
        return Claim(party, owner, "queue", self._objects.type_name(owner), by=by) if by else None

    def _self(self, raw: RawFrame) -> int | None:
        try:
            return self._interpreter.some_locals(raw, SELF).get("self")
        except Misread:
            return None

    def _is_empty(self, address: int) -> bool:
        try:
            return self._objects.type_name(address) in CONTAINERS and not self._objects.length(address)
        except Misread:
            return False

    def _permit(self, party: Party, semaphore: int, names: Waiting, caller: RawFrame | None) -> Claim:
        """The claim to a permit; semaphores that are no locks but signals are not entered by `with`."""
        enters = caller is not None and caller.frame.function.rpartition(".")[2] in ENTRIES
        is_empty = self._objects.value(names["_value"], depth=0) == 0
        size, name = self._number(names, BOUNDS), self._objects.type_name(semaphore)
        return Claim(party, semaphore, "semaphore", name, size, is_lent=enters and is_empty, is_empty=is_empty)

    def _owned(self, queue: Claim, owner: int, names: Waiting) -> Claim:
        """The claim to an item of a queue, by the name of the object which the queue belongs to."""
        name = self._objects.type_name(owner)
        size = self._number(self._objects.attributes(queue.target), BOUNDS)
        if size and any(map(OVERFLOW.match, names)):
            most, beyond = (self._beyond(names, is_most=is_most) for is_most in (True, False))
            out = size - self._objects.length(queue.target) + beyond
            return Claim(queue.party, queue.target, "pool", name, size + most, out)
        made = self._taken(names)
        if size and made is not None and made >= size and self._hands_out(queue, name):
            return Claim(queue.party, queue.target, "pool", name, size, size - self._objects.length(queue.target))
        return Claim(queue.party, queue.target, "queue", name)

    def _beyond(self, names: Waiting, *, is_most: bool) -> int:
        """How many members beyond a queue's size there may be at most, or are: below zero while it was never filled."""
        wanted = [name for name in names if OVERFLOW.match(name) and ("max" in name) == is_most]
        found = [self._objects.value(names[name], depth=0) for name in wanted]
        return next((value for value in found if isinstance(value, int) and (value > 0 or not is_most)), 0)

    def _hands_out(self, queue: Claim, owner: str) -> bool:
        """Whether what comes out of a queue is a pool's member: it goes on top again, or its owner is called a pool."""
        return queue.name in STACKS or "pool" in owner.lower()

    def _taken(self, names: Waiting) -> int | None:
        """The largest of the numbers that may say how many members there are."""
        found = [self._count(address) for name, address in names.items() if TAKEN.match(name) and not SIZE.match(name)]
        return max((count for count in found if count is not None), default=None)

    def _count(self, address: int) -> int | None:
        value = self._objects.value(address, depth=0)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        try:
            return None if isinstance(value, str) else self._objects.length(address)
        except Misread:
            return None

    def _holders(self, frames: Sequence[RawFrame]) -> Iterator[tuple[RawFrame | None, RawFrame, int, Waiting]]:
        """The objects whose methods are on the way from the wait to the user's code: caller, frame, object, names."""
        for raw, caller in zip(frames[:INNER_FRAMES], (*frames[1:], None), strict=False):
            try:
                holder = self._interpreter.some_locals(raw, SELF).get("self")
                if holder:
                    yield caller, raw, holder, self._names(holder)
            except Misread:
                continue
            if self._is_user(raw.frame):
                return

    def _names(self, holder: int) -> Waiting:
        """The attributes of an object; none for one of a type whose instances tell nothing of a claim."""
        kind = self._objects.classes.of(holder).address
        if self._barren[kind] >= BARREN_AFTER:
            return {}
        names = self._objects.attributes(holder)
        self._barren[kind] += not (
            names.keys() & TELLING or any(SIZE.match(name) or OVERFLOW.match(name) for name in names)
        )
        return names

    def _number(self, names: Waiting, wanted: Sequence[str]) -> int | None:
        for name in wanted:
            value = self._objects.value(names[name], depth=0) if name in names else None
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
        return None


def _asker(caller: RawFrame, frames: Sequence[RawFrame]) -> RawFrame:
    """Who waits at a condition: not the condition's own `wait_for`, which waits until something holds."""
    further = frames[frames.index(caller) + 1 :]
    return further[0] if further and caller.frame.function.rpartition(".")[2] == "wait_for" else caller

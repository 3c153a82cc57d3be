"""Locks of libraries: of greenlets, and those that let threads wait at a condition; objects laid out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Unreadable
from spindoctor.model.frames import Frame
from spindoctor.model.locks import Party, Wait
from spindoctor.probe import locks
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.locks import LockReader, Scene, Sleeper
from spindoctor.probe.suspended import ADDRESS_BITS

LOCK, OTHER, SEMAPHORE, MANAGER, GENERATOR = 0x1000, 0x2000, 0x3000, 0x4000, 0x5000
FIRST, SECOND = 0x90000, 0xA0000
"""Where two greenlets lie, each of which is told with the number of its stay in front."""

ONE, TWO = FIRST | 3 << ADDRESS_BITS, SECOND | 8 << ADDRESS_BITS
OF_GREENLETS = "/lib/site-packages/green/lock.py"
OF_THREADS = "/lib/site-packages/locks/lock.py"


class Objects:
    """Objects by address: type and attributes; a small number's address is the number itself."""

    def __init__(self, known: dict[int, tuple[str, dict[str, int]]]) -> None:
        self.known = known

    def type_name(self, address: int) -> str:
        if address not in self.known:
            raise Unreadable(address, 8)
        return self.known[address][0]

    def attributes(self, address: int) -> dict[str, int]:
        return self.known[address][1] if address in self.known else {}

    def value(self, address: int, **_limits: int) -> object:
        return FIRST if address == SEMAPHORE else None


def raw(function: str, file: str = "/srv/app.py", holder: int = 0, place: int = 0) -> RawFrame:
    """A frame; its `code` is what `self` is there."""
    return RawFrame(Frame(function, file, 1), place or hash(function), holder, 0, 0)


def reader_of(
    monkeypatch: pytest.MonkeyPatch,
    known: dict[int, tuple[str, dict[str, int]]],
    blocks: dict[RawFrame, tuple[int, ...]] | None = None,
    generator: RawFrame | None = None,
) -> LockReader:
    """A reader of these objects; `blocks` are the objects whose `with` block each frame stands in."""
    inside = blocks or {}
    monkeypatch.setattr(locks, "Contexts", lambda *_: SimpleNamespace(inside=lambda frame: inside.get(frame, ())))
    monkeypatch.setattr(locks, "FutureReader", lambda _: None)
    fake: Any = SimpleNamespace(
        objects=Objects(known),
        reader=None,
        locals=lambda frame: {"self": frame.code} if frame.code else {},
        some_locals=lambda frame, _: {"self": frame.code} if frame.code else {},
        coroutine_chain=lambda _: SimpleNamespace(frames=(generator,) if generator else ()),
    )
    return LockReader(cast("Interpreter", fake))


def asks(lock: int) -> tuple[RawFrame, ...]:
    return (raw("RLock.acquire", OF_GREENLETS, lock), raw("RLock.__enter__", OF_GREENLETS, lock), raw("transfer"))


def greenlet_waits(reader: LockReader, chains: dict[int, tuple[RawFrame, ...]], greenlets: set[int]) -> list[Wait]:
    return list(reader.look((), Scene({}, chains, (), (), {}, (), greenlets=greenlets)))


@pytest.mark.parametrize("owner", [SECOND, SEMAPHORE], ids=["the greenlet itself", "its address as a number"])
def test_a_greenlet_suspended_where_it_asks_for_a_lock_waits_for_the_owner_that_this_names(
    monkeypatch: pytest.MonkeyPatch, owner: int
) -> None:
    """The number is the first one's address: there it is the first that has the lock."""
    reader = reader_of(monkeypatch, {LOCK: ("RLock", {"_block": OTHER, "_owner": owner, "_count": 1})})

    (wait,) = greenlet_waits(reader, {ONE: asks(LOCK)}, {ONE, TWO})

    assert wait == Wait(Party(task=ONE), "task lock", LOCK, "RLock", (Party(task=TWO if owner == SECOND else ONE),))


def test_a_greenlet_waits_for_no_lock_that_nobody_is_seen_to_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that is asked so may say who owns it."""
    reader = reader_of(monkeypatch, {LOCK: ("Pool", {"owner_pid": OTHER})})

    assert greenlet_waits(reader, {ONE: asks(LOCK)}, {ONE, TWO}) == []


def test_a_task_of_a_loop_that_stands_there_may_be_running_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody queues in the lock itself."""
    reader = reader_of(monkeypatch, {LOCK: ("RLock", {"_block": OTHER, "_owner": SECOND})})

    assert greenlet_waits(reader, {ONE: asks(LOCK)}, set()) == []


def test_an_object_that_does_not_say_that_it_is_locked_is_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = reader_of(monkeypatch, {LOCK: ("Bucket", {"tokens": OTHER})})

    assert greenlet_waits(reader, {ONE: asks(LOCK)}, {ONE, TWO}) == []


WAIT = raw("Condition.wait", "/lib/python3.12/threading.py", OTHER)
READ = raw("read_lock", OF_THREADS, LOCK)
ENTER = raw("_GeneratorContextManager.__enter__", "/lib/python3.12/contextlib.py", MANAGER)
REFRESH = raw("refresh", place=0x77)
WRITE = raw("write_lock", OF_THREADS, LOCK, place=0x78)
HELD = {MANAGER: ("_GeneratorContextManager", {"gen": GENERATOR}), GENERATOR: ("generator", {})}


def thread_waits(reader: LockReader, frames: tuple[RawFrame, ...], *others: RawFrame) -> list[Wait]:
    """Who waits, of a thread 7 that sleeps with these frames and a thread 8 with the others."""
    scene = Scene({7: frames, 8: others}, {}, (), (), {}, ())
    return list(reader.look([Sleeper(7, frames, futex=0x55, has_limit=False)], scene))


def test_who_waits_at_a_locks_condition_waits_for_who_is_inside_of_its_with_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The block is a generator's, whose `self` is the lock."""
    known = {**HELD, LOCK: ("ReaderWriterLock", {})}
    reader = reader_of(monkeypatch, known, {REFRESH: (MANAGER,)}, generator=WRITE)

    (wait,) = thread_waits(reader, (WAIT, READ, ENTER, raw("price")), REFRESH)

    wanted = Wait(Party(tid=7), "lock", LOCK, "ReaderWriterLock", (Party(tid=8),), held_at=REFRESH.frame)
    assert wait == wanted


@pytest.mark.parametrize(
    ("kind", "names", "frames", "held"),
    [
        ("Warehouse", {}, (WAIT, READ, ENTER), True),
        ("ReaderWriterLock", {}, (WAIT, raw("Feed.next_item", OF_THREADS, LOCK), raw("main")), True),
        ("ReaderWriterLock", {}, (raw("Event.set", "/lib/python3.12/threading.py"), READ, ENTER), True),
        ("ReaderWriterLock", {}, (WAIT, READ, ENTER), False),
        ("SystemClock", {}, (WAIT, READ, ENTER), True),
    ],
    ids=["no lock by its name", "nobody asks", "no condition", "nobody inside", "a clock"],
)
def test_other_waits_at_conditions_are_for_no_lock(
    monkeypatch: pytest.MonkeyPatch, kind: str, names: dict[str, int], frames: tuple[RawFrame, ...], *, held: bool
) -> None:
    known = {**HELD, LOCK: (kind, names)}
    reader = reader_of(monkeypatch, known, {REFRESH: (MANAGER,)} if held else {}, generator=WRITE)

    assert thread_waits(reader, frames, REFRESH) == []


def test_an_attribute_may_say_that_an_object_is_a_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {**HELD, LOCK: ("Gate", {"_is_locked": OTHER})}
    reader = reader_of(monkeypatch, known, {REFRESH: (MANAGER,)}, generator=WRITE)

    assert len(thread_waits(reader, (WAIT, READ, ENTER), REFRESH)) == 1

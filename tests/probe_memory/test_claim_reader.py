"""Who waits inside of which object for a member of it, among objects laid out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Unreadable
from spindoctor.model.conversations import Claim
from spindoctor.model.frames import Frame
from spindoctor.model.locks import Party
from spindoctor.model.sample import SystemCall, ThreadLook
from spindoctor.probe import claims
from spindoctor.probe.claims import BARREN_AFTER, MOST_CHAINS, ClaimReader
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.locks import Scene

SEMAPHORE, POOL, QUEUE, PLAIN = 0x1000, 0x2000, 0x3000, 0x4000
ASLEEP = SystemCall("futex", (0x77,))


class Objects:
    """Objects by address: type and attributes; a number's address is the number itself."""

    def __init__(self, known: dict[int, tuple[str, dict[str, int]]], lengths: dict[int, int]) -> None:
        self.known, self.lengths = known, lengths
        self.asked: list[int] = []
        self.classes = self

    def of(self, address: int) -> Any:  # noqa: ANN401 - a class, of which the address alone is asked
        return SimpleNamespace(address=hash(self.type_name(address)))

    def type_name(self, address: int) -> str:
        if address not in self.known:
            raise Unreadable(address, 8)
        return self.known[address][0]

    def attributes(self, address: int) -> dict[str, int]:
        self.asked.append(address)
        if address not in self.known:
            raise Unreadable(address, 8)
        return self.known[address][1]

    def value(self, address: int, depth: int = 0) -> object:  # noqa: ARG002 - the reader's own signature
        return address if address < SEMAPHORE else None

    def length(self, address: int) -> int:
        return self.lengths[address]


def raw(function: str, file: str, holder: int = 0) -> RawFrame:
    """A frame; its `code` is what `self` is there."""
    fake: Any = SimpleNamespace(frame=Frame(function, file, 1), code=holder)
    return cast("RawFrame", fake)


VIEW = raw("view", "/srv/app.py")


def target(
    known: dict[int, tuple[str, dict[str, int]]], lengths: dict[int, int] | None = None
) -> tuple[ClaimReader, Objects]:
    objects = Objects(known, lengths or {})
    fake: Any = SimpleNamespace(
        objects=objects, some_locals=lambda frame, _: {"self": frame.code} if frame.code else {}
    )
    return ClaimReader(cast("Interpreter", fake), lambda frame: frame.file.startswith("/srv/")), objects


def look(reader: ClaimReader, *frames: RawFrame, at_peers: tuple[Party, ...] = ()) -> tuple[Claim, ...]:
    return asked(reader, {7: frames}, at_peers)


def asked(
    reader: ClaimReader, stacks: dict[int, tuple[RawFrame, ...]], at_peers: tuple[Party, ...] = ()
) -> tuple[Claim, ...]:
    scene = Scene(stacks, {}, (), (), {}, ())
    return reader.look([ThreadLook(tid, call=ASLEEP) for tid in stacks], scene, at_peers)


@pytest.mark.parametrize(("value", "is_lent"), [(0, True), (1, False)])
@pytest.mark.parametrize("row", ["_cond", "_lot"])
def test_who_enters_a_semaphore_by_with_asks_for_a_permit(row: str, value: int, is_lent: bool) -> None:  # noqa: FBT001
    names = {"_value": value, row: PLAIN, "_initial_value": 2}
    reader, _ = target({SEMAPHORE: ("BoundedSemaphore", names)})
    frames = (raw("acquire", "/lib/threading.py", SEMAPHORE), raw("__enter__", "/lib/threading.py", SEMAPHORE), VIEW)

    (claim,) = look(reader, *frames)

    assert (claim.kind, claim.size, claim.is_lent) == ("semaphore", 2, is_lent)


def test_a_pool_says_how_many_members_it_may_have_and_has() -> None:
    reader, _ = target({POOL: ("Pool", {"_max_size": 4, "_in_use": 4, "name": PLAIN})})

    (claim,) = look(reader, raw("wait", "/lib/threading.py"), raw("take", "/lib/pool.py", POOL), VIEW)

    assert claim == Claim(Party(tid=7), POOL, "pool", "Pool", 4, 4)


def test_a_queue_whose_owner_may_go_beyond_its_size_hands_out_members() -> None:
    """Five at most, two of them still in the queue: three are given out."""
    known = {
        QUEUE: ("Queue", {"not_empty": PLAIN, "maxsize": 5}),
        POOL: ("QueuePool", {"_max_overflow": 0, "_pool": QUEUE}),
    }
    reader, _ = target(known, {QUEUE: 2})
    frames = (raw("get", "/lib/queue.py", QUEUE), raw("_do_get", "/lib/pool.py", POOL), VIEW)

    (claim,) = look(reader, *frames)

    assert (claim.kind, claim.name, claim.size, claim.taken) == ("pool", "QueuePool", 5, 3)


@pytest.mark.parametrize(("beyond", "taken"), [(2, 5), (-1, 2)])
def test_members_beyond_the_size_of_the_queue_count(beyond: int, taken: int) -> None:
    """Three in the queue and two beyond; -1 stands for a member of the three that was never made."""
    known = {
        QUEUE: ("Queue", {"not_empty": PLAIN, "maxsize": 3}),
        POOL: ("QueuePool", {"_max_overflow": 2, "_overflow": beyond, "_pool": QUEUE}),
    }
    reader, _ = target(known, {QUEUE: 0})

    (claim,) = look(reader, raw("get", "/lib/queue.py", QUEUE), raw("_do_get", "/lib/pool.py", POOL), VIEW)

    assert (claim.size, claim.taken) == (5, taken)


def test_a_consumer_of_a_queue_of_the_users_own_may_ask_for_a_member() -> None:
    """Whether he puts back what he took is for the source to say."""
    reader, _ = target({QUEUE: ("Queue", {"not_empty": PLAIN, "maxsize": 3})})

    (claim,) = look(reader, raw("get", "/lib/queue.py", QUEUE), VIEW)

    assert claim == Claim(Party(tid=7), QUEUE, "members", "Queue", 3)


def test_who_waits_at_a_connection_is_not_asked() -> None:
    reader, objects = target({POOL: ("Pool", {"_max_size": 4})})

    assert look(reader, raw("take", "/lib/pool.py", POOL), VIEW, at_peers=(Party(tid=7),)) == ()
    assert objects.asked == []


def test_who_has_not_moved_is_asked_once() -> None:
    reader, objects = target({POOL: ("Pool", {"_max_size": 4})})
    frames = (raw("take", "/lib/pool.py", POOL), VIEW)

    first, second = asked(reader, {7: frames}), asked(reader, {7: frames})

    assert first
    assert first == second
    assert objects.asked == [POOL]


def test_a_type_whose_first_instances_tell_nothing_is_asked_no_more() -> None:
    """Eight of the twelve are asked."""
    every = range(PLAIN, PLAIN + 12 * 16, 16)
    reader, objects = target({address: ("Stream", {"name": 1}) for address in every})

    claims = asked(reader, {tid: (raw("read", "/lib/s.py", one), VIEW) for tid, one in enumerate(every, 1)})

    assert claims == ()
    assert objects.asked == list(every[:BARREN_AFTER])


def test_instances_that_tell_something_keep_their_type_asked() -> None:
    every = range(PLAIN, PLAIN + 12 * 16, 16)
    reader, _ = target({address: ("Pool", {"_max_size": 2}) for address in every})

    claims = asked(reader, {tid: (raw("take", "/lib/p.py", one), VIEW) for tid, one in enumerate(every, 1)})

    assert len(claims) == len(every)


def test_one_that_is_half_made_does_not_hide_the_next_of_its_type() -> None:
    """The first has no attributes yet."""
    reader, _ = target({PLAIN: ("Pool", {}), POOL: ("Pool", {"_max_size": 2})})

    claims = asked(reader, {7: (raw("take", "/lib/p.py", PLAIN), VIEW), 8: (raw("take", "/lib/p.py", POOL), VIEW)})

    assert [claim.party.tid for claim in claims] == [8]


def test_no_more_than_so_many_are_asked_in_one_look_and_the_others_in_the_next() -> None:
    reader, _ = target({POOL: ("Pool", {"_max_size": 2})})
    stacks = {tid: (raw("take", "/lib/p.py", POOL), VIEW) for tid in range(1, MOST_CHAINS + 6)}

    first, second = asked(reader, stacks), asked(reader, stacks)

    assert (len(first), len(second)) == (MOST_CHAINS, MOST_CHAINS + 5)


def test_an_object_that_cannot_be_read_is_passed_over() -> None:
    reader, _ = target({POOL: ("Pool", {"_max_size": 2})})
    frames = (raw("wait", "/lib/t.py", PLAIN), raw("take", "/lib/p.py", POOL), VIEW)

    (claim,) = look(reader, *frames)

    assert claim.target == POOL


CONDITION = {"_lock": 1, "_waiters": 2}
TAKE, LABEL = raw("Printers.take", "/srv/printers.py", POOL), raw("label", "/srv/app.py")
WAIT = raw("Condition.wait", "/lib/threading.py", SEMAPHORE)
FREE = 0x5000


def printers(free: int, kind: str = "list") -> ClaimReader:
    known = {SEMAPHORE: ("Condition", CONDITION), POOL: ("Printers", {"free": FREE}), FREE: (kind, {})}
    return target(known, {FREE: free})[0]


def test_who_waits_at_a_condition_while_its_owner_has_nothing_left_claims_something_of_it() -> None:
    """The place that asked is the user's function outside of the owner's own methods."""
    (claim,) = look(printers(0), WAIT, TAKE, raw("_GeneratorContextManager.__enter__", "/lib/contextlib.py"), LABEL)

    assert claim == Claim(Party(tid=7), POOL, "queue", "Printers", by=LABEL.frame)


def test_who_waits_until_something_holds_is_found_beyond_the_conditions_own_function() -> None:
    until = raw("Condition.wait_for", "/lib/threading.py", SEMAPHORE)

    (claim,) = look(printers(0), WAIT, until, TAKE, LABEL)

    assert (claim.target, claim.by) == (POOL, LABEL.frame)


@pytest.mark.parametrize(
    ("reader", "frames"),
    [
        (printers(1), (WAIT, TAKE, LABEL)),
        (printers(0, kind="str"), (WAIT, TAKE, LABEL)),
        (printers(0), (raw("Condition.notify", "/lib/threading.py", SEMAPHORE), TAKE, LABEL)),
        (printers(0), (WAIT, raw("Event.wait", "/lib/threading.py", PLAIN), TAKE, LABEL)),
        (printers(0), (WAIT, TAKE)),
        (printers(0), (WAIT,)),
    ],
    ids=["something left", "no container", "no wait", "somebody else waits", "nobody of the user's asked", "alone"],
)
def test_other_waits_at_conditions_claim_nothing(reader: ClaimReader, frames: tuple[RawFrame, ...]) -> None:
    assert look(reader, *frames) == ()


@pytest.mark.parametrize(
    ("caller", "kind", "name"),
    [
        ("/lib/site-packages/pool.py", "queue", "HTTPConnectionPool"),
        ("/srv/app.py", "members", "gevent._gevent_cqueue.LifoQueue"),
    ],
)
def test_a_greenlet_that_waits_in_a_queue_without_a_frame_asks_for_its_owners_member(
    monkeypatch: pytest.MonkeyPatch, caller: str, kind: str, name: str
) -> None:
    """The queue lies on the evaluation stack of the frame that called it; a task's stack may hold what it has left."""
    monkeypatch.setattr(claims, "Contexts", lambda *_: SimpleNamespace(values=lambda _: (0, PLAIN, QUEUE)))
    known = {QUEUE: ("gevent._gevent_cqueue.LifoQueue", {}), POOL: ("HTTPConnectionPool", {"pool": QUEUE})}
    reader, objects = target({**known, PLAIN: ("bool", {})})
    cast("Any", reader)._interpreter.reader = objects
    frames = (raw("_get_conn", caller, POOL), VIEW)
    chains = {0x90000: frames}

    greenlets = reader.look([], Scene({}, chains, (), (), {}, (), greenlets=chains.keys()), ())
    tasks = reader.look([], Scene({}, {0x90001: frames}, (), (), {}, ()), ())

    assert greenlets == (Claim(Party(task=0x90000), QUEUE, kind, name),)
    assert tasks == ()

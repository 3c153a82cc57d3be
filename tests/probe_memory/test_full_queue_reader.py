"""Who waits for room in which queue, and who has it at hand or keeps it, among objects laid out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Unreadable
from spindoctor.model.frames import Frame
from spindoctor.model.locks import PUT, FullQueue, Party, Wait
from spindoctor.probe.full_queues import FullQueueReader
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.locks import Scene, Sleeper
from spindoctor.probe.module_values import ModuleValues

QUEUE, SEND, RECEIVE, STATE, WORKER = 0x1000, 0x2000, 0x2100, 0x2200, 0x3000
KNOWN = {
    QUEUE: ("Queue", {"maxsize": 4, "not_full": 5}),
    STATE: ("State", {"max_buffer_size": 4, "waiting_senders": 5}),
    SEND: ("SendStream", {"_state": STATE}),
    RECEIVE: ("ReceiveStream", {"_state": STATE}),
    WORKER: ("Stage", {"inbox": QUEUE}),
}


class Objects:
    """Objects by address: type and attributes."""

    def __init__(self) -> None:
        self.classes = self

    def of(self, address: int) -> Any:  # noqa: ANN401 - a class, of which the address alone is asked
        return SimpleNamespace(address=hash(self.type_name(address)))

    def type_name(self, address: int) -> str:
        if address not in KNOWN:
            raise Unreadable(address, 8)
        return KNOWN[address][0]

    def attributes(self, address: int) -> dict[str, int]:
        if address not in KNOWN:
            raise Unreadable(address, 8)
        return KNOWN[address][1]


def raw(function: str, file: str, **variables: int) -> RawFrame:
    """A frame; its `code` is what its variables are."""
    return cast("RawFrame", SimpleNamespace(frame=Frame(function, file, 1), code=variables))


def reader(modules: dict[str, dict[str, int]] | None = None) -> FullQueueReader:
    fake: Any = SimpleNamespace(
        objects=Objects(),
        module_names=lambda: tuple(modules or {}),
        module_contents=lambda name: (modules or {}).get(name, {}),
        locals=lambda frame: frame.code,
        some_locals=lambda frame, names: {name: frame.code[name] for name in names if name in frame.code},
    )
    return FullQueueReader(
        cast("Interpreter", fake),
        lambda frame: frame.file.startswith("/srv/"),
        ModuleValues(cast("Interpreter", fake)),
    )


def test_a_task_in_put_waits_for_room_and_another_has_the_queue_as_an_attribute() -> None:
    puts = (raw("Queue.put", "/lib/queues.py", self=QUEUE), raw("feed", "/srv/app.py", out=QUEUE))
    other = (raw("Stage.run", "/srv/app.py", self=WORKER),)
    scene = Scene({}, {1: puts, 2: other}, (), (), {}, ())

    waits, (queue,) = reader().look((), scene, {1: 0x99})

    assert waits == (Wait(Party(task=1), PUT, 0x99, "Queue"),)
    assert (queue.target, queue.putters) == (QUEUE, (Party(task=1),))
    assert [(one.party, one.name) for one in queue.handles] == [
        (Party(task=1), "out"),
        (Party(task=2), "self"),
        (Party(task=2), "self.inbox"),
    ]


def test_both_ends_of_a_channel_are_the_same_queue() -> None:
    sends = (
        raw("Event.wait", "/lib/locks.py", self=0x7000),
        raw("SendStream.send", "/lib/memory.py", self=SEND),
        raw("split", "/srv/app.py", out=SEND),
    )
    takes = (raw("price", "/srv/app.py", source=RECEIVE),)

    _, (queue,) = reader().look((), Scene({}, {1: sends, 2: takes}, (), (), {}, ()), {1: 0x99})

    assert (queue.target, [one.name for one in queue.handles]) == (STATE, ["out", "source"])


def test_a_thread_that_waits_for_room_is_told_by_its_futex_and_its_limit() -> None:
    frames = (
        raw("Condition.wait", "/lib/threading.py"),
        raw("Queue.put", "/lib/queue.py", self=QUEUE),
        raw("Stage.run", "/srv/app.py", self=WORKER),
    )
    sleeper = Sleeper(7, frames, 0xF0, has_limit=True)

    waits, queues = reader().look((sleeper,), Scene({7: frames}, {}, (), (), {}, ()), {})

    assert waits == (Wait(Party(tid=7), PUT, 0xF0, "Queue", has_limit=True),)
    assert isinstance(queues[0], FullQueue)


def test_who_waits_for_an_item_waits_for_no_room() -> None:
    gets = (raw("Queue.get", "/lib/queues.py", self=QUEUE), raw("take", "/srv/app.py", out=QUEUE))

    assert reader().look((), Scene({}, {1: gets}, (), (), {}, ()), {1: 0x99}) == ((), ())


def test_functions_know_a_queue_by_the_variable_of_their_module() -> None:
    puts = (raw("Queue.put", "/lib/queues.py", self=QUEUE), raw("feed", "/srv/app.py"))
    other = (raw("drain", "/srv/app.py"),)
    stranger = (raw("main", "/srv/other.py"),)
    scene = Scene({}, {1: puts, 2: other, 3: stranger}, (), (), {}, ())

    _, (queue,) = reader({"app": {"JOBS": QUEUE, "STATE": STATE}}).look((), scene, {1: 0x99})

    assert [(one.party, one.name) for one in queue.handles] == [(Party(task=1), "JOBS"), (Party(task=2), "JOBS")]
    assert (queue.others, queue.is_asked) == ((), True)


def test_a_library_s_function_may_have_the_queue_at_hand_or_one_end_of_it() -> None:
    sends = (raw("SendStream.send", "/lib/memory.py", self=SEND), raw("split", "/srv/app.py", out=SEND))
    relay = (raw("relay", "/lib/web.py", source=RECEIVE),)
    idle = (raw("relay", "/lib/web.py", source=WORKER),)
    scene = Scene({}, {1: sends, 2: relay, 3: idle}, (), (), {}, ())

    _, (queue,) = reader().look((), scene, {1: 0x99})

    assert queue.others == (Party(task=2),)


def test_of_many_who_wait_for_room_at_one_line_one_stands_for_all() -> None:
    puts = {
        number: (raw("Queue.put", "/lib/queues.py", self=QUEUE), raw("feed", "/srv/app.py")) for number in range(1, 400)
    }
    scene = Scene({}, {**puts, 500: (raw("drain", "/srv/app.py", jobs=QUEUE),)}, (), (), {}, ())

    _, (queue,) = reader({"app": {"JOBS": QUEUE}}).look((), scene, dict.fromkeys(puts, 0x99))

    assert (len(queue.putters), queue.is_asked) == (399, True)
    assert {(one.party.task == 500, one.name) for one in queue.handles} == {
        (False, "JOBS"),
        (True, "jobs"),
        (True, "JOBS"),
    }
    assert len(queue.handles) == 3

"""Which connection a task waits at, told by objects laid out by hand."""

from __future__ import annotations

import os
import select
import socket
from typing import cast

from spindoctor.cpython.frames import RawFrame
from spindoctor.model.frames import Frame
from spindoctor.model.sample import SystemCall
from spindoctor.probe.conversations import ConversationReader
from spindoctor.probe.interpreter import Interpreter

POOL, REQUEST, CONNECTION, STREAM, EVENT, NUMBER = range(0x1000, 0x7000, 0x1000)
ATTRIBUTES: dict[int, dict[str, int]] = {CONNECTION: {"_stream": STREAM}, STREAM: {"_fileno": NUMBER}}
LIBRARY = "/usr/lib/python3/site-packages/net/pool.py"


class Objects:
    """Objects of which only attributes are known, and one that is the number 7."""

    def attributes(self, address: int) -> dict[str, int]:
        return ATTRIBUTES.get(address, {})

    def type_name(self, address: int) -> str:
        return "asyncio.streams.StreamWriter" if address == STREAM else "object"

    def type_names(self, _address: int) -> tuple[str, ...]:
        return ("object",)

    def value(self, address: int, **_limits: int) -> object:
        return 7 if address == NUMBER else None


class Memory:
    """Frames' variables by the frame's address."""

    objects = Objects()
    reader = None
    pid = 0

    def __init__(self, *variables: dict[str, int]) -> None:
        self.variables = variables

    def locals(self, raw: RawFrame) -> dict[str, int]:
        return self.variables[raw.address]

    def some_locals(self, raw: RawFrame, names: tuple[str, ...]) -> dict[str, int]:
        return {name: value for name, value in self.locals(raw).items() if name in names}


def waits_at(*variables: dict[str, int]) -> int | None:
    """Where a task waits whose frames, innermost first, have these variables."""
    reader = ConversationReader(cast("Interpreter", Memory(*variables)), lambda _frame: False)
    frames = tuple(RawFrame(Frame("f", LIBRARY, 1), number, 0, 0, 0) for number in range(len(variables)))
    (found,) = reader.look((), {0x9000: frames}, {}) or (None,)
    return found.waits_at if found else None


def test_the_object_whose_method_is_awaited_leads_to_its_connection() -> None:
    assert waits_at({"self": STREAM}, {"self": CONNECTION}) == 7


def test_a_variable_leads_where_it_is_what_is_awaited() -> None:
    """Its own method hides nothing, as of an object written in C; or there is no method at all."""
    assert waits_at({"fut": EVENT, "sock": STREAM}) == 7
    assert waits_at({}, {"self": POOL, "connection": CONNECTION}) == 7


def test_a_variable_left_from_a_wait_before_leads_nowhere() -> None:
    """The pool had a connection for this request, lost it, and waits for the next to come free."""
    assert waits_at({"self": EVENT}, {"self": REQUEST}, {"self": POOL, "connection": CONNECTION}) is None


def test_a_client_is_known_by_the_type_of_a_variable_whatever_its_name() -> None:
    """As `r` and `w`; what is called like a connection comes first, and one that leads nowhere is passed over."""
    reader = ConversationReader(cast("Interpreter", Memory({"n": POOL, "w": STREAM}, {"x": EVENT})), lambda _: False)
    frames = tuple(RawFrame(Frame("f", LIBRARY, 1), number, 0, 0, 0) for number in range(2))

    (found,) = reader.look((), {0x9000: frames}, {})

    assert (found.serves, found.waits_at) == (7, None)


def test_an_epoll_made_for_one_wait_leads_to_the_descriptor_that_it_watches() -> None:
    """As a library without a loop waits for one connection; one that watches two, or none, leads nowhere."""
    with (
        select.epoll() as epoll,
        socket.socket(type=socket.SOCK_DGRAM) as first,
        socket.socket(type=socket.SOCK_DGRAM) as second,
    ):
        memory = Memory()
        memory.pid = os.getpid()
        reader = ConversationReader(cast("Interpreter", memory), lambda _frame: False)
        call = SystemCall("epoll_wait", (epoll.fileno(), 0, 1, 5000))
        found = [reader.descriptor_of_call(call)]
        for one in (first, second):
            epoll.register(one.fileno(), select.EPOLLIN)
            found.append(reader.descriptor_of_call(call))

        assert found == [None, first.fileno(), None]

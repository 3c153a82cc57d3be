"""The epoll that a loop of any library holds, found among objects laid out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from spindoctor.errors import Unreadable
from spindoctor.model.sample import Sample, SystemCall, ThreadLook
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.reactors import MOST_OBJECTS, epoll_of, may_wait

REACTOR, SELECTOR, EPOLL = 0x100, 0x200, 0x300


class Objects:
    """Objects by address: their type and their attributes."""

    def __init__(self, known: dict[int, tuple[str, dict[str, int]]]) -> None:
        self.known = known

    def type_name(self, address: int) -> str:
        return self._of(address)[0]

    def attributes(self, address: int) -> dict[str, int]:
        return self._of(address)[1]

    def _of(self, address: int) -> tuple[str, dict[str, int]]:
        if address not in self.known:
            raise Unreadable(address, 8)
        return self.known[address]


def target(known: dict[int, tuple[str, dict[str, int]]]) -> Interpreter:
    fake: Any = SimpleNamespace(
        objects=Objects(known), locals=lambda frame: frame, reader=SimpleNamespace(int32={EPOLL + 16: 7}.__getitem__)
    )
    return cast("Interpreter", fake)


def found(known: dict[int, tuple[str, dict[str, int]]], *frames: dict[str, int]) -> int | None:
    return epoll_of(target(known), cast("Any", frames))


def test_an_epoll_two_attributes_away_is_found() -> None:
    known: dict[int, tuple[str, dict[str, int]]] = {
        REACTOR: ("Runner", {"io": SELECTOR, "clock": 0x999}),
        SELECTOR: ("Manager", {"_epoll": EPOLL}),
        EPOLL: ("select.epoll", {}),
    }

    assert found(known, {"n": 0x998}, {"runner": REACTOR}) == 7
    assert found({**known, EPOLL: ("dict", {})}, {"runner": REACTOR}) is None


def test_what_a_program_imports_does_not_hide_the_epoll() -> None:
    """A module, a class and a function of the module level lead to more than is looked at."""
    globals_of_all = {f"name{number}": 0x1000 + number for number in range(MOST_OBJECTS)}
    known: dict[int, tuple[str, dict[str, int]]] = {
        **{address: ("str", {}) for address in globals_of_all.values()},
        0x400: ("module", globals_of_all),
        0x401: ("type", globals_of_all),
        0x402: ("function", globals_of_all),
        REACTOR: ("Runner", {"_epoll": EPOLL}),
        EPOLL: ("select.epoll", {}),
    }

    assert found(known, {"runner": REACTOR}, {"time": 0x400, "App": 0x401, "main": 0x402}) == 7


def test_objects_that_know_each_other_are_looked_at_once() -> None:
    assert found({REACTOR: ("A", {"b": SELECTOR}), SELECTOR: ("B", {"a": REACTOR})}, {"self": REACTOR}) is None


def test_only_the_main_thread_and_those_that_wait_in_an_epoll_are_asked() -> None:
    waits, works = ThreadLook(2, call=SystemCall("epoll_wait", (7, 0, 1, -1))), ThreadLook(3)
    samples = [Sample(0.0, (waits, works))]

    assert may_wait(1, samples) == {1, 2}

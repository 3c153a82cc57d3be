"""Exceptions that hold exceptions, and which one a thread handles."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from spindoctor.cpython.classes import EXCEPTION
from spindoctor.cpython.exceptions import Exceptions
from spindoctor.cpython.memory import Range
from spindoctor.errors import Unreadable

HERE, ARGUMENTS = 0x1000, 0x2000


def test_an_exception_that_is_its_own_argument_says_nothing() -> None:
    """So may memory that was used again while it was read."""
    layout = _Layout({"exception_object.args": 8})
    reader: Any = SimpleNamespace(layout=layout, word=lambda at: ARGUMENTS if at == HERE + 8 else 0)
    classes: Any = SimpleNamespace(
        of=lambda _: SimpleNamespace(flags=EXCEPTION, name="Wrapped"), names=lambda _: ("Wrapped", "Exception")
    )
    holdings: Any = SimpleNamespace(items=lambda _: [HERE])
    nothing: Any = SimpleNamespace()

    told = Exceptions(reader, classes, nothing, nothing, holdings).describe(HERE)

    assert (told.kind, told.text, told.places) == ("Wrapped", "", ())


ITEMS = {"err_stackitem.previous_item": 8}
THREAD, OWN, COROUTINE, OTHER, RAISED, NONE = 0x3000, 0x4000, 0x5000, 0x6000, 0x7000, 0x8000


class _Words:
    """Memory of single words; counts how often it is asked."""

    def __init__(self, words: dict[int, int]) -> None:
        self.layout = _Layout(ITEMS)
        self.words = words
        self.calls = 0

    def word(self, address: int) -> int:
        return int.from_bytes(self.read(address, 8), "little")

    def read(self, address: int, size: int) -> bytes:
        return self.read_many([(address, size)])[0]

    def read_many(self, ranges: Sequence[Range]) -> list[bytes]:
        self.calls += 1
        if any(address not in self.words for address, _ in ranges):
            raise Unreadable("gone")
        return [b"".join(self.words[at + n].to_bytes(8, "little") for n in range(0, size, 8)) for at, size in ranges]


def running(*items: int, handles: int = 0) -> dict[int, int]:
    """A thread that runs these, the innermost first; the innermost handles what is told."""
    words = {THREAD: items[0]}
    for item, outer in zip(items, (*items[1:], 0), strict=True):
        words |= {item: handles if item == items[0] else 0, item + 8: outer}
    return words


def exceptions(memory: _Words) -> Exceptions:
    nothing: Any = SimpleNamespace()
    classes: Any = SimpleNamespace(of=lambda _: SimpleNamespace(flags=EXCEPTION))
    reader: Any = memory
    return Exceptions(reader, classes, nothing, nothing, nothing)


def test_a_thread_that_handles_nothing_is_asked_again_in_one_call() -> None:
    memory = _Words(running(COROUTINE, OWN))
    reader = exceptions(memory)
    reader.handled(THREAD)
    memory.calls = 0

    assert reader.handled(THREAD) == 0
    assert memory.calls == 1


def test_what_another_coroutine_handles_by_now_is_found() -> None:
    memory = _Words(running(COROUTINE, OWN))
    reader = exceptions(memory)
    reader.handled(THREAD)
    memory.words |= running(OTHER, OWN, handles=RAISED)

    assert reader.handled(THREAD) == RAISED


def test_a_coroutine_that_has_gone_hides_nothing() -> None:
    memory = _Words(running(COROUTINE, OWN))
    reader = exceptions(memory)
    reader.handled(THREAD)
    memory.words = running(OWN, handles=RAISED)

    assert reader.handled(THREAD) == RAISED


def test_none_is_known_the_second_time() -> None:
    memory = _Words(running(OWN, handles=NONE))
    kinds: list[int] = []
    nothing: Any = SimpleNamespace()
    classes: Any = SimpleNamespace(of=lambda one: kinds.append(one) or SimpleNamespace(flags=0, name="NoneType"))
    reader: Any = memory
    told = Exceptions(reader, classes, nothing, nothing, nothing)

    assert [told.handled(THREAD), told.handled(THREAD)] == [0, 0]
    assert kinds == [NONE]


class _Layout(dict[str, int]):
    """Members at 0, but for those that are told."""

    minor = 12

    def __missing__(self, name: str) -> int:
        return 0

"""Exceptions that hold exceptions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from spindoctor.cpython.classes import EXCEPTION
from spindoctor.cpython.exceptions import Exceptions

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


class _Layout(dict[str, int]):
    """Members at 0, but for those that are told."""

    minor = 12

    def __missing__(self, name: str) -> int:
        return 0

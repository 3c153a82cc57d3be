"""How far out on a stack a request is known; what lies further out works for others too."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from spindoctor.cpython.frames import RawFrame
from spindoctor.model.frames import Frame
from spindoctor.model.routes import Route
from spindoctor.probe.requests import MOST_FRAMES, OBJECTS, OUTER_FRAMES, RouteFinder

ITEM = Route("GET", "/items/5")
OTHER = Route("GET", "/elsewhere")


class Knowing(RouteFinder):
    """Finds these requests at the frames with these numbers."""

    def __init__(self, known: dict[int, Route]) -> None:
        self._known = known

    def _at(self, raw: RawFrame, objects: Sequence[str] = OBJECTS) -> Route | None:  # noqa: ARG002 - as its base
        return self._known.get(raw.address)

    def _with_template(self, frames: Sequence[RawFrame], found: Route | None) -> Route | None:  # noqa: ARG002 - as above
        return found

    def _worth_asking(self, frames: Sequence[RawFrame]) -> Sequence[int]:
        return range(len(frames))


def frames(count: int) -> list[RawFrame]:
    """So many frames, numbered from the innermost."""
    return [RawFrame(Frame(f"f{number}", "/srv/app.py", 1), number, 0, 0, 0) for number in range(count)]


@pytest.mark.parametrize(
    ("known", "reach"),
    [({1: ITEM, 3: ITEM}, 4), ({1: ITEM, 4: OTHER}, 2), ({6: ITEM}, 7), ({0: ITEM}, 1), ({3: OTHER}, 0), ({}, 0)],
)
def test_reach_ends_at_the_outermost_frame_that_knows_the_request(known: dict[int, Route], reach: int) -> None:
    assert Knowing(known).reach(frames(7), ITEM) == reach


@pytest.mark.parametrize(
    ("number", "is_asked"), [(MOST_FRAMES - 1, True), (MOST_FRAMES, False), (75, False), (76, True), (98, True)]
)
def test_deep_stacks_are_asked_only_where_requests_are_looked_for(number: int, *, is_asked: bool) -> None:
    deep = frames(100)
    finder = Knowing({number: ITEM})

    assert OUTER_FRAMES == 100 - 76
    assert finder.reach(deep, ITEM) == (number + 1 if is_asked else 0)
    assert finder.find(deep) == (ITEM if is_asked else None)

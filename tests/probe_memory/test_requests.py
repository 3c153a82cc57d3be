"""Which objects in the local variables of frames are requests that a service was sent.

A program's memory is stood in for by objects of ours: an address is the place of one in a list.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from spindoctor.model.frames import Frame
from spindoctor.model.routes import Route
from spindoctor.probe.requests import RouteFinder


class Split(NamedTuple):
    """What `urllib.parse.urlsplit` gives."""

    scheme: str
    netloc: str
    path: str
    query: str
    fragment: str


class Memory:
    """Objects by address; as much of an interpreter as finding requests needs."""

    def __init__(self) -> None:
        self._held: list[Any] = [None]
        self.objects = self
        self.classes = self.codes = self

    def put(self, value: object) -> int:
        self._held.append(value)
        return len(self._held) - 1

    def of(self, address: int) -> SimpleNamespace:
        return SimpleNamespace(address=id(type(self._held[address])))

    def naming(self, addresses: tuple[int, ...], names: tuple[str, ...]) -> range:
        assert names
        return range(len(addresses))

    def type_name(self, address: int) -> str:
        return type(self._held[address]).__name__

    def attributes(self, address: int) -> dict[str, int]:
        held = getattr(self._held[address], "__dict__", {})
        return {name: self.put(value) for name, value in held.items()}

    def items(self, address: int) -> list[int]:
        return [self.put(one) for one in self._held[address]]

    def pairs(self, address: int) -> list[tuple[int, int]]:
        return [(self.put(key), self.put(value)) for key, value in self._held[address].items()]

    def value(self, address: int) -> object:
        return self._held[address]

    def some_locals(self, frame: SimpleNamespace, names: tuple[str, ...]) -> dict[str, int]:
        return {name: self.put(value) for name, value in frame.held.items() if name in names}


class Request:
    """Any library's request."""

    def __init__(self, **held: object) -> None:
        self.__dict__.update(held)


class Url(Request):
    """Any library's URL."""


def found(*frames: dict[str, object]) -> Route | None:
    """What is found in frames with these local variables, innermost first."""
    where = Frame("f", "/srv/app.py", 1)
    return RouteFinder(Memory()).find([SimpleNamespace(frame=where, code=0, held=held) for held in frames])  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    "request_",
    [
        Request(method="GET", path="/a"),
        Request(method="GET", uri="/a?b=1"),
        Request(method="GET", raw_url=b"/a?b=1"),
        Request(_method="GET", _rel_url=Url(_netloc="", _path="/a", _query="b=1")),
        Request(_method="GET", _rel_url=Url(_val=Split("", "", "/a", "b=1", ""))),
    ],
)
def test_a_request_has_a_method_and_a_target(request_: Request) -> None:
    assert found({}, {"self": Request(), "request": request_}) == Route("GET", "/a")


@pytest.mark.parametrize(
    "request_",
    [
        Request(method="GET", url="http://db:80/a"),
        Request(method="GET", path="http://db:80/a"),
        Request(method="GET", path=Url(_netloc="db:80", _path="/a")),
        Request(method="GET", path=Url(_val=Split("http", "db:80", "/a", "", ""))),
        Request(method="read", path="/a"),
        Request(method="GET", path=Url()),
    ],
)
def test_what_names_a_host_is_sent_and_not_served(request_: Request) -> None:
    assert found({"request": request_}, {"req": request_}) is None


def test_a_frame_that_stands_alone_keeps_the_request_before() -> None:
    held = {"request": Request(method="GET", path="/a")}

    assert found(held) is None
    assert found({}, held) == Route("GET", "/a")


def test_a_client_with_the_same_name_of_type_hides_no_request() -> None:
    sent = type("Request", (), {})()
    sent.url = "http://db/a"

    assert found({"request": sent}, {"request": Request(method="GET", path="/a")}) == Route("GET", "/a")


def test_a_self_that_keeps_the_request_works_for_it() -> None:
    assert found({"self": Request(request=Request(method="PUT", uri="/a"))}) == Route("PUT", "/a")
    assert found({"scope": {"type": "http", "method": "GET", "path": "/s"}}) == Route("GET", "/s")


def test_a_request_that_is_not_filled_in_yet_hides_no_other() -> None:
    assert found({"request": Request()}, {"request": Request(method="GET", path="/a")}) == Route("GET", "/a")
    assert found({"self": Request()}, {"request": Request(method="GET", path="/a")}) == Route("GET", "/a")


def handled(function: str, **held: object) -> Route | None:
    """What is found in a handler's method of this name."""
    frames = [SimpleNamespace(frame=Frame(name, "/srv/app.py", 1), code=0, held=one) for name, one in
              (("ask", {}), (function, {"self": Request(**held)}))]  # fmt: skip
    return RouteFinder(Memory()).find(frames)  # type: ignore[arg-type]


def test_a_method_that_is_named_after_what_was_asked_for_has_the_request() -> None:
    assert handled("Shop.do_GET", command="GET", path="/a?b=1") == Route("GET", "/a")


@pytest.mark.parametrize(
    ("function", "command", "path"),
    [
        ("Shop.handle_one_request", "GET", "/a"),
        ("Shop.do_POST", "GET", "/a"),
        ("Shop.do_work", "work", "/a"),
        ("Shop.redo_GET", "GET", "/a"),
        ("Shop.do_GET", "GET", "http://db/a"),
    ],
)
def test_a_handler_elsewhere_may_keep_the_request_before(function: str, command: str, path: str) -> None:
    assert handled(function, command=command, path=path) is None

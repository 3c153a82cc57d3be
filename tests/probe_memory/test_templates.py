"""Which pattern a request was matched with, in the places where frameworks keep it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from test_requests import Memory, Request

from spindoctor.model.frames import Frame
from spindoctor.model.routes import Route
from spindoctor.probe.requests import RouteFinder

ENVIRON = {"PATH_INFO": "/jobs/7", "REQUEST_METHOD": "GET"}
SCOPE = {"type": "http", "method": "GET", "path": "/in/jobs/7"}


class OneAddress(Memory):
    """An object has the same address wherever it is met, and types are objects."""

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[int, int] = {}

    def put(self, value: object) -> int:
        if id(value) not in self._places:
            self._places[id(value)] = super().put(value)
        return self._places[id(value)]

    def of(self, address: int) -> SimpleNamespace:
        return SimpleNamespace(address=self.put(type(self._held[address])))


def raw(*frames: dict[str, object]) -> list[SimpleNamespace]:
    """Frames with these local variables, innermost first."""
    where = Frame("f", "/srv/app.py", 1)
    return [SimpleNamespace(frame=where, code=0, held=held) for held in frames]


def shown(*frames: dict[str, object]) -> str:
    """The request that such frames work for, by its pattern or, where that is not known, its path."""
    found = RouteFinder(OneAddress()).find(raw(*frames))  # type: ignore[arg-type]
    assert found
    return f"{found.method} {found.template or found.path}"


@pytest.mark.parametrize(
    ("kept", "pattern"),
    [
        ({"resolver_match": Request(route="jobs/<int:n>/")}, "/jobs/<int:n>/"),
        ({"resolver_match": Request(route=r"^jobs/(?P<n>\d+)/$")}, r"/jobs/(?P<n>\d+)/"),
        ({"url_rule": Request(rule="/jobs/<int:n>")}, "/jobs/<int:n>"),
        ({"_match_info": Request(_route=Request(_resource=Request(_formatter="/jobs/{n}")))}, "/jobs/{n}"),
        ({"resolver_match": None}, "/jobs/7"),
        ({}, "/jobs/7"),
    ],
)
def test_a_request_keeps_what_it_was_matched_with(kept: dict[str, object], pattern: str) -> None:
    request = Request(method="GET", path="/jobs/7", **kept)

    assert shown({"request": request}, {"environ": ENVIRON}, {}) == f"GET {pattern}"


class Handler(Request):
    """Any library's handler of one kind of request."""


class Other(Request):
    """Another one."""


def rule(pattern: str | None, target: object) -> Request:
    return Request(matcher=Request(_path=pattern), target=target)


@pytest.mark.parametrize(
    ("rules", "pattern"),
    [
        ([rule("/jobs/%s", Handler), rule("/other", Other)], "/jobs/{}"),
        ([rule(None, Request(rules=[rule("/jobs/%s", Handler)]))], "/jobs/{}"),
        ([rule("/jobs/%s", Handler), rule("/again/%s", Handler)], "/jobs/7"),
        ([rule(None, Handler)], "/jobs/7"),
        ([rule("/other", Other)], "/jobs/7"),
    ],
)
def test_the_only_rule_that_names_the_class_of_a_handler_is_the_requests(rules: list[Request], pattern: str) -> None:
    application = Request(default_router=Request(rules=rules))
    handler = Handler(request=Request(method="GET", path="/jobs/7"), application=application)

    assert shown({"self": handler}, {}, {}) == f"GET {pattern}"


PASSES_ON = {"scope": SCOPE, "receive": 1, "send": 2}
MOUNT, ROUTE = Request(path_format="/in/{path}"), Request(path_format="/jobs/{n}")


@pytest.mark.parametrize(
    ("inner", "pattern"),
    [
        ([{"self": ROUTE, **PASSES_ON}], "/in/jobs/{n}"),
        ([{"self": Request(path_format="/other"), "scope": SCOPE}, {"self": ROUTE, **PASSES_ON}], "/in/jobs/{n}"),
        ([], "/in/jobs/7"),
    ],
)
def test_the_routes_that_pass_a_request_on_have_its_pattern_together(
    inner: list[dict[str, object]], pattern: str
) -> None:
    """One that is only asked whether it matches is none of them, and a mount alone does not tell what lies below."""
    assert shown(*inner, {"self": MOUNT, **PASSES_ON}, {"scope": SCOPE}, {}) == f"GET {pattern}"


@pytest.mark.parametrize(("root_path", "pattern"), [("/proxy", "/jobs/{n}"), ("/proxy/in", "/in/jobs/7")])
def test_a_route_in_a_scope_is_a_part_where_its_application_is_mounted(root_path: str, pattern: str) -> None:
    """What it is mounted at may be a part of the path that was asked for, and is no pattern."""
    scope = {**SCOPE, "route": Request(path="/jobs/{n}"), "root_path": root_path, "app_root_path": "/proxy"}

    assert shown({"scope": scope}, {}, {}) == f"GET {pattern}"


def test_a_request_that_is_not_matched_yet_has_the_pattern_of_those_that_differ_in_a_key_alone() -> None:
    finder = RouteFinder(OneAddress())  # type: ignore[arg-type]
    matched = Request(method="GET", path="/jobs/7", url_rule=Request(rule="/jobs/<int:n>"))

    def template(path: str) -> str | None:
        found = finder.find(raw({"request": Request(method="GET", path=path)}, {}, {}))  # type: ignore[arg-type]
        return found and found.template

    assert template("/jobs/8") is None
    finder.find(raw({"request": matched}, {}, {}))  # type: ignore[arg-type]
    assert template("/jobs/9") == "/jobs/<int:n>"
    assert template("/jobs/new") is None
    assert template("/carts/9") is None


def test_where_two_patterns_fit_a_request_that_is_not_matched_yet_has_none() -> None:
    finder = RouteFinder(OneAddress())  # type: ignore[arg-type]
    for number, rule in enumerate(("/jobs/<int:n>", "/jobs/<uuid:n>")):
        request = Request(method="GET", path=f"/jobs/{number}", url_rule=Request(rule=rule))
        finder.find(raw({"request": request}, {}, {}))  # type: ignore[arg-type]

    found = finder.find(raw({"request": Request(method="GET", path="/jobs/9")}, {}, {}))  # type: ignore[arg-type]

    assert found == Route("GET", "/jobs/9")

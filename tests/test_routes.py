"""What is shown of a request."""

from __future__ import annotations

import pytest

from spindoctor.model.routes import Route, shape, shape_of_template


def test_a_request_is_shown_by_its_template() -> None:
    assert str(Route("GET", "/orders/17", "/orders/{order_id}")) == "GET /orders/{order_id}"


@pytest.mark.parametrize(
    "key",
    [
        "7",
        "2024-11-23",
        "0b9c6f3e-52aa-4f7b-8e1c-1d2f3a4b5c6d",
        "d41d8cd98f00b204e9800998ecf8427e",
        "jo@shop.example",
        "two%20words",
        "AbCdEfGhIj",
        "a-title-that-nobody-would-give-to-a-route",
        "report-2024.pdf",
        "sid=x",
    ],
)
def test_a_request_met_before_it_was_matched_is_shown_without_its_keys(key: str) -> None:
    assert str(Route("GET", f"/orders/{key}/lines")) == "GET /orders/{}/lines"


@pytest.mark.parametrize(
    "path", ["/", "*", "/api/v2/orders", "/oauth2/token", "/userProfile/show_all", "/.well-known/x"]
)
def test_words_of_a_path_stay(path: str) -> None:
    assert shape(path) == path


@pytest.mark.parametrize(
    "template", ["/jobs/{n}", "/jobs/{n:int}", "/jobs/<int:n>", "/jobs/:n", r"/jobs/(?P<n>[0-9]+)"]
)
def test_a_template_has_the_shape_of_the_paths_it_matches(template: str) -> None:
    assert shape_of_template(template) == shape("/jobs/7")

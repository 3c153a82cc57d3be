"""The script of our pages as a reader uses it, in jsdom, which runs it but lays nothing out: `make test-formats`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from example_profiles import EMPTY, PROFILE

from spindoctor.report import flame

pytestmark = pytest.mark.formats
Used = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def used(node: Callable[..., str], tmp_path: Path) -> Used:
    """Opens a page, takes the steps; what each `show` saw. Fails where the script did."""

    def use(page: bytes, *steps: str) -> list[dict[str, Any]]:
        (tmp_path / "a.html").write_bytes(page)
        seen = [json.loads(line) for line in node("use_page.mjs", str(tmp_path / "a.html"), *steps).splitlines()]
        assert [one["faults"] for one in seen] == [[]] * len(seen)
        return seen

    return use


def test_routes_stand_on_top_and_what_runs_is_shown(used: Used) -> None:
    (page,) = used(flame.page(PROFILE), "show")

    assert page["group"] == "route"
    assert page["kinds"] == ["cpu", "want"]
    assert page["boxes"][:5] == ["all", "no route", "pull;push", "[waits for the GIL]", "GET /orders"]
    assert page["table"][1][-1] == "pull;push /srv/</script>.py"


def test_boxes_are_shares_of_the_graph_and_fit_paper_too(used: Used) -> None:
    (page,) = used(flame.page(PROFILE), "show")

    assert page["widths"][0] == "100%"
    assert all(width.endswith("%") for width in page["widths"])


def test_a_search_marks_what_it_finds_and_says_how_much_that_is(used: Used) -> None:
    """Of 20 ms on a CPU and 40 ms waiting for the GIL the query has 10."""
    found, by_file, broken = used(
        flame.page(PROFILE), "search cursor", "show", "search db\\.py$", "show", "search (", "show"
    )

    assert found["hits"] == by_file["hits"] == ["Cursor.execute"]
    assert found["words"].endswith("search: 17 % of what is shown")
    assert broken["hits"] == []


def test_a_click_zooms_and_the_button_goes_back(used: Used) -> None:
    zoomed, back = used(flame.page(PROFILE), "zoom orders", "show", "back", "show")

    assert zoomed["boxes"] == ["all", "GET /orders", "[task run]", "orders", "Cursor.execute"]
    assert zoomed["words"].startswith("orders /srv/app.py:12 - 20 ms, 33 %, 10 ms in itself")
    assert "pull;push" in back["boxes"]


def test_the_grouping_can_be_switched(used: Used) -> None:
    by_thread, by_task, together = used(
        flame.page(PROFILE), "group thread", "show", "group task", "show", "group ", "show"
    )

    assert by_thread["boxes"][1] == "pid 42 (leader) worker <1> (43)"
    assert {"task run", "no task"} <= set(by_task["boxes"])
    assert together["boxes"][1] == "pull;push"


def test_what_waits_is_shown_when_it_is_ticked(used: Used) -> None:
    before, after = used(flame.page(PROFILE), "show", "tick wait", "show")

    assert "[asleep in recvfrom]" not in before["boxes"]
    assert "[asleep in recvfrom]" in after["boxes"]
    assert after["kinds"] == ["cpu", "want", "wait"]


def test_arrow_keys_move_enter_zooms_and_escape_goes_back(used: Used) -> None:
    moved, zoomed, back = used(
        flame.page(PROFILE), "key ArrowDown", "key ArrowRight", "show", "key Enter", "show", "key Escape", "show"
    )

    assert moved["here"] == ["GET /orders"]
    assert "no route" not in zoomed["boxes"]
    assert "no route" in back["boxes"]


def test_cpu_between_the_looks_is_told(used: Used) -> None:
    main = replace(PROFILE.lanes[0], cpu_s=1.0)

    (page,) = used(flame.page(replace(PROFILE, lanes=(main,))), "show")

    assert page["boxes"][1:3] == ["no route", "[on a CPU between two looks]"]


def test_a_page_without_looks_says_so(used: Used) -> None:
    (page,) = used(flame.page(EMPTY), "show")

    assert page["boxes"] == []
    assert page["words"].startswith("all")


def test_a_comparison_tells_before_and_after(used: Used) -> None:
    """The recordings are of 0.04 s: 40 ms of waiting for the GIL are a second in each second."""
    (page,) = used(flame.page(PROFILE, EMPTY), "zoom pull;push", "show")

    assert "before 0.0 ms, after 1.00 s in each second" in page["words"]

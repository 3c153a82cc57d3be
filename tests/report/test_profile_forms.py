"""The forms of a profile, as far as they can be judged without the tools they are for (see tests/formats)."""

from __future__ import annotations

import gzip
import json
import random
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from example_profiles import EMPTY, MAIN, PROFILE

from spindoctor.model.frames import Frame
from spindoctor.model.profile import Spot
from spindoctor.report import flame
from spindoctor.report.flame.data import content
from spindoctor.report.profile import chrome, firefox, folded, pprof, speedscope

RENDERERS = (folded, speedscope, pprof, chrome, firefox)


def test_folded_stacks_count_milliseconds() -> None:
    lines = folded.render(PROFILE).decode().splitlines()

    assert lines == [
        "pid 42 (leader);MainThread (42);[GET /orders];[task run];orders 10",
        "pid 42 (leader);MainThread (42);[GET /orders];[task run];orders;Cursor.execute 10",
        "pid 42 (leader);MainThread (42);[GET /orders];[task run];orders;Cursor.execute;[asleep in recvfrom] 10",
        "pid 42 (leader);MainThread (42);[asleep in epoll_wait] 10",
        "pid 42 (leader);tasks;[GET /orders];[task run];orders 80",
        "pid 42 (leader);worker <1> (43);pull:push;[waits for the GIL] 40",
    ]


@pytest.mark.parametrize("renderer", RENDERERS)
def test_every_form_takes_a_profile_without_looks(renderer: object) -> None:
    assert isinstance(renderer.render(EMPTY), bytes)  # type: ignore[attr-defined]


def test_pprof_is_the_same_bytes_each_time() -> None:
    assert pprof.render(PROFILE) == pprof.render(PROFILE)
    assert b"MainThread" in gzip.decompress(pprof.render(PROFILE))


def test_a_function_that_goes_on_is_one_event_of_a_trace() -> None:
    events = json.loads(chrome.render(PROFILE))["traceEvents"]

    handler = [(one["ts"], one["dur"]) for one in events if one["name"] == "orders"]
    assert handler == [(0, 30_000)]


def test_a_task_that_waits_on_is_one_event_of_a_trace() -> None:
    events = json.loads(chrome.render(PROFILE))["traceEvents"]

    assert [(one["ph"], one["id"], one["ts"]) for one in events if one["ph"] in "be"] == [
        ("b", "0x8", 0),
        ("b", "0x9", 0),
        ("e", "0x8", 40_000),
        ("e", "0x9", 40_000),
    ]


def test_equal_stacks_of_the_graph_are_one_row() -> None:
    found = content(PROFILE)

    rows = sorted((row[3], row[6]) for row in found["rows"])
    assert [(found["states"][state][0], ms) for state, ms in rows] == [
        ("python", 10.0),
        ("python", 10.0),
        ("gil", 40.0),
        ("call", 10.0),
        ("idle", 10.0),
        ("await", 80.0),
    ]


def test_a_thread_of_a_restarted_service_is_compared_with_the_one_before() -> None:
    moved = replace(
        PROFILE,
        lanes=tuple(
            replace(lane, pid=lane.pid + 7000, process=lane.process.replace(f"{lane.pid}", f"{lane.pid + 7000}", 1))
            for lane in PROFILE.lanes
        ),
    )

    same, restarted = content(PROFILE, PROFILE), content(PROFILE, moved)

    assert restarted["rows"] == same["rows"]
    assert [name for _, name in restarted["lanes"]] == [name for _, name in same["lanes"]]
    assert not [process for process, _ in restarted["lanes"] if "pid" in process]


def test_a_comparison_counts_by_the_second_of_looking() -> None:
    twice = content(PROFILE, PROFILE)["rows"]

    assert all(row[6] == row[7] for row in twice)
    assert {row[6] for row in twice} == {250.0, 1000.0, 2000.0}


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_of_a_graph_asks_nothing_of_a_network() -> None:
    text = flame.page(PROFILE, PROFILE).decode()
    page = _Page()
    page.feed(text)

    links = [
        value for _, attributes in page.tags for name, value in attributes.items() if name in {"src", "href", "data"}
    ]
    assert links == ["data:,"]
    assert not re.search(r"https?://|@import|url\(", text)


def test_names_from_the_target_cannot_become_markup() -> None:
    text = flame.page(PROFILE).decode()

    assert "<b>" not in text.split("</header>")[0]
    assert text.count("</script>") == 2
    assert "</script>.py" not in text


def test_the_page_says_when_there_is_nothing_to_draw() -> None:
    assert flame.NO_LOOKS in flame.page(EMPTY).decode()


def test_a_page_of_a_long_recording_stays_small_and_keeps_all_time() -> None:
    """An hour in which no stack comes twice: 20,000 of them, each of 60 calls of its own."""
    dice = random.Random(7)  # noqa: S311 - no secret
    frames = [Frame(f"some_function_{n}", f"/srv/service/module_{n % 70}.py", n) for n in range(900)]
    spots = tuple(
        Spot(n / 10, 0.1, "python", tuple(dice.choices(frames, k=60)), 100_000_000, route=f"GET /{n % 50}")
        for n in range(20_000)
    )
    lane = replace(MAIN, cpu_s=2000.0, spots=spots)

    page = flame.page(replace(PROFILE, seconds=3600.0, lanes=(lane,)))
    rows = content(replace(PROFILE, lanes=(lane,)))["rows"]

    assert len(page) < 1_500_000
    assert sum(row[6] for row in rows) == pytest.approx(2_000_000)

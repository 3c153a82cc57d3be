"""The page for a browser: whole, self-contained, and not to be broken by what it shows."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from example_reports import BLIND, EVERY, HEALTHY, SICK, SPIN

from spindoctor.model.frames import Frame
from spindoctor.model.outcome import Culprit, Found, Report, Upstream
from spindoctor.model.pictures import Band, Cut, Pictures, Timeline, Waiting, Waits
from spindoctor.model.profile import Lane, Profile, Spot
from spindoctor.model.recording import SourceWindow
from spindoctor.report import html

NONE = Pictures(timeline=None, cut=None, waits=None)
EVIL = "<script>alert(1)</script>"
VOID = {"meta", "link"}


class Outline(HTMLParser):
    """Checks that elements close in their order, and notes tags, attributes and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "action", "data"}]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "script"}:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def a_profile(function: str = "events", name: str = "MainThread") -> Profile:
    spots = (Spot(0.01, 0.01, "python", (Frame(function, "/srv/a.py", 1),), 9_000_000, route=f"GET /{function}"),)
    return Profile("pid 1", 3.0, 100.0, 0.0, (Lane(4242, 4242, name, "pid 4242", 0.1, spots),), 300, 0)


def drawn(words: str = "events") -> Pictures:
    band = Band(
        4242,
        words,
        1,
        0.99,
        (("python", 0.9), ("idle", 0.1)),
        ((("python", 1.0),), (), (("idle", 1.0),)),
        is_culprit=True,
    )
    circle = Waiting("task", 1, words, words, words, is_circle=True)
    waiting = Waiting("task", 2, words, words, words, (Waiting("lock", 1, words, words, "", (circle,)),))
    return Pictures(
        Timeline(3.0, (band,), 4), Cut(a_profile(words, words), words, 4242, 30, 20, 3), Waits((waiting,), 2, 2.9, 1)
    )


def test_of_more_tasks_than_are_read_the_picture_says_how_many() -> None:
    waits = Waits((Waiting("task", 2, "sleep"),), 1000, 2.9, 0, pending=2002)
    page = html.render(HEALTHY, Pictures(None, None, waits))

    assert "1,000 of 2,002 tasks at 2.9 s" in page


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("pictures", [NONE, drawn()])
def test_every_report_is_a_page_whose_elements_close(name: str, pictures: Pictures) -> None:
    outline = Outline(html.render(EVERY[name], pictures))

    assert outline.tags[:2] == ["html", "head"]


def test_the_page_reads_in_the_order_of_the_questions() -> None:
    text = Outline(html.render(SICK, drawn())).text

    parts = [
        "A cancellation is delivered for ever, and 1 more finding",
        "What was seen", "Each thread over time", "Through the culprit", "Who waits for whom",
        "Evidence", "297 of 298 looks", "Cleared", "the GIL", "Not checked", "descriptors of pid 4242",
        "What to do", "Let the CancelledError out of the loop", "Appendix", "298 looks in 3.0 s",
    ]  # fmt: skip
    place = 0
    for part in parts:
        place = text.index(part, place)


def test_nothing_is_fetched() -> None:
    """Links are for the reader to follow; nothing is loaded, and the policy of the page forbids it."""
    page = html.render(SICK, drawn())

    assert [one for one in Outline(page).links if one.startswith(("http", "//"))] == [
        "https://github.com/agronholm/anyio/issues/695"
    ]
    assert "default-src 'none'" in page
    assert not re.search(r"url\(|@import|<(img|iframe|object|embed|form)", page)


def test_a_page_is_small() -> None:
    assert len(html.render(SICK, drawn())) < 100_000


def evil_report() -> Report:
    culprit = Culprit(1, EVIL, EVIL, EVIL, EVIL, 7, EVIL, EVIL, EVIL)
    window = SourceWindow(EVIL, 7, 7, (EVIL, "'\" onload=alert(1)"))
    finding = replace(
        SPIN, claim=EVIL, culprit=culprit, culprits=(culprit,), explains=EVIL, fix=(EVIL,), now=(EVIL,),
        against=(EVIL,),
        upstream=(Upstream(EVIL, EVIL, EVIL, "javascript:alert(1)", EVIL),), would_change=EVIL,
    )  # fmt: skip
    return replace(
        SICK, outcomes={**SICK.outcomes, "undeliverable-cancellation": Found((finding,))}, sources=(window,),
        notes=(EVIL,),
        titles={"undeliverable-cancellation": EVIL}, questions=((EVIL, EVIL),),
    )  # fmt: skip


def test_a_function_or_route_named_like_a_tag_stays_text() -> None:
    """Names come from the target, and the path of a request from anyone."""
    outline = Outline(html.render(evil_report(), drawn(EVIL)))

    plain = Outline(html.render(SICK, drawn()))
    assert outline.tags.count("script") == plain.tags.count("script")
    assert outline.text.count(EVIL) > 20
    assert "javascript:alert(1)" not in outline.links


def test_names_that_steer_a_terminal_or_turn_the_writing_are_shown_as_escapes() -> None:
    page = html.render(replace(HEALTHY, notes=("a\x1b[31m \u202eb \ud800",)), NONE)

    assert r"a\x1b[31m \u202eb \ud800" in page
    page.encode("utf-8")


def test_a_look_that_saw_nothing_says_so() -> None:
    text = Outline(html.render(BLIND, NONE)).text

    assert "no look succeeded, so nothing can be said" in text
    assert "Nothing could be ruled out." in text
    assert "What was seen" not in text


def test_each_share_of_a_band_is_one_piece_with_its_colour() -> None:
    band = Band(1, "a", 1, 0.3, (("python", 0.25), ("ready", 0.05), ("idle", 0.7)), ((("idle", 1.0),),))
    page = html.render(HEALTHY, Pictures(Timeline(3.0, (band,), 5), None, None))

    assert '<i class="box ready"></i>5 % ready, but not running</span>' in page
    assert "Not shown: 5 further threads, idle or with less CPU than these." in page


def test_equal_columns_are_drawn_as_one() -> None:
    shares = (("idle", 1.0),)
    band = Band(1, "a", 1, 0.0, shares, (shares,) * 120)

    page = html.render(HEALTHY, Pictures(Timeline(3.0, (band,), 0), None, None))

    assert page.count("<rect") == 1
    assert 'width="120"' in page

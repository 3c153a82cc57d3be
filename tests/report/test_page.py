"""What a page does with a little room and with names that nobody would read."""

from __future__ import annotations

from spindoctor.report.page import Page


def test_a_narrow_page_has_its_labels_in_the_text() -> None:
    page = Page(30, color=False)
    page.field("culprit", "thread reports of process 42 computes")
    page.bullets("evidence", ["0.97 cores of it", "its loop is late by a second"])

    assert page.text.splitlines() == [
        "   culprit: thread reports of",
        "   process 42 computes",
        "   evidence: - 0.97 cores of",
        "     it",
        "   - its loop is late by a",
        "     second",
    ]


def test_a_name_that_fills_the_page_is_shortened_to_its_two_ends() -> None:
    page = Page(80, color=False)
    page.say("thread " + "x" * 1000 + "-17 computes")

    words = page.text.split()
    assert words[1] == "x" * 57 + "..." + "x" * 17 + "-17"
    assert (words[0], words[2]) == ("thread", "computes")


def test_a_path_is_never_shortened() -> None:
    path = "/srv/" + "deep" * 60 + "/app.py:41"
    page = Page(80, color=False)
    page.say(f"at {path}")

    assert path in page.text

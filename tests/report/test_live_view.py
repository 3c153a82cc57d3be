"""The live view without a terminal: order, filter, words."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from example_dashboards import BOARD, GAUGES, LINES, TASKS, THREADS

from spindoctor.model.live import Cell, Column, Row, Sheet, Unit
from spindoctor.report import live_json
from spindoctor.report.live import View, cell, header, headings, laid_out, printed, render_once, stack_lines, visible


def keys(view: View) -> list[str]:
    return [row.key for row in visible(THREADS, view)]


def test_rows_come_as_the_table_says_until_somebody_wants_another_order() -> None:
    assert keys(View()) == ["1/1", "1/2", "1/3"]


def test_numbers_begin_with_the_largest_and_texts_with_the_first_letter() -> None:
    by_idle = View().sorted_by_next(THREADS)
    by_name = by_idle.sorted_by_next(THREADS)

    assert headings(THREADS, by_idle) == ["thread", "pid", "cores", "idle v"]
    assert keys(by_idle) == ["1/3", "1/2", "1/1"]
    assert headings(THREADS, by_name) == ["thread ^", "pid", "cores", "idle"]
    assert keys(by_name) == ["1/1", "1/3", "1/2"]


def test_an_order_can_be_turned_round_and_each_table_keeps_its_own() -> None:
    turned = View().reversed(THREADS)

    assert keys(turned) == ["1/3", "1/2", "1/1"]
    assert turned.order(LINES) == (0, True)


def test_the_column_before_is_reached_too() -> None:
    assert View().sorted_by_next(THREADS, -1).order(THREADS) == (1, True)


@pytest.mark.parametrize(
    ("text", "found"), [("WORK", ["1/2"]), ("4243", ["1/3"]), ("none", []), ("", ["1/1", "1/2", "1/3"])]
)
def test_a_filter_keeps_rows_that_have_its_text(text: str, found: list[str]) -> None:
    assert keys(View(filter=text)) == found


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.5, "cores", "0.50"),
        (0.5, "share", "50 %"),
        (12.0, "count", "12"),
        (75.0, "seconds", "1 min 15 s"),
        (52_428_800, "bytes", "50 MiB"),
        (3_221_225_472, "bytes", "3.0 GiB"),
        ("a\x1b[31m", "text", r"a\x1b[31m"),
        ("x" * 70, "text", "x" * 57 + "..."),
        ("/" + "x" * 70 + ":41", "place", "..." + "x" * 54 + ":41"),
    ],
)
def test_a_cell_is_written_by_its_unit(value: Cell, unit: Unit, words: str) -> None:
    assert cell(value, unit) == words


def test_the_header_has_every_gauge_and_fits_80_columns() -> None:
    lines = header(BOARD)

    assert lines == [
        "pid 4242 (python -m uvicorn app:app) Python 3.12.3",
        "CPU 1.02 of 2 cores (1.5 allowed)  GIL held 99 %, wanted by 1.5 threads",
        "1 process, 3 threads  1 event loop, 250 ms late, 18 tasks",
        "50 looks, 2 missed  own CPU 0.07 cores",
    ]
    assert max(map(len, lines)) <= 80


def test_a_service_without_a_loop_or_that_ended_says_so() -> None:
    ended = replace(BOARD, gauges=replace(GAUGES, loops=0, loop_late_s=None), note="Process 4242 ended.")

    assert header(ended)[2] == "1 process, 3 threads  no event loop"
    assert header(ended)[4] == "! Process 4242 ended."


def test_a_row_shows_the_stacks_behind_it() -> None:
    assert stack_lines(THREADS, THREADS.rows[0]) == [
        "thread: MainThread", "pid: 4242", "cores: 0.97", "idle: 3 %", "",
        "1. 75 %: asleep in recvfrom", "  [task handler]", "  handler  /srv/app.py:41",
    ]  # fmt: skip
    assert stack_lines(THREADS, THREADS.rows[1])[-1] == "No stack is kept for this row."


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_one_frame_fits_the_width_and_has_every_table(width: int) -> None:
    text = render_once(BOARD, width=width)

    assert max(map(len, text.splitlines())) <= width
    assert "app.py:41" in text
    assert TASKS.empty in text
    assert "\x1b" not in text


def test_numbers_that_say_nothing_give_their_room_to_names() -> None:
    columns = (Column("thread", "place"), Column("pid", "count"), Column("cores", "cores"), Column("wait", "share"))
    long = "worker-" * 9
    rows = tuple(Row(str(n), (f"{long}{n}", 4242, 0.5, 0.0), 4242) for n in range(2))
    board = replace(BOARD, sheets=(Sheet("threads", columns, rows, 2, ""),))

    narrow, wide = render_once(board, width=70).splitlines(), render_once(board, width=120).splitlines()

    assert [line.split() for line in narrow if "cores" in line][-1] == ["thread", "cores"]
    assert [line.split() for line in wide if "cores" in line][-1] == ["thread", "pid", "cores", "wait"]
    assert any(line.endswith("worker-0   0.50") for line in narrow)


def test_one_frame_can_be_of_one_table() -> None:
    assert "lines" not in render_once(BOARD, names=("threads",)).splitlines()


def test_json_has_every_table_with_its_columns_as_keys() -> None:
    printed = json.loads(live_json.render(BOARD))

    assert printed["format"] == 1
    assert printed["gauges"]["pid"] == BOARD.gauges.pid
    for sheet in BOARD.sheets:
        assert len(printed[sheet.name]) == len(sheet.rows)
        for row in printed[sheet.name]:
            assert set(row) == {"pid", "stacks", *map(live_json.key, sheet.columns)}


FUNCTIONS = Sheet(
    "functions",
    (
        Column("own CPU", "cores"), Column("total CPU", "cores"), Column("own wait", "cores"),
        Column("total wait", "cores"), Column("function"), Column("place", "place"),
    ),
    (Row("a", (0.9, 1.0, 0.0, 0.0, "Application._handle_request", f"/srv/{'deep/' * 5}web_protocol.py:512"), 1),),
    0,
    "",
)  # fmt: skip


def test_on_a_narrow_screen_a_name_stays_whole_and_of_its_file_what_finds_it() -> None:
    titles, line = laid_out(headings(FUNCTIONS, View()), FUNCTIONS, FUNCTIONS.rows, 0, 76)

    assert [title.split("\n") for title in titles[:2]] == [["  own", "CPU v"], ["total", "  CPU"]]
    assert len("  ".join(line)) <= 76
    assert line[-2].rstrip() == "Application._handle_request"
    assert line[-1].rstrip().endswith("/web_protocol.py:512")
    assert line[-1].startswith("...")


def test_what_stands_to_the_left_has_room_before_what_stands_to_the_right() -> None:
    columns = (Column("coroutine"), Column("at", "place"), Column("waits on"))
    row = Row("a", ("serve_everybody", "/srv/a/app.py:41", "the lock that another task has"), 1)

    _, line = laid_out(["coroutine", "at", "waits on"], Sheet("t", columns, (row,), 0, ""), [row], 0, 44)

    assert [words.rstrip() for words in line] == ["serve_everybody", "...app.py:41", "the lock t..."]


def test_a_printed_table_cuts_no_name() -> None:
    """What does not fit goes on in the next line: after a blank or a folder, else within a name."""
    columns = (Column("thread", "place"), Column("cores", "cores"), Column("what it does now"))
    row = Row("1", ("worker-of-the-reports@example", 0.5, "in /srv/shop/app.py:41"), 1)
    sheet = Sheet("threads", columns, (row,), 1, "")

    titles, lines = printed(["thread", "cores", "what it does now"], sheet, [row], 1, 30)

    assert all(len("  ".join(line)) <= 30 for line in (*titles, *lines))
    assert "".join(line[0].strip() for line in lines) == "worker-of-the-reports@example"
    assert [line[2].strip() for line in lines if line[2].strip()] == ["in /srv/", "shop/", "app.py:41"]
    assert [line[1] for line in titles] == ["cores", *["     "] * (len(titles) - 1)]
    assert [line[1].strip() for line in lines] == ["0.50", *[""] * (len(lines) - 1)]


def test_tasks_that_no_table_has_are_told() -> None:
    part = replace(BOARD, gauges=replace(GAUGES, tasks=2002, tasks_read=620))

    assert "2,002 tasks (620 read)" in " ".join(render_once(part).split())
    assert "read)" not in render_once(BOARD)


def test_of_when_the_figures_are_is_said_below_them() -> None:
    words = " ".join(render_once(BOARD).split())

    assert "requests in progress: at its end" in words
    assert words.index("functions, lines and routes: of the last") < words.index("requests in progress: at its end")

"""The tables of a live view say what the looks say."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

from recordings import PID, at_loop, idle, inside, one_process, recording, spinning, user

from spindoctor.evidence.live import dashboard
from spindoctor.model.live import Cell, Dashboard, Gauges
from spindoctor.model.recording import Recording, ThreadUse
from spindoctor.model.routes import Route
from spindoctor.model.sample import Sample, SystemCall, ThreadLook
from spindoctor.model.tasks import Task, TaskLook
from spindoctor.report import live_json

FETCH = user("fetch", 7)
SCORE = user("score", 9)


def table(board: Dashboard, name: str) -> list[dict[str, Cell]]:
    sheet = board.sheet(name)
    return [dict(zip([column.name for column in sheet.columns], row.cells, strict=True)) for row in sheet.rows]


def half_and_half() -> Recording:
    """One second: half of it computing in score, half in a call of fetch."""
    looks = [inside(SCORE, turn=1.0)] * 50 + [inside(FETCH, call="recvfrom", turn=2.0)] * 50
    return replace(at_loop(*looks, user_s=0.5), seconds=1.0)


def test_functions_keep_cpu_and_waiting_apart() -> None:
    rows = {row["function"]: row for row in table(dashboard([half_and_half()]), "functions")}

    assert round(float(rows["score"]["own CPU"]), 2) == 0.5
    assert rows["score"]["own wait"] == 0.0
    assert rows["fetch"]["own CPU"] == 0.0
    assert round(float(rows["fetch"]["own wait"]), 2) == 0.5


def test_a_caller_has_the_total_of_what_it_calls() -> None:
    looks = [inside(FETCH, user("outer"), call="recvfrom", turn=1.0)] * 100
    rows = {row["function"]: row for row in table(dashboard([replace(at_loop(*looks), seconds=1.0)]), "functions")}

    assert rows["outer"]["own wait"] == 0.0
    assert round(float(rows["outer"]["total wait"]), 2) == 1.0


def test_who_waits_comes_first_where_next_to_nothing_burns() -> None:
    burns, waits = half_and_half(), replace(at_loop(*[inside(FETCH, call="recvfrom", turn=1.0)] * 100), seconds=1.0)

    assert dashboard([burns]).sheet("functions").sort == 0
    assert dashboard([waits]).sheet("functions").sort == 2


def test_a_recursive_function_counts_once() -> None:
    looks = [inside(FETCH, FETCH, FETCH, call="recvfrom", turn=1.0)] * 100
    (row,) = table(dashboard([replace(at_loop(*looks), seconds=1.0)]), "functions")

    assert round(float(row["total wait"]), 2) == 1.0


def test_a_sleeping_loop_is_idle_and_no_function_waits() -> None:
    board = dashboard([replace(at_loop(*[idle()] * 100), seconds=1.0)])

    assert table(board, "threads")[0]["idle"] == 1.0
    assert table(board, "functions") == []


def test_a_loop_that_gives_its_selector_no_time_is_not_idle() -> None:
    """Short of CPU it stands in the selector without running: that is no rest."""
    thread, loop = spinning(0.5)
    looks = [(replace(thread, ran_ns=0, call=SystemCall("epoll_wait", (4, 0, 10, 0))), loop)] * 100

    assert table(dashboard([replace(at_loop(*looks), seconds=1.0)]), "threads")[0]["idle"] == 0.0


def test_a_thread_says_what_it_does_now() -> None:
    (row,) = table(dashboard([half_and_half()]), "threads")

    assert row["what it does now"] == "fetch:7 in recvfrom"


def test_gauges_count_who_has_and_who_wants_the_gil() -> None:
    samples = tuple(
        Sample(n / 100, (ThreadLook(1, has_gil=True, ran_ns=1), ThreadLook(2, waits_for_gil=True), ThreadLook(3)))
        for n in range(100)
    )
    uses = tuple(ThreadUse(tid, f"t{tid}", "python") for tid in (1, 2, 3))
    gauges = dashboard([recording(one_process(samples=samples, threads=uses), seconds=1.0)]).gauges

    assert (gauges.gil_held, gauges.gil_wanted) == (1.0, 1.0)
    assert (gauges.looks, gauges.missed, gauges.threads, gauges.loops) == (100, 0, 3, 0)
    assert gauges.loop_late_s is None


def test_the_gil_shown_is_that_of_the_process_in_which_it_is_wanted_most() -> None:
    busy = tuple(Sample(n / 100, (ThreadLook(1, has_gil=True, ran_ns=1),)) for n in range(100))
    quiet = tuple(Sample(n / 100, (ThreadLook(2),)) for n in range(100))
    gauges = dashboard([recording(one_process(samples=quiet), one_process(PID + 1, samples=busy))]).gauges

    assert (gauges.gil_held, gauges.gil_wanted) == (1.0, 0.0)


def a_task(address: int, line: int, name: str = "Task-1") -> Task:
    chain = (user("wait_for_it", line),)
    return Task(address, name, "pending", "handler", 1, chain=chain, waits_on="Future", route=Route("GET", "/a"))


def seconds_of(*tasks: Task) -> Recording:
    return recording(one_process(task_looks=(TaskLook(0.5, tasks, len(tasks)),)), seconds=1.0)


def test_tasks_are_grouped_by_where_they_wait() -> None:
    rows = table(dashboard([seconds_of(a_task(1, 5), a_task(2, 5), a_task(3, 8))]), "tasks")

    assert [(row["tasks"], row["at"]) for row in rows] == [(2, "/srv/app.py:5"), (1, "/srv/app.py:8")]
    assert rows[0]["route"] == "GET /a"


def test_a_tasks_stay_is_counted_over_the_looks_and_begins_anew_elsewhere() -> None:
    stays = dashboard([seconds_of(a_task(1, 5))] * 3)
    moves = dashboard([seconds_of(a_task(1, 5)), seconds_of(a_task(1, 5)), seconds_of(a_task(1, 8))])

    assert table(stays, "tasks")[0]["there for"] == 2.5
    assert table(moves, "tasks")[0]["there for"] == 0.5


def test_another_task_at_the_same_address_is_another() -> None:
    again = dashboard([seconds_of(a_task(1, 5, "Task-1")), seconds_of(a_task(1, 5, "Task-2"))])

    assert table(again, "tasks")[0]["there for"] == 0.5


def test_a_route_in_progress_is_shown_though_no_thread_works_for_it() -> None:
    (row,) = table(dashboard([seconds_of(a_task(1, 5), a_task(2, 5))]), "routes")

    assert (row["route"], row["in progress"], row["CPU"]) == ("GET /a", 2, 0.0)


def test_a_request_met_in_one_of_four_looks_is_a_quarter_on_average() -> None:
    looks = (TaskLook(0.2, (a_task(1, 5),), 1), *(TaskLook(one) for one in (0.4, 0.6, 0.8)))
    process = replace(one_process(samples=[Sample(0.9, ())]), task_looks=looks)
    (row,) = table(dashboard([recording(process, seconds=1.0)]), "routes")

    assert (row["in progress"], row["on average"]) == (0, 0.25)


def test_a_request_of_the_second_before_counts_half() -> None:
    now = replace(one_process(samples=[Sample(0.9, ())]), task_looks=(TaskLook(0.9),))
    (row,) = table(dashboard([seconds_of(a_task(1, 5)), recording(now, seconds=1.0)]), "routes")

    assert (row["in progress"], row["on average"]) == (0, 0.5)


def test_of_more_tasks_than_are_read_both_numbers_are_kept() -> None:
    process = replace(one_process(samples=[Sample(0.9, ())]), task_looks=(TaskLook(0.9, (a_task(1, 5),), 2002),))
    gauges = dashboard([recording(process, seconds=1.0)]).gauges

    assert (gauges.tasks, gauges.tasks_read) == (2002, 1)


def test_a_request_that_a_thread_serves_without_a_task_is_in_progress() -> None:
    serves = ThreadLook(101, (user("view", 3),), call=SystemCall("recvfrom"), route=Route("GET", "/wait"))
    process = one_process(samples=(Sample(0.0, (serves,)), Sample(0.5, (serves,))))

    (row,) = table(dashboard([recording(process, seconds=1.0)]), "routes")

    assert (row["route"], row["in progress"]) == ("GET /wait", 1)


def test_behind_a_route_stand_the_tasks_that_wait_for_it() -> None:
    board = dashboard([seconds_of(a_task(1, 5), a_task(2, 5))])

    (row,) = board.sheet("routes").rows
    assert [path.words for path in row.paths] != []
    assert all(path.stack for path in row.paths)


def test_behind_a_process_stand_the_stacks_of_its_threads() -> None:
    (row,) = dashboard([half_and_half()]).sheet("processes").rows

    assert [(path.stack[-1].function, path.share) for path in row.paths] == [("score", 0.5), ("fetch", 0.5)]


def test_a_loop_is_never_late_by_less_than_nothing() -> None:
    thread, loop = idle()
    process = one_process(samples=(Sample(0.0, (thread,), (replace(loop, overdue_s=-0.004),)),))

    assert dashboard([recording(process, seconds=1.0)]).gauges.loop_late_s == 0.0


def test_functions_are_of_all_looks_and_threads_of_the_last() -> None:
    computing, waiting = half_and_half(), replace(at_loop(*[idle()] * 100), seconds=1.0)
    board = dashboard([computing, waiting])

    rows = {row["function"]: row for row in table(board, "functions")}
    assert round(float(rows["score"]["own CPU"]), 2) == 0.25
    assert table(board, "threads")[0]["idle"] == 1.0
    assert board.window_s == 2.0


def test_a_process_that_ended_is_said() -> None:
    board = dashboard([recording(one_process(PID, ended="Process 100 ended."), seconds=1.0)])

    assert board.note == "Process 100 ended."


def test_every_key_of_the_json_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text().partition("## The live view")[2]

    for sheet in dashboard([recording(one_process())]).sheets:
        missing = [column.name for column in sheet.columns if live_json.key(column) not in page]
        assert (sheet.name in page, missing) == (True, [])
    assert [one.name for one in fields(Gauges) if one.name not in page] == []

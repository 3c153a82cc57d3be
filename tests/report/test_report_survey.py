"""The host at a glance, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spindoctor.model.process import Machine
from spindoctor.model.survey import ProcessLoad, ServiceUse, Survey, ThreadLoad
from spindoctor.report.survey import render

COMMAND = ("/srv/venv/bin/python", "-m", "uvicorn", "app:app")
HOT = ThreadLoad(tid=42, name="MainThread", cores=0.99, cpu_s=11_900, age_s=12_000)
LEADER = ProcessLoad(42, "leader", COMMAND, "www", 1.01, 12_000, 12_000, 1 << 20, 23, (HOT,))
WORKER = ProcessLoad(43, "worker", COMMAND, "www", 0.05, 60, 12_000, 1 << 20, 1)
SERVICE = ServiceUse(42, "uvicorn", "uvicorn", (LEADER,), machine_cores=2, ports=(8000,))
SURVEY = Survey(1.0, Machine(cores=2, affinity_cores=2, busy_cores=1.05), (SERVICE,), processes=1)


def words(text: str) -> str:
    return " ".join(text.split())


def test_each_figure_is_in_cores_of_one_core_of_the_quota_and_of_the_machine() -> None:
    limited = replace(SURVEY, services=(replace(SERVICE, quota_cores=2.02),))

    row = next(line for line in render(limited, width=120).splitlines() if "uvicorn app:app" in line)

    assert words(row.split("python")[0]) == "1.01 101 % 50 % 50 % 42 3 h 20 min"


def test_no_quota_is_no_figure() -> None:
    row = next(line for line in render(SURVEY, width=120).splitlines() if "uvicorn app:app" in line)

    assert words(row.split("python")[0]) == "1.01 101 % - 50 % 42 3 h 20 min"


def test_half_of_two_cores_is_said_to_be_one_whole_core_and_how_long_it_has_been() -> None:
    assert (
        "pegged, for 3 h 20 min now: thread MainThread of pid 42 uses 0.99 of the one core it can use; "
        "50 % of this 2-core machine is one whole core"
    ) in words(render(SURVEY))


def test_how_long_is_left_out_where_it_cannot_be_known() -> None:
    young = replace(HOT, cpu_s=100)
    survey = replace(SURVEY, services=(replace(SERVICE, processes=(replace(LEADER, threads=(young,)),)),))

    assert "pegged: thread MainThread" in words(render(survey))


def test_the_workers_of_a_service_are_shown_under_it() -> None:
    service = replace(SERVICE, processes=(WORKER, LEADER))

    text = words(render(replace(SURVEY, services=(service,)), width=120))

    assert "python -m uvicorn app:app (uvicorn, :8000, 2 processes)" in text
    assert "pid 42 leader 1.01 cores, busiest thread MainThread 0.99 pid 43 worker 0.05 cores" in text


def test_the_next_command_names_the_hottest_process() -> None:
    service = replace(SERVICE, leader=43, processes=(WORKER, LEADER))

    assert "next: spindoctor diagnose 42\n" in render(replace(SURVEY, services=(service,)))


def test_no_service_is_said_with_what_was_looked_through() -> None:
    text = render(Survey(1.0, Machine(2, 2), processes=7, hidden=3))

    assert text.startswith("no Python service in sight among 7 processes\n")
    assert "3 processes could not be read, so whether Python runs there is not known" in words(text)
    assert "next:" not in text


def test_long_lists_are_cut_with_a_count_of_the_rest() -> None:
    workers = tuple(replace(WORKER, pid=pid) for pid in range(100, 120))
    services = tuple(replace(SERVICE, leader=pid, processes=(replace(WORKER, pid=pid),)) for pid in range(20))

    assert "and 12 more" in render(replace(SURVEY, services=(replace(SERVICE, processes=workers),)))
    assert "and 8 more" in render(replace(SURVEY, services=services))


@pytest.mark.parametrize("width", [40, 71, 72, 80, 120])
def test_a_service_fits_the_terminal(width: int) -> None:
    long = replace(LEADER, command=("python", "-c", "a b " * 100))
    survey = replace(SURVEY, services=(replace(SERVICE, processes=(long, WORKER)),), hidden=1, notes=("x " * 80,))

    assert max(map(len, render(survey, width=width).splitlines())) <= width


def test_a_command_line_cannot_steer_the_terminal() -> None:
    rogue = replace(LEADER, command=("python", "\x1b[2J\n"), threads=(replace(HOT, name="\x07"),))

    text = render(replace(SURVEY, services=(replace(SERVICE, processes=(rogue,)),)))

    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_narrow_terminal_has_the_figures_in_words() -> None:
    text = render(SURVEY, width=40)

    assert "of core" not in text
    assert "pid 42: python -m uvicorn app:app" in text
    assert "of the machine" in words(text)

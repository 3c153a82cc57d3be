"""Where requests stood for long, counted by hand."""

from __future__ import annotations

from recordings import library, one_process, recording, task, task_looks, user

from spindoctor.evidence.standing import standing
from spindoctor.model.conversations import Conversation
from spindoctor.model.locks import Party
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.routes import Route
from spindoctor.model.sample import Sample, SystemCall, ThreadLook

SERVE = library("serve", 9)
PUT = user("log", 16)
AT_PUT = (library("wait"), library("put"), PUT, SERVE)
FREE = (library("wait"), library("get"), SERVE)
ROUTES = ((PUT, Route("GET", "/buy")),)
FOREVER = SystemCall("futex", (0x100, 0, 0, 0))
RENEWED = SystemCall("futex", (0x100, 0, 0, 0x7FFE))


def server(*looks: tuple[ThreadLook, ...]) -> ProcessRecording:
    """Looks a tenth of a second apart."""
    samples = tuple(Sample(number / 10, threads) for number, threads in enumerate(looks))
    return one_process(samples=samples, routes=ROUTES)


def test_a_line_at_which_requests_slept_for_seconds_is_told_and_idle_threads_are_not() -> None:
    """21 looks at one request that never moves: 2.0 s; the second thread has none."""
    looks = [(ThreadLook(7, AT_PUT, call=FOREVER), ThreadLook(8, FREE, call=FOREVER))] * 21

    (site,) = standing(recording(server(*looks)))

    assert (site.culprit.function, site.culprit.line, site.culprit.route) == ("log", 16, "GET /buy")
    assert (site.share.count, site.share.of, round(site.longest_s, 3)) == (21, 21, 2.0)


def test_a_wait_that_is_renewed_when_its_time_is_up_is_one_wait_and_work_ends_it() -> None:
    """Every fifth look found that it had run: with a timeout it woke to ask again, without one it had work to do."""
    ran = [(0, 1000)[number % 5 == 0] for number in range(21)]
    renewed = [(ThreadLook(7, AT_PUT, call=RENEWED, ran_ns=ran_ns),) for ran_ns in ran]
    worked = [(ThreadLook(7, AT_PUT, call=FOREVER, ran_ns=ran_ns),) for ran_ns in ran]

    assert [round(one.longest_s, 3) for one in standing(recording(server(*renewed)))] == [2.0]
    assert standing(recording(server(*worked))) == ()


VIEW = user("view", 30)


def asking(*waits: int, at_peer: bool = False, inner: str = "get") -> ProcessRecording:
    """One request of a task's; `waits` tell its wait in looks a quarter of a second apart."""
    talks = (Conversation(Party(task=7), 8, 9),) if at_peer else ()
    route = Route("GET", "/view")
    looks = [
        {"tasks": (task(7, library(inner), VIEW, route=route, awaits=wait),), "conversations": talks} for wait in waits
    ]
    return one_process(task_looks=task_looks(*looks))


def test_a_line_at_which_tasks_stood_for_seconds_is_told() -> None:
    """Nine looks at one wait: 2.0 s; in the second half of the other it waits anew, each time for half a second."""
    (site,) = standing(recording(asking(*[1] * 9)))

    assert (site.culprit.function, site.culprit.line, site.culprit.route) == ("view", 30, "GET /view")
    assert (site.share.count, site.share.of, site.longest_s) == (9, 9, 2.0)
    assert standing(recording(asking(1, 1, 1, 2, 2, 2, 3, 3, 3))) == ()


def test_tasks_that_wait_for_a_peer_or_for_the_clock_show_what_they_wait_for() -> None:
    assert standing(recording(asking(*[1] * 9, at_peer=True))) == ()
    assert standing(recording(asking(*[1] * 9, inner="sleep"))) == ()

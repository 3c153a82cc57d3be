"""Attempts that come back, and never get to what follows a success."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from recordings import at_loop, inside, library, recording, task, task_looks, user

from spindoctor.evidence.futile import futile
from spindoctor.model.frames import Frame
from spindoctor.model.hot import Failure, Held, HotLook
from spindoctor.model.recording import Recording, SourceWindow
from spindoctor.model.retrying import Futile
from spindoctor.model.share import Share

PID = 100
ASKING, CHECKING, SLEEPING = (user("mirror", line) for line in (13, 14, 17))
SEND = library("send")


ASKS = "reply = await client.get('/orders')"
PAUSE = "await asyncio.sleep(2)"


def source(
    *, pause: str = PAUSE, before: str = "", handler: str = "continue", ask: str = ASKS, check: str = "check(reply)"
) -> SourceWindow:
    """An endless loop that asks, checks the answer, and pauses after a good one."""
    deeper = "    " if ask.endswith(":") else ""
    return SourceWindow(
        "/srv/app.py",
        10,
        10,
        (
            "async def mirror(client):",
            "    while True:",
            "        try:",
            f"            {ask}",
            f"            {deeper}{check}",
            "        except BadReply:",
            f"            {handler}",
            f"        {before or pause}",
            f"        {pause}",
        ),
    )


def of(window: SourceWindow, values: Sequence[int], *frames: Frame, waits: Frame = ASKING) -> Recording:
    """One look for each frame, all in the task's steps; what `reply` holds in each of the hot looks."""
    seen = at_loop(
        *[inside(SEND, frame, turn=float(number), task=7) for number, frame in enumerate(frames)], user_s=2.7
    )
    hot = tuple(
        HotLook(number / 10, PID, (ASKING,), held=((Held("reply", value, 1),),)) for number, value in enumerate(values)
    )
    looks = task_looks(*[{"tasks": (task(7, library("wait"), waits, waits_on="_asyncio.Future"),)}] * 2)
    process = seen.processes[0]
    return recording(
        type(process)(
            process.pid,
            samples=process.samples,
            task_looks=looks,
            threads=process.threads,
            hot_looks=hot,
            functions=(window,),
        )
    )


CALL = library("deliver", 2)
LIBRARY = SourceWindow(CALL.file, 1, 1, ("async def deliver(to):", "    client = Client()", "    await client.go(to)"))


def stays(
    window: SourceWindow, *frames: Frame, clients: Sequence[int] = (1, 2, 1, 3), names: Sequence[str] = ("mirror",)
) -> Recording:
    """One task that is there in all slow looks, and what the library function that it calls holds in the hot ones."""
    process = of(window, [1, 2], *frames).processes[0]
    hot = tuple(
        HotLook(number / 10, PID, (CALL, ASKING), begun=(Held("client", identity, 1, identity), Held("to", 5, 5, 5)))
        for number, identity in enumerate(clients)
    )
    waits = task(7, library("wait"), ASKING, waits_on="_asyncio.Future")
    looks = task_looks(*[{"tasks": (replace(waits, name=names[n % len(names)]),)} for n in range(6)])
    return recording(replace(process, hot_looks=hot, task_looks=looks, functions=(window, LIBRARY)))


def only(seen: Recording) -> Futile:
    (found,) = futile(seen)
    return found


def test_answers_that_change_and_a_sleep_that_is_never_reached_are_counted() -> None:
    """Three answers in four looks, the first the task's own; twelve steps and two waits, none behind the try."""
    found = only(of(source(), [1, 2, 2, 3], *[ASKING] * 11, CHECKING))

    assert (found.share, found.rounds) == (Share(12, 12), Share(2, 4))
    assert (found.successes, found.pauses) == (Share(0, 14), Share(0, 2))
    assert (found.culprit.function, found.culprit.line) == ("mirror", 13)


def test_a_look_at_the_sleep_is_a_success_and_a_pause() -> None:
    found = only(of(source(), [1, 2], *[ASKING] * 12, waits=SLEEPING))

    assert (found.successes, found.pauses) == (Share(2, 14), Share(2, 2))


def test_a_success_may_lead_to_a_sleep_within_what_is_tried() -> None:
    """Line 14 is the sleep: one of thirteen looks at the loop and its two waits met it."""
    found = only(of(source(check=PAUSE, pause="pass"), [1, 2, 2, 3], *[ASKING] * 12, CHECKING))

    assert (found.shows, found.successes, found.rounds) == (True, Share(1, 15), Share(2, 4))


@pytest.mark.parametrize(
    "window",
    [
        source(pause="await queue.put(reply)"),
        source(pause="await asyncio.sleep(0)"),
        source(pause="await asyncio.sleep(0.001)"),
        source(before="if reply: continue"),
        source(handler="log(1)"),
        source(check="return reply"),
        source(check="break"),
    ],
    ids=[
        "waits for no time",
        "gives way",
        "a moment",
        "a success may go round",
        "a failure sleeps too",
        "a success ends it",
        "it leaves",
    ],
)
def test_where_a_success_may_show_as_little_nothing_is_said(window: SourceWindow) -> None:
    assert futile(of(window, [1, 2], *[ASKING] * 12)) == ()


def test_what_changes_within_one_attempt_is_no_round() -> None:
    """One answer is read piece by piece; and what is set twice may have changed in one attempt."""
    pieces = source(ask="async for reply in client.stream('/orders'):")
    twice = source(check="reply = reply.json()")

    assert only(of(pieces, [1, 2, 3], *[ASKING] * 12)).rounds == Share(0, 0)
    assert only(of(twice, [1, 2, 3], *[ASKING] * 12)).rounds == Share(0, 0)


def test_what_a_loop_inside_of_the_attempt_sets_anew_is_no_round() -> None:
    """A consumer counts its messages from 0 on at each connection; there it stays."""
    counts = source(ask="reply = 0", check="async for one in client: reply += 1")

    assert only(of(counts, [1, 2, 3], *[ASKING] * 12)).rounds == Share(0, 0)


def test_a_function_of_the_same_name_further_in_is_not_the_loop() -> None:
    """Before 3.11 names are not qualified: a wrapper that calls a wrapper."""
    inner = user("mirror", 40)
    seen = of(source(), [1, 2], *[ASKING] * 12)
    looks = [inside(SEND, inner, ASKING, turn=float(number), task=7) for number in range(12)]
    nested = at_loop(*looks, user_s=2.7).processes[0]

    found = only(recording(replace(seen.processes[0], samples=nested.samples)))

    assert found.share == Share(12, 12)


def test_answers_that_come_back_are_those_of_several_tasks() -> None:
    assert only(of(source(), [1, 2, 1, 2, 1, 2], *[ASKING] * 12)).rounds == Share(1, 6)


def test_few_steps_say_nothing() -> None:
    assert futile(of(source(), [1, 2], *[ASKING] * 9)) == ()


ENDS = "return await deliver('a@b.c')"


def test_a_task_that_a_success_would_end_and_that_stays_has_had_none() -> None:
    """What the library makes for each call is another object three times, though memory is used again."""
    found = only(stays(source(ask=ENDS, check="pass"), *[ASKING] * 12))

    assert (found.leaves, found.rounds, found.tries) == (True, Share(3, 4), Share(12, 12))


def test_a_look_that_did_not_meet_the_task_does_not_say_that_it_ended() -> None:
    seen = stays(source(ask=ENDS, check="pass"), *[ASKING] * 12)
    process = seen.processes[0]
    looks = (*process.task_looks[:2], replace(process.task_looks[2], tasks=()), *process.task_looks[3:])

    assert only(recording(replace(process, task_looks=looks))).leaves


def test_a_task_that_is_there_at_one_end_of_the_look_only_may_have_had_its_success() -> None:
    seen = stays(source(ask=ENDS, check="pass"), *[ASKING] * 12)
    process = seen.processes[0]
    other = replace(process.task_looks[0].tasks[0], address=8)
    last = replace(process.task_looks[-1], tasks=(*process.task_looks[-1].tasks, other))

    assert futile(recording(replace(process, task_looks=(*process.task_looks[:-1], last)))) == ()


def test_an_object_that_changes_is_no_round() -> None:
    """One connection whose counters grow: by value it differs each time, by identity it is one."""
    process = of(source(), [1, 2, 3], *[ASKING] * 12).processes[0]
    hot = [HotLook(n / 10, PID, (ASKING,), held=((Held("reply", n, n, 7),),)) for n in range(3)]

    assert only(recording(replace(process, hot_looks=tuple(hot)))).rounds == Share(0, 3)


@pytest.mark.parametrize(
    "seen",
    [
        stays(source(ask="await deliver('a@b.c')", check="if found: continue"), *[ASKING] * 12),
        stays(source(ask=ENDS, check="pass"), *[ASKING] * 12, names=("Task-1", "Task-2", "Task-3")),
        of(source(ask=ENDS, check="pass"), [1, 2], *[ASKING] * 12),
    ],
    ids=["a success goes round", "each request has its task", "too few slow looks"],
)
def test_where_a_success_may_have_ended_another_task_nothing_is_said(seen: Recording) -> None:
    assert futile(seen) == ()


def test_what_is_called_in_a_loop_of_the_attempt_is_no_round() -> None:
    several = source(ask="for one in orders: await deliver(one)", check="return", pause="pass")

    assert only(stays(several, *[ASKING] * 12)).rounds == Share(0, 0)


def test_what_a_loop_goes_through_is_asked_for_once() -> None:
    once = source(ask="for one in await deliver(7): keep(one)", check="return", pause="pass")

    assert only(stays(once, *[ASKING] * 12)).rounds == Share(3, 4)


def test_exceptions_that_came_as_far_as_the_loop_are_counted_where_a_success_would_not_show() -> None:
    """One was handled by the library; one came to the user's function, where any success goes round as well."""
    process = of(source(pause="keep(reply)"), [1, 2], *[ASKING] * 12).processes[0]
    kept, came = (Failure(0.1, PID, "BadReply", "", places) for places in ((SEND,), (SEND, ASKING)))

    found = only(recording(replace(process, failures=(kept, came))))

    assert (found.shows, found.failures) == (False, 1)


def test_looks_at_what_is_done_after_a_failure_are_no_tries() -> None:
    handling = user("mirror", 16)

    assert only(stays(source(ask=ENDS, check="pass"), *[ASKING] * 8, *[handling] * 4)).tries == Share(8, 12)

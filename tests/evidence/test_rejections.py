"""Loops that every answer refuses, with looks and variables that are given by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from recordings import at_loop, inside, library, recording, task, task_looks, user

from spindoctor.evidence.rejections import rejections
from spindoctor.model.frames import Frame
from spindoctor.model.hot import Held, HotLook
from spindoctor.model.recording import Recording, SourceWindow
from spindoctor.model.retrying import Rejection
from spindoctor.model.share import Share

PID = 100
ASKING, CHECKING, PAUSING = (user("mirror", line) for line in (12, 13, 16))
SEND = library("send")


def source(*, loop: str = "while True:", ask: str = "reply = await client.post(url, json=order)") -> SourceWindow:
    return SourceWindow(
        "/srv/app.py",
        10,
        10,
        (
            "async def mirror(client, url, order):",
            f"    {loop}",
            f"        {ask}",
            "        if reply.status_code == 200:",
            "            return reply.json()",
            "        text = reply.text",
            "        await pause(text)",
            "    return None",
        ),
    )


def held(identity: int, status: int, order: int = 1) -> tuple[Held, ...]:
    """What the function holds at one look: the answer, what is made of it, and what is asked for."""
    text = Held("text", identity, identity, identity)
    return Held("order", order, order, order), Held("reply", identity, 5, identity, status), text


def of(
    variables: Sequence[tuple[Held, ...]], *frames: Frame, window: SourceWindow | None = None, waits: Frame = ASKING
) -> Recording:
    """One look for each frame, all in the task's steps, and one at each of the variables; two slow looks."""
    seen = at_loop(
        *[inside(SEND, frame, turn=float(number), task=7) for number, frame in enumerate(frames or (ASKING,) * 9)],
        user_s=2.7,
    )
    hot = tuple(HotLook(n / 10, PID, (SEND, ASKING), held=((), one)) for n, one in enumerate(variables))
    looks = task_looks(*[{"tasks": (task(7, library("wait"), waits, waits_on="_asyncio.Future"),)}] * 2)
    process = seen.processes[0]
    return recording(
        replace(process, hot_looks=hot, functions=(window or source(),), task_looks=looks), seconds=seen.seconds
    )


def only(seen: Recording) -> Rejection:
    (found,) = rejections(seen)
    return found


REFUSED = [held(number, 503) for number in range(10, 16)]


def test_a_loop_that_holds_one_refusal_after_the_other_is_told() -> None:
    """Six answers, five of them another one than before; eight of nine steps are in the loop."""
    found = only(of(REFUSED, *(ASKING,) * 7, CHECKING, user("others", 40)))

    assert (found.answer, found.status, found.refused, found.rounds) == ("reply", 503, Share(6, 6), 5)
    assert (found.inside, found.pauses, found.repeats) == (Share(8, 9), Share(0, 2), Share(5, 5))
    assert (found.culprit.function, found.culprit.line) == ("mirror", 12)


def test_good_answers_in_between_are_counted() -> None:
    found = only(of([*REFUSED[:5], held(20, 0), held(21, 0)]))

    assert (found.refused, found.rounds) == (Share(5, 7), 6)


def test_what_is_asked_for_may_be_something_else_each_time() -> None:
    found = only(of([held(number, 404, order=number) for number in range(10, 16)]))

    assert found.repeats == Share(0, 5)


def test_one_answer_that_is_kept_is_no_other() -> None:
    assert only(of([held(10, 503)] * 6)).rounds == 0


def test_to_wait_elsewhere_in_the_loop_is_a_pause() -> None:
    assert only(of(REFUSED, waits=PAUSING)).pauses == Share(2, 2)


@pytest.mark.parametrize(
    "ask", ["async with client.post(url) as reply: pass", "reply = await (await client()).post(url)"], ids=str
)
def test_an_answer_may_be_brought_in_other_ways(ask: str) -> None:
    assert only(of(REFUSED, window=source(ask=ask))).refused == Share(6, 6)


@pytest.mark.parametrize(
    "window",
    [
        source(loop="for url in urls:"),
        source(loop="if url:"),
        source(ask="use(reply)"),
        source(ask="reply = old"),
    ],
    ids=["a loop that ends", "no loop", "is not set in it", "is not brought by a call"],
)
def test_what_is_no_unending_question_is_left_out(window: SourceWindow) -> None:
    assert rejections(of(REFUSED, window=window)) == ()


def test_a_few_attempts_at_a_time_are_part_of_the_loop_that_does_not_end() -> None:
    lines = (
        "async def mirror(client, url, order):",
        "    while True: ",
        "      for attempt in range(3): reply = await client.post(url, json=order)",
    )
    nested = SourceWindow("/srv/app.py", 10, 10, lines)

    assert only(of(REFUSED, window=nested)).refused == Share(6, 6)


def test_four_refusals_are_those_of_single_requests() -> None:
    assert rejections(of(REFUSED[:4])) == ()

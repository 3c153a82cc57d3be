"""Connections that fail by the kernel's count, and where a thread is met meanwhile."""

from __future__ import annotations

from dataclasses import replace

from recordings import Seen, inside, library, loop_samples, main_thread, one_process, recording, spinning, user

from spindoctor.evidence.refusals import refusals
from spindoctor.model.recording import Recording, SourceWindow
from spindoctor.model.retrying import Refusal
from spindoctor.model.share import Share

ASK, SERVE = user("connect", 16), user("answer", 40)
CONNECTING = inside(library("open_connection"), ASK)
SERVING = inside(library("write"), SERVE)


def seen(*looks: Seen, failed: int | None = 600, **more: object) -> Recording:
    process = one_process(samples=loop_samples(looks), threads=(main_thread(user_s=2.7),), **more)
    one = recording(process)
    return replace(one, machine=replace(one.machine, failed_connects=failed))


def only(found: tuple[Refusal, ...]) -> Refusal:
    (one,) = found
    return one


def test_the_function_that_connects_most_is_told_with_its_share_of_the_work() -> None:
    """Twelve looks in `connect`, four in `answer`; between callbacks nothing of the user's is met."""
    one = only(refusals(seen(*[CONNECTING] * 12, *[SERVING] * 4, spinning(0.5))))

    assert (one.culprit.function, one.culprit.line) == ("connect", 16)
    assert (one.share, one.connects, one.asleep) == (Share(12, 16), Share(12, 12), Share(0, 17))
    assert one.per_s == 600 / seen().seconds


def test_a_line_that_calls_compiled_code_is_known_by_its_text() -> None:
    source = SourceWindow("/srv/app.py", 16, 15, ("try:", "    await loop.create_connection(P, host, port)"))

    one = only(refusals(seen(*[inside(ASK)] * 12, sources=(source,))))

    assert one.connects == Share(12, 12)


def test_work_that_connects_nowhere_is_not_taken_for_it() -> None:
    assert only(refusals(seen(*[SERVING] * 12))).connects == Share(0, 12)


def test_nothing_is_told_where_no_connection_failed_or_the_kernel_does_not_count() -> None:
    assert refusals(seen(*[CONNECTING] * 12, failed=0)) == refusals(seen(*[CONNECTING] * 12, failed=None)) == ()


def test_nine_looks_at_work_say_nothing() -> None:
    assert refusals(seen(*[CONNECTING] * 9)) == ()

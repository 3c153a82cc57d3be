"""Operations that fail and are tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from recordings import TEN_MS, library, main_thread, one_process, recording, task, task_looks, user

from spindoctor.evidence.retries import retries
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.hot import Failure, Held, HotLook
from spindoctor.model.recording import ProcessRecording, SourceWindow, ThreadUse
from spindoctor.model.retrying import Retries, Retry
from spindoctor.model.rule import Missing
from spindoctor.model.sample import LoopLook, Sample, SystemCall, ThreadLook
from spindoctor.model.share import Share

TID = 107
SOURCE = SourceWindow(
    "/srv/app.py",
    10,
    10,
    (
        "def run():",
        "    while True:",
        "        try:",
        "            reply = send()",
        "        except OSError as error:",
        "            log(error)",
        "            continue",
        "        handle(reply)",
    ),
)
SENDING, CATCHING, HANDLING = (user("run", line) for line in (13, 15, 17))
CONNECT = library("create_connection", 88)


def on_cpu(*stack: Frame) -> ThreadLook:
    return ThreadLook(TID, stack, ran_ns=TEN_MS)


def failure(number: int, *places: Frame, kind: str = "ConnectionRefusedError") -> Failure:
    return Failure(number / 100, TID, kind, "Connection refused", places, peer="127.0.0.1:1")


def seen(looks: Sequence[ThreadLook], failures: Sequence[Failure], **more: object) -> Retries:
    samples = tuple(Sample(number / 100, (look,)) for number, look in enumerate(looks))
    process = ProcessRecording(
        100,
        samples=samples,
        failures=tuple(failures),
        threads=(ThreadUse(TID, "sender", "python", user_s=2.7),),
        functions=(SOURCE,),
        **more,  # type: ignore[arg-type]
    )
    found = retries(recording(process))
    assert isinstance(found, Retries)
    return found


def storm(looks: Sequence[ThreadLook], failures: Sequence[Failure], **more: object) -> Retry:
    return seen(looks, failures, **more).entries[0]


def test_the_call_the_exception_and_the_peer_are_named() -> None:
    looks = [on_cpu(CATCHING), on_cpu(CONNECT, SENDING)] * 3

    found = storm(looks, [failure(0, CONNECT, SENDING), failure(2, CONNECT, SENDING)])

    assert (found.kind, found.text, found.peer) == ("ConnectionRefusedError", "Connection refused", "127.0.0.1:1")
    assert (found.culprit.function, found.culprit.line) == ("run", 13)
    assert found.culprit.library_frame is not None
    assert not found.answers


def test_looks_at_the_lines_that_catch_count_as_handling() -> None:
    """Two exceptions were met, and the handler's lines in a third look; three runs with an attempt between them."""
    looks = [on_cpu(CATCHING), on_cpu(CONNECT, SENDING)] * 3

    found = storm(looks, [failure(0, SENDING), failure(2, SENDING)])

    assert (found.handling, found.episodes, found.inside) == (Share(3, 6), 3, Share(6, 6))


def test_what_comes_behind_the_call_is_success() -> None:
    looks = [on_cpu(CATCHING), on_cpu(HANDLING), on_cpu(HANDLING), on_cpu(SENDING)]

    found = storm(looks, [failure(0, SENDING), failure(3, SENDING)])

    assert found.successes == Share(2, 4)


def test_asleep_in_the_handler_is_a_pause_and_asleep_in_the_call_is_none() -> None:
    """Two looks in the handler, one in the call; a sleep in the `try` itself is one as well."""
    asleep = [ThreadLook(TID, (frame,), call=SystemCall("futex")) for frame in (CATCHING, CATCHING, SENDING)]
    naps = ThreadLook(TID, (SENDING,), call=SystemCall("clock_nanosleep"))

    found = storm([on_cpu(SENDING), *asleep, naps], [failure(0, SENDING), failure(0, SENDING)])

    assert found.pauses == Share(3, 5)


def test_an_exception_that_was_wrapped_is_named_as_the_loop_caught_it() -> None:
    """The refusal is caught in the library, which raises its own error for it."""
    refused = [failure(n, CONNECT) for n in range(3)]
    wrapped = [failure(3, library("post", 9), SENDING, kind="app.DeliveryError")]
    looks = [on_cpu(CONNECT, SENDING)] * 3 + [on_cpu(CATCHING)]

    found = storm(looks, [*refused, *wrapped])

    assert (found.kind, found.other_kinds) == ("DeliveryError", ("ConnectionRefusedError",))


def test_an_exception_that_left_a_librarys_own_retries_belongs_to_the_loop_around_them() -> None:
    """The library tries again for other exceptions: this one had come through it when it was met."""
    inner = SourceWindow(library("").file, 10, 10, tuple(line.replace("run", "retry") for line in SOURCE.lines))
    places = (library("read", 90), library("retry", 13), SENDING)
    looks = [on_cpu(library("read", 90), library("retry", 13), SENDING)] * 3
    process = one_process(
        samples=tuple(Sample(n / 100, (look,)) for n, look in enumerate(looks)),
        failures=tuple(failure(n, *places) for n in range(3)),
        threads=(ThreadUse(TID, "sender", "python", user_s=2.0),),
        functions=(SOURCE, inner),
    )

    found = retries(recording(process))

    assert isinstance(found, Retries)
    assert found.entries[0].loop
    assert (found.entries[0].loop.function, found.entries[0].loop.file) == ("run", "/srv/app.py")


def test_not_yet_is_an_answer() -> None:
    failures = [failure(n, SENDING, kind="_queue.Empty") for n in range(3)]

    assert storm([on_cpu(SENDING)] * 3, failures).answers


def test_a_library_that_runs_failing_user_code_serves() -> None:
    """The loop is the library's, and what fails is the user's handler that it calls."""
    assert in_library((user("view", 40), library("run", 13))).serves
    assert in_library((user("view", 40), library("dispatch", 50), library("run", 13), user("main", 60))).serves


def test_a_library_that_tries_again_for_a_function_of_the_user_serves_nobody() -> None:
    """`job` asks the library to call `fetch` until it succeeds, which it does from the loop itself."""
    assert not in_library((user("fetch", 40), library("run", 13), user("job", 60))).serves


BEGUN = Frame("Thread.run", "/usr/lib/python3.12/threading.py", 1012)


def test_a_library_s_loop_that_a_success_ends_serves_nobody_where_its_thread_began_with_it() -> None:
    """A decorator wraps what the thread is begun with; a loop that goes on after a success is a server's."""
    stack = (user("push", 40), library("run", 13), BEGUN)
    ending = in_library(stack, done="return reply")
    going_on = in_library(stack)
    called = in_library((*stack[:2], library("serve", 90), BEGUN), done="return reply")

    assert (ending.leaves, ending.serves) == (True, False)
    assert (going_on.leaves, going_on.serves) == (False, True)
    assert (called.leaves, called.serves) == (False, True)


def in_library(stack: Stack, done: str = "handle(reply)") -> Retry:
    """What is found where the loop is a library's; all attempts have this stack, a success leads to `done`."""
    lines = (line.replace("handle(reply)", done) for line in SOURCE.lines)
    text = tuple(line.replace("send()", "handler()") for line in lines)
    loop = SourceWindow(library("").file, 10, 10, text)
    process = one_process(
        samples=tuple(Sample(n / 100, (on_cpu(*stack),)) for n in range(3)),
        failures=tuple(failure(n, *stack) for n in range(3)),
        threads=(ThreadUse(TID, "server", "python", user_s=2.0),),
        functions=(loop,),
    )
    found = retries(recording(process))
    assert isinstance(found, Retries)
    return found.entries[0]


def test_a_failure_without_an_endless_loop_is_counted_and_no_more() -> None:
    found = seen([on_cpu(user("other", 90))] * 3, [failure(n, user("other", 90)) for n in range(3)])

    assert (found.entries, found.unplaced, found.failures) == ((), 3, 3)


def test_what_the_loop_holds_is_compared_by_value_without_its_counters() -> None:
    same = [HotLook(n / 25, TID, (SENDING,), held=((Held("job", n, 1), Held("error", 5, 5)),)) for n in range(5)]
    new = [HotLook(n / 25, TID, (SENDING,), held=((Held("job", n, n),),)) for n in range(5)]
    failures = [failure(n, SENDING) for n in range(3)]

    assert storm([on_cpu(SENDING)] * 3, failures, hot_looks=tuple(same)).repeats == Share(4, 4)
    assert storm([on_cpu(SENDING)] * 3, failures, hot_looks=tuple(new)).repeats == Share(0, 4)


def test_a_task_pauses_where_its_chain_sleeps_behind_the_attempt() -> None:
    """Suspended in the handler in two of three slow looks, in the call in the third."""
    chains = [(library("sleep", 5), CATCHING), (library("sleep", 5), CATCHING), (CONNECT, SENDING)]
    slow = task_looks(*({"tasks": (task(7, *chain, waits_on="_asyncio.Future"),)} for chain in chains))
    samples = tuple(
        Sample(n / 100, (ThreadLook(100, (SENDING,), ran_ns=TEN_MS),), (LoopLook(100, 0xA0, task=7, depth=1),))
        for n in range(3)
    )
    failures = tuple(Failure(n / 100, 100, "OSError", "", (SENDING,)) for n in range(3))
    process = one_process(
        samples=samples, failures=failures, task_looks=slow, threads=(main_thread(user_s=2.0),), functions=(SOURCE,)
    )

    found = retries(recording(process))

    assert isinstance(found, Retries)
    assert (found.entries[0].pauses, found.entries[0].task) == (Share(2, 3), "Task-7")


def test_without_a_look_nothing_is_known() -> None:
    assert isinstance(retries(recording(one_process())), Missing)


def test_a_function_that_holds_nothing_repeats_itself() -> None:
    """Its variables are unbound as long as the attempts fail; what was read of it says so in each of three looks."""
    hot = tuple(HotLook(n / 25, TID, (SENDING,), marks=(0,), held=((),)) for n in range(3))

    found = storm([on_cpu(SENDING)] * 3, [failure(n, SENDING) for n in range(3)], hot_looks=hot)

    assert found.repeats == Share(2, 2)


def test_not_yet_on_the_way_to_a_refusal_is_not_what_fails() -> None:
    """A connection that is asked for without waiting raises BlockingIOError first; it was met more often."""
    waits = [failure(n, SENDING, kind="BlockingIOError") for n in range(3)]

    found = storm([on_cpu(SENDING)] * 4, [*waits, failure(3, CONNECT, SENDING)])

    assert (found.kind, found.answers) == ("ConnectionRefusedError", False)


def test_a_wait_that_its_time_out_ended_is_no_failure() -> None:
    """On its way to TimeoutError it is a CancelledError, which was met more often."""
    ended = [failure(n, SENDING, kind="asyncio.exceptions.CancelledError") for n in range(3)]

    assert storm([on_cpu(SENDING)] * 4, [*ended, failure(3, SENDING, kind="TimeoutError")]).answers
    assert storm([on_cpu(SENDING)] * 3, ended).answers


REQUEUES = SourceWindow(
    "/srv/app.py",
    10,
    10,
    (
        "async def run():",
        "    while True:",
        "        job = await jobs.pop()",
        "        try:",
        "            handle(job)",
        "        except ValueError:",
        "            await jobs.push(job)",
    ),
)
FROM_A_FEED = SourceWindow(
    "/srv/app.py",
    10,
    10,
    (
        "async def run():",
        "    async for job in jobs:",
        "        log(job)",
        "        try:",
        "            handle(job)",
        "        except ValueError:",
        "            await job.nack(requeue=True)",
    ),
)
TELLS = SourceWindow("/srv/app.py", 10, 10, (*REQUEUES.lines[:6], "            await log.error(job)"))
ANOTHER = SourceWindow("/srv/app.py", 10, 10, (*REQUEUES.lines[:6], "            await done.push(name)"))


def requeued(window: SourceWindow, *lines: int) -> tuple[Retry, ...]:
    """Two failures at line 14 of a task's loop; slow looks met the task waiting at these lines."""
    places = (user("run", 14),)
    looks = task_looks(*[{"tasks": (task(1, user("run", line), waits_on="_asyncio.Future"),)} for line in lines])
    samples = tuple(
        Sample(number / 100, (on_cpu(*places),), loops=(LoopLook(TID, 0xA, 1, depth=1),)) for number in range(4)
    )
    process = ProcessRecording(
        100,
        samples=samples,
        failures=tuple(failure(number, *places, kind="ValueError") for number in (0, 2)),
        threads=(replace(main_thread(), tid=TID),),
        functions=(window,),
        task_looks=looks,
    )
    found = retries(recording(process))
    assert isinstance(found, Retries)
    return found.entries


def test_who_takes_again_what_he_has_just_given_back_does_not_pause() -> None:
    """Three of four looks met it taking or giving back; at line 11 it would wait before the next."""
    entry = requeued(REQUEUES, 12, 12, 16, 11)[0]

    assert (entry.pauses, entry.elsewhere) == (Share(1, 4), Share(0, 4))


def test_a_feed_from_which_a_message_comes_again_has_no_end() -> None:
    assert requeued(FROM_A_FEED, 11, 11, 16)[0].pauses == Share(0, 3)


@pytest.mark.parametrize("window", [TELLS, ANOTHER], ids=["told", "something else"])
def test_who_waits_for_the_next_item_after_a_failure_pauses(window: SourceWindow) -> None:
    assert requeued(window, 12, 12, 16)[0].pauses == Share(3, 3)


@pytest.mark.parametrize(("bases", "found"), [(("Exception", "BaseException"), 1), (("BaseException", "object"), 0)])
def test_a_cancellation_is_no_operation_that_fails(bases: tuple[str, ...], found: int) -> None:
    looks = [on_cpu(CATCHING), on_cpu(CONNECT, SENDING)] * 3
    failures = [replace(failure(n, CONNECT, SENDING, kind="Cancelled"), bases=bases) for n in (0, 2)]

    assert len(seen(looks, failures).entries) == found

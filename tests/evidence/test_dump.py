"""The end of a recording: true states, what is waited for, and who awaits whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from recordings import (
    EPOLL_WAIT,
    PID,
    SELECT,
    at_loop,
    idle,
    inside,
    one_process,
    recording,
    task,
    task_looks,
    thread_samples,
    user,
)

from spindoctor.evidence.dump import dump
from spindoctor.model.closeup import Polled, Values
from spindoctor.model.conversations import Claim, Conversation
from spindoctor.model.dump import Dump, Tasks, ThreadDump
from spindoctor.model.frames import Frame
from spindoctor.model.locks import Party, Wait
from spindoctor.model.process import Descriptor, Socket
from spindoctor.model.recording import ThreadUse
from spindoctor.model.routes import Route
from spindoctor.model.sample import Sample, SystemCall, ThreadLook
from spindoctor.model.tasks import Pool

FETCH, WORK, HOLD = user("fetch", 5), user("work", 7), user("hold", 9)
WORKER = Frame("_worker", "/usr/lib/python3.12/concurrent/futures/thread.py", 81)
RECEIVE = SystemCall("recvfrom", (7, 0, 0))
FUTEX = SystemCall("futex", (0xF0, 0))
DATABASE = Descriptor(7, "socket", 70, "", Socket(70, "tcp", "127.0.0.1:4000", "10.0.0.5:5432", "ESTABLISHED"))


def asleep(call: SystemCall, *stack: Frame, tid: int = 7, **more: Any) -> ThreadLook:  # noqa: ANN401
    return ThreadLook(tid, stack or (FETCH,), call=call, **more)


def looked(*looks: ThreadLook, times: int = 10, **seen: Any) -> Dump:  # noqa: ANN401
    """A process that showed these threads in every look."""
    uses = tuple(ThreadUse(look.tid, f"thread-{look.tid}", "python") for look in looks)
    return dump(recording(one_process(samples=thread_samples(*[looks] * times), threads=uses, **seen)))


def only(found: Dump) -> ThreadDump:
    return found.processes[0].threads[0].members[0]


def test_a_thread_that_waits_for_a_peer_names_it() -> None:
    one = only(looked(asleep(RECEIVE), descriptors=(DATABASE,)))

    assert (one.state, one.doing) == ("call", "in recvfrom")
    assert one.waits_on == "descriptor 7 (tcp to 10.0.0.5:5432)"
    assert one.is_still_all_along
    assert one.still_s == pytest.approx(0.09)


def test_what_a_number_of_a_descriptor_was_earlier_is_said_to_be_earlier() -> None:
    """Descriptors are read in the middle of the look; the thread has moved since, and numbers are used again."""
    moved = replace(asleep(RECEIVE), ran_ns=1)
    looks = [*[[asleep(FUTEX)]] * 8, [moved], [asleep(RECEIVE)]]
    process = one_process(samples=thread_samples(*looks), descriptors=(DATABASE,))

    one = only(dump(recording(process)))

    assert one.waits_on == "descriptor 7 (earlier in this look tcp to 10.0.0.5:5432)"
    assert one.still_s == pytest.approx(0.01)
    assert not one.is_still_all_along


def test_a_descriptor_that_was_not_read_keeps_its_number() -> None:
    assert only(looked(asleep(RECEIVE))).waits_on == "descriptor 7"


def test_what_poll_waits_for_comes_from_the_close_look() -> None:
    poll = SystemCall("poll", (0x7FFF, 1, 1000))

    one = only(looked(asleep(poll), descriptors=(DATABASE,), polled=(Polled(7, (7,)),)))

    assert (one.doing, one.waits_on) == ("in poll", "descriptor 7 (tcp to 10.0.0.5:5432)")


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        (
            Wait(Party(7), "lock", 1, "_thread.lock", (Party(8),), HOLD),
            "waits for a lock (_thread.lock), held by thread-8 (8) at hold (/srv/app.py:9)",
        ),
        (Wait(Party(7), "lock", 1, "_thread.RLock"), "waits for a lock (_thread.RLock), of which no holder shows"),
        (
            Wait(Party(7), "lock", 1, "_thread.lock", is_orphaned=True),
            "waits for a lock (_thread.lock) whose owner is no thread of this process",
        ),
        (Wait(Party(7), "join", 1, "Thread", (Party(8),)), "waits for thread-8 (8) to end"),
    ],
)
def test_a_thread_that_waits_for_another_names_it(wait: Wait, words: str) -> None:
    found = looked(asleep(FUTEX), ThreadLook(8, (HOLD,), ran_ns=1), task_looks=task_looks({"waits": (wait,)}))

    (waiting,) = [one for group in found.processes[0].threads for one in group.members if one.tid == 7]
    assert waiting.doing == words


def test_a_futex_without_a_known_lock_is_a_futex() -> None:
    assert only(looked(asleep(FUTEX))).doing == "in futex"


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (ThreadLook(7, (WORK,), ran_ns=1, has_gil=True), "has the GIL"),
        (ThreadLook(7, (WORK,), ran_ns=1), "on a CPU without the GIL, in native code or the kernel"),
        (ThreadLook(7, (WORK,)), "ready to run, but has used no CPU since the look before"),
        (asleep(SystemCall("clock_nanosleep")), "sleeps, in clock_nanosleep"),
        (asleep(SystemCall("pselect6", (0, 0, 0))), "sleeps, in pselect6"),
        (asleep(SystemCall("pselect6", (9, 1, 0))), "in pselect6"),
        (asleep(FUTEX, WORKER), "idle in its executor, waits for work"),
    ],
)
def test_every_state_has_its_words(look: ThreadLook, words: str) -> None:
    assert only(looked(look)).doing == words


def test_who_has_the_gil_is_named_to_those_who_wait_for_it() -> None:
    found = looked(asleep(FUTEX, waits_for_gil=True), ThreadLook(8, (WORK,), ran_ns=1, has_gil=True))

    words = [one.doing for group in found.processes[0].threads for one in group.members]
    assert words == ["has the GIL", "waits for the GIL, which thread-8 (8) has"]


def test_a_collection_is_said_of_the_thread_that_runs_it() -> None:
    samples = (Sample(0.0, (ThreadLook(7, (WORK,), ran_ns=1, has_gil=True),), is_collecting=True),)

    assert only(dump(recording(one_process(samples=samples)))).doing == "has the GIL, collects garbage"


def test_a_loops_thread_that_sleeps_is_idle() -> None:
    one = only(dump(at_loop(idle(), idle())))

    assert one.doing == "idle in its event loop, waits for an event or a timer"
    assert one.is_loop


def test_threads_with_the_same_stack_are_folded() -> None:
    found = looked(*(asleep(FUTEX, WORKER, tid=tid) for tid in (7, 8, 9)), asleep(FUTEX, FETCH, tid=10))

    assert [len(group.members) for group in found.processes[0].threads] == [1, 3]


def test_the_last_whole_stack_stands_where_the_last_one_is_torn() -> None:
    whole, torn = ThreadLook(7, (WORK,), ran_ns=1), ThreadLook(7, (), ran_ns=1, is_complete=False)

    one = only(dump(recording(one_process(samples=thread_samples([whole], [torn])))))

    assert one.stack == (WORK,)
    assert one.is_complete


def test_variables_stand_at_their_frame() -> None:
    values = (Values(1, ("user",), ("'ann'",), tid=7), Values(0, ("x",), ("1",), task=7))

    assert only(looked(asleep(FUTEX, FETCH, WORK), values=values)).locals == ((), (("user", "'ann'"),))


def forest(*tasks: Any, looks: int = 1, **more: Any) -> tuple[Tasks, ...]:  # noqa: ANN401
    slow = task_looks(*[{"tasks": tasks, **more}] * looks)
    seen = one_process(samples=thread_samples([ThreadLook(PID)]), task_looks=slow)
    return dump(recording(seen)).processes[0].tasks


def test_what_a_task_awaits_stands_below_it() -> None:
    parent, child = task(1, user("parent")), task(2, user("child"), awaited_by=(1,))

    (tree,) = forest(child, parent)

    assert tree.members == (parent,)
    assert [one.members for one in tree.awaited] == [(child,)]


def test_equal_trees_are_folded() -> None:
    pairs = [
        one
        for number in (1, 2, 3)
        for one in (task(number, user("parent")), task(10 + number, user("child"), awaited_by=(number,)))
    ]

    (tree,) = forest(*pairs)

    assert [one.address for one in tree.members] == [1, 2, 3]
    assert len(tree.awaited) == 1


def test_tasks_of_other_routes_are_not_folded() -> None:
    here, there = (task(number, WORK, route=Route("GET", path)) for number, path in ((1, "/a"), (2, "/b")))

    assert len(forest(here, there)) == 2


def test_a_task_that_two_await_is_told_once() -> None:
    one, two = task(1, user("one")), task(2, user("two"))
    shared = task(3, user("shared"), awaited_by=(1, 2))

    first, second = forest(one, two, shared)

    assert [tree.is_again for tree in (*first.awaited, *second.awaited)] == [False, True]


def test_tasks_that_await_each_other_are_told_all_the_same() -> None:
    one, two = task(1, user("one"), awaited_by=(2,)), task(2, user("two"), awaited_by=(1,))

    (tree,) = forest(one, two)

    assert tree.awaited[0].members == (two,)
    assert tree.awaited[0].awaited[0].is_again


def test_a_task_that_has_ended_is_left_out() -> None:
    assert forest(task(1, state="finished")) == ()


def test_since_when_a_task_stands_at_its_await_is_counted_in_looks() -> None:
    (tree,) = forest(task(1, WORK), looks=3)

    assert (tree.seen.count, tree.seen.of, tree.since_s) == (3, 3, 0.5)


def test_a_task_that_awaits_something_else_by_now_stands_there_since_then() -> None:
    """It naps again and again at one line; a task of another name was given the address before."""
    naps = [task(1, WORK, awaits=50), *[task(1, WORK, awaits=51)] * 2]
    others = [replace(naps[-1], name="Task-0")]
    looks = task_looks(*[{"tasks": (one,)} for one in (*others, *naps)])

    (tree,) = (
        dump(recording(one_process(samples=thread_samples([ThreadLook(PID)]), task_looks=looks))).processes[0].tasks
    )

    assert (tree.seen.count, tree.seen.of, tree.since_s) == (2, 4, 0.25)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"waits": (Wait(Party(task=1), "task lock", 5, "Lock", (Party(task=2),), HOLD),)},
            "waits for a task lock (Lock), held by task Task-2 at hold (/srv/app.py:9)",
        ),
        (
            {"pools": (Pool(9, "executor", "asyncio", 6, 6, 12, waiters=(1,)),)},
            "waits for a thread of executor asyncio: 6 of 6 busy, 12 queued",
        ),
        (
            {"claims": (Claim(Party(task=1), 9, "pool", "ConnectionPool", size=3, taken=3),)},
            "waits for a member of ConnectionPool: 3 of 3 taken",
        ),
        (
            {"claims": (Claim(Party(task=1), 9, "semaphore", "Semaphore", size=4),)},
            "waits for a permit of Semaphore, which has 4",
        ),
        (
            {"claims": (Claim(Party(task=1), 9, "queue", "Mailer", size=5),)},
            "waits for an item of Mailer",
        ),
        ({}, ""),
    ],
)
def test_a_task_says_which_lock_or_pool_it_waits_for(more: dict[str, Any], words: str) -> None:
    first = next(tree for tree in forest(task(1, WORK), task(2, HOLD), **more) if tree.members[0].address == 1)

    assert first.waits_for == words


@pytest.mark.parametrize(
    ("looks", "descriptors", "words"),
    [
        (3, (DATABASE,), "waits at tcp to 10.0.0.5:5432"),
        (1, (DATABASE,), "waits at tcp to 10.0.0.5:5432, as it was earlier in this look"),
        (3, (), ""),
    ],
)
def test_a_task_says_at_which_peer_it_waits(looks: int, descriptors: tuple[Descriptor, ...], words: str) -> None:
    """Which descriptor is what was read in the middle of the look; two tasks at one peer are told as one."""
    talks = tuple(Conversation(Party(task=one), waits_at=7) for one in (1, 2))
    slow = task_looks(*[{"tasks": (task(1, WORK), task(2, WORK)), "conversations": talks}] * looks)
    quick = thread_samples(*[[ThreadLook(PID)]] * 50)
    seen = one_process(samples=quick, task_looks=slow, descriptors=descriptors)

    (tree,) = dump(recording(seen)).processes[0].tasks

    assert (len(tree.members), tree.waits_for) == (2, words)


def test_the_task_that_runs_is_marked() -> None:
    seen = at_loop(inside(WORK, task=1))
    (process,) = seen.processes
    process = replace(process, task_looks=task_looks({"tasks": (task(1, WORK), task(2, WORK))}))

    found = dump(replace(seen, processes=(process,))).processes[0]

    assert [tree.is_running for tree in found.tasks] == [True, False]
    assert found.threads[0].members[0].task == "Task-1"


def test_only_the_processes_that_are_asked_for_are_shown() -> None:
    seen = recording(one_process(PID), one_process(200))

    found = dump(seen, (200,))

    assert [one.process.pid for one in found.processes] == [200]
    assert found.others == (PID,)


def test_a_service_without_tasks_says_why() -> None:
    seen = recording(one_process(missing=(("tasks", "no asyncio in this process"),)))

    assert dump(seen).processes[0].missing == "no asyncio in this process"


def test_a_selector_of_no_known_loop_is_a_system_call() -> None:
    assert only(looked(asleep(EPOLL_WAIT, SELECT))).doing == "in epoll_wait"


def test_descriptors_that_the_process_does_not_have_were_read_from_something_else() -> None:
    """The call had returned by the time its argument was read."""
    poll = SystemCall("poll", (0x7000, 2, 60000))

    one = only(looked(asleep(poll), descriptors=(DATABASE,), polled=(Polled(7, (7, 579790768)),)))

    assert one.waits_on == ""

"""What grows: tasks and threads counted by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recordings import library, one_process, recording, task, task_looks, thread_samples, user

from spindoctor.evidence.growths import growths
from spindoctor.model.conversations import Conversation
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.locks import Party
from spindoctor.model.process import Descriptor, Socket
from spindoctor.model.recording import Candidate, Recording
from spindoctor.model.rule import Missing
from spindoctor.model.sample import Sample, ThreadLook
from spindoctor.model.share import NO_LOOKS, Share
from spindoctor.model.tasks import HUB, Task
from spindoctor.model.waiting import Growth

WAIT = user("confirmed", 18)
THREADING = "/usr/lib/python3.12/threading.py"
RUN = Frame("Thread.run", THREADING, 1000)
SUPERVISE = user("supervise", 9)
NO_THREADS = (Sample(0.0, ()),)


def only(seen: Recording) -> Growth:
    told = growths(seen)
    assert not isinstance(told, Missing)
    assert len(told.kinds) == 1
    return told.kinds[0]


def of(*looks: tuple[Task, ...]) -> Recording:
    return recording(one_process(samples=NO_THREADS, task_looks=task_looks(*[{"tasks": one} for one in looks])))


def waiting(*numbers: int) -> tuple[Task, ...]:
    return tuple(task(number, library("wait"), WAIT) for number in numbers)


def test_tasks_that_come_and_stay_are_counted() -> None:
    """One, two, four: three came, none went, the one of the first look is there still."""
    kind = only(of(waiting(1), waiting(1, 2), waiting(1, 2, 3, 4)))

    assert (kind.first, kind.middle, kind.last, kind.begun, kind.ended) == (1, 2, 4, 3, 0)
    assert (kind.kept, kind.name, kind.site.function, kind.site.line) == (Share(1, 1), "work", "confirmed", 18)


def test_tasks_that_end_are_counted_too() -> None:
    """The first one goes, three come."""
    kind = only(of(waiting(1), waiting(2), waiting(2, 3, 4)))

    assert (kind.begun, kind.ended, kind.kept) == (3, 1, Share(0, 1))


def test_looks_that_read_as_many_tasks_as_are_read_at_most_are_no_count() -> None:
    """At most six are read: in the fourth look the first one is left out, and has not ended."""
    looks = [{"tasks": waiting(*range(1, last + 1))} for last in (3, 4, 5)]
    cut = {"tasks": waiting(*range(2, 8)), "task_count": 7}
    seen = recording(one_process(samples=NO_THREADS, task_looks=task_looks(*looks, cut)))

    kind = only(seen)

    assert (kind.first, kind.last, kind.begun, kind.ended, kind.seconds) == (3, 5, 2, 0, 0.5)
    assert only(of(waiting(1), waiting(1, 2))).seconds is None


def test_a_task_that_gets_to_another_function_has_not_begun() -> None:
    """It was there before, as another kind."""
    elsewhere = (task(2, user("greet", 1)),)

    kind = only(of((*waiting(1), *elsewhere), waiting(1, 2), waiting(1, 2)))

    assert (kind.first, kind.last, kind.begun, kind.ended) == (1, 2, 0, 0)


def test_finished_tasks_that_something_holds_do_not_count() -> None:
    done = tuple(replace(one, state="finished") for one in waiting(2, 3))

    told = growths(of(waiting(1), (*waiting(1), *done), (*waiting(1), *done)))

    assert not isinstance(told, Missing)
    assert told.kinds == ()


def test_where_not_all_tasks_were_read_their_number_counts() -> None:
    looks = task_looks(*[{"tasks": waiting(1, 2), "task_count": count} for count in (5000, 5100, 5200)])

    kind = only(recording(one_process(samples=NO_THREADS, task_looks=looks)))

    assert (kind.first, kind.last, kind.kept, kind.site.function) == (5000, 5200, NO_LOOKS, "confirmed")


def test_who_waits_for_them_made_them() -> None:
    parent = task(9, user("collect", 30))
    children = tuple(replace(one, awaited_by=(9,)) for one in waiting(1, 2, 3))

    kind = only(of((parent, *children[:1]), (parent, *children[:2]), (parent, *children)))

    assert [(one.function, one.line) for one in kind.makers] == [("collect", 30)]


def test_threads_are_counted_by_what_they_were_begun_for() -> None:
    """Two slow looks, at 0 s and 0.25 s; one thread at first, three in the end."""
    stacks = [[ThreadLook(tid, (library("wait"), SUPERVISE, RUN)) for tid in tids] for tids in ((1,), (1, 2, 3))]

    kind = only(recording(one_process(samples=thread_samples(*stacks), task_looks=task_looks({}, {}))))

    assert (kind.are_tasks, kind.name, kind.first, kind.last, kind.begun) == (False, "supervise", 1, 3, 2)
    assert (kind.are_members, kind.site.line) == (False, 9)


TIMER = (Frame("Event.wait", THREADING, 655), Frame("Timer.run", THREADING, 1429), RUN)
START = Frame("Thread.start", THREADING, 990)


def timers(*starting: Stack, others: int = 0) -> Growth:
    """One timer's thread at first, eleven in the end; thread 1 begins threads at these lines, one of them a look.

    `others` are threads that came and went between the slow looks, at 0 s and at the end.
    """
    at_first = [ThreadLook(1, (SUPERVISE,)), ThreadLook(2, TIMER)]
    between = [
        [ThreadLook(1, (library("wait"), START, *stack)), *(ThreadLook(100 + tid, ()) for tid in range(others))]
        for stack in starting
    ]
    at_last = [ThreadLook(1, (SUPERVISE,)), *(ThreadLook(tid, TIMER) for tid in range(2, 13))]
    samples = [
        Sample(0.25 * number / (len(between) + 1), tuple(look))
        for number, look in enumerate([at_first, *between, at_last])
    ]
    return only(recording(one_process(samples=tuple(samples), task_looks=task_looks({}, {}))))


def test_threads_that_are_at_nobodys_work_yet_are_told_with_who_is_met_beginning_them() -> None:
    kind = timers((user("expire_later", 7), SUPERVISE))

    assert (kind.name, kind.begun) == ("Timer.run", 10)
    assert [(one.function, one.line) for one in kind.makers] == [("expire_later", 7)]


@pytest.mark.parametrize(
    ("starting", "others"),
    [
        ((), 0),
        (((library("serve"),),), 0),
        (((user("expire_later", 7),), (user("report", 30),)), 0),
        (((user("expire_later", 7),),), 2),
    ],
    ids=["nobody is met", "a library begins them", "two lines", "two of twelve are others"],
)
def test_who_began_them_is_not_known_where_it_may_have_been_others(starting: tuple[Stack, ...], others: int) -> None:
    """Ten of twelve are less than nine of ten."""
    assert timers(*starting, others=others).makers == ()


def test_threads_of_an_executor_are_members_of_a_pool() -> None:
    worker = Frame("_worker", "/usr/lib/python3.12/concurrent/futures/thread.py", 90)
    stacks = [[ThreadLook(tid, (SUPERVISE, worker, RUN)) for tid in tids] for tids in ((1,), (1, 2, 3))]

    kind = only(recording(one_process(samples=thread_samples(*stacks), task_looks=task_looks({}, {}))))

    assert kind.are_members


def at_clients(*fds: int) -> Growth:
    """Tasks in each of two looks, one more in the second, that wait for what a client takes, at these descriptors."""
    served = [Socket(fd, "tcp", "10.0.0.1:8000", f"10.0.0.9:{fd}", "ESTABLISHED") for fd in sorted(set(fds))]
    talks = [Conversation(Party(task=number), waits_at=fd, serves=fd) for number, fd in enumerate(fds, 1)]
    tasks = waiting(*range(1, len(fds) + 1))
    process = one_process(
        samples=NO_THREADS,
        task_looks=task_looks({"tasks": tasks[:-1]}, {"tasks": tasks, "conversations": tuple(talks)}),
        descriptors=tuple(Descriptor(one.inode, "socket", one.inode, "", one) for one in served),
    )
    seen = recording(process)
    return only(replace(seen, target=replace(seen.target, ports=(8000,))))


def test_many_tasks_that_wait_for_one_client_are_one_client() -> None:
    """Four tasks write to two clients; four of which each has its own are four."""
    assert at_clients(5, 5, 5, 6).at_clients == 2
    assert at_clients(5, 6, 7, 8).at_clients == 4


def test_without_a_look_nothing_is_said() -> None:
    assert isinstance(growths(recording(one_process())), Missing)


def test_greenlets_that_are_found_in_memory_one_after_the_other_are_no_growth() -> None:
    few, many = ([replace(one, waits_on=HUB) for one in waiting(*range(count))] for count in (2, 40))

    told = growths(of(tuple(few), tuple(few), tuple(many)))

    assert not isinstance(told, Missing)
    assert told.kinds == ()


STARTED = Candidate("timer-started-and-not-cancelled", "watch", "/srv/app.py", 18)
KEPT = Candidate("file-opened-and-kept", "store", "/srv/app.py", 30)
IN_WAIT = (Frame("Condition.wait", THREADING, 359), Frame("Event.wait", THREADING, 655))


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ((Frame("Timer.run", THREADING, 1431),), (STARTED,)),
        ((Frame("run", THREADING, 1250),), (STARTED,)),
        ((SUPERVISE, RUN), ()),
    ],
    ids=["a timer", "before 3.11", "a thread of one's own"],
)
def test_of_timers_the_places_that_start_them_are_candidates(run: Stack, expected: tuple[Candidate, ...]) -> None:
    stack = (*IN_WAIT, *run, Frame("Thread._bootstrap_inner", THREADING, 1075))
    one, more = (ThreadLook(7, stack),), (ThreadLook(7, stack), ThreadLook(8, stack))
    process = one_process(samples=(Sample(0.0, one), Sample(0.25, more)), task_looks=task_looks({}, {}))

    assert only(recording(replace(process, candidates=(STARTED, KEPT)))).candidates == expected

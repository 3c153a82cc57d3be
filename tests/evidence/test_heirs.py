"""Children that inherited an epoll and wait for nothing in a loop of their own."""

from __future__ import annotations

from dataclasses import replace

from recordings import LOOP, RUN_ONCE, SELECT, callback, main_thread, one_process, recording, task, task_looks

from spindoctor.evidence.epolls import shared_epolls
from spindoctor.model.facts import SharedEpoll, SharedEpolls
from spindoctor.model.process import Descriptor, Epoll, EpollEntry, Socket
from spindoctor.model.recording import ProcessRecording, ThreadUse
from spindoctor.model.sample import LoopLook, Sample, SystemCall, ThreadLook

LISTENER, WAKER, CLIENT = (EpollEntry(fd, 1, inode=inode) for fd, inode in ((3, 800), (9, 811), (12, 900)))
LISTENS = Descriptor(3, "socket", 800, "", Socket(800, "tcp", "0.0.0.0:8080", "0.0.0.0:0", "LISTEN"))
PAIR = tuple(
    Descriptor(fd, "socket", inode, "", Socket(inode, "unix", "", "", "")) for fd, inode in ((9, 811), (11, 812))
)
PEER = Descriptor(12, "socket", 900, "", Socket(900, "tcp", "10.0.0.1:50000", "10.0.0.2:6379", "ESTABLISHED"))


def looks(pid: int, fd: int, timeout_s: float = -1.0) -> tuple[Sample, ...]:
    thread = ThreadLook(pid, (SELECT, RUN_ONCE), call=SystemCall("epoll_wait", (fd, 0, 10, 1000)))
    loop = LoopLook(pid, LOOP, polls=True, poll_timeout_s=timeout_s)
    return tuple(Sample(number / 100, (thread,), (loop,)) for number in range(5))


PARENT = one_process(
    100,
    samples=looks(100, 4, 1.0),
    threads=(main_thread(tid=100, loop_epoll=4),),
    descriptors=(LISTENS,),
    epolls=(Epoll(100, 4, (LISTENER,), ((101, 4),)),),
)
CHILD = one_process(
    101,
    samples=looks(101, 8),
    threads=(main_thread(tid=101, loop_epoll=8),),
    task_looks=task_looks({"tasks": ()}, {"tasks": ()}),
    descriptors=(LISTENS, *PAIR),
    epolls=(Epoll(101, 4, (LISTENER,), ((100, 4),)), Epoll(101, 8, (WAKER,))),
)


def shared(child: ProcessRecording, parent: ProcessRecording = PARENT) -> SharedEpoll:
    told = shared_epolls(recording(parent, child))
    assert isinstance(told, SharedEpolls)
    return told.shared[0]


def test_a_child_whose_own_loop_has_nothing_in_it_is_an_idle_heir() -> None:
    found = shared(CHILD)

    assert (found.users, found.idle_heirs, found.inherited) == ((100,), (101,), ("0.0.0.0:8080",))


def test_a_child_that_waits_for_a_peer_works() -> None:
    own = Epoll(101, 8, (WAKER, CLIENT))
    child = replace(CHILD, descriptors=(*CHILD.descriptors, PEER), epolls=(CHILD.epolls[0], own))

    assert shared(child).idle_heirs == ()


def test_a_child_that_accepts_in_a_loop_of_its_own_works() -> None:
    child = replace(CHILD, epolls=(CHILD.epolls[0], Epoll(101, 8, (WAKER, LISTENER))))

    assert shared(child).idle_heirs == ()


def test_a_child_with_a_task_a_timer_or_a_callback_has_something_to_do() -> None:
    with_task = replace(CHILD, task_looks=task_looks({"tasks": ()}, {"tasks": (task(1),)}))
    with_callback = replace(CHILD, task_looks=task_looks({"tasks": (), "callbacks": (callback("tick"),)}))

    assert shared(with_task).idle_heirs == ()
    assert shared(with_callback).idle_heirs == ()
    assert shared(replace(CHILD, samples=looks(101, 8, 30.0))).idle_heirs == ()


def test_another_thread_can_wake_the_loop() -> None:
    child = replace(CHILD, threads=(*CHILD.threads, ThreadUse(105, "feeder", "python")))

    assert shared(child).idle_heirs == ()


def test_a_child_that_was_seen_elsewhere_than_in_its_selector_does_something() -> None:
    runs = Sample(1.0, (ThreadLook(101, (RUN_ONCE,), ran_ns=1),), (LoopLook(101, LOOP),))

    assert shared(replace(CHILD, samples=(*CHILD.samples, runs))).idle_heirs == ()


def test_without_a_look_at_its_tasks_nothing_is_said_of_them() -> None:
    assert shared(replace(CHILD, task_looks=())).idle_heirs == ()


def test_a_child_that_closed_the_socket_is_not_meant_to_serve() -> None:
    assert shared(replace(CHILD, descriptors=PAIR)).idle_heirs == ()


def test_where_nobody_serves_nobody_is_an_heir() -> None:
    parent = replace(PARENT, threads=(main_thread(tid=100, loop_epoll=7),), samples=looks(100, 7))

    assert shared(CHILD, parent).idle_heirs == ()

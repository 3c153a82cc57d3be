"""What a busy thread's selector tells, who is called for it, and who accepts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recordings import LOOP, PID, RUN_ONCE, TEN_MS, at_loop, idle, library, main_thread, one_process, recording, user

from spindoctor.evidence.backlogs import backlog
from spindoctor.evidence.spins import spins
from spindoctor.model.frames import Frame
from spindoctor.model.process import Descriptor, Epoll, EpollEntry, Socket
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.rule import Missing
from spindoctor.model.sample import LoopLook, Sample, SystemCall, ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.spinning import Backlog, Spin, Spins
from spindoctor.model.watching import Handler, Poll, PollLook, Pulse, Registration

HANDLE = 0xB0
READ = Frame("Feed.readable", "/srv/feed.py", 10)
ENDED = {"state": "CLOSE_WAIT", "received": 7, "queued": 0}


def only(found: Recording) -> Spin:
    told = spins(found)
    assert isinstance(told, Spins)
    return told.threads[0]


def reader_at_work(number: int) -> Sample:
    """The loop is inside the handle of a reader, at line 12 of the user's function."""
    thread = ThreadLook(PID, (Frame("Feed.readable", "/srv/feed.py", 12), RUN_ONCE), ran_ns=TEN_MS)
    return Sample(number / 100, (thread,), (LoopLook(PID, LOOP, turn=float(number), callback=HANDLE, depth=1),))


def spinning_loop(**more: object) -> ProcessRecording:
    polls = [PollLook(n / 100, PID, (RUN_ONCE,), Poll(-1.0, ((9, 1),) if n % 2 else ())) for n in range(20)]
    return one_process(
        samples=tuple(map(reader_at_work, range(20))),
        threads=(main_thread(user_s=2.9),),
        polls=tuple(polls),
        pulses=tuple(Pulse(n / 2, PID, 9, "socket", 4711, **ENDED) for n in range(4)),
        registrations=(Registration(PID, 9, 1, reader=Handler(READ, HANDLE)),),
        **more,
    )


def test_a_descriptor_in_every_answer_is_named_with_who_is_called_for_it_and_where() -> None:
    spin = only(recording(spinning_loop()))
    wakeup = spin.wakeups[0]

    assert (spin.polls, spin.waits, spin.timeout_s) == (Share(20, 20), Share(20, 20), -1.0)
    assert (wakeup.fd, wakeup.seen, wakeup.events, wakeup.is_exact) == (9, Share(10, 10), "readable", True)
    assert wakeup.unused == "no byte arrived in 1.5 s, its other end has hung up"
    assert wakeup.handler is not None
    assert (wakeup.handler.function, wakeup.handler.line) == ("Feed.readable", 12)


def test_on_a_loop_in_c_the_only_callback_is_who_is_called() -> None:
    """What its selector keeps cannot be read. Beside as many callbacks of another kind nobody is named."""
    seen = replace(spinning_loop(), registrations=())
    other = ThreadLook(PID, (library("data_received"), RUN_ONCE), ran_ns=TEN_MS)
    served = tuple(replace(one, threads=(other,)) for one in seen.samples[10:])

    alone = only(recording(seen)).wakeups[0].handler
    beside = only(recording(replace(seen, samples=(*seen.samples[:10], *served)))).wakeups[0].handler

    assert alone is not None
    assert (alone.function, alone.line) == ("Feed.readable", 12)
    assert beside is None


def test_what_is_closed_here_and_open_elsewhere_names_who_keeps_it() -> None:
    epolls = (Epoll(PID, 4, (EpollEntry(9, 1, 4711),)),)
    closed = tuple(Pulse(n / 2, PID, 9, "closed", 4711) for n in range(4))
    looked = spinning_loop(epolls=epolls)
    child = one_process(101, descriptors=(Descriptor(3, "socket", 4711, "socket:[4711]"),))
    ghost = recording(
        one_process(samples=looked.samples, threads=looked.threads, polls=looked.polls, epolls=epolls, pulses=closed),
        child,
    )

    wakeup = only(ghost).wakeups[0]

    assert wakeup.owners == (101,)
    assert wakeup.unused == "this process has closed it, and pid 101 keeps it open"


@pytest.mark.parametrize("owners", [(), (PID,)])
def test_a_number_that_was_given_to_a_new_connection_is_not_closed(owners: tuple[int, ...]) -> None:
    """The epoll is read at the end: what it watches under this number by then the process has open there."""
    epolls = (Epoll(PID, 4, (EpollEntry(9, 1, 4711),)),)
    before = 4711 if owners else 4000
    closed = tuple(Pulse(n / 2, PID, 9, "closed", before, owners=owners) for n in range(4))
    looked = spinning_loop(epolls=epolls)
    descriptors = (Descriptor(9, "socket", 4711, "socket:[4711]"),)
    served = replace(looked, pulses=closed, descriptors=descriptors)

    wakeup = only(recording(served)).wakeups[0]

    assert wakeup.owners == ()
    assert wakeup.unused != f"this process has closed it, and pid {PID} keeps it open"


def test_a_loop_of_which_no_call_shows_is_blind() -> None:
    assert only(at_loop(idle(), user_s=2.0)).is_blind


def accepting(number: int, *, logs: bool) -> Sample:
    """A plain thread that accepts, or writes to the log about it."""
    inner = Frame("Logger.error", "/usr/lib/python3.12/logging/__init__.py", 5)
    accept = Frame("socket.accept", "/usr/lib/python3.12/socket.py", 295)
    look = ThreadLook(107, (inner if logs else accept, user("serve", 23 if logs else 21)), ran_ns=TEN_MS)
    return Sample(number / 100, (look,))


def test_a_loop_without_turns_stays_where_one_callback_is_met_half_a_second_long() -> None:
    """A handler that is called anew in every turn is left now and then: the loop's own code, or its selector, shows."""

    def stays(marks: list[int | None]) -> Share:
        process = spinning_loop()
        samples = [
            Sample(number / 100, process.samples[0].threads, (LoopLook(PID, LOOP, callback=mark, depth=1),))
            for number, mark in enumerate(marks)
        ]
        return only(recording(replace(process, samples=tuple(samples)))).stays

    assert stays([HANDLE] * 61) == Share(60, 60)
    assert stays(([HANDLE] * 9 + [None]) * 6) == Share(0, 59)
    assert stays([HANDLE] * 49 + [HANDLE + 1] * 12) == Share(0, 60)


def test_an_accepting_loop_is_known_by_the_function_that_calls_accept() -> None:
    samples = tuple(accepting(number, logs=number >= 5) for number in range(20))
    thread = ThreadUse(107, "acceptor", "python", user_s=2.9)

    spin = only(recording(one_process(samples=samples, threads=(thread,))))

    assert (spin.accepts, spin.around_accept, spin.logs) == (Share(5, 20), Share(20, 20), Share(15, 20))
    assert spin.acceptor is not None
    assert (spin.acceptor.function, spin.acceptor.line) == ("serve", 21)


def test_a_function_that_merely_has_the_letters_in_its_name_does_not_accept() -> None:
    look = ThreadLook(107, (library("is_acceptable"), user("unacceptable")), ran_ns=TEN_MS)
    thread = ThreadUse(107, "worker", "python", user_s=2.9)

    assert only(recording(one_process(samples=(Sample(0.0, (look,)),), threads=(thread,)))).accepts.count == 0


def test_no_looks_are_missing_evidence() -> None:
    assert isinstance(spins(recording(one_process())), Missing)


def test_a_backlog_names_the_fullest_queue_and_where_many_stand() -> None:
    listening = Socket(12, "tcp", "127.0.0.1:80", "", "LISTEN", receive_queue_bytes=40)
    asleep = tuple(
        ThreadLook(200 + n, (library("recv"), user("answer", 9)), call=SystemCall("recvfrom")) for n in range(6)
    )
    seen = one_process(
        samples=(Sample(0.0, asleep),), descriptors=(Descriptor(5, "socket", 12, "socket:[12]", listening),)
    )

    told = backlog(recording(seen))

    assert isinstance(told, Backlog)
    assert [(one.fd, one.address, one.waiting) for one in told.queues] == [(5, "127.0.0.1:80", 40)]
    assert [(one.count, one.culprit.line) for one in told.holders] == [(6, 9)]


def test_a_backlog_needs_descriptors() -> None:
    assert isinstance(backlog(recording(one_process())), Missing)

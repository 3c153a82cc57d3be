"""What fills a loop that is none of asyncio's, and how much comes in from outside."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recordings import PID, TEN_MS, library, one_process, recording, thread_samples, user

from spindoctor.evidence.arrivals import arrivals_per_s
from spindoctor.evidence.circles import circles
from spindoctor.evidence.other_circles import called_most, other_circles
from spindoctor.model.process import Descriptor, Epoll, EpollEntry, Socket
from spindoctor.model.recording import ProcessRecording, Recording, SourceWindow, ThreadUse
from spindoctor.model.sample import LoopLook, Sample, ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.tasks import KEPT

START, GOES_ROUND = user("<module>", 9), library("main_loop")
SOURCE = SourceWindow("/srv/app.py", 10, 10, ("def watch():", "    while not done():", "        yield pause()"))
PAUSES = ThreadLook(PID, (library("later"), user("pause", 3), user("watch", 12), GOES_ROUND, START), ran_ns=TEN_MS)
ANSWERS = ThreadLook(PID, (user("answer", 30), GOES_ROUND, START), ran_ns=TEN_MS)
TURNS = ThreadLook(PID, (library("run_due"), GOES_ROUND, START), ran_ns=TEN_MS)


def tcp(fd: int, state: str, arrived: int | None = None) -> Descriptor:
    return Descriptor(fd, "socket", 100 + fd, "", Socket(100 + fd, "tcp", "h:1", "h:2", state, arrived=arrived))


def unix(fd: int, inode: int, local: str = "") -> Descriptor:
    return Descriptor(fd, "socket", inode, "", Socket(inode, "unix", local, "", "CONNECTED"))


def pipe(fd: int, inode: int) -> Descriptor:
    return Descriptor(fd, "pipe", inode, f"pipe:[{inode}]")


SERVES = (tcp(4, "LISTEN"), tcp(5, "ESTABLISHED", arrived=60))


def service(*looks: ThreadLook, descriptors: tuple[Descriptor, ...] = SERVES, opened: int | None = 6) -> Recording:
    process = one_process(
        samples=thread_samples(*[[look] for look in looks]),
        threads=(ThreadUse(PID, "MainThread", "python", loop_epoll=3),),
        descriptors=descriptors,
        descriptors_at_s=1.0,
        epolls=(Epoll(PID, 3, tuple(EpollEntry(one.fd, 1, one.inode) for one in descriptors)),),
        functions=(SOURCE,),
    )
    one = replace(recording(process), seconds=3.0)
    return replace(one, machine=replace(one.machine, opened_connects=opened))


def process_of(one: Recording) -> ProcessRecording:
    return one.processes[0]


def test_the_function_that_goes_round_is_blamed_and_not_what_it_calls() -> None:
    """`pause` has no loop, `watch` has. 60 segments in two seconds, and six connections in three, two segments each."""
    seen = service(*[PAUSES] * 12, *[TURNS] * 12)

    (circle,) = other_circles(seen, process_of(seen))

    assert [(one.function, one.line) for one in circle.members] == [("watch", 12)]
    assert (circle.share, circle.is_other, circle.arrivals_per_s) == (Share(12, 12), True, 34.0)


def test_of_a_loop_whose_tasks_are_read_the_looks_themselves_say_what_it_calls() -> None:
    """Nothing of an epoll is known; two of the frames of `PAUSES` are the loop's own."""
    step, turns = LoopLook(PID, 7, task=70, turn=1.0, callback=70, depth=3), LoopLook(PID, 7)
    looks = [(PAUSES, step), (PAUSES, step), (TURNS, turns), (ANSWERS, replace(step, task=71, depth=1))]
    samples = tuple(Sample(number / 100, (look,), (loop,)) for number, (look, loop) in enumerate(looks))
    use = ThreadUse(PID, "MainThread", "python", loop=7, loop_type=KEPT)
    process = one_process(samples=samples, threads=(use,), functions=(SOURCE,))

    (circle,) = other_circles(recording(process), process)

    assert [one.function for one in circle.members] == ["watch", "answer"]
    assert (circle.share, circle.is_other) == (Share(3, 3), True)
    assert circles(process) == []


def test_what_a_loop_calls_nearly_always_is_told_and_only_that() -> None:
    mostly, mixed = service(*[PAUSES] * 12, TURNS), service(*[PAUSES] * 6, *[ANSWERS] * 6)

    assert called_most(process_of(mostly), process_of(mostly).threads[0])[0].function == "watch"
    assert called_most(process_of(mixed), process_of(mixed).threads[0]) == ()


@pytest.mark.parametrize(
    "own",
    [(pipe(6, 900), pipe(7, 900)), (unix(6, 900), unix(7, 901))],
    ids=["a pipe", "a pair"],
)
def test_what_a_process_has_both_ends_of_brings_nothing_from_outside(own: tuple[Descriptor, ...]) -> None:
    seen = service(PAUSES, descriptors=(*SERVES, *own))

    assert arrivals_per_s(seen, process_of(seen)) == 34.0


@pytest.mark.parametrize(
    "other",
    [pipe(6, 900), unix(6, 900), unix(6, 900, "/run/app.sock"), tcp(6, "ESTABLISHED"), Descriptor(6, "inotify", 9, "")],
    ids=["a pipe of others", "a client's end", "a named socket", "no counter", "inotify"],
)
def test_what_comes_in_uncounted_leaves_it_open_how_much_that_is(other: Descriptor) -> None:
    seen = service(PAUSES, descriptors=(*SERVES, other))

    assert arrivals_per_s(seen, process_of(seen)) is None


def test_without_the_kernels_count_of_connections_nothing_is_told() -> None:
    seen = service(PAUSES, opened=None)

    assert arrivals_per_s(seen, process_of(seen)) is None

"""A child stuck in a pipe is half a standoff; who waits for it, and alone could serve the pipe, is the other half."""

from __future__ import annotations

from dataclasses import replace

from recordings import PID, main_thread, one_process, recording, task_looks, thread_samples, user

from spindoctor.evidence.pipes import pipe_standoffs
from spindoctor.model.locks import Party
from spindoctor.model.pipes import ChildWait, PipeLook, PipeWait
from spindoctor.model.sample import SystemCall, ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.waiting import Standoff

CHILD = 200
STUCK = PipeWait(CHILD, "convert", writes=True, fd=1, pipe=77, ran_ns=5_000_000, ancestors=(PID,), others=(PID,))
WAITS = ChildWait(PID, Party(tid=PID), CHILD)


def found(*looks: PipeLook) -> list[Standoff]:
    """What follows from these looks at a service whose main thread is in `convert`."""
    waiting = [ThreadLook(PID, (user("convert", 12),), call=SystemCall("wait4", (CHILD,)))]
    process = one_process(samples=thread_samples(waiting), threads=(main_thread(),), task_looks=task_looks({}))
    return pipe_standoffs(replace(recording(process), pipe_looks=looks))


def looks(stuck: PipeWait = STUCK, wait: ChildWait = WAITS, count: int = 6) -> list[PipeLook]:
    """The same at five looks a second."""
    return [PipeLook(number / 5, (stuck,), (wait,)) for number in range(count)]


def test_a_child_in_a_full_pipe_that_only_its_waiting_parent_reads_is_a_standoff() -> None:
    (standoff,) = found(*looks())

    assert (standoff.kind, standoff.seen, standoff.lasted_s) == ("pipe", Share(6, 6), 1.0)
    assert standoff.members[0].culprit.line == 12
    assert "child 200 (convert)" in standoff.members[0].waits_for


def test_a_pipe_that_somebody_may_still_read_is_none() -> None:
    assert found(*looks(replace(STUCK, attended="an epoll of pid 100 watches it"))) == []


def test_a_pipe_whose_reader_is_no_part_of_the_service_is_none() -> None:
    assert found(*looks(replace(STUCK, others=(PID, 999)))) == []


def test_a_sibling_that_was_looked_at_is_no_reader() -> None:
    """Children of a fork have both ends; nobody in the sibling has the pipe at hand, else somebody attended to it."""
    assert len(found(*looks(replace(STUCK, others=(PID, 201), seen=(PID, 201))))) == 1


def test_a_child_that_waits_for_a_lock_of_the_one_in_the_pipe_is_waited_for_like_that() -> None:
    stuck = replace(STUCK, behind=(201,), others=(PID, 201), seen=(PID, 201))

    (standoff,) = found(*looks(stuck, replace(WAITS, child=201)))

    assert (
        standoff.members[0].waits_for == "the end of its child 201, which waits for a lock that child 200 (convert) has"
    )


def test_a_parent_that_waits_for_another_child_is_no_party() -> None:
    assert found(*looks(wait=replace(WAITS, child=201))) == []


def test_a_wait_for_the_shell_between_counts() -> None:
    stuck = replace(STUCK, ancestors=(201, PID))

    assert len(found(*looks(stuck, replace(WAITS, child=201)))) == 1


def test_a_child_that_used_cpu_in_between_has_gone_on() -> None:
    moved = looks(replace(STUCK, ran_ns=6_000_000), count=2)

    (standoff,) = found(*looks(count=4), *[replace(one, at_s=one.at_s + 0.8) for one in moved])

    assert (standoff.seen.count, round(standoff.lasted_s, 3)) == (2, 0.2)


def test_who_reads_from_a_child_that_reads_is_its_idle_partner() -> None:
    reading = replace(STUCK, writes=False, fd=0)

    assert found(*looks(reading, replace(WAITS, by="read"))) == []
    assert len(found(*looks(reading))) == 1


OWN = PipeWait(PID, "python", writes=False, fd=6, pipe=78, ran_ns=5_000_000, tid=PID)


def test_a_pipe_whose_other_end_its_reader_alone_keeps_open_never_ends() -> None:
    (standoff,) = found(*looks(OWN))

    assert (standoff.kind, standoff.seen, standoff.lasted_s) == ("own pipe", Share(6, 6), 1.0)
    assert standoff.members[0].culprit.line == 12
    assert "that only this process itself could write or close" in standoff.members[0].waits_for


def test_a_pipe_of_ones_own_that_somebody_may_write_into_is_none() -> None:
    assert found(*looks(replace(OWN, attended="a handler of a signal of pid 100 may write into it"))) == []


def test_what_came_out_of_a_pipe_of_ones_own_begins_the_wait_anew() -> None:
    later = [replace(one, at_s=one.at_s + 0.8) for one in looks(replace(OWN, ran_ns=6_000_000), count=2)]

    (standoff,) = found(*looks(OWN, count=4), *later)

    assert (standoff.seen.count, round(standoff.lasted_s, 3)) == (2, 0.2)

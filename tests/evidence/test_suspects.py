"""The usual suspects, cleared with a figure or left alone."""

from __future__ import annotations

from recordings import main_thread, one_process, recording, task_looks, thread_samples, user

from spindoctor.evidence import gather
from spindoctor.evidence.suspects import suspects
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.sample import SystemCall, ThreadLook
from spindoctor.model.tasks import Pool

SLEEP = SystemCall("futex")


def cleared(seen: Recording) -> dict[str, str]:
    return {one.suspect: one.figure for one in suspects(seen, gather(seen))}


def workers(count: int, **use: float) -> tuple[ThreadUse, ...]:
    return tuple(ThreadUse(101 + n, f"asyncio_{n}", "python", **use) for n in range(count))


def sleeping(count: int, looks: int = 100) -> ProcessRecording:
    asleep = [ThreadLook(101 + n, (user("_worker"),), call=SLEEP) for n in range(count)]
    samples = thread_samples(*[asleep] * looks)
    return one_process(samples=samples, threads=(*workers(count), main_thread(user_s=2.9)))


def test_sleeping_executor_threads_are_cleared_together() -> None:
    """Six threads in a hundred looks are 600 looks, in all of which they slept."""
    told = cleared(recording(sleeping(6)))

    assert told["6 threads asyncio of process 100"] == (
        "0.000 cores together; asleep in a system call in 600 of 600 looks"
    )


def test_a_thread_alone_keeps_its_whole_name() -> None:
    assert cleared(recording(sleeping(1)))["thread asyncio_0 of process 100"] == (
        "0.000 cores; asleep in a system call in 100 of 100 looks"
    )


def test_the_loops_thread_is_never_cleared() -> None:
    assert not any("MainThread" in suspect for suspect in cleared(recording(sleeping(1))))


def test_a_group_that_burns_together_is_not_cleared() -> None:
    """Six threads of 0.01 cores each (0.01 s in a look of 0.99 s) are 0.06 together."""
    process = one_process(samples=sleeping(6).samples, threads=workers(6, user_s=0.01))

    assert not any("threads asyncio" in suspect for suspect in cleared(recording(process)))


def test_a_gil_that_nobody_waits_for_is_cleared() -> None:
    assert "0 of 100 looks" in cleared(recording(sleeping(1)))["the GIL of process 100"]


def test_a_gil_that_is_waited_for_is_not_cleared() -> None:
    """Five waits in a hundred looks may be 11 %."""
    wants = [ThreadLook(101, (), call=SLEEP, waits_for_gil=True)]
    samples = thread_samples(*[wants] * 5, *[[ThreadLook(101, (), call=SLEEP)]] * 95)

    assert "the GIL of process 100" not in cleared(recording(one_process(samples=samples)))


def test_a_pool_is_cleared_only_where_nobody_queues() -> None:
    idle = Pool(1, "executor", "asyncio", size=6, busy=1, queued=0)
    queued = Pool(2, "limiter", "tokens", size=40, busy=40, queued=1)
    process = one_process(task_looks=task_looks({"pools": (idle, queued)}))

    told = cleared(recording(process))

    assert "1 of 6 busy, nobody queued in 1 looks" in told["executor asyncio of process 100"]
    assert not any("tokens" in suspect for suspect in told)


def test_pools_that_each_request_makes_for_itself_are_cleared_together() -> None:
    """The second was given the address of the first; each was there in one look of two."""
    pools = [Pool(1, "executor", f"ThreadPoolExecutor-{number}", size=1, busy=1, queued=0) for number in (103, 104)]
    process = one_process(task_looks=task_looks(*[{"pools": (one,)} for one in pools]))

    told = cleared(recording(process))

    assert (
        "1 of 1 busy at most in each, nobody queued in 1 looks" in told["2 executors ThreadPoolExecutor of process 100"]
    )


def test_a_drivers_monitor_threads_are_cleared_by_name() -> None:
    process = one_process(
        samples=sleeping(1).samples, threads=(ThreadUse(101, "pymongo_server_monitor_thread", "python", user_s=0.001),)
    )

    assert "thread pymongo_server_monitor_thread of process 100" in cleared(recording(process))


def test_threads_that_python_named_after_their_function_are_one_group() -> None:
    """From 3.10 a thread without a name of its own is `Thread-N (function)`."""
    asleep = [ThreadLook(101 + n, (user("wait"),), call=SLEEP) for n in range(3)]
    uses = tuple(ThreadUse(101 + n, f"Thread-{n + 1} (wait)", "python") for n in range(3))
    seen = recording(one_process(samples=thread_samples(*[asleep] * 10), threads=uses))

    assert cleared(seen)["3 threads Thread (wait) of process 100"].endswith("in 30 of 30 looks")

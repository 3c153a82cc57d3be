"""Threads as the kernel shows them: parsers on captured texts, and the clocks on real threads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kernel_victims import AsNobody, NeedRoot, Start, own_descriptors, until

from spindoctor.errors import Forbidden, Gone
from spindoctor.model.recording import ThreadUse
from spindoctor.model.sample import SystemCall
from spindoctor.probe import threads
from spindoctor.probe.calls import CALL_NAMES, NOT_IN_A_CALL, parse_call, poll_timeout_s
from spindoctor.probe.kept import KeptFiles
from spindoctor.probe.proc import TICK_S, parse_stat, parse_status, parse_strings
from spindoctor.probe.threads import (
    ThreadCalls,
    ThreadClock,
    ThreadCounters,
    parse_schedstat,
    read_call,
    read_native_ids,
    read_threads,
    thread_use,
)

STAT = (
    b"13590 (we) ird) S 1) S 13549 13543 12576 0 -1 4194304 74 0 1 0 12 34 0 0 20 0 7 0 86556 2990080 412 "
    b"18446744073709551615 94479141621760 94479141639689 140731275141488 0 0 0 0 0 0 1 0 0 17 1 0 0 0 0 0 "
    b"94479141653776 94479141655040 94480112717824 140731275143286 140731275143294 140731275143294 140731275145193 0\n"
)


def counters(tid: int = 7, **given: object) -> ThreadCounters:
    facts: dict[str, object] = {
        "tid": tid, "name": "python", "state": "S", "start_ticks": 100, "user_ticks": 0, "system_ticks": 0,
        "ran_ns": 0, "queue_wait_ns": 0, "voluntary": 0, "involuntary": 0, "last_cpu": 0,
    }  # fmt: skip
    return ThreadCounters(**(facts | given))  # type: ignore[arg-type]


def test_a_name_with_brackets_and_blanks_does_not_shift_the_fields() -> None:
    stat = parse_stat(STAT)

    assert (stat.pid, stat.name, stat.state, stat.parent_pid) == (13590, "we) ird) S 1", "S", 13549)
    assert (stat.major_faults, stat.user_ticks, stat.system_ticks, stat.threads) == (1, 12, 34, 7)
    assert (stat.start_ticks, stat.rss_pages, stat.last_cpu) == (86556, 412, 1)


@pytest.mark.parametrize("text", [b"", b"12 (sh", b"12 (sh) S 1", b"nothing"])
def test_what_is_no_stat_line_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="stat line"):
        parse_stat(text)


def test_status_lines_become_names_and_values() -> None:
    status = parse_status(b"Name:\ta:b\nUid:\t0\t0\t0\t0\nNSpid:\t13529\t7\nnonsense\n")

    assert status == {"Name": "a:b", "Uid": "0\t0\t0\t0", "NSpid": "13529\t7"}


def test_padding_behind_a_rewritten_title_is_dropped() -> None:
    assert parse_strings(b"gunicorn: master [app]\0\0\0\0") == ("gunicorn: master [app]",)
    assert parse_strings(b"python\0-c\0\0x\0") == ("python", "-c", "", "x")
    assert parse_strings(b"") == ()


def test_schedstat_is_run_time_wait_and_slices() -> None:
    assert parse_schedstat(b"1488099 17 10\n") == (1488099, 17, 10)
    assert parse_schedstat(b"") == (0, 0, 0)


def test_a_waiting_thread_shows_its_call_and_six_arguments() -> None:
    text = b"232 0x5 0x7f01 0x400 0xffffffff 0x0 0x8 0x7ffccd58d998 0x7fdfa342b2ad\n"

    call = parse_call(text, CALL_NAMES["x86_64"])

    assert call == SystemCall("epoll_wait", (5, 0x7F01, 1024, 0xFFFFFFFF, 0, 8))


def test_the_same_number_is_another_call_on_another_machine() -> None:
    text = b"98 0x1 0x80 0x2 0x0 0x0 0x0 0x7f 0x7f"

    assert parse_call(text, CALL_NAMES["aarch64"]) == SystemCall("futex", (1, 128, 2, 0, 0, 0))
    assert parse_call(text, CALL_NAMES["x86_64"]) == SystemCall("syscall 98", (1, 128, 2, 0, 0, 0))


def test_a_running_thread_is_in_no_call_and_a_blocked_one_without_call_is_told() -> None:
    assert parse_call(b"running\n") is None
    assert parse_call(b"") is None
    assert parse_call(b"-1 0x7ffccd58d998 0x7fdfa342b2ad\n") == NOT_IN_A_CALL


@pytest.mark.parametrize(
    ("call", "timeout_s"),
    [
        (SystemCall("epoll_wait", (5, 1, 1024, 0, 0, 0)), 0.0),
        (SystemCall("epoll_wait", (5, 1, 1024, 0xFFFFFFFF, 0, 0)), -1.0),
        (SystemCall("epoll_pwait", (5, 1, 1024, 0xFFFFFFFFFFFFFFFF, 0, 0)), -1.0),
        (SystemCall("epoll_wait", (5, 1, 1024, 2500, 0, 0)), 2.5),
        (SystemCall("poll", (5, 1, 10, 0, 0, 0)), 0.01),
        (SystemCall("select", (5, 1, 10, 0, 0x7F, 0)), None),
        (SystemCall("epoll_wait"), None),
    ],
)
def test_a_poll_tells_how_long_it_may_wait(call: SystemCall, timeout_s: float | None) -> None:
    assert poll_timeout_s(call) == timeout_s


def test_use_is_the_difference_with_the_exact_clock_split_by_the_ticks() -> None:
    before = {7: counters(user_ticks=100, system_ticks=10, ran_ns=1_100_000_000, voluntary=3)}
    after = {
        7: counters(user_ticks=130, system_ticks=20, ran_ns=1_508_000_000, voluntary=5, involuntary=9,
                    queue_wait_ns=250_000_000)
    }  # fmt: skip

    (use,) = thread_use(before, after, {7: "MainThread"})

    assert (use.tid, use.name, use.kernel_name) == (7, "MainThread", "python")
    assert use.cpu_s == pytest.approx(0.408)
    assert use.system_s == pytest.approx(0.102)  # 10 of 40 ticks
    assert (use.voluntary, use.involuntary, use.queue_wait_s) == (2, 9, 0.25)


def test_a_thread_born_during_the_look_counts_from_its_birth_also_with_a_used_id() -> None:
    before = {7: counters(start_ticks=100, ran_ns=9_000_000_000, user_ticks=900)}
    after = {7: counters(start_ticks=500, ran_ns=20_000_000, user_ticks=2), 8: counters(8, ran_ns=50_000_000)}

    uses = thread_use(before, after)

    assert [(use.tid, use.user_s) for use in uses] == [(8, 0.05), (7, 0.02)]


def test_without_scheduler_statistics_ticks_count() -> None:
    (use,) = thread_use({7: counters(user_ticks=1)}, {7: counters(user_ticks=4, system_ticks=2)})

    assert (use.user_s, use.system_s) == (pytest.approx(3 * TICK_S), pytest.approx(2 * TICK_S))


THREADS = """
import sys, threading
stops = []
def spin():
    while True:
        pass
print(threading.get_native_id(), flush=True)
for line in sys.stdin:
    if line.strip() == "more":
        stop, ready = threading.Event(), threading.Event()
        thread = threading.Thread(target=lambda: (ready.set(), stop.wait()))
        thread.start(); ready.wait(); stops.append((stop, thread))
        print(thread.native_id, flush=True)
    elif line.strip() == "less":
        stop, thread = stops.pop(); stop.set(); thread.join()
        print("less", flush=True)
    else:
        threading.Thread(target=spin, daemon=True).start()
        print("burns", flush=True)
"""


@pytest.mark.live
def test_the_clock_follows_threads_that_come_and_go(start: Start) -> None:
    victim = start(THREADS)
    with ThreadClock(victim.pid) as clock:
        seen = [set(clock.look())]
        born = int(victim.tell("more")[0])
        seen.append(set(clock.look()))
        victim.tell("less")
        is_back = until(lambda: set(clock.look()) == {victim.pid})  # join returns before the kernel is done

    assert seen == [{victim.pid}, {victim.pid, born}]
    assert is_back


@pytest.mark.live
def test_the_clock_leaves_no_descriptor_behind(start: Start) -> None:
    victim = start(THREADS)
    before = own_descriptors()
    with ThreadClock(victim.pid) as clock, ThreadCalls(victim.pid) as calls:
        calls.look(clock.look())
        during = own_descriptors()

    assert (during - before, own_descriptors()) == (3, before)


@pytest.mark.live
@pytest.mark.parametrize("kind", ["exact", "coarse"])
def test_the_clock_of_a_busy_thread_grows_and_that_of_a_waiting_one_does_not(
    start: Start, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "coarse":
        monkeypatch.setattr(threads, "_has_scheduler_statistics", lambda *_: False)
    victim = start(THREADS)
    victim.tell("burn")
    with ThreadClock(victim.pid) as clock:
        first = clock.look()
        busy = next(tid for tid in first if tid != victim.pid)
        has_grown = until(lambda: clock.look()[busy][0] - first[busy][0] >= 50_000_000)
        last = clock.look()

    assert clock.is_coarse is (kind == "coarse")
    assert has_grown
    assert last[victim.pid][0] - first[victim.pid][0] < 10_000_000


@pytest.mark.live
def test_the_clock_says_that_the_process_is_gone(start: Start) -> None:
    victim = start(THREADS)
    with ThreadClock(victim.pid) as clock:
        clock.look()
        victim.end()

        with pytest.raises(Gone):
            clock.look()


@pytest.mark.live
def test_beyond_its_share_of_our_descriptors_files_are_opened_for_each_reading(start: Start) -> None:
    victim = start(THREADS)
    files = KeptFiles(victim.pid, "schedstat")
    files._most = 0
    before = own_descriptors()

    text = files.read(victim.pid)

    assert parse_schedstat(text)[0] > 0
    assert own_descriptors() == before


@pytest.mark.live
def test_two_readings_name_the_thread_that_burns(start: Start) -> None:
    victim = start(THREADS)
    victim.tell("burn")
    before = read_threads(victim.pid)

    def uses() -> tuple[ThreadUse, ...]:
        return thread_use(before, read_threads(victim.pid))

    assert until(lambda: uses()[0].cpu_s > 0.1)
    first, second = uses()
    assert first.tid != victim.pid
    assert first.system_s < first.user_s
    assert second.cpu_s < 0.01


@pytest.mark.live
def test_a_thread_that_reads_a_pipe_is_seen_in_read_of_descriptor_0(start: Start) -> None:
    victim = start(THREADS)

    def waits_for_us() -> bool:
        call = read_call(victim.pid, victim.pid)
        return call is not None and (call.name, call.arguments[0]) == ("read", 0)

    assert until(waits_for_us)


@pytest.mark.live
def test_a_thread_that_never_was_is_in_no_call() -> None:
    assert read_call(os.getpid(), 4_000_000) is None


@pytest.mark.live
def test_the_calls_of_another_users_threads_are_forbidden(as_nobody: AsNobody) -> None:
    victim = os.getpid()

    def attempt() -> str:
        with pytest.raises(Forbidden) as refused:
            read_call(victim, victim)
        return refused.value.problem

    assert as_nobody(attempt) == f"The kernel does not let us read the system calls of the threads of process {victim}."


@pytest.mark.live
def test_ids_inside_a_pid_namespace_are_mapped_to_ours(start: Start, need_root: NeedRoot) -> None:
    need_root("a pid namespace")
    unshare = start(THREADS, prefix=("unshare", "--pid", "--fork", "--kill-child"))
    pid = int(Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text(encoding="ascii"))
    inner = int(unshare.tell("more")[0])

    ids = read_native_ids(pid)

    assert unshare.words == ["1"]
    assert ids[1] == pid
    assert set(ids) == {1, inner}
    assert set(ids.values()) == set(read_threads(pid))


@pytest.mark.live
def test_ids_in_our_own_namespace_are_themselves(start: Start) -> None:
    victim = start(THREADS)

    assert read_native_ids(victim.pid) == {victim.pid: victim.pid}

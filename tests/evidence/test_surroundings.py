"""What lies around the process; counted by hand."""

from __future__ import annotations

from dataclasses import replace

from recordings import PID, main_thread, one_process, recording, thread_samples

from spindoctor.evidence.surroundings import descriptor_uses, memory_use, starvation, throttling
from spindoctor.model.process import Descriptor, Machine, Neighbour, Socket
from spindoctor.model.recording import Candidate
from spindoctor.model.rule import Missing
from spindoctor.model.sample import ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.surroundings import DescriptorUses, MemoryUse, Starvation, Throttling
from spindoctor.probe.neighbours import find_neighbours, find_newborn
from spindoctor.probe.proc import TICK_S, Stat

MIB = 1 << 20
MACHINE = Machine(
    cores=2,
    affinity_cores=2,
    quota_cores=0.5,
    periods=30,
    throttled_periods=12,
    throttled_s=0.9,
    busy_cores=1.5,
    steal_cores=0.1,
    memory_bytes=8000 * MIB,
    memory_available_bytes=400 * MIB,
    memory_limit_bytes=512 * MIB,
    swap_used_bytes=0,
    memory_pressure=0.05,
    cgroup_memory_pressure=0.2,
    neighbours=(Neighbour(7, "ffmpeg", 1.2),),
)
BUSY = recording(
    one_process(
        threads=(main_thread(user_s=0.9, queue_wait_s=1.5),),
        samples=thread_samples([ThreadLook(PID)], [ThreadLook(PID)]),
        user_s=0.9,
        rss_bytes=300 * MIB,
        major_faults=60,
    ),
    machine=MACHINE,
)


def socket(fd: int, local: str, remote: str, state: str = "ESTABLISHED") -> Descriptor:
    return Descriptor(fd, "socket", fd, "socket:[1]", Socket(fd, "tcp", local, remote, state))


def test_descriptors_are_grouped_by_what_they_lead_to() -> None:
    """Two clients of port 8080, three connections to one server of which two were hung up on, a file and a pipe."""
    every = (
        socket(3, "127.0.0.1:8080", "10.0.0.1:5000"),
        socket(4, "127.0.0.1:8080", "10.0.0.2:5000"),
        socket(5, "127.0.0.1:40001", "10.0.0.9:80", "CLOSE_WAIT"),
        socket(6, "127.0.0.1:40002", "10.0.0.9:80", "CLOSE_WAIT"),
        socket(7, "127.0.0.1:40003", "10.0.0.9:80"),
        Descriptor(8, "file", 0, "/srv/data/a"),
        Descriptor(9, "pipe", 9, "pipe:[9]"),
    )

    told = descriptor_uses(recording(one_process(descriptors=every, descriptor_limit=10)))

    assert isinstance(told, DescriptorUses)
    use = told.processes[0]
    assert (use.total, use.limit, use.share, use.close_wait) == (7, 10, 0.7, 2)
    assert use.close_wait_groups == (("connections to 10.0.0.9:80", 2),)
    assert use.groups[:2] == (("connections to 10.0.0.9:80", 3), ("connections of clients to port 8080", 2))


def test_what_most_descriptors_are_may_be_opened_where_such_are_kept() -> None:
    """Two files and one pipe are open; of the two candidates the one that opens files is offered."""
    files = Candidate("file-opened-and-kept", "export", "/srv/app.py", 9)
    pipes = Candidate("pipe-opened-and-kept", "start", "/srv/app.py", 20)
    every = (*(Descriptor(fd, "file", 0, "/srv/x") for fd in (5, 6)), Descriptor(7, "pipe", 9, "pipe:[9]"))

    told = descriptor_uses(recording(one_process(descriptors=every, candidates=(files, pipes))))

    assert isinstance(told, DescriptorUses)
    assert told.processes[0].candidates == (files,)


def test_descriptors_that_could_not_be_read_are_missing() -> None:
    told = descriptor_uses(recording(one_process(missing=(("descriptors", "not ours"),))))

    assert told == Missing("not ours")


def test_a_quota_is_told_with_its_periods() -> None:
    told = throttling(BUSY)

    assert isinstance(told, Throttling)
    assert (told.quota_cores, told.periods, told.stopped_s, told.cores) == (0.5, Share(12, 30), 0.9, 0.3)


def test_a_thread_in_the_run_queue_is_told_with_who_had_the_cpu() -> None:
    """0.9 s of CPU and 1.5 s in the queue in three seconds; of 1.5 busy cores 0.3 are its own."""
    told = starvation(BUSY)

    assert isinstance(told, Starvation)
    assert [(one.thread, one.cores, one.waited, one.wanted) for one in told.threads] == [("MainThread", 0.3, 0.5, 0.8)]
    assert (told.others_cores, told.neighbours) == (1.2, MACHINE.neighbours)


def test_memory_is_told_with_the_worse_pressure() -> None:
    told = memory_use(BUSY)

    assert isinstance(told, MemoryUse)
    assert (told.rss_bytes, told.faults_per_s, told.pressure, told.largest) == (300 * MIB, 20.0, 0.2, PID)


def test_without_time_there_is_no_rate() -> None:
    still = replace(BUSY, seconds=0.0)

    assert isinstance(memory_use(still), Missing)
    assert isinstance(throttling(still), Missing)
    assert isinstance(starvation(still), Missing)


def test_newborn_are_the_busiest_descendants_that_began_meanwhile() -> None:
    """In two seconds; 8 has a child 20 and by it a grandchild 21, 7 a child 22; pid 9 was given to a child of 8."""
    second = round(1 / TICK_S)
    before = {pid: Stat(pid, f"p{pid}", "S", 1, 0, 0, 0, 1, 5, 0, 0) for pid in (7, 8, 9)}
    parents, used = {20: 8, 21: 20, 22: 7, 9: 8}, {20: second // 50, 21: second, 22: second, 9: 2 * second}
    began = {pid: Stat(pid, f"p{pid}", "R", parent, 0, used[pid], 0, 1, 6, 0, 0) for pid, parent in parents.items()}

    assert find_newborn(before, {**before, **began}, {8}, 2.0) == (Neighbour(9, "p9", 1.0), Neighbour(21, "p21", 0.5))
    assert find_newborn(before, {**before, **began}, {8}, 0.0) == ()


def test_neighbours_are_the_busiest_processes_outside_of_the_family() -> None:
    """In two seconds; pid 9 was used again for another process, pid 10 used next to nothing."""
    second = round(1 / TICK_S)
    before = {pid: Stat(pid, f"p{pid}", "S", 1, 0, 0, 0, 1, 5, 0, 0) for pid in (7, 8, 9, 10)}
    used = {7: second, 8: 2 * second, 9: 2 * second, 10: second // 50}
    after = {pid: replace(stat, user_ticks=used[pid]) for pid, stat in before.items()}
    after[9] = replace(after[9], start_ticks=6)

    assert find_neighbours(before, after, {8}, 2.0) == (Neighbour(7, "p7", 0.5),)
    assert find_neighbours(before, after, set(), 0.0) == ()

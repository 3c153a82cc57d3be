"""Epolls that processes share, and who suffers by them."""

from __future__ import annotations

from dataclasses import replace

from recordings import LOOP, RUN_ONCE, SELECT, main_thread, one_process, recording

from spindoctor.evidence.epolls import shared_epolls
from spindoctor.model.facts import SharedEpoll, SharedEpolls
from spindoctor.model.process import Descriptor, Epoll, EpollEntry, Socket
from spindoctor.model.recording import Candidate, ProcessRecording, Recording
from spindoctor.model.rule import Missing
from spindoctor.model.sample import LoopLook, Sample, SystemCall, ThreadLook
from spindoctor.model.share import Share

LISTENER = EpollEntry(3, 1, inode=800)
CLIENT = EpollEntry(9, 1, inode=900)
OTHER_CLIENT = EpollEntry(10, 1, inode=901)


def tcp(inode: int, state: str, unread: int = 0, fd: int = 9) -> Descriptor:
    socket = Socket(inode, "tcp", "127.0.0.1:8080", "127.0.0.1:40000", state, unread)
    return Descriptor(fd, "socket", inode, f"socket:[{inode}]", socket)


LISTENING = tcp(800, "LISTEN", fd=3)


def member(  # noqa: PLR0913 - a member in one line
    pid: int,
    *entries: EpollEntry,
    has: tuple[Descriptor, ...] = (),
    shares: int | None = None,
    fd: int = 4,
    waits_in: int | None = 4,
    cpu_s: float = 0.0,
) -> ProcessRecording:
    """A process whose loop waits in `waits_in` (None: runs no loop) and that shares its epoll with another."""
    looks = () if waits_in is None else _looks(pid, waits_in)
    with_fd = ((shares, 4),) if shares else ()
    return one_process(
        pid,
        samples=looks,
        threads=(main_thread(tid=pid, user_s=cpu_s),),
        descriptors=(LISTENING, *has),
        epolls=(Epoll(pid, fd, (LISTENER, *entries), with_fd),),
    )


def _looks(pid: int, fd: int) -> tuple[Sample, ...]:
    thread = ThreadLook(pid, (SELECT, RUN_ONCE), call=SystemCall("epoll_wait", (fd, 0, 10, 1000)))
    loop = LoopLook(pid, LOOP, polls=True, poll_timeout_s=1.0, turn=1.0)
    return tuple(Sample(number / 100, (thread,), (loop,)) for number in range(5))


def shared(seen: Recording) -> tuple[SharedEpoll, ...]:
    told = shared_epolls(seen)
    assert isinstance(told, SharedEpolls)
    return told.shared


def test_the_sibling_that_is_woken_for_the_owners_closed_connection_is_found() -> None:
    """100 has the connection (its client is gone), 101 burns 2.97 s in 3 s being woken for it."""
    owner = member(100, CLIENT, has=(tcp(900, "CLOSE_WAIT"),), shares=101)
    sibling = member(101, CLIENT, shares=100, cpu_s=2.97)

    (found,) = shared(recording(owner, sibling))

    assert (found.members, found.users) == (((100, 4), (101, 4)), (100, 101))
    assert (found.spinner, found.spinner_fd, round(found.spinner_cores, 2)) == (101, 4, 0.99)
    assert (found.owner, found.entry) == (100, CLIENT)
    assert found.foreign == ((101, CLIENT, (100,)),)
    assert found.socket == "tcp 127.0.0.1:8080 <- 127.0.0.1:40000, CLOSE_WAIT, 0 bytes unread"
    assert found.unbounded_polls == Share(5, 5)


def test_a_closed_peer_is_blamed_before_unread_bytes_and_these_before_a_quiet_connection() -> None:
    quiet, unread, closed = tcp(900, "ESTABLISHED"), tcp(901, "ESTABLISHED", 7), tcp(902, "CLOSE_WAIT")
    entries = (CLIENT, OTHER_CLIENT, EpollEntry(11, 1, inode=902))
    sibling = member(101, *entries, shares=100, cpu_s=2.9)

    (all_three,) = shared(recording(member(100, *entries, has=(quiet, unread, closed), shares=101), sibling))
    (two,) = shared(recording(member(100, *entries[:2], has=(quiet, unread), shares=101), sibling))

    assert all_three.entry == entries[2]
    assert two.entry == OTHER_CLIENT


def test_one_side_of_the_comparison_is_enough() -> None:
    """kcmp is asked once for each pair."""
    assert len(shared(recording(member(100, shares=101), member(101)))) == 1
    assert len(shared(recording(member(100), member(101, shares=100)))) == 1


def test_epolls_of_the_same_number_are_not_the_same() -> None:
    told = shared_epolls(recording(member(100), member(101)))

    assert told == SharedEpolls((), epolls=2, processes=2)


def test_a_child_that_waits_in_another_epoll_does_not_use_the_inherited_one() -> None:
    (found,) = shared(recording(member(100, shares=101), member(101, shares=100, waits_in=7, cpu_s=2.9)))

    assert (found.users, found.spinner) == ((100,), 100)


def test_a_child_without_a_loop_does_not_use_it() -> None:
    (found,) = shared(recording(member(100, shares=101), member(101, shares=100, waits_in=None, cpu_s=2.9)))

    assert found.users == (100,)


def test_an_entry_that_both_have_is_not_foreign() -> None:
    both = tcp(900, "ESTABLISHED")

    (found,) = shared(
        recording(member(100, CLIENT, has=(both,), shares=101), member(101, CLIENT, has=(both,), shares=100))
    )

    assert (found.foreign, found.owner, found.entry) == ((), None, None)


def test_the_line_that_listens_is_told_where_the_source_shows_it() -> None:
    listens = Candidate("listen-before-fork", "main", "/srv/server.py", 26)
    yields = Candidate("yield-in-scope", "stream", "/srv/server.py", 3)
    owner = member(100, shares=101)
    leader = one_process(99, candidates=(yields, listens))

    (found,) = shared(recording(leader, owner, member(101, shares=100)))

    assert found.listen is not None
    assert (found.listen.function, found.listen.file, found.listen.line) == ("main", "/srv/server.py", 26)


def test_three_processes_on_one_epoll_are_one_group() -> None:
    (found,) = shared(recording(member(100, shares=101), member(101, shares=102), member(102, shares=100)))

    assert found.users == (100, 101, 102)


def test_a_group_is_one_whatever_the_order_of_the_comparisons() -> None:
    """100 and 102 are compared with 101 only, which comes last."""
    (found,) = shared(recording(member(100, shares=101), member(102, shares=101), member(101)))

    assert sorted(found.users) == [100, 101, 102]


def test_unreadable_descriptors_are_told() -> None:
    process = one_process(missing=(("descriptors", "not permitted"),))

    assert shared_epolls(recording(process)) == Missing("not permitted")


def test_a_busy_child_with_an_epoll_of_its_own_does_not_use_the_inherited_one() -> None:
    """Both compute all the time and were never seen waiting; each made its own loop after the fork."""
    parent = member(100, shares=101, waits_in=None)
    children = [_busy(pid, sibling) for pid, sibling in ((101, 102), (102, 101))]

    (found,) = shared(recording(parent, *children))

    assert found.users == ()


def _busy(pid: int, sibling: int) -> ProcessRecording:
    look = ThreadLook(pid, (RUN_ONCE,), ran_ns=10_000_000), LoopLook(pid, LOOP, turn=1.0)
    return one_process(
        pid,
        samples=tuple(Sample(number / 100, look[:1], look[1:]) for number in range(5)),
        threads=(main_thread(tid=pid, user_s=2.9),),
        descriptors=(LISTENING,),
        epolls=(Epoll(pid, 4, (LISTENER,), ((sibling, 4), (100, 4))), Epoll(pid, 8, ())),
    )


def with_own_loop(pid: int, *own: EpollEntry) -> ProcessRecording:
    """A child whose selector is its own epoll 8, with the inherited one still open as descriptor 4."""
    shares = tuple((other, 4) for other in (100, 101) if other != pid)
    waiting = Descriptor(3, "socket", 800, "", Socket(800, "tcp", "0.0.0.0:8080", "0.0.0.0:0", "LISTEN", 3))
    return one_process(
        pid,
        samples=_looks(pid, 8),
        threads=(main_thread(tid=pid, loop_epoll=8),),
        descriptors=(waiting,),
        epolls=(Epoll(pid, 4, (LISTENER,), shares), Epoll(pid, 8, own)),
    )


def test_a_listening_socket_in_an_epoll_that_nobody_waits_in_is_unserved() -> None:
    """Three connections wait in its backlog; both processes have the one socket."""
    (found,) = shared(recording(with_own_loop(100), with_own_loop(101)))

    assert (found.users, found.unserved, found.backlog) == ((), ("0.0.0.0:8080",), 3)


def test_a_socket_that_one_of_them_has_in_its_own_epoll_is_served() -> None:
    (found,) = shared(recording(with_own_loop(100), with_own_loop(101, LISTENER)))

    assert (found.users, found.unserved, found.backlog) == ((), (), 0)


def test_what_the_selector_says_counts_before_what_was_seen() -> None:
    """The loop's own descriptor is 4; a look at another thread's epoll does not change that."""
    parent = member(100, shares=101)
    child = member(101, shares=100, waits_in=7)
    told = replace(child, threads=(main_thread(tid=101, loop_epoll=4),))

    (found,) = shared(recording(parent, told))

    assert found.users == (100, 101)

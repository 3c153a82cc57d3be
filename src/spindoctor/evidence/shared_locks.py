"""Locks between processes: who queues for them, who stands still in a circle or behind a holder that has ended."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from spindoctor.evidence.by_thread import ByThread
from spindoctor.evidence.sites import Moment, Namer, stays
from spindoctor.model.frames import Stack
from spindoctor.model.locks import Member, SharedLock, SharedLook
from spindoctor.model.outcome import Culprit
from spindoctor.model.process import Descriptor
from spindoctor.model.recording import Recording
from spindoctor.model.sample import SLEEPS, ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.waiting import LockUse, Standoff, Waiter

MOST_SITES = 4
READS = frozenset({"read", "readv", "recvfrom", "recvmsg"})
MOSTLY = 0.5
WAITING = ("futex", "flock", "fcntl")
ASKED = "asked "
"""How the name of a lock begins that is asked for again and again."""

POLLED = "polled "
"""The same, by a function that is there to ask for it: whoever sleeps in that sleeps for the lock."""

WHILE_LOCKED = 0.9
"""Who asks sleeps while the lock is taken and, but for the moment of its release, never else."""

Edge = tuple[Member, SharedLock]


class _Scene:
    """A recording, asked for threads of any of its processes."""

    def __init__(self, recording: Recording) -> None:
        """The looks are ordered by process and thread once, for all who ask."""
        self.recording = recording
        self._threads = {one.pid: ByThread(one) for one in recording.processes}
        self._namers = {one.pid: Namer(one) for one in recording.processes}

    def culprit(self, member: Member, at_s: float) -> Culprit:
        """Where a thread stood."""
        namer = self._namers.get(member.pid)
        return namer.culprit(self.stack(member, at_s), member.tid) if namer else Culprit(pid=member.pid)

    def name(self, member: Member) -> str:
        """What to call a thread in a sentence."""
        namer = self._namers.get(member.pid)
        name = namer.threads.get(member.tid) if namer else None
        return f"thread {name or member.tid} of process {member.pid}"

    def stack(self, member: Member, at_s: float) -> Stack:
        """The stack of a thread at one moment."""
        return next((look.stack for look in self.at(member, [at_s])), ())

    def at(self, member: Member, times: Iterable[float]) -> list[ThreadLook]:
        """What a thread was found at when these slow looks were made."""
        threads = self._threads.get(member.pid)
        return [look for at_s in times if (look := threads.at(at_s, member.tid))] if threads else []

    def looks(self, member: Member) -> list[tuple[float, ThreadLook]]:
        """All looks at a thread."""
        threads = self._threads.get(member.pid)
        return [(sample.at_s, look) for sample, look in threads.seen(member.tid)] if threads else []

    def calls(self, member: Member, times: Sequence[float]) -> Counter[str]:
        """The system calls in which a thread was asleep at these moments."""
        return Counter(look.call.name for look in self.at(member, times) if look.call)

    def takes_turns(self, member: Member, times: Sequence[float]) -> bool:
        """Whether a thread waits in a pipe for what others send: who comes next waits for work, not for the lock."""
        process = self.recording.process(member.pid)
        pipes = {one.fd for one in process.descriptors if _is_pipe(one)} if process else set[int]()
        looks = self.at(member, times)
        reads = [one.call for one in looks if one.call and one.call.name in READS]
        at_pipe = sum(call.arguments[0] in pipes for call in reads if call.arguments)
        return at_pipe > MOSTLY * len(looks)


def _is_pipe(one: Descriptor) -> bool:
    return one.kind == "pipe" or (one.socket is not None and one.socket.protocol == "unix")


def shared_lock_uses(recording: Recording) -> list[LockUse]:
    """Every lock of several processes that anybody waited for, without those on which all stand still."""
    scene = _Scene(recording)
    stuck = {name for kind, edges, names in _standing(recording) if _stays(recording, kind, edges) for name in names}
    return [use for name in _names(recording) if name not in stuck for use in _use(scene, name)]


def _stays(recording: Recording, kind: str, edges: Sequence[Edge]) -> bool:
    """Whether a standoff was there before the last look: a lock may change hands while one look is made."""
    return any(_has(look, kind, edges) for look in recording.shared_looks[-2:-1])


def _names(recording: Recording) -> dict[str, None]:
    return {lock.name: None for look in recording.shared_looks for lock in look.locks}


def _use(scene: _Scene, name: str) -> Iterator[LockUse]:
    found = [(look.at_s, lock) for look in scene.recording.shared_looks for lock in look.locks if lock.name == name]
    times = [at_s for at_s, _ in found]
    holders = Counter(lock.holder for _, lock in found if lock.holder)
    if any(scene.takes_turns(holder, _times(found, holder)) for holder, _ in holders.most_common(1)):
        return
    waiters = [(at_s, member) for at_s, lock in found for member in lock.waiters]
    is_asked = name.startswith((ASKED, POLLED))
    if is_asked and not _are_askers(scene, found):
        return
    sites = Counter(scene.culprit(member, at_s) for at_s, member in waiters)
    held = [(at_s, lock.holder) for at_s, lock in found if lock.holder]
    calls = sum((scene.calls(one, times) for one in holders), Counter[str]())
    for waiting in WAITING:
        calls.pop(waiting, None)
    yield LockUse(
        pid=Counter(member.pid for _, member in waiters).most_common(1)[0][0],
        type_name=found[-1][1].type_name,
        of_tasks=False,
        queued=Share(len(found), _looks(scene.recording)),
        waiters=len(waiters) / len(found),
        waiters_most=max(len(lock.waiters) for _, lock in found),
        longest_s=max(
            _longest(scene, member, at_s, is_asked=is_asked)
            for member, at_s in {one: at_s for at_s, one in waiters}.items()
        ),
        sites=tuple({(site.file, site.line): site for site, _ in sites.most_common()}.values())[:MOST_SITES],
        holder=Counter(scene.culprit(one, at_s) for at_s, one in held).most_common(1)[0][0] if held else None,
        holder_calls=tuple(call for call, _ in calls.most_common(3)),
        processes=tuple(sorted({member.pid for _, member in waiters})),
        is_proven=not name.startswith(ASKED) or _is_proven(found, sites),
        stays=name.startswith(("file ", POLLED)) and not _moves([lock for _, lock in found]),
    )


def _moves(locks: Sequence[SharedLock]) -> bool:
    """Whether somebody got it who had waited, or another one had it."""
    has_left = any(set(one.waiters) - set(other.waiters) for one, other in itertools.pairwise(locks))
    return has_left or len({one.holder for one in locks}) > 1


def _times(found: Sequence[tuple[float, SharedLock]], holder: Member) -> list[float]:
    return [at_s for at_s, lock in found if lock.holder == holder]


def _looks(recording: Recording) -> int:
    """Slow looks of the whole family; each process takes part in all of them while it lives."""
    return max((len(one.task_looks) for one in recording.processes), default=0)


def _are_askers(scene: _Scene, found: Sequence[tuple[float, SharedLock]]) -> bool:
    """Whether these threads sleep so for hardly anything else."""
    waiters = [(at_s, member) for at_s, lock in found for member in lock.waiters]
    pids = {member.pid for _, member in waiters}
    times = {pid: [look.at_s for look in one.task_looks] for pid in pids if (one := scene.recording.process(pid))}
    asleep = sum(
        look.call is not None and look.call.name in SLEEPS and look.stack[:1] == scene.stack(member, at_s)[:1]
        for member, at_s in {one: at_s for at_s, one in waiters}.items()
        for look in scene.at(member, times.get(member.pid, ()))
    )
    return len(waiters) >= WHILE_LOCKED * asleep


def _is_proven(found: Sequence[tuple[float, SharedLock]], sites: Iterable[Culprit]) -> bool:
    """Whether those who sleep are tied to the lock: somebody has got past them with it, or a request gets it in turn.

    Of a lock that one process keeps all the time, whoever sleeps for another reason shows the same.
    """
    waits = any(site.route for site in sites) and _moves([lock for _, lock in found])
    return waits or any(lock.holder and lock.holder.tid for _, lock in found)


def _longest(scene: _Scene, member: Member, at_s: float, *, is_asked: bool = False) -> float:
    """The longest time for which a thread was seen where it waited at this moment, without having run.

    Who asks again and again does run, if for a moment only.
    """
    inner = scene.stack(member, at_s)[:1]
    if is_asked:
        asks = [Moment(when_s, look, look.stack, stay=look.stack[:1] == inner) for when_s, look in scene.looks(member)]
        return max((end.at_s - begin.at_s for begin, end, _ in stays(asks) if begin.stay), default=0.0)
    moments = [
        Moment(when_s, look, look.stack, stay=(look.stack[:1] == inner and look.call, look.ran_ns > 0 and when_s))
        for when_s, look in scene.looks(member)
    ]
    waits = [(begin, end) for begin, end, _ in stays(moments) if begin.look.stack[:1] == inner and begin.look.call]
    return max((end.at_s - begin.at_s for begin, end in waits), default=0.0)


def shared_standoffs(recording: Recording) -> list[Standoff]:
    """Circles of processes that wait for each other's locks, and locks that nobody can release any more."""
    scene = _Scene(recording)
    return [_standoff(scene, kind, edges) for kind, edges, _ in _standing(recording)]


def _standing(recording: Recording) -> list[tuple[str, tuple[Edge, ...], frozenset[str]]]:
    """Kind, waits and locks of each standoff that is there at the last look."""
    looks = recording.shared_looks
    last = looks[-1].locks if looks else ()
    found = [
        ("abandoned", tuple((member, lock) for member in lock.waiters), frozenset({lock.name}))
        for lock in last
        if lock.is_abandoned
    ]
    waits = {member: lock for lock in last for member in lock.waiters}
    circles = {frozenset(circle): circle for member in waits if (circle := _circle(member, waits))}
    for circle in circles.values():
        edges = tuple((member, waits[member]) for member in circle)
        found.append(("cycle", edges, frozenset(lock.name for _, lock in edges)))
    return found


def _circle(start: Member, waits: Mapping[Member, SharedLock]) -> tuple[Member, ...]:
    """The way from a waiter along the holders back to it; empty where it does not lead back."""
    path = [start]
    while (lock := waits.get(path[-1])) and lock.holder:
        if lock.holder == start:
            return tuple(path)
        if lock.holder in path:
            break
        path.append(lock.holder)
    return ()


def _standoff(scene: _Scene, kind: str, edges: Sequence[Edge]) -> Standoff:
    looks = scene.recording.shared_looks
    there = [_has(look, kind, edges) for look in looks]
    since = next((n for n in range(len(there), 0, -1) if not there[n - 1]), 0)
    loops = {(one.pid, use.tid) for one in scene.recording.processes for use in one.threads if use.loop}
    last_s = looks[-1].at_s
    return Standoff(
        pid=edges[0][0].pid,
        kind=kind,
        members=tuple(
            Waiter(scene.name(member), scene.culprit(member, last_s), _waits_for(scene, lock)) for member, lock in edges
        ),
        seen=Share(sum(there), _looks(scene.recording)),
        lasted_s=last_s - looks[min(since, len(looks) - 1)].at_s,
        holds_loop=any((member.pid, member.tid) in loops for member, _ in edges),
        has_limit=any(member in lock.limited for member, lock in edges),
    )


def _has(look: SharedLook, kind: str, edges: Sequence[Edge]) -> bool:
    """Whether a look found the same waiters at the same locks, held by the same ones (or by nobody)."""
    locks = {lock.name: lock for lock in look.locks}
    return all(
        lock.name in locks
        and member in locks[lock.name].waiters
        and (locks[lock.name].is_abandoned if kind == "abandoned" else locks[lock.name].holder == lock.holder)
        for member, lock in edges
    )


def _waits_for(scene: _Scene, lock: SharedLock) -> str:
    if lock.holder is None:
        return f"a {lock.type_name} that is locked and that no process has"
    return f"a {lock.type_name} that {scene.name(lock.holder)} has"

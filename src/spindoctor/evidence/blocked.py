"""What a thread that sleeps waits for: another thread's lock, a peer, a pipe, the clock."""

from __future__ import annotations

from spindoctor.evidence.awaiting import SLEEP, asked_for, awaited
from spindoctor.evidence.origin import place
from spindoctor.evidence.profile import is_executors, is_idle_worker
from spindoctor.model.conversations import Claim
from spindoctor.model.locks import Party, Wait
from spindoctor.model.process import Descriptor
from spindoctor.model.profile import State
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.sample import SLEEPS, LoopLook, Sample, SystemCall, ThreadLook

ON_DESCRIPTOR = frozenset({
    "read", "write", "pread64", "pwrite64", "readv", "writev", "preadv", "pwritev", "connect", "accept", "accept4",
    "sendto", "recvfrom", "sendmsg", "recvmsg", "recvmmsg", "sendmmsg", "flock", "fsync", "fdatasync", "ioctl", "fcntl",
})  # fmt: skip
"""System calls whose first argument is the descriptor that they work on (their man pages, section 2)."""

SELECTS = frozenset({"select", "pselect6"})
"""With no descriptors they only sleep: `time.sleep` before Python 3.11 (Modules/timemodule.c, `pysleep`)."""

POLLS = frozenset({"poll", "ppoll"})
CLAIMED = {"semaphore": "a permit", "pool": "a member", "queue": "an item", "members": "an item"}
"""What is asked for, by the kind of what has it."""

MOST_SHOWN = 3
"""Descriptors of one poll(2) in words."""


class Waits:
    """Answers from one process's recording."""

    def __init__(self, seen: ProcessRecording) -> None:
        """Index what is asked for again and again."""
        self._names = {use.tid: use.name or use.kernel_name for use in seen.threads}
        self._descriptors = {one.fd: one for one in seen.descriptors}
        self._polled = {one.tid: one.fds for one in seen.polled}
        last = seen.task_looks[-1] if seen.task_looks else None
        self._waits = {one.waiter.tid: one for one in last.waits if one.waiter.tid is not None} if last else {}
        self._tasks = {task.address: task for task in last.tasks} if last else {}
        self._task_waits = {one.waiter.task: one for one in last.waits if one.waiter.task is not None} if last else {}
        self._claims = {one.party.task: one for one in last.claims if one.party.task is not None} if last else {}
        self._talks = {one.party.task: one for one in last.conversations if one.party.task is not None} if last else {}
        self._served = {task: pool for pool in last.pools for task in pool.waiters or ()} if last else {}
        self._pools = {tid: pool.name for pool in last.pools for tid in pool.tids} if last else {}
        self._half_s = seen.samples[-1].at_s / 2 if seen.samples else 0.0

    def task_name(self, loop: LoopLook | None) -> str | None:
        """The task that a loop runs, where a slow look has met it."""
        task = self._tasks.get(loop.task) if loop and loop.task and loop.depth else None
        return task.name if task else None

    def of_task(self, address: int, *, still_s: float = 0.0) -> str:
        """What a task waits for, where that is more than a future: a lock, a pool, a peer."""
        wait, pool = self._task_waits.get(address), self._served.get(address)
        if wait and wait.kind != "pool":
            return self._waits_for(wait)
        if pool:
            name = f"{pool.kind} {pool.name}".strip()
            return f"waits for a thread of {name}: {pool.busy} of {pool.size} busy, {pool.queued} queued"
        known = self._tasks.get(address)
        if known and known.waits_on is None:  # it runs, or is about to: what it waited for before is over
            return ""
        if known and awaited(known) == SLEEP:
            return "sleeps"
        return self._at_object(address, still_s)

    def _at_object(self, address: int, still_s: float) -> str:
        """What a task waits for by an object or a connection that it has."""
        claim, talk = self._claims.get(address), self._talks.get(address)
        if claim:
            return _claimed(claim)
        if talk is None or talk.waits_at is None or self._awaits_another(address):
            return ""
        return self._waits_at(talk.waits_at, is_sure=still_s >= self._half_s)

    def _awaits_another(self, address: int) -> bool:
        """Whether a task goes on when another, which stands below it, has ended: a connection is the other's matter."""
        return any(address in task.awaited_by and not task.is_done for task in self._tasks.values())

    def _waits_at(self, fd: int, *, is_sure: bool) -> str:
        """Without the descriptor's number: those who wait for the same peer shall look alike."""
        found = self._descriptors.get(fd)
        was = "" if is_sure else ", as it was earlier in this look"
        return f"waits at {_what(found)}{was}" if found else ""

    def words(self, sample: Sample, look: ThreadLook, state: State, *, still_s: float | None) -> tuple[str, str]:
        """A thread's state, and what it waits on as far as that is known."""
        if state == "python":
            return "has the GIL" + (", collects garbage" if sample.is_collecting else ""), ""
        if state == "native":
            return "on a CPU without the GIL, in native code or the kernel", ""
        if state == "ready":
            return "ready to run, but has used no CPU since the look before", ""
        if state == "gil":
            return f"waits for the GIL{self._holder(sample)}", ""
        if state == "idle":
            return self._idle(look), ""
        return self._asleep(look, still_s or 0.0)

    def _holder(self, sample: Sample) -> str:
        holder = next((one.tid for one in sample.threads if one.has_gil), None)
        return f", which {self._thread(holder)} has" if holder else ""

    def _idle(self, look: ThreadLook) -> str:
        if not is_idle_worker(look.stack):
            return "idle in its event loop, waits for an event or a timer"
        pool = self._pools.get(look.tid)
        whose = f" in its executor{f' {pool}' if pool else ''}" if pool or is_executors(look.stack) else ""
        return f"idle{whose}, waits for work"

    def _asleep(self, look: ThreadLook, still_s: float) -> tuple[str, str]:
        call = look.call or SystemCall("a system call")
        if call.name in SLEEPS or (call.name in SELECTS and call.arguments[:1] == (0,)):
            return f"sleeps, in {call.name}", ""
        wait = self._waits.get(look.tid)
        if call.name == "futex" and wait:
            return self._waits_for(wait), ""
        return asked_for(look.stack) or f"in {call.name}", self._on(look.tid, call, still_s)

    def _waits_for(self, wait: Wait) -> str:
        held = " and ".join(self._party(one) for one in wait.holders[:2])
        where = f" at {place(wait.held_at)}" if wait.held_at else ""
        if wait.is_orphaned:
            return f"waits for a {wait.kind} ({wait.type_name}) whose owner is no thread of this process"
        if wait.kind == "join":
            return f"waits for {held or 'a thread'} to end{where}"
        owner = f", held by {held}{where}" if held else ", of which no holder shows"
        return f"waits for a {wait.kind} ({wait.type_name}){owner}"

    def _party(self, one: Party) -> str:
        if one.tid is not None:
            return self._thread(one.tid)
        task = self._tasks.get(one.task or 0)
        return f"task {task.name}" if task else "a task"

    def _thread(self, tid: int) -> str:
        name = self._names.get(tid)
        return f"{name} ({tid})" if name else f"thread {tid}"

    def _on(self, tid: int, call: SystemCall, still_s: float) -> str:
        """The descriptors that a call waits for. They were read in the middle of the look, and numbers are reused."""
        fds = self._fds(tid, call)
        if not fds:
            return ""
        is_sure = still_s >= self._half_s
        shown = ", ".join(self._descriptor(fd, is_sure=is_sure) for fd in fds[:MOST_SHOWN])
        return shown + (f" and {len(fds) - MOST_SHOWN} more" if len(fds) > MOST_SHOWN else "")

    def _fds(self, tid: int, call: SystemCall) -> tuple[int, ...]:
        if call.name in POLLS:
            fds = self._polled.get(tid, ())  # read a moment later: by then something else may lie there
            return fds if not self._descriptors or all(fd in self._descriptors for fd in fds) else ()
        return call.arguments[:1] if call.name in ON_DESCRIPTOR else ()

    def _descriptor(self, fd: int, *, is_sure: bool) -> str:
        found = self._descriptors.get(fd)
        if found is None:
            return f"descriptor {fd}"
        was = "" if is_sure else "earlier in this look "
        return f"descriptor {fd} ({was}{_what(found)})"


def _claimed(one: Claim) -> str:
    asked = f"waits for {CLAIMED.get(one.kind, 'a member')} of {one.name}"
    if not one.size or one.kind in {"queue", "members"}:
        return asked
    return f"{asked}: {one.taken} of {one.size} taken" if one.taken is not None else f"{asked}, which has {one.size}"


def _what(one: Descriptor) -> str:
    if one.socket is None:
        return one.path if one.kind == "file" else one.kind
    if one.socket.state == "LISTEN":
        return f"{one.socket.protocol} listening at {one.socket.local}"
    peer = f" to {one.socket.remote}" if one.socket.remote else f" {one.socket.local}" if one.socket.local else ""
    return f"{one.socket.protocol}{peer}"

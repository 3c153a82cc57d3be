"""Which kernel thread is which thread of Python's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from spindoctor.cpython.pthreads import kernel_ids
from spindoctor.probe.interpreter import Interpreter, ThreadState
from spindoctor.probe.threads import read_native_ids

MAIN_THREAD = "MainThread"
"""What `threading` calls the thread that a process begins with."""


class Roster:
    """The threads of one process by kernel id; asked anew only when a thread runs that it does not know.

    `states`: kernel id -> address of the thread's state; `tids`: the way back. `names` are Python's, also of threads
    that have ended. `idents`: pthread id -> kernel id; `owners`: the pthread ids of all threads of Python's.
    """

    def __init__(self, interpreter: Interpreter) -> None:
        """Nobody is known yet."""
        self._interpreter = interpreter
        self._known: set[int] = set()
        self._newly_native: set[int] = set()
        self.states: dict[int, int] = {}
        self.tids: dict[int, int] = {}
        self.names: dict[int, str] = {}
        self.idents: dict[int, int] = {}
        self.owners: frozenset[int] = frozenset()

    def knows(self, ran: Iterable[int]) -> bool:
        """Whether all these are known, be it as threads without Python code (made in C)."""
        return self._known.issuperset(ran)

    def forget(self, ended: Collection[int]) -> None:
        """A kernel id can be used again."""
        self._known.difference_update(ended)
        self._newly_native.difference_update(ended)

    def clear(self) -> None:
        """Know nobody's state any more."""
        self._known.clear()
        self.states.clear()
        self.tids.clear()

    def read(self, ran: Iterable[int]) -> set[int]:
        """Get to know all threads; `ran` are kernel ids that there are. Returns those that have a state only now.

        A thread without Python code counts as known from the second time on: one that has just begun gets it a moment
        later.
        """
        before = set(self.states)
        tids = read_native_ids(self._interpreter.pid)
        threads = self._with_kernel_ids(self._interpreter.threads(), tids)
        there = {*tids.values(), *ran}
        self.states = {tids[one.native_id]: one.address for one in threads if one.native_id in tids}
        self.names |= {
            tids[one.native_id]: one.python_name for one in threads if one.native_id in tids and one.python_name
        }
        if self._interpreter.pid in self.states:  # greenlets may have taken the place of its ident in `threading`
            self.names.setdefault(self._interpreter.pid, MAIN_THREAD)
        self._adopt_forked(threads, there)
        self.tids = {address: tid for tid, address in self.states.items()}
        self.idents = {one.pthread_id: self.tids[one.address] for one in threads if one.address in self.tids}
        self.owners = frozenset(one.pthread_id for one in threads)
        native = there - self.states.keys()
        self._known |= {*self.states, *(native & self._newly_native)}
        self._newly_native = native
        return self.states.keys() - before

    def _with_kernel_ids(self, threads: Sequence[ThreadState], tids: Mapping[int, int]) -> Sequence[ThreadState]:
        """The threads; one whose kernel id nobody keeps, or kept from before a fork, with what the C library says.

        Before 3.11 only `threading` keeps it: not for threads made without it, nor where another library has put ids of
        its own in the place of the threads'.
        """
        if all(one.native_id in tids for one in threads):
            return threads
        told = kernel_ids(self._interpreter.reader, [one.pthread_id for one in threads], tids)
        return [self._with_kernel_id(one, told.get(one.pthread_id), tids) for one in threads]

    def _with_kernel_id(self, one: ThreadState, told: int | None, tids: Mapping[int, int]) -> ThreadState:
        if told is None or one.native_id in tids:
            return one
        name = MAIN_THREAD if tids[told] == self._interpreter.pid else None
        return replace(one, native_id=told, python_name=one.python_name or name)

    def _adopt_forked(self, threads: Sequence[ThreadState], there: Collection[int]) -> None:
        """The one thread of a forked child may keep the id that it had in its parent (before 3.11)."""
        pid = self._interpreter.pid
        lost = [one for one in threads if one.address not in self.states.values()]
        if len(lost) == 1 and pid in there and pid not in self.states:
            self.states[pid] = lost[0].address
            self.names[pid] = lost[0].python_name or MAIN_THREAD

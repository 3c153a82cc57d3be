"""What the last look at a process gave."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.stacks import RawStack
from spindoctor.model.sample import LoopLook, ThreadLook

MOST_BEGINNINGS = 4


@dataclass(slots=True)
class LastLook:
    """What the last look gave, by the threads' kernel ids: the next one reads again only what can have changed.

    `fresh` are the looks at threads that had moved, `fickle` those that may have moved unseen, `whole` by the
    outermost function's code the last stack of each that was read to its end (one that was torn without a sign of it
    begins elsewhere), `holders` the names of callbacks by the object that they belong to.
    """

    fickle: set[int] = field(default_factory=set)
    fresh: dict[int, ThreadLook] = field(default_factory=dict)
    looks: dict[int, ThreadLook] = field(default_factory=dict)
    stacks: dict[int, RawStack] = field(default_factory=dict)
    whole: dict[int, dict[int, RawStack]] = field(default_factory=dict)
    loop_looks: dict[int, LoopLook] = field(default_factory=dict)
    holders: dict[int, str] = field(default_factory=dict)

    @property
    def torn(self) -> int | None:
        """Of the threads whose stack changed while it was read, the one that ran most; None where none did."""
        torn = [(look.ran_ns, tid) for tid, look in self.fresh.items() if look.ran_ns and not look.is_complete]
        return max(torn)[1] if torn else None

    def keep(self, tid: int, stack: RawStack) -> None:
        """Take note of a thread's stack."""
        self.stacks[tid] = stack
        if stack.is_complete and stack.frames:
            begins = self.whole.setdefault(tid, {})
            begins.pop(root := stack.frames[-1].code, None)
            begins[root] = stack
            if len(begins) > MOST_BEGINNINGS:
                del begins[next(iter(begins))]

    def stand_still(self, tid: int, *, has_gil: bool) -> None:
        """The thread is as it was, with no CPU used since."""
        last = self.looks.get(tid) or ThreadLook(tid)
        if last.ran_ns or last.has_gil != has_gil:
            self.looks[tid] = replace(last, ran_ns=0, has_gil=has_gil, instruction=None)

    def frames(self) -> dict[int, tuple[RawFrame, ...]]:
        """The frames of every thread that is there, innermost first."""
        return {tid: stack.frames for tid, stack in self.stacks.items() if tid in self.looks}

    def there(self) -> dict[int, RawStack]:
        """The stack of every thread that is there: those that have ended are kept for what is read at the end."""
        return {tid: stack for tid, stack in self.stacks.items() if tid in self.looks}

    def running(self) -> dict[int, tuple[RawFrame, ...]]:
        """The frames of the threads that ran since the look before."""
        return {tid: self.stacks[tid].frames for tid, look in self.fresh.items() if look.ran_ns}

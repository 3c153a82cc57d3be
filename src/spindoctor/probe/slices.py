"""How long our thread wants to run at a time, told to the scheduler.

Linux 6.12 and later let an ordinary thread ask for a slice length (sched_setattr(2), `sched_runtime`;
kernel/sched/fair.c, `PREEMPT_SHORT`): one that asks for less than the thread that runs gets the CPU as it wakes.
Without it that thread may finish its own slice first (`RUN_TO_PARITY`), up to 4 ms, or give the CPU away at its next
system call: a look that waits for that finds what calls the system, and too seldom what computes.
"""

from __future__ import annotations

import ctypes
import os
import struct

SHORTEST_NS = 100_000
"""The least that may be asked for; most looks take no longer than a few of these."""

NUMBERS = {"x86_64": (314, 315), "aarch64": (274, 275)}
"""`sched_setattr` and `sched_getattr` by machine: the C library has them only of late."""

ATTRIBUTES = struct.Struct("=IIQiIQQQ")
"""`struct sched_attr`, first version: size, policy, flags, niceness, priority, runtime, deadline, period."""

RUNTIME = 5
ORDINARY = 0
"""`SCHED_OTHER`: for other policies the runtime means something else."""


def read_slice() -> int | None:
    """Nanoseconds that our thread runs at a time; None where the kernel does not say or the policy is another one."""
    found = _attributes()
    return found[RUNTIME] if found else None


def ask_for_slice(nanoseconds: int) -> bool:
    """Ask for this length for our thread, 0 for the usual one; whether that was accepted. All else stays as it is."""
    found = _attributes()
    if found is None:
        return False
    asked = ATTRIBUTES.pack(ATTRIBUTES.size, *found[1:RUNTIME], nanoseconds, *found[RUNTIME + 1 :])
    return _call(0, asked) is not None


def _attributes() -> tuple[int, ...] | None:
    raw = _call(1, bytes(ATTRIBUTES.size), ATTRIBUTES.size)
    found = ATTRIBUTES.unpack(raw) if raw else None
    return found if found and found[1] == ORDINARY else None


def _call(which: int, content: bytes, *sizes: int) -> bytes | None:
    """Make one of the two calls; what the structure holds afterwards, None where it failed."""
    numbers = NUMBERS.get(os.uname().machine)
    if numbers is None:
        return None
    block = ctypes.create_string_buffer(content, len(content))
    failed = ctypes.CDLL(None).syscall(numbers[which], 0, block, *sizes, 0)
    return None if failed else block.raw

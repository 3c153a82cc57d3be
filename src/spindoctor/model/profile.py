"""A recording turned into weighted stacks: what every kind of flame graph and trace is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spindoctor.model.frames import Frame, Stack

State = Literal["python", "native", "unseen", "ready", "gil", "call", "idle", "await"]
"""`python`: has the GIL. `native`: on a CPU without it. `unseen`: on a CPU between two looks, by the kernel's count.
`ready`: could run, used no CPU. `gil`: waits for the GIL. `call`: asleep in a system call. `idle`: its event loop or
executor has nothing for it. `await`: a suspended task."""

NS = 1_000_000_000
TORN = "its stack changed while it was read"
LEAST_UNSEEN_S = 1e-3
"""Less is not told: every thread that wakes now and then uses some."""

ON_CPU: frozenset[State] = frozenset({"python", "native", "unseen"})
STATES: dict[State, str] = {
    "python": "on a CPU, has the GIL",
    "native": "on a CPU without the GIL",
    "unseen": "on a CPU between two looks",
    "ready": "ready to run, not running",
    "gil": "waits for the GIL",
    "call": "asleep in a system call",
    "idle": "idle: nothing to do",
    "await": "a task that awaits",
}
"""Every state in words."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One look at one thread or at one suspended task.

    `seconds` is the time that it stands for: since the look before. `stack` is outermost first, without an event
    loop's machinery: who awaits a task stands above it, its await chain below. `cpu_ns` is the CPU that a look on a CPU
    stands for; those of one lane stand for all that it used. `coroutine` is the task's function, `task` its address.
    `detail` says what it waits in or for.
    """

    at_s: float
    seconds: float
    state: State
    stack: Stack
    cpu_ns: int = 0
    route: str | None = None
    coroutine: str | None = None
    task: int | None = None
    detail: str = ""

    @property
    def weight_s(self) -> float:
        """CPU seconds for a look at a thread on a CPU, else the time that the look stands for."""
        return self.cpu_ns / NS if self.state in ON_CPU else self.seconds

    @property
    def path(self) -> Stack:
        """The stack with route on top and what it waits for at the bottom, for forms that have nothing but frames."""
        route = (marker(self.route),) if self.route else ()
        return (*route, *self.stack, *((marker(self.detail),) if self.detail else ()))


def marker(words: str) -> Frame:
    """A frame that is no function: `[words]`."""
    return Frame(f"[{words}]", "", 0)


@dataclass(frozen=True, slots=True)
class Lane:
    """One thread, or (`tid` None) the suspended tasks of a process, whose spots lie side by side in time.

    With `tid` 0 it is all threads together that no look met.

    `cpu_s` is the CPU that the kernel counted, `met_s` as much of it as looks that met it on a CPU can stand for.
    """

    pid: int
    tid: int | None
    name: str
    process: str
    cpu_s: float
    spots: tuple[Spot, ...]

    @property
    def met_s(self) -> float:
        """CPU that is known by its stack."""
        return sum(spot.cpu_ns for spot in self.spots if spot.state != "unseen") / NS

    @property
    def torn_s(self) -> float:
        """CPU of looks that met the thread on a CPU, but whose stack changed while it was read."""
        return sum(spot.cpu_ns for spot in self.spots if spot.stack and spot.stack[0].function == f"[{TORN}]") / NS

    @property
    def weighted(self) -> tuple[Spot, ...]:
        """All that weighs: the spots, and one without time for CPU that none of them stands for."""
        unseen_s = self.cpu_s - self.met_s
        if self.tid is None or unseen_s < LEAST_UNSEEN_S:
            return self.spots
        stack = (marker("on a CPU between two looks"),)
        return (*self.spots, Spot(0.0, 0.0, "unseen", stack, cpu_ns=int(unseen_s * NS)))

    @property
    def title(self) -> str:
        """Name and thread id: enough to find it elsewhere."""
        return f"{self.name} ({self.tid})" if self.tid else self.name


@dataclass(frozen=True, slots=True)
class Profile:
    """All lanes of a recording, busiest first."""

    title: str
    seconds: float
    rate_hz: float
    started_at: float
    lanes: tuple[Lane, ...]
    looks: int
    missed: int
    is_interrupted: bool = False

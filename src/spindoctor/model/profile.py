"""A recording turned into weighted stacks: what every kind of flame graph and trace is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spindoctor.model.frames import Frame, Stack

State = Literal["python", "native", "ready", "gil", "call", "idle", "await"]
"""`python`: has the GIL. `native`: on a CPU without it. `ready`: could run, used no CPU. `gil`: waits for the GIL.
`call`: asleep in a system call. `idle`: its event loop or executor has nothing for it. `await`: a suspended task."""

NS = 1_000_000_000
ON_CPU: frozenset[State] = frozenset({"python", "native"})
STATES: dict[State, str] = {
    "python": "on a CPU, has the GIL",
    "native": "on a CPU without the GIL",
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
    stands for. `coroutine` is the task's function, `task` its address. `detail` says what it waits in or for.
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

    `cpu_s` is the CPU that the kernel counted, `met_s` that of the looks that met it on a CPU.
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
        return sum(spot.cpu_ns for spot in self.spots) / NS

    @property
    def title(self) -> str:
        """Name, thread id and pid: enough to find it elsewhere."""
        return f"{self.name} ({self.tid})" if self.tid is not None else self.name


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

"""What a look does beyond the ordinary, and what is read once at its end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Values:
    """The local variables of one frame of a thread (`tid`) or of a task's await chain (`task`, its address).

    `depth` counts from the innermost frame. `texts` are what the variables hold, bounded, and without what is secret by
    its name.
    """

    depth: int
    names: tuple[str, ...]
    texts: tuple[str, ...]
    tid: int | None = None
    task: int | None = None


@dataclass(frozen=True, slots=True)
class Polled:
    """The descriptors that a thread waits for in poll(2), which takes them in memory and not as arguments."""

    tid: int
    fds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Extras:
    """What a look does beyond the ordinary.

    `asks_routes`: every look at a stack asks for the request that it works for, at about 0.1 ms of ours each.
    `ends_close`: at the end, what threads wait for in poll(2) and one line of source for each frame. `reads_values`:
    the local variables there. `is_glance`: neither descriptors nor settings are read, for a look that is followed by
    another at once. `is_profile`: stacks, tasks and their requests alone, for forms that show nothing else.
    `counts_calls`: after the look the kernel counts system calls for a moment, which slows the target meanwhile.
    """

    asks_routes: bool = False
    ends_close: bool = False
    reads_values: bool = False
    is_glance: bool = False
    is_profile: bool = False
    counts_calls: bool = False

    @property
    def is_brief(self) -> bool:
        """Whether what only a verdict needs is left out: where a hot thread stands between two looks."""
        return self.is_glance or self.is_profile

    @property
    def reads_surroundings(self) -> bool:
        """Whether descriptors, settings and what stands between processes are read."""
        return not self.is_brief


ORDINARY = Extras()

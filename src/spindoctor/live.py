"""Looks at a service again and again for a second, and keeps what was seen lately: what `top` stands on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from spindoctor.evidence.live import dashboard
from spindoctor.evidence.profile import profile
from spindoctor.model.closeup import Extras
from spindoctor.model.live import Dashboard
from spindoctor.model.process import Target
from spindoctor.model.profile import Profile
from spindoctor.model.recording import Recording
from spindoctor.probe.family import find_family
from spindoctor.recorder import Progress, Recorder

FAMILY_S = 5.0
"""How often we ask which processes belong to the service: it takes a fifth of a second."""

WINDOW_S = 10.0
"""Seconds of looks behind the tables of functions and routes: a single second of fifty looks jumps about."""


GLANCE = Extras(asks_routes=True, is_glance=True)


class Live:
    """One service, watched for as long as somebody asks; between two steps nothing of it is held open."""

    def __init__(self, pid: int, rate_hz: float, treat: Callable[[Recording], Recording] | None = None) -> None:
        """Find the service that `pid` belongs to; `treat` is done to each recording before anything is made of it.

        Raises:
            DoctorError: the process is gone, closed to us, or no Python.
        """
        self.pid = pid
        self._rate_hz = rate_hz
        self._treat = treat or _as_it_is
        self._target = self._find()
        self._seen: deque[tuple[Recording, Profile]] = deque()
        self._clocks = (time.monotonic(), time.process_time())

    def step(self, seconds: float, progress: Progress | None = None) -> Dashboard:
        """Look for `seconds`, and tell what was seen lately. An interrupt, also out of `progress`, ends it early.

        Raises:
            DoctorError: as when it was made.
        """
        if time.monotonic() - self._found_s > FAMILY_S:
            self._target = self._find()
        with Recorder(self._target, self.pid, self._rate_hz, GLANCE) as recorder:
            recorder.run(seconds, progress or _silent)
            seen = self._treat(recorder.glance())
        self._seen.append((seen, profile(seen)))
        while sum(one.seconds for one, _ in self._seen) - self._seen[0][0].seconds >= WINDOW_S:
            self._seen.popleft()
        shown = dashboard(*zip(*self._seen, strict=True))
        return replace(shown, gauges=replace(shown.gauges, own_cores=self._own_cores()))

    def _own_cores(self) -> float:
        """Our CPU since the step before, with all that showing it costs."""
        wall_s, cpu_s = self._clocks
        self._clocks = (time.monotonic(), time.process_time())
        return (self._clocks[1] - cpu_s) / max(self._clocks[0] - wall_s, 1e-3)

    def _find(self) -> Target:
        self._found_s = time.monotonic()
        return find_family(self.pid)


def _as_it_is(recording: Recording) -> Recording:
    return recording


def _silent(share: float, what: str) -> None:
    """Show nothing."""
    del share, what

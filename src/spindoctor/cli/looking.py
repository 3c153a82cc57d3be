"""What every command that looks at a live service does alike: show how far it is, redact, say how the service ended."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

from spindoctor import session
from spindoctor.cli.interrupts import Interrupts
from spindoctor.cli.progress import progress
from spindoctor.cli.streams import tell
from spindoctor.model.closeup import ORDINARY, Extras
from spindoctor.model.endings import advice
from spindoctor.model.recording import Recording


@dataclass(frozen=True, slots=True)
class Looker:
    """How a service is looked at: for how long, how often, with progress on stderr or not."""

    seconds: float
    rate_hz: float
    quiet: bool
    extras: Extras = ORDINARY

    def look(self, pid: int, interrupts: Interrupts) -> Recording:
        """What was seen until the time was up or an interrupt came. Raises `DoctorError`."""
        with progress(f"pid {pid}", quiet=self.quiet) or nullcontext() as shown:
            return session.look(
                pid,
                seconds=self.seconds,
                rate_hz=self.rate_hz,
                progress=interrupts.watched(shown),
                extras=self.extras,
            )


def seen(recording: Recording, *, is_redacted: bool) -> Recording:
    """The recording as it may be seen: all that is made of it is redacted where that was asked for."""
    if not is_redacted:
        return recording
    from spindoctor.redact import redact  # noqa: PLC0415 - needed by the option alone

    return redact(recording)


def tell_ending(ending: str | None, pid: int) -> None:
    """Says how the service ended before the look did, and what helps."""
    if ending:
        tell(f"{ending} What was seen until then follows.")
        tell(advice(ending, pid), mark="  try: ")

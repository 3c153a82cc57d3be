"""Ctrl-C while a service is looked at: it ends the look and nothing else, wherever it comes.

An exception at any moment would leave half of what is being read or written. So an interrupt is noted, and the look
ends at the next moment at which it can; what was seen is then finished and written in peace.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from spindoctor.cli.streams import tell

Progress = Callable[[float, str], None]

FINISHING = 2
DROPPED = 3
"""Which Ctrl-C says that it is being finished, and which one is obeyed at once."""


class Interrupts:
    """Counts what came."""

    def __init__(self) -> None:
        """None came yet."""
        self.times = 0

    def note(self, *_: object) -> None:
        """A signal's handler. Raises `KeyboardInterrupt` for one who insists."""
        self.times += 1
        if self.times == FINISHING:
            tell("what was seen is being finished; Ctrl-C once more drops it")
        if self.times >= DROPPED:
            raise KeyboardInterrupt

    def watched(self, shown: Progress | None) -> Progress:
        """A progress that ends the look once an interrupt came; `shown` tells how far it is."""

        def progress(share: float, what: str) -> None:
            if self.times:
                raise KeyboardInterrupt
            if shown:
                shown(share, what)

        return progress


@contextmanager
def deferred() -> Iterator[Interrupts]:
    """Within, an interrupt is noted instead of raised; where interrupts are ignored or not ours all stays as it is."""
    found = Interrupts()
    is_ours = threading.current_thread() is threading.main_thread()
    if not is_ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield found
        return
    signal.signal(signal.SIGINT, found.note)
    try:
        yield found
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)

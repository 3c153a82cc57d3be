"""Ctrl-C, SIGTERM or SIGHUP while a service is looked at: it ends the look and nothing else, wherever it comes.

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

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, what `timeout`, `docker stop` and `systemctl stop` send, and a terminal or connection that is closed."""

FINISHING = 2
DROPPED = 3
"""Which of them is answered that it is being finished, and which one is obeyed at once."""


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
    """Within, these signals are noted instead of obeyed; those that are ignored, or not ours, stay as they are."""
    found = Interrupts()
    before = {one: signal.getsignal(one) for one in ENDS} if _is_main() else {}
    ours = {one: handler for one, handler in before.items() if handler in {signal.SIG_DFL, signal.default_int_handler}}
    for one in ours:
        signal.signal(one, found.note)
    try:
        yield found
    finally:
        for one, handler in ours.items():
            signal.signal(one, handler)


def _is_main() -> bool:
    """Only the main thread is asked to handle signals."""
    return threading.current_thread() is threading.main_thread()

"""Evidence about operations that fail and are repeated."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.calls import CallCounts
from spindoctor.model.outcome import Culprit
from spindoctor.model.share import NO_LOOKS, Share


@dataclass(frozen=True, slots=True)
class Retry:
    """One loop in which an operation fails and is tried again.

    `handling` are the looks at the thread on the CPU in which an exception of this loop was being handled, in
    `episodes` separate runs; `inside` those that were in the loop at all, or in what it called. `successes` are the
    looks in the loop that met what comes after the operation where it does not fail, `elsewhere` those at other lines
    than the attempt and its handler. `repeats` are looks in which the loop's function held what it had held before.
    `pauses` of the looks at the loop while it was off the CPU, or suspended, were outside the operation: it waited
    before it tried again. `logging` are looks inside the formatting and writing of log lines or tracebacks.
    `kind` and `text` are the exception's; `peer` is whom the operation wanted to reach, empty where not known.
    `answers` is True where an exception of this kind is the answer "not yet" of a question (`queue.Empty`).
    `serves` is True where a library's loop runs user code that fails, as a server does for each request.
    `steps` are, on an event loop, the looks at the user's code that were in the loop: what its callbacks and the loop
    itself do besides, they do for that. `wanted_cores` is what the thread used or stood in the run queue for.
    `leaves`: a success would have left the loop, and ended the thread.
    """

    pid: int
    tid: int
    thread: str
    is_loop: bool
    kind: str
    text: str
    peer: str
    culprit: Culprit
    cores: float
    handling: Share
    episodes: int
    inside: Share
    successes: Share = NO_LOOKS
    elsewhere: Share = NO_LOOKS
    repeats: Share = NO_LOOKS
    pauses: Share = NO_LOOKS
    logging: Share = NO_LOOKS
    answers: bool = False
    serves: bool = False
    loop: Culprit | None = None
    task: str | None = None
    other_kinds: tuple[str, ...] = ()
    steps: Share = NO_LOOKS
    wanted_cores: float | None = None
    traced: CallCounts | None = None
    leaves: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A thread or task that connects again and again while the kernel counts attempts that fail.

    `share` are the looks at what it was doing on the CPU that were inside this function, `connects` those of them that
    were connecting by the names of what was called or by the text of the line. `asleep` are all looks at the thread.
    `per_s` are the failed attempts of the whole network namespace.
    """

    pid: int
    tid: int
    thread: str
    is_loop: bool
    culprit: Culprit
    cores: float
    per_s: float
    share: Share
    connects: Share
    asleep: Share
    task: str | None = None
    traced: CallCounts | None = None


@dataclass(frozen=True, slots=True)
class Futile:
    """An attempt that a task makes again and again without ever getting to what follows a success.

    `share` are the looks at the user's code on this loop that were inside it. `rounds` are the looks that met another
    object brought by it than any before. `successes` of the looks at it met what it does where nothing failed, which is
    to sleep. `pauses` of those that found it waiting met it outside of what is tried. `leaves` is True where a success
    ends the loop, and the task with it: the task was there all along, so there was none. `tries` are the looks inside
    that met what is tried, not what is done after it has failed. `shows` is False where a success leads to nothing that
    looks could tell; `failures` are the exceptions met that came as far as the loop.
    """

    pid: int
    tid: int
    thread: str
    culprit: Culprit
    cores: float
    wanted_cores: float
    share: Share
    rounds: Share
    successes: Share
    pauses: Share
    task: str | None = None
    leaves: bool = False
    tries: Share = NO_LOOKS
    shows: bool = True
    failures: int = 0
    traced: CallCounts | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """A loop that goes on asking while every answer refuses.

    `answer` is the variable that holds the answers, `status` the number that most of them have. `refused` are the looks
    that met an answer which refuses, of those that met one; `rounds` is how often it was another answer than before.
    `inside` are the looks on the CPU (of an event loop those at user code) that were in this loop, `pauses` those that
    found it waiting for anything but an answer. `repeats` are the looks in which it held what it had held before, but
    for the answer and what is made of it.
    """

    pid: int
    tid: int
    thread: str
    is_loop: bool
    culprit: Culprit
    cores: float
    wanted_cores: float
    answer: str
    status: int
    refused: Share
    rounds: int
    inside: Share
    pauses: Share
    repeats: Share
    task: str | None = None
    traced: CallCounts | None = None


@dataclass(frozen=True, slots=True)
class Retries:
    """Loops that failed again and again, those in which most was handled first; `failures` were seen in all.

    `unplaced` are failures seen again and again for which no loop was found. `refusals` are connections that fail, as
    the kernel counts them: an exception that is handled within microseconds is met by no look. `futile` are attempts
    that never get to what follows a success. `rejections` are loops that every answer refuses.
    """

    entries: tuple[Retry, ...]
    looks: int
    failures: int
    unplaced: int = 0
    refusals: tuple[Refusal, ...] = ()
    futile: tuple[Futile, ...] = ()
    rejections: tuple[Rejection, ...] = ()

"""What the functions hold that go round in an event loop of no known kind: the same as long as one callback runs.

While the user's code runs that such a loop has called, nothing in the functions beneath it can change: none of their
variables, and none of the clock's readings among these. A loop reads the clock once in each turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import DoctorError, Misread
from spindoctor.model.frames import Frame
from spindoctor.model.sample import Beneath
from spindoctor.probe.descriptors import find_descriptors
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.proc import read_link

EPOLL = "anon_inode:[eventpoll]"

OUTERMOST, INNERMOST = 6, 6
"""The function that goes round is among the first that the program's start calls; what it works at is held by the last
before the code that is called."""

LOOKS_BETWEEN = 50
"""Half a second; an epoll is made when the loop is."""

MASK = (1 << 62) - 1


class RoundWatch:
    """Looks at the main thread of one process where no loop of asyncio's runs in it."""

    def __init__(self, interpreter: Interpreter, is_user: Callable[[Frame], bool]) -> None:
        """`is_user` tells the user's own code."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._is_user = is_user
        self._has_epoll = False
        self._asked = 0
        self._kinds: dict[tuple[int, str], bool] = {}

    def _may_be(self) -> bool:
        """Whether there can be such a loop: the process has an epoll. Asked now and then until it has one."""
        if not self._has_epoll and self._asked % LOOKS_BETWEEN == 0:
            self._has_epoll = self._finds_epoll()
        self._asked += 1
        return self._has_epoll

    def _finds_epoll(self) -> bool:
        pid = self._interpreter.pid
        try:
            return any(read_link(f"/proc/{pid}/fd/{fd}") == EPOLL for fd in find_descriptors(pid))
        except DoctorError:
            return False

    def look(self, tid: int, frames: Sequence[RawFrame]) -> Beneath | None:
        """What lies beneath the user's code in this look (innermost frame first); None where a library called none."""
        if tid != self._interpreter.pid or not self._may_be():
            return None
        between = self._between(frames)
        try:
            held = [(raw.code, self._interpreter.locals(raw)) for raw in between]
            clocks = [self._clocks(code, names) for code, names in held]
        except Misread:
            return None
        if not between:
            return None
        told = tuple(clock for inner in clocks[:OUTERMOST] for clock in inner)
        objects = tuple(address for _, names in held for address in names.values())
        return Beneath(hash(objects) & MASK, hash(told) & MASK if told else None)

    def _between(self, frames: Sequence[RawFrame]) -> list[RawFrame]:
        """The library's frames between the program's start and the code that they call, outermost first."""
        outermost_first = list(reversed(frames))
        mine = [self._is_user(raw.frame) for raw in outermost_first]
        start = mine.index(False) if False in mine else len(mine)
        end = next((number for number in range(start, len(mine)) if mine[number]), start)
        between = outermost_first[start:end]
        return between if len(between) <= OUTERMOST + INNERMOST else [*between[:OUTERMOST], *between[-INNERMOST:]]

    def _clocks(self, code: int, names: dict[str, int]) -> list[float]:
        """The floats among a frame's variables. What kind a variable is, is asked until it has held anything."""
        found = []
        for name, address in names.items():
            key = (code, name)
            if self._kinds.get(key) is False:
                continue
            kind = self._objects.type_name(address)
            if kind == "float":
                found.append(self._objects.numbers.real(address))
            if kind != "NoneType" and key not in self._kinds:
                self._kinds[key] = kind in {"float", "int"}
        return found

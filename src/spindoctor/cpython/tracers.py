"""What a thread calls by the way, at each call, line or return: trace and profile functions."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from spindoctor.cpython.functions import Functions
from spindoctor.cpython.reader import Reader
from spindoctor.model.frames import Frame

FOUR = struct.Struct("<4Q")
"""`c_profilefunc`, `c_tracefunc`, `c_profileobj`, `c_traceobj`, in this order since 3.8 (Include/cpython/pystate.h)."""

IN_C = Frame("a function in C", "", 0)


@dataclass(frozen=True, slots=True)
class Tracer:
    """One that is set: by `sys.settrace` ("trace"), by `sys.setprofile` ("profile"), or by their like in C.

    `function` has the function and the line it is defined at; of what is written in C its type, without a file.
    """

    kind: str
    function: Frame


class Tracers:
    """Decodes them."""

    def __init__(self, reader: Reader, functions: Functions) -> None:
        self._reader = reader
        self._functions = functions
        self._at = reader.layout["thread_state.c_profilefunc"]

    def of(self, thread: int) -> tuple[Tracer, ...]:
        """Return what the thread with this state calls.

        Raises:
            Misread: it cannot be read, or is no callable.
        """
        profiles, traces, profiler, tracer = FOUR.unpack(self._reader.read(thread + self._at, FOUR.size))
        found = (("trace", traces, tracer), ("profile", profiles, profiler))
        return tuple(Tracer(kind, self._described(given)) for kind, called, given in found if called)

    def _described(self, given: int) -> Frame:
        return self._functions.describe(given).frame if given else IN_C

"""Threads as the interpreter knows them, who holds the GIL, and whether garbage is being collected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from spindoctor.cpython.collector import Collector
from spindoctor.cpython.reader import Reader, int_at, word_at
from spindoctor.errors import Misread

MAX_THREADS = 1 << 15
MAX_INTERPRETERS = 1 << 10
POINTER_SINCE = 12  # the GIL belongs to the interpreter, not to the runtime


@dataclass(frozen=True, slots=True)
class ThreadState:
    """One thread that can run Python code.

    `pthread_id` is `threading.get_ident()`, `native_id` the thread's id in its innermost pid namespace (None where the
    interpreter keeps none), `python_name` that of its `threading.Thread`. `wants_gil`: waits for the GIL now (3.15+,
    else None).
    """

    address: int
    pthread_id: int
    native_id: int | None = None
    python_name: str | None = None
    wants_gil: bool | None = None


class Gil(NamedTuple):
    """The global interpreter lock: a structure of `size` bytes at `address`.

    `holder` is the state of the thread that has it, 0 if nobody has; `last_holder` that of the one that had it last,
    who can take it again unnoticed: `switch_number` grows each time that another thread than before takes it.
    """

    holder: int
    is_locked: bool
    switch_number: int
    address: int
    size: int
    last_holder: int = 0

    def contains(self, address: int) -> bool:
        """Tell whether an address lies in the lock: a thread that sleeps on such a futex waits for the GIL."""
        return self.address <= address < self.address + self.size


class Runtime:
    """What hangs off `_PyRuntime`: the main interpreter, its threads, the GIL, the collector."""

    def __init__(self, reader: Reader, runtime: int) -> None:
        """Find the main interpreter, whose id is 0, of the runtime at this address; `Misread` if there is none."""
        self._reader = reader
        self._layout = reader.layout
        self._runtime = runtime
        self.interpreter = self._find_main()
        self.collector = Collector(reader, runtime, self.interpreter)
        self._place_words()
        self._known: tuple[int, ...] = ()
        at = self._layout.offsets
        self._head = at["interpreter_state.threads_head"]
        self._next = at["thread_state.next"]
        self._ident = at["thread_state.thread_id"]
        self._native = at.get("thread_state.native_thread_id", 0)
        self._wants = at.get("thread_state.gil_requested", 0)
        self._extent = max(self._next, self._ident, self._native, self._wants) + 8

    def _find_main(self) -> int:
        id_ = self._layout["interpreter_state.id"]
        main = next((one for one in self._interpreters() if self._reader.word(one + id_) == 0), None)
        if main is None:
            raise Misread("no main interpreter")
        return main

    def _interpreters(self) -> Iterator[int]:
        layout, word = self._reader.layout, self._reader.word
        interpreter = word(self._runtime + layout["runtime_state.interpreters_head"])
        for _ in range(MAX_INTERPRETERS):
            if not interpreter:
                return
            yield interpreter
            interpreter = word(interpreter + layout["interpreter_state.next"])

    def sub_interpreters(self) -> int:
        """Return how many interpreters there are beside the main one; their threads are not read."""
        return len(list(self._interpreters())) - 1

    def _place_words(self) -> None:
        """Find once what every look asks for."""
        at = self._layout.offsets
        self._gil = self._find_gil()
        self._holder, self._locked, self._switches = (
            at[f"gil.{name}"] for name in ("last_holder", "locked", "switch_number")
        )
        self._gil_bytes, self._gil_size = self._switches + 8, at["gil.size"]
        of_runtime = at.get("runtime_state.gc_collecting")
        self._collecting = (
            self._runtime + of_runtime
            if of_runtime is not None
            else self.interpreter + at["interpreter_state.gc_collecting"]
        )
        generation = at.get("interpreter_state.code_object_generation")
        self._generation = self.interpreter + generation if generation is not None else 0

    def _find_gil(self) -> int:
        if self._layout.minor < POINTER_SINCE:
            return self._runtime + self._layout["runtime_state.gil"]
        return self._reader.word(self.interpreter + self._layout["interpreter_state.ceval_gil"])

    def member(self, name: str) -> int:
        """Return the word of the main interpreter with this name."""
        return self._reader.word(self.interpreter + self._layout[f"interpreter_state.{name}"])

    def places(self) -> dict[str, int]:
        """Return where the GIL and the words lie that every look asks for; members of the GIL from its start."""
        return {
            "gil": self._gil,
            "gil_holder": self._holder,
            "gil_locked": self._locked,
            "gil_switches": self._switches,
            "collecting": self._collecting,
            "generation": self._generation,
        }

    def gil(self) -> Gil:
        """Return the state of the GIL."""
        block = self._reader.read(self._gil, self._gil_bytes)
        is_locked = int_at(block, self._locked)[0] > 0
        last = word_at(block, self._holder)[0]
        switches = word_at(block, self._switches)[0]
        return Gil(last if is_locked else 0, is_locked, switches, self._gil, self._gil_size, last)

    def is_collecting(self) -> bool:
        """Tell whether the cyclic garbage collector runs right now."""
        return self._reader.int32(self._collecting) != 0

    def code_generation(self) -> int:
        """Return a number that grows when code objects die (3.14+); 0 before."""
        return self._reader.word(self._generation) if self._generation else 0

    def threads(self) -> tuple[ThreadState, ...]:
        """Return all threads of the main interpreter, the newest first, without names."""
        blocks = self._blocks_known() or self._blocks_walked()
        self._known = tuple(blocks)
        return tuple(self._state(thread, block) for thread, block in blocks.items())

    def thread_addresses(self) -> tuple[int, ...]:
        """Return the addresses of the states of all threads, the newest first."""
        links = self._links((self.interpreter + self._head, *(thread + self._next for thread in self._known)))
        if links != (*self._known, 0):
            self._known = tuple(self._blocks_walked())
        return self._known

    def _links(self, addresses: tuple[int, ...]) -> tuple[int, ...]:
        try:
            return tuple(self._reader.gather(addresses))
        except Misread:
            return ()

    def _blocks_known(self) -> dict[int, bytes]:
        """Return thread -> its state's bytes from one read if the threads are those of the last time, else nothing."""
        ranges = [(self.interpreter + self._head, 8), *((thread, self._extent) for thread in self._known)]
        try:
            first, *blocks = self._reader.read_many(ranges)
        except Misread:
            return {}
        links = (word_at(first)[0], *(word_at(block, self._next)[0] for block in blocks))
        return dict(zip(self._known, blocks, strict=True)) if links == (*self._known, 0) else {}

    def _blocks_walked(self) -> dict[int, bytes]:
        thread = self.member("threads_head")
        blocks: dict[int, bytes] = {}
        while thread:
            if thread in blocks or len(blocks) >= MAX_THREADS:
                raise Misread("a list of threads without end")
            blocks[thread] = self._reader.read(thread, self._extent)
            thread = word_at(blocks[thread], self._next)[0]
        return blocks

    def _state(self, thread: int, block: bytes) -> ThreadState:
        native = word_at(block, self._native)[0] if self._native else None
        wants = int_at(block, self._wants)[0] != 0 if self._wants else None
        return ThreadState(thread, word_at(block, self._ident)[0], native or None, wants_gil=wants)

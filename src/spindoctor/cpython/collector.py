"""What the cyclic garbage collector counts itself: collections, and what waits for the next one.

Source: struct _gc_runtime_state and struct gc_generation (Include/internal/pycore_gc.h, from 3.14 on
pycore_interp_structs.h). One reads of it costs less than one object of the heap would.
"""

from __future__ import annotations

from spindoctor.cpython.reader import Reader, int_at
from spindoctor.errors import Misread
from spindoctor.model.heap import Heap

GENERATIONS = 3
MAX_OBJECTS = 1 << 40  # of 16 bytes each: more than a process can address


class Collector:
    """The collector of one interpreter."""

    def __init__(self, reader: Reader, runtime: int, interpreter: int) -> None:
        """Take the addresses of `_PyRuntime` and of the interpreter; 3.8 keeps one collector for all."""
        self._reader = reader
        self._layout = reader.layout
        self._runtime = runtime
        self._interpreter = interpreter

    def collections(self) -> tuple[int, ...] | None:
        """Return how many collections each generation has seen, youngest first; None on 3.15, which keeps none."""
        layout = self._layout
        if "gc_generation_stats.size" not in layout:
            return None
        start = self._place("gc_generation_stats")
        size, place = layout["gc_generation_stats.size"], layout["gc_generation_stats.collections"]
        return tuple(self._reader.gather([start + size * number + place for number in range(GENERATIONS)]))

    def heap(self) -> Heap:
        """Return the counters of the generations; `Misread` where they cannot be what they should be."""
        layout, start = self._layout, self._place("gc")
        size = layout["gc_generation.size"]
        block = self._reader.read(start + layout["gc.generations"], GENERATIONS * size)
        count, threshold = (
            tuple(int_at(block, size * number + layout[f"gc_generation.{name}"])[0] for number in range(GENERATIONS))
            for name in ("count", "threshold")
        )
        totals = ("gc.long_lived_total", "gc.long_lived_pending", "gc.heap_size")
        survivors, pending, live = (self._total(start, name) for name in totals)
        return Heap(count, threshold, survivors, pending, live)

    def _place(self, name: str) -> int:
        of_runtime = self._layout.offsets.get(f"runtime_state.{name}")
        if of_runtime is not None:
            return self._runtime + of_runtime
        return self._interpreter + self._layout[f"interpreter_state.{name}"]

    def _total(self, start: int, name: str) -> int | None:
        if name not in self._layout:
            return None
        total = self._reader.word(start + self._layout[name])
        if total >= MAX_OBJECTS:
            raise Misread("a heap of more objects than there can be")
        return total

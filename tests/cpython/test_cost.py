"""What a look costs, counted on recorded memory: system calls, bytes and ranges, exact and without a clock.

A number that grows here is paid a hundred times a second. The table anew:

    PYTHONPATH=tests python tests/cpython/test_cost.py
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

import pytest
from cases import image_blocks, image_versions, interpreter_of, read_image

from spindoctor.cpython.memory import Copier, Image, Range
from spindoctor.probe.interpreter import Interpreter

COST = {
    "3.8": (1, 75, 197951, 476),
    "3.9": (1, 75, 193649, 476),
    "3.10": (1, 71, 189004, 476),
    "3.11": (1, 55, 86438, 106),
    "3.12": (1, 61, 82687, 113),
    "3.13": (1, 64, 78180, 108),
    "3.14": (1, 22, 74312, 95),
    "3.15": (1, 20, 76840, 100),
}
"""Version -> system calls, ranges, bytes and our own function calls of the third look at the recorded threads."""


class Counted:
    """Recorded memory that counts; what lies between two recorded blocks reads as zeros, as in a live page."""

    def __init__(self, blocks: list[tuple[int, bytes]]) -> None:
        self._blocks = blocks
        self._image = Image(blocks)
        self.calls = self.ranges = self.bytes = 0

    def _count(self, ranges: Sequence[Range]) -> None:
        self.calls += 1
        self.ranges += len(ranges)
        self.bytes += sum(size for _, size in ranges)

    def read(self, address: int, size: int) -> bytes:
        self._count([(address, size)])
        return self._image.read(address, size)

    def read_many(self, ranges: Sequence[Range]) -> list[bytes]:
        self._count(ranges)
        return self._image.read_many(ranges)

    def prepare(self, ranges: Sequence[Range]) -> Copier:
        def copy() -> bytes:
            self._count(ranges)
            return b"".join(self._filled(*one) for one in ranges)

        return copy

    def _filled(self, address: int, size: int) -> bytes:
        found = bytearray(size)
        for start, block in self._blocks:
            first, end = max(start, address), min(start + len(block), address + size)
            if first < end:
                found[first - address : end - address] = block[first - start : end - start]
        return bytes(found)


def look(interpreter: Interpreter, threads: Sequence[int], loops: Mapping[int, int]) -> None:
    """All that a quick look reads, but for the variables of loops."""
    interpreter.take()
    interpreter.gil()
    interpreter.is_collecting()
    interpreter.stacks(threads)
    for thread, loop in loops.items():
        interpreter.current_task(loop, thread)
    interpreter.drop()


@contextmanager
def counted_calls() -> Iterator[Counter[str]]:
    """Count the calls of our own named functions: comprehensions are calls on some Pythons only."""
    calls: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and "/spindoctor/" in code.co_filename and not code.co_name.startswith("<"):
            calls[code.co_qualname] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(before)


def cost(version: str) -> tuple[int, int, int, int]:
    """The cost of the third look: the first two learn."""
    recorded = read_image(version)
    memory = Counted(image_blocks(recorded))
    interpreter = interpreter_of(recorded, memory)
    threads = [thread.address for thread in interpreter.threads()]
    loops = interpreter.running_loops()
    for _ in range(2):
        look(interpreter, threads, loops)
    memory.calls = memory.ranges = memory.bytes = 0
    with counted_calls() as calls:
        look(interpreter, threads, loops)
    return memory.calls, memory.ranges, memory.bytes, calls.total()


@pytest.mark.parametrize("version", image_versions())
def test_a_look_costs_what_it_did(version: str) -> None:
    assert cost(version) == COST[version]


if __name__ == "__main__":
    for one in image_versions():
        sys.stdout.write(f'    "{one}": {cost(one)},\n')

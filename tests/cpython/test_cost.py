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
from spindoctor.cpython.stacks import RawStack
from spindoctor.probe.hot import HotReader
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


MEETING = {
    "3.8": (43, 270259),
    "3.9": (49, 319732),
    "3.10": (51, 331918),
    "3.11": (42, 272625),
    "3.12": (49, 314684),
    "3.13": (43, 290174),
    "3.14": (41, 278094),
    "3.15": (41, 278303),
}
"""Version -> system calls and bytes of getting to know the recorded threads with their names, by whole pages."""

HELD = {
    "3.8": (38, 409960, 3062),
    "3.9": (36, 381288, 3045),
    "3.10": (38, 422240, 3055),
    "3.11": (46, 426064, 3781),
    "3.12": (52, 446544, 3791),
    "3.13": (44, 434256, 3787),
    "3.14": (45, 417880, 3626),
    "3.15": (49, 438360, 3712),
}
"""Version -> system calls, bytes and our own function calls of the third look at what these threads hold."""


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


class Filled(Counted):
    """The same where single reads, too, find zeros between recorded blocks: whole pages are read."""

    def read(self, address: int, size: int) -> bytes:
        self._count([(address, size)])
        return self._filled(address, size)

    def read_many(self, ranges: Sequence[Range]) -> list[bytes]:
        self._count(ranges)
        return [self._filled(*one) for one in ranges]


def meeting(version: str) -> tuple[int, int]:
    """The cost of the first time that threads are read, as a look does when it meets new ones."""
    recorded = read_image(version)
    memory = Filled(image_blocks(recorded))
    interpreter = interpreter_of(recorded, memory)
    memory.calls = memory.bytes = 0
    with interpreter.by_pages():
        interpreter.threads()
    return memory.calls, memory.bytes


def variables(version: str) -> tuple[int, int, int]:
    """The cost of the third look at what the recorded threads hold in their variables."""
    recorded = read_image(version)
    memory = Filled(image_blocks(recorded))
    interpreter = interpreter_of(recorded, memory)
    found = interpreter.stacks([thread.address for thread in interpreter.threads()])
    stacks = [stack.frames for stack in found.values() if isinstance(stack, RawStack)]
    reader = HotReader(interpreter)
    with counted_calls() as calls:
        for _ in range(3):
            memory.calls = memory.bytes = 0
            calls.clear()
            for tid, frames in enumerate(stacks):
                with interpreter.by_pages():
                    reader.look(0.0, tid, frames)
    return memory.calls, memory.bytes, calls.total()


@pytest.mark.parametrize("version", image_versions())
def test_what_threads_hold_costs_what_it_did(version: str) -> None:
    assert variables(version) == HELD[version]


@pytest.mark.parametrize("version", image_versions())
def test_new_threads_cost_what_they_did(version: str) -> None:
    assert meeting(version) == MEETING[version]


@pytest.mark.parametrize("version", image_versions())
def test_a_look_costs_what_it_did(version: str) -> None:
    assert cost(version) == COST[version]


if __name__ == "__main__":
    for one in image_versions():
        sys.stdout.write(f'    "{one}": {cost(one)}, {meeting(one)}, {variables(one)},\n')

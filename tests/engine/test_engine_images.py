"""The engine reads what Python reads, from recorded memory that is whole or damaged, and ends on every input."""

from __future__ import annotations

import functools
import random
import struct
from typing import Any

import pytest
from cases import image_blocks, interpreter_of, read_image
from differing import NEVER, by_engine, by_python, load
from hypothesis import given, settings
from hypothesis import strategies as st

from spindoctor.cpython.memory import Image, Range
from spindoctor.probe import engine as room
from spindoctor.probe.interpreter import Interpreter

compiled = pytest.importorskip("spindoctor_engine")

VERSIONS = ["3.12", "3.13", "3.14", "3.15"]
DAMAGES = 40


class Switched:
    """Memory in the place of which other memory can be put."""

    def __init__(self, blocks: list[tuple[int, bytes]]) -> None:
        self.put(blocks)

    def put(self, blocks: list[tuple[int, bytes]]) -> None:
        self._image = Image(blocks)

    def read(self, address: int, size: int) -> bytes:
        return self._image.read(address, size)

    def read_many(self, ranges: list[Range]) -> list[bytes]:
        return self._image.read_many(ranges)

    def prepare(self, ranges: list[Range]) -> Any:
        return self._image.prepare(ranges)


@functools.cache
def recording(version: str) -> tuple[dict[str, Any], list[tuple[int, bytes]], list[int]]:
    """What was recorded, and the states of the threads that were there."""
    recorded = read_image(version)
    blocks = image_blocks(recorded)
    interpreter = interpreter_of(recorded, Image(blocks))
    threads = [one.address for one in interpreter.threads()]
    return recorded, blocks, threads


def reader(recorded: dict[str, Any], blocks: list[tuple[int, bytes]]) -> tuple[Interpreter, Switched, dict[str, int]]:
    """Python's reader, its memory, and what the engine is told; the types of code and cells are not in the images."""
    memory = Switched(blocks)
    interpreter = interpreter_of(recorded, memory)
    stacks = (interpreter.stack(one.address) for one in interpreter.threads())
    code = next(raw.code for stack in stacks for raw in stack.frames)
    types = {"CodeType": interpreter.reader.type_of(code), "CellType": 0}
    interpreter.module_contents = lambda name: types if name == "types" else {}  # type: ignore[method-assign]
    return interpreter, memory, room.fields(interpreter)


def engine_of(fields: dict[str, int], blocks: list[tuple[int, bytes]], threads: list[int]) -> Any:
    engine = compiled.Engine(0, [fields.get(name, 0) for name in compiled.FIELDS], blocks)
    load(engine, threads)
    return engine


@pytest.mark.parametrize("version", VERSIONS)
def test_the_engine_reads_the_stacks_that_python_reads(version: str) -> None:
    recorded, blocks, threads = recording(version)
    interpreter, _, fields = reader(recorded, blocks)
    engine = engine_of(fields, blocks, threads)

    told = by_python(interpreter, threads)

    assert by_engine(engine, interpreter) == told
    assert by_engine(engine, interpreter) == told  # now with a plan
    assert any(one and len(one[0]) > 3 for one in told)


def damaged(blocks: list[tuple[int, bytes]], places: list[int], chance: random.Random) -> list[tuple[int, bytes]]:
    """The image with some words replaced: by zero, noise, or addresses of other things that stacks are made of."""
    changed = {start: bytearray(block) for start, block in blocks}
    for _ in range(chance.randrange(1, DAMAGES)):
        place = chance.choice(places) + 8 * chance.randrange(12)
        block = next((one for one in changed if one <= place and place + 8 <= one + len(changed[one])), None)
        if block is not None:
            word = chance.choice(
                [0, 1, chance.getrandbits(64), chance.choice(places), (1 << 63) + 5, chance.getrandbits(8)]
            )
            changed[block][place - block : place - block + 8] = struct.pack("<Q", word)
    return [(start, bytes(block)) for start, block in changed.items()]


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_from_damaged_memory_both_read_the_same_or_the_engine_leaves_it_to_python(version: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    recorded, blocks, threads = recording(version)
    interpreter, memory, fields = reader(recorded, blocks)
    engine = engine_of(fields, blocks, threads)
    frames = [raw.address for one in threads for raw in interpreter.stack(one).frames]
    other = damaged(blocks, [*frames, *threads], chance)
    memory.put(other)
    engine = engine_of(fields, other, threads)
    interpreter.flush()

    found = by_engine(engine, interpreter)

    if found is not None:
        assert found == by_python(interpreter, threads)


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=30, deadline=None)
@given(words=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=16), seed=st.integers(0, 2**32))
def test_the_engine_ends_in_memory_that_is_noise(version: str, words: list[int], seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - as above
    recorded, blocks, threads = recording(version)
    fields = reader(recorded, blocks)[2]
    starts = [start for start, _ in blocks]
    noise = [
        (start, struct.pack("<Q", chance.choice([*words, *starts])) * (len(block) // 8) + block[: len(block) % 8])
        for start, block in blocks
    ]
    engine = engine_of(fields, noise, threads)

    for _ in range(3):
        found = engine.stacks()
        assert found is None or len(found) == len(threads)


def test_a_layout_that_reaches_beyond_a_frame_is_refused() -> None:
    recorded, blocks, threads = recording("3.13")
    fields = reader(recorded, blocks)[2]

    for name in ("frame_owner", "frame_code", "top_name", "frame_size", "gil_holder", "chunk_size"):
        with pytest.raises(ValueError, match="contradicts"):
            engine_of(fields | {name: 1 << 40}, blocks, threads)


def test_what_it_is_told_wrongly_is_an_error_and_no_crash() -> None:
    recorded, blocks, threads = recording("3.13")
    engine = engine_of(reader(recorded, blocks)[2], blocks, threads)

    for wrong in (
        lambda: compiled.Engine(0, [1, 2]),
        lambda: engine.load([(1, 2)], *NEVER),
        lambda: engine.load([7], *NEVER),
        lambda: engine.tell(1, 0, 0, ((1 << 20, 0, 0),)),
        lambda: engine.tell(1, 0, 0, (5,)),
        lambda: engine.run(0.0, 0.01, 1.0, 0, 5, 0, 0),  # recorded memory has no threads to ask
    ):
        with pytest.raises((ValueError, TypeError)):
            wrong()

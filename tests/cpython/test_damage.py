"""Whatever the bytes, a decoder ends and raises nothing but Misread."""

from __future__ import annotations

import functools
import random
import struct
from collections.abc import Sequence
from typing import Any

import pytest
from cases import image_blocks, interpreter_of, read_image
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep import addresses_of, attempt, sweep

from spindoctor.cpython.layout import Layout
from spindoctor.cpython.linetable import find_line
from spindoctor.cpython.memory import Image, Memory, Range
from spindoctor.errors import Misread
from spindoctor.probe.interpreter import Interpreter

VERSIONS = [f"3.{minor}" for minor in range(8, 16)]
DAMAGES = 60  # words changed in an image: enough that most questions meet one on their way


@functools.cache
def recording(version: str) -> tuple[dict[str, Any], list[tuple[int, bytes]]]:
    recorded = read_image(version)
    return recorded, image_blocks(recorded)


def damaged(blocks: list[tuple[int, bytes]], chance: random.Random) -> Image:
    """The image with words replaced by zero, by small numbers, by noise or by addresses of other things in it."""
    changed = dict(blocks)
    starts = [address for address, block in blocks if len(block) >= 8]
    for _ in range(DAMAGES):
        start = chance.choice(starts)
        block = bytearray(changed[start])
        place = chance.randrange(len(block) // 8) * 8
        word = chance.choice([0, chance.randrange(256), chance.getrandbits(64), chance.choice(starts), (1 << 63) + 5])
        block[place : place + 8] = struct.pack("<Q", word)
        changed[start] = bytes(block)
    return Image(changed.items())


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_damaged_image_gives_answers_or_misreads(version: str, seed: int) -> None:
    recorded, blocks = recording(version)
    memory = damaged(blocks, random.Random(seed))  # noqa: S311 - to be repeated, not to be secret

    interpreter = attempt(lambda: interpreter_of(recorded, memory))

    if interpreter is not None:
        sweep(interpreter, addresses_of(recorded["told"]))


class Noise:
    """A memory in which every address is mapped: a few words, again and again."""

    def __init__(self, words: Sequence[int]) -> None:
        self._words = struct.pack(f"<{len(words)}Q", *words)

    def read(self, address: int, size: int) -> bytes:
        """Return the pattern from `address` on."""
        length = len(self._words)
        start = address % length
        return (self._words * (size // length + 2))[start : start + size]

    def read_many(self, ranges: Sequence[Range]) -> list[bytes]:
        """Return the pattern for each range."""
        return [self.read(address, size) for address, size in ranges]


WORDS = st.one_of(
    st.integers(0, 2**64 - 1),
    st.integers(0, 64),
    st.sampled_from([0x6E6F697463, 0x65646F63, (1 << 32) - 1, 0x7F0000001000, 0x74636964]),
)


def over(memory: Memory, layout: Layout) -> Interpreter | None:
    found: Interpreter | None = attempt(lambda: Interpreter(0, memory, layout, 4096, (3, layout.minor, 0)))
    return found


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=15, deadline=None)
@given(words=st.lists(WORDS, min_size=1, max_size=64))
def test_noise_gives_answers_or_misreads(version: str, words: list[int]) -> None:
    recorded, _ = recording(version)
    layout = Layout((3, recorded["minor"]), "x86_64-linux", recorded["offsets"], recorded["constants"], {}, 0)

    interpreter = over(_Led(Noise(words), layout), layout)

    assert interpreter is not None
    sweep(interpreter, [8, 4096, 0x7F0000001000, words[0]])


class _Led:
    """Noise, but with a main interpreter at its beginning, so that the rest is asked at all."""

    def __init__(self, noise: Noise, layout: Layout) -> None:
        self._noise = noise
        self._identity = 1 << 40, layout["interpreter_state.id"]
        self._head = 4096 + layout["runtime_state.interpreters_head"]

    def read(self, address: int, size: int) -> bytes:
        """Return what leads to the interpreter, else noise."""
        start, identity = self._identity
        if (address, size) == (self._head, 8):
            return struct.pack("<Q", start)
        if (address, size) == (start + identity, 8):
            return bytes(8)
        return self._noise.read(address, size)

    def read_many(self, ranges: Sequence[Range]) -> list[bytes]:
        """Return each range."""
        return [self.read(address, size) for address, size in ranges]


@given(
    table=st.binary(max_size=200),
    first=st.integers(-(2**31), 2**31 - 1),
    instruction=st.integers(-(2**40), 2**40),
    minor=st.integers(8, 15),
)
def test_any_line_table_gives_a_number(table: bytes, first: int, instruction: int, minor: int) -> None:
    assert isinstance(find_line(table, first, instruction, minor), int)


def test_an_empty_memory_is_a_misread() -> None:
    recorded, _ = recording("3.12")

    with pytest.raises(Misread):
        interpreter_of(recorded, Image([]))


@pytest.mark.parametrize("version", ["3.8", "3.11", "3.13"])
def test_a_task_that_is_freed_while_its_like_are_read_leaves_the_others(version: str) -> None:
    recorded, blocks = recording(version)
    whole = interpreter_of(recorded, Image(blocks)).tasks()
    gone, *others = whole
    type_at = gone + recorded["offsets"]["pyobject.ob_type"]
    start, block = next((start, block) for start, block in blocks if 0 <= type_at - start <= len(block) - 8)
    block = block[: type_at - start] + struct.pack("<Q", 0x10) + block[type_at - start + 8 :]

    left = interpreter_of(recorded, Image({**dict(blocks), start: block}.items())).tasks()

    assert others
    assert left == tuple(others)

"""The same program read in two ways: alive, and from an image of its memory."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spindoctor.cpython.layout import Layout
from spindoctor.cpython.memory import Image, Memory, Range
from spindoctor.probe.interpreter import Interpreter

HERE = Path(__file__).parent
TARGET = HERE / "target"
IMAGES = HERE / "images"


@dataclass
class Case:
    """A reader and what the program says about itself."""

    version: str
    told: dict[str, Any]
    interpreter: Interpreter


class Recorder:
    """A memory that keeps all that was read from another."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.seen: dict[int, bytes] = {}

    def read(self, address: int, size: int) -> bytes:
        """Read and keep."""
        return self.read_many([(address, size)])[0]

    def read_many(self, ranges: Sequence[Range]) -> list[bytes]:
        """Read and keep."""
        blocks = self._memory.read_many(ranges)
        for (address, _), block in zip(ranges, blocks, strict=True):
            if len(block) > len(self.seen.get(address, b"")):
                self.seen[address] = block
        return blocks

    def blocks(self) -> list[tuple[int, bytes]]:
        """All that was read, in blocks that do not touch."""
        merged: list[tuple[int, bytearray]] = []
        for address, block in sorted(self.seen.items()):
            if merged and address <= merged[-1][0] + len(merged[-1][1]):
                start, last = merged[-1]
                last[address - start :] = block + last[address - start + len(block) :]
            else:
                merged.append((address, bytearray(block)))
        return [(address, bytes(block)) for address, block in merged]


@contextmanager
def started(command: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Start a program that says about itself what is there: its pid and what it says."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, "the target ended before it had said anything"
            yield process.pid, json.loads(line)
        finally:
            process.kill()


@contextmanager
def live_case(version: str, command: list[str]) -> Iterator[Case]:
    """The program alive."""
    with started(command) as (pid, told):
        yield Case(version, told, Interpreter.attach(pid))


def image_versions() -> list[str]:
    """The versions of which there is an image."""
    return sorted((path.name.removesuffix(".json.gz") for path in IMAGES.glob("*.json.gz")), key=_by_minor)


def _by_minor(version: str) -> int:
    return int(version.partition(".")[2])


def read_image(version: str) -> dict[str, Any]:
    """One recording as it lies in its file."""
    found: dict[str, Any] = json.loads(gzip.decompress((IMAGES / f"{version}.json.gz").read_bytes()))
    return found


def image_blocks(recorded: dict[str, Any]) -> list[tuple[int, bytes]]:
    """The memory of a recording."""
    return [(address, bytes.fromhex(block)) for address, block in recorded["blocks"]]


def interpreter_of(recorded: dict[str, Any], memory: Memory) -> Interpreter:
    """A reader over a recording, with a memory in the place of its own."""
    layout = Layout((3, recorded["minor"]), "x86_64-linux", recorded["offsets"], recorded["constants"], {}, 0)
    told = recorded["told"]
    return Interpreter(0, memory, layout, recorded["runtime"], tuple(told["version"]), told["pid"])


def image_case(version: str) -> Case:
    """The program from its image."""
    recorded = read_image(version)
    return Case(version, recorded["told"], interpreter_of(recorded, Image(image_blocks(recorded))))


def write_image(case: Case, recorder: Recorder) -> int:
    """Write a recording, without the places it was made at; its size in bytes."""
    layout = case.interpreter.layout
    recorded = {
        "minor": layout.minor,
        "runtime": case.interpreter.runtime_address,
        "offsets": dict(layout.offsets),
        "constants": dict(layout.constants),
        "told": json.loads(_anonymous(json.dumps(case.told).encode())),
        "blocks": [[address, _anonymous(block).hex()] for address, block in recorder.blocks()],
    }
    IMAGES.mkdir(exist_ok=True)
    packed = gzip.compress(json.dumps(recorded).encode(), mtime=0)
    return (IMAGES / f"{case.version}.json.gz").write_bytes(packed)


def _anonymous(block: bytes) -> bytes:
    """The bytes with paths of this machine replaced by others of the same length."""
    for place in (str(HERE.parents[1]), str(Path.home())):
        block = block.replace(place.encode(), b"/" + b"x" * (len(place) - 1))
    return block

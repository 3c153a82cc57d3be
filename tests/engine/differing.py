"""The same stacks read by the engine and by Python, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.stacks import SHIM, RawStack
from spindoctor.errors import Misread
from spindoctor.probe.interpreter import Interpreter

WORD = (1 << 64) - 1

NEVER = (0, False, 0.0, 0.0, 0)
"""When threads are asked: no switches of the GIL yet, nothing due."""

Told = tuple[tuple[tuple[int, int, int, int], ...], bool, bool] | None
"""Address, code, instruction and owner of each frame, whether the stack is complete and spliced; None: refused."""


def load(engine: Any, threads: Sequence[int]) -> None:
    """Tell the engine of threads by the addresses of their states."""
    engine.load([(number, one, 0, 0, -1, -1, 0) for number, one in enumerate(threads, 1)], *NEVER)


def by_engine(engine: Any, interpreter: Interpreter) -> list[Told] | None:
    """What the engine reads, decoded as the looks are: a frame whose function cannot be read ends the stack."""
    found = engine.stacks()
    return None if found is None else [_decoded(interpreter, *one) for one in found]


def _decoded(
    interpreter: Interpreter, frames: Sequence[tuple[int, ...]], is_complete: bool, is_spliced: bool, is_misread: bool
) -> Told:
    kept = []
    for address, code, instruction, owner in frames:
        signed = instruction - (1 << 64) if instruction >> 63 else instruction
        try:
            found = interpreter.objects.codes.frame(code, signed)
        except Misread:
            return (tuple(kept), False, False) if kept else None
        if found.file != SHIM:
            kept.append((address, code, instruction, owner))
    return None if is_misread else (tuple(kept), is_complete, is_spliced)


def by_python(interpreter: Interpreter, threads: Sequence[int]) -> list[Told]:
    """What Python reads: the reference."""
    found = interpreter.stacks(threads)
    return [_told(found[one]) for one in threads]


def _told(stack: RawStack | Misread) -> Told:
    if isinstance(stack, Misread):
        return None
    return tuple(map(_words, stack.frames)), stack.is_complete, stack.is_spliced


def _words(raw: RawFrame) -> tuple[int, int, int, int]:
    return raw.address, raw.code, raw.instruction & WORD, raw.owner

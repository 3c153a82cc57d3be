"""The local variables that were read at the end of a look."""

from __future__ import annotations

from collections.abc import Sequence

from spindoctor.model.dump import Named
from spindoctor.model.recording import ProcessRecording


def named(
    seen: ProcessRecording, stack: Sequence[object], *, tid: int | None = None, task: int | None = None
) -> tuple[Named, ...]:
    """The local variables of a stack, frame after frame; empty where none were read."""
    found = {
        one.depth: tuple(zip(one.names, one.texts, strict=False))
        for one in seen.values
        if (one.tid, one.task) == (tid, task)
    }
    return tuple(found.get(depth, ()) for depth in range(len(stack))) if found else ()

"""Whatever a function is made of, its anatomy is told without a fault: every function of the standard library."""

from __future__ import annotations

import ast
import asyncio
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from spindoctor.evidence.anatomy import Step, anatomies, counted, handled
from spindoctor.evidence.attempts import attempt_around
from spindoctor.model.recording import SourceWindow

STDLIB = Path(sysconfig.get_path("stdlib"))
FOLDERS = [Path(asyncio.__file__).parent, STDLIB / "concurrent", STDLIB / "json"]
EACH = 7  # lines from one that is asked about to the next
EVERY_STATEMENT = """
async def every(source, sink):
    async with sink.lock as (held, *rest), sink:
        async for one in source:
            while (two := await one.get()) and not held:
                try:
                    sink.total += two
                    del rest[:]
                    match two:
                        case [first, *_]:
                            yield first
                        case {"a": a}:
                            continue
                        case _:
                            pass
                except* (ValueError, OSError):
                    raise
                else:
                    global seen
                    seen: int = 1
                    x[0], (y.z, *w) = lambda: None, (1, 2)
                finally:
                    assert two
                    with open(two) as x[1], suppress(Exception):
                        import json
                    class Inside: pass
    type(one)
"""


def windows(path: Path) -> Iterator[SourceWindow]:
    lines = path.read_text(encoding="utf-8").splitlines()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            text = tuple(lines[node.lineno - 1 : node.end_lineno])
            yield SourceWindow(str(path), node.lineno, node.lineno, text)


def tell_all(window: SourceWindow) -> int:
    """Ask everything that is asked of a function; how many of its lines were told."""
    known, told = anatomies([window]), 0
    lines = range(window.first_line, window.first_line + len(window.lines))
    for anatomy in (one for found in known.values() for one in found):
        for loop in (None, *anatomy.loops):
            steps = anatomy.steps(lines, loop)
            assert all(isinstance(step, Step) for step in steps.values())
            told += len(steps)
        for loop in anatomy.loops:
            counted(loop)
        for line in lines[::EACH]:
            anatomy.calls(line)
            for statement in anatomy.tries(line):
                handled(statement)
            attempt_around(known, window.file, line)
    return told


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_function_of_the_standard_library_is_told(folder: Path) -> None:
    found = [window for path in folder.rglob("*.py") for window in windows(path)]

    assert sum(map(tell_all, found)) > len(found)


def test_every_kind_of_statement_is_told() -> None:
    text = tuple(EVERY_STATEMENT.strip().splitlines())

    assert tell_all(SourceWindow("/srv/app.py", 1, 1, text)) > 0

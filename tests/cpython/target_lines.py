"""Prints the line tables of some modules, and what the interpreter itself makes of them. CPython 3.8 to 3.15."""

import argparse
import ast
import asyncio.base_events
import asyncio.tasks
import dis
import inspect
import json
import pathlib
import subprocess
import sys
import types
import typing


def lines_of(code):  # noqa: ANN001, ANN201 - runs on interpreters of any age
    """(offset of an instruction, its line) at every change of line."""
    if hasattr(code, "co_lines"):
        return [(start, line) for start, end, line in code.co_lines() if end > start]
    return list(dis.findlinestarts(code))


def codes_in(code):  # noqa: ANN001, ANN201
    """A code object and those inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes_in(constant)


def main():  # noqa: ANN201
    """Print name, table in hex, first line, lines."""
    told = []
    for module in (argparse, ast, asyncio.base_events, asyncio.tasks, dis, inspect, subprocess, typing):
        top = compile(pathlib.Path(module.__file__).read_text(encoding="utf-8"), module.__file__, "exec")
        for code in codes_in(top):
            table = code.co_linetable if hasattr(code, "co_linetable") else code.co_lnotab
            told.append([code.co_name, table.hex(), code.co_firstlineno, lines_of(code)])
    sys.stdout.write(json.dumps(told))


main()

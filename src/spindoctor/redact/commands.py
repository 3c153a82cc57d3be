"""Command lines: which program, which module, which options; of values only small numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from spindoctor.redact.names import Names
from spindoctor.redact.paths import Paths
from spindoctor.redact.walk import HIDDEN

_PYTHON = re.compile(r"(?:python|pypy)[\d.]*t?")
_OPTION = re.compile(r"(--[A-Za-z][\w-]*)(=.*)?|(-[A-Za-z])(.*)", re.DOTALL)
_NUMBER = re.compile(r"\d{1,5}")
_SECRET = re.compile(r"(?i)pass|secret|token|key|auth|cred|pin|code|salt|seed|user|account")
_MODULE = re.compile(r"([A-Za-z_]\w*)(?:\.\w+)*(?::[A-Za-z_][\w.]*(?:\(\))?)?")


def redact_command(command: Sequence[str], names: Names, paths: Paths, modules: AbstractSet[str]) -> tuple[str, ...]:
    """The command line with every argument hidden that is none of: program, script, option, small number, module.

    A module counts as one where its name is among `modules`, those that code was seen in.
    """
    shown: list[str] = []
    before = ""
    for position, argument in enumerate(command):
        shown.append(_program(argument, names, paths) if position == 0 else _argument(argument, before, paths, modules))
        before = argument
    return tuple(shown)


def _program(path: str, names: Names, paths: Paths) -> str:
    name = path.rpartition("/")[2]
    shown = name if _PYTHON.fullmatch(name) else names.words(name)
    return f"{paths.code(path).rpartition('/')[0]}/{shown}" if "/" in path else shown


def _argument(argument: str, before: str, paths: Paths, modules: AbstractSet[str]) -> str:
    if argument == HIDDEN:
        return argument
    if option := _OPTION.fullmatch(argument):
        return _option(option)
    if _NUMBER.fullmatch(argument):
        return HIDDEN if _SECRET.search(before) else argument
    if argument.endswith(".py") and not argument.startswith("-"):
        return paths.code(argument) if argument.startswith("/") else argument.rpartition("/")[2]
    module = _MODULE.fullmatch(argument)
    return argument if module and module[1] in modules and not _SECRET.search(before) else HIDDEN


def _option(option: re.Match[str]) -> str:
    long, value, short, attached = option.groups()
    if short:
        return f"{short}{HIDDEN}" if attached and attached != HIDDEN else option.group()
    if not value:
        return long
    is_plain = _NUMBER.fullmatch(value[1:]) and not _SECRET.search(long)
    return f"{long}{value}" if is_plain else f"{long}={HIDDEN}"

"""Who may import whom, and what pure rooms may not touch: read off the source, so that no import has to happen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "spindoctor"
FILES = sorted(ROOT.rglob("*.py"))

ALLOWED = {
    "errors": set(),
    "model": set(),
    "knowledge": {"model"},
    "evidence": {"model"},
    "report": {"model"},
    "cpython": {"model", "errors"},
    "store": {"model", "errors"},
    "probe": {"model", "errors", "cpython"},
    "rules": {"model", "knowledge"},
    "judging": {"model", "rules", "knowledge"},
    "shapes": {"model"},
    "redact": {"model"},
    "tui": {"model", "report", "errors"},
}
"""Room -> rooms it may import, besides itself. Rooms that wire (`session`, `recorder`, `cli`) are not listed: all."""

WIRING = {"session", "recorder", "live", "cli", "__main__", "__init__"}

PURE = {"model", "cpython", "evidence", "rules", "judging", "report", "shapes", "redact"}
IMPURE_MODULES = {"os", "time", "socket", "subprocess", "pathlib", "shutil", "tempfile", "threading", "random"}
IMPURE_CALLS = {"print", "open", "input", "exit"}

GRAB_BAGS = {"utils", "util", "helpers", "helper", "common", "misc"}


def room(path: Path) -> str:
    """The first part of a module's name inside the package."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, with what it imports from it: `spindoctor.model` and `spindoctor.model.X`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_imported(path: Path) -> set[str]:
    ours = (name.split(".") for name in imports(path))
    return {parts[1] for parts in ours if parts[0] == "spindoctor" and len(parts) > 1}


@pytest.mark.parametrize("path", [path for path in FILES if room(path) not in WIRING], ids=name_of)
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    strangers = rooms_imported(path) - ALLOWED[room(path)] - {room(path)}

    assert not strangers


@pytest.mark.parametrize("path", [path for path in FILES if room(path) in PURE], ids=name_of)
def test_a_pure_room_touches_nothing_outside(path: Path) -> None:
    modules = {name.split(".")[0] for name in imports(path)} & IMPURE_MODULES
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    } & IMPURE_CALLS

    assert not modules
    assert not calls


@pytest.mark.parametrize("path", sorted((ROOT / "rules").glob("[!_]*.py")), ids=name_of)
def test_a_rule_imports_no_other_rule(path: Path) -> None:
    others = {name for name in imports(path) if name.startswith("spindoctor.rules")}

    assert not others


@pytest.mark.parametrize("path", [path for path in FILES if room(path) == "model"], ids=name_of)
def test_the_nouns_need_the_standard_library_only(path: Path) -> None:
    foreign = {name.split(".")[0] for name in imports(path)} & {"msgspec", "psutil", "rich", "typer", "elftools"}

    assert not foreign


@pytest.mark.parametrize("path", [path for path in FILES if room(path) != "cli"], ids=name_of)
def test_only_the_command_line_prints(path: Path) -> None:
    calls = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]

    assert not calls


def test_no_module_is_a_grab_bag() -> None:
    names = {part.removesuffix(".py") for path in FILES for part in path.relative_to(ROOT).parts}

    assert not names & GRAB_BAGS


def test_every_room_has_its_rule() -> None:
    """A new room is named here, with what it may import, or among those that wire."""
    unknown = {room(path) for path in FILES} - ALLOWED.keys() - WIRING

    assert not unknown


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_module_fits_in_the_head(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400

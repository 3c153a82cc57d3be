"""Writes docs/cli.md from the commands themselves; `--check` only says whether it is current.

Reads the commands' parameters instead of their `--help`: that is laid out differently by each version of Typer.
"""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import Any

import typer

from spindoctor.cli.app import COMMANDS, app

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"

HEAD = """# Command line

This page is made by `tools/make_cli_page.py` from the commands themselves.

stdout is the report and nothing else; progress and remarks are on stderr. What the exit codes say:
[exit-codes.md](exit-codes.md).
"""

PIPE = "\\|"
"""A bar that divides no cells."""

BUILT_IN = {"--help", "--install-completion", "--show-completion"}


def page() -> str:
    """The page's text."""
    root = typer.main.get_command(app)
    parts = [HEAD, _section("spindoctor", root)]
    for name in COMMANDS:
        command: Any = root.get_command(None, name)  # type: ignore[attr-defined, arg-type]
        parts.append(_section(f"spindoctor {name}", command))
        inner = getattr(command, "commands", {})
        parts += [_section(f"spindoctor {name} {one}", inner[one]) for one in inner]
    return "\n".join(parts)


def _section(name: str, command: Any) -> str:  # noqa: ANN401 - a command of whichever package Typer takes it from
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and not BUILT_IN & set(one.opts)]
    usage = " ".join([name, *(["[OPTIONS]"] if options else []), *(_argument(one) for one in arguments)])
    lines = [f"## {name}", "", f"    {usage}", "", (command.help or "").strip(), ""]
    rows = [(_argument(one), one) for one in arguments] + [(_option(one), one) for one in options]
    if rows:
        lines += ["| | |", "| --- | --- |"]
    lines += [f"| `{words.replace('|', PIPE)}` | {one.help}{_default(one)} |" for words, one in rows]
    return "\n".join(lines).rstrip() + "\n"


def _argument(one: Any) -> str:  # noqa: ANN401
    name = one.metavar or one.name.upper()
    return name if one.required else f"[{name}]"


def _option(one: Any) -> str:  # noqa: ANN401
    names = ", ".join(sorted(one.opts, key=len))
    return names if one.is_flag else f"{names} {_value(one)}"


def _value(one: Any) -> str:  # noqa: ANN401
    if one.metavar:
        return str(one.metavar)
    return "|".join(type(one.default)) if isinstance(one.default, enum.Enum) else "N"


def _default(one: Any) -> str:  # noqa: ANN401
    if one.default is None or isinstance(one.default, bool):
        return ""
    plain = one.default.value if isinstance(one.default, enum.Enum) else one.default
    shown = f"{plain:g}" if isinstance(plain, (int, float)) else plain
    return f" Default: `{shown}`."


def main() -> None:
    """Writes the page or, with `--check`, exits with 1 where it is out of date."""
    text = page()
    if "--check" not in sys.argv:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        sys.exit(f"{PAGE.name} is out of date: python tools/make_cli_page.py")


if __name__ == "__main__":
    main()

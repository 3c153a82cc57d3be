"""`spindoctor lab`: sick services to try the doctor on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import spindoctor
from spindoctor import __version__
from spindoctor.cli.options import offered, unknown, word_of, words_of
from spindoctor.cpython.layout import SUPPORTED
from spindoctor.errors import DoctorError, ExitCode

PACKAGE = Path(spindoctor.__file__).parent
CHECKOUT = PACKAGE.parents[1]


class LoopKind(StrEnum):
    """The event loops that the lab's services can run on."""

    ASYNCIO = "asyncio"
    UVLOOP = "uvloop"


def _pythons() -> list[str]:
    return [f"{major}.{minor}" for major, minor in SUPPORTED]


def _version(text: str) -> str:
    if text not in _pythons():
        raise typer.BadParameter(f"{text} is none of {', '.join(_pythons())}")
    return text


app = typer.Typer(add_completion=False, rich_markup_mode=None)


def cases() -> list[str]:
    """The names of all cases, for the shell to complete."""
    folder = next((one / "lab" / "cases" for one in (CHECKOUT, PACKAGE) if (one / "lab" / "run.py").exists()), None)
    found = folder.glob("*/*/case.toml") if folder else ()
    return sorted(f"{one.parts[-3]}/{one.parts[-2]}" for one in found)


@app.callback(invoke_without_command=True)
def lab(context: typer.Context) -> None:
    """List sick services to try the doctor on; `lab run CASE` starts one."""
    if context.invoked_subcommand is None:
        raise typer.Exit(_run([]))


@app.command(context_settings={"ignore_unknown_options": True})
def run(
    case: Annotated[
        str,
        typer.Argument(
            metavar="CASE", autocompletion=cases, help="SLUG or SLUG/VARIANT, as `spindoctor lab` lists them."
        ),
    ],
    python: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            parser=_version,
            autocompletion=_pythons,
            help="Its Python, such as 3.12; ours where it is not named.",
        ),
    ] = None,
    cured: Annotated[bool, typer.Option("--cured", help="The twin without the mistake.")] = False,
    loop: Annotated[
        LoopKind,
        typer.Option(
            metavar=words_of(LoopKind),
            parser=word_of(LoopKind),
            autocompletion=offered(LoopKind),
            help="The event loop, where the case has a choice.",
        ),
    ] = LoopKind.ASYNCIO,
) -> None:
    """Start a sick service with traffic, for a minute.

    It listens on 127.0.0.1 alone, and ends by itself or with Ctrl-C.
    """
    _check(case)
    options = [*(["--python", python] if python else []), *(["--cured"] if cured else []), "--loop", loop.value]
    raise typer.Exit(_run([case, *options]))


def _check(case: str) -> None:
    """Raises DoctorError where there is no such case, with the one that may be meant."""
    names = cases()
    known = {*names, *(name.partition("/")[0] for name in names)}
    if known and case not in known:
        raise unknown("case", case, known, "spindoctor lab run", "spindoctor lab")


def _run(arguments: list[str]) -> int:
    """Run the lab's own program; our exit code. An interrupt reaches it too, and it ends what it has started."""
    command = [sys.executable, str(_folder() / "lab" / "run.py"), *arguments]
    with subprocess.Popen(command) as program:  # noqa: S603 - our own program
        while True:
            try:
                return ExitCode.COULD_NOT_LOOK if program.wait() else ExitCode.NOTHING_FOUND
            except KeyboardInterrupt:
                continue


def _folder() -> Path:
    """Where the lab lies: in the checkout, or in a copy of what was installed.

    A copy, since code below site-packages would count as a library's and never as the culprit.
    """
    if (CHECKOUT / "lab" / "run.py").exists():
        return CHECKOUT
    if not (PACKAGE / "lab" / "run.py").exists():
        raise DoctorError("the lab was not installed with spindoctor", "use a checkout of spindoctor: make lab")
    copy = Path.home() / ".cache" / "spindoctor" / f"lab-{__version__}"
    for name in ("lab", "tools"):
        shutil.copytree(PACKAGE / name, copy / name, dirs_exist_ok=True)
    return copy

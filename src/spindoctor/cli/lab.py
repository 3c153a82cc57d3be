"""`spindoctor lab`: sick services to try the doctor on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

import spindoctor
from spindoctor import __version__
from spindoctor.errors import DoctorError, ExitCode

PACKAGE = Path(spindoctor.__file__).parent
CHECKOUT = PACKAGE.parents[1]

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
        str | None, typer.Option(metavar="VERSION", help="Its Python, such as 3.12; ours where it is not named.")
    ] = None,
    cured: Annotated[bool, typer.Option("--cured", help="The twin without the mistake.")] = False,
    loop: Annotated[str, typer.Option(metavar="LOOP", help="asyncio or uvloop.")] = "asyncio",
) -> None:
    """Start a sick service with traffic, for a minute.

    It listens on 127.0.0.1 alone, and ends by itself or with Ctrl-C.
    """
    options = [*(["--python", python] if python else []), *(["--cured"] if cured else []), "--loop", loop]
    raise typer.Exit(_run([case, *options]))


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

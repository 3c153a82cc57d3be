"""`spindoctor completion`: a shell's completion script."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]  # not in its list, but its documented use

from spindoctor.cli.options import offered, word_of
from spindoctor.cli.streams import put

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Shell(StrEnum):
    """The shells that have a completion script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command()
def completion(
    shell: Annotated[
        Shell,
        typer.Argument(
            metavar="SHELL", parser=word_of(Shell), autocompletion=offered(Shell), help="bash, zsh or fish."
        ),
    ],
) -> None:
    """Print the completion script of a shell.

    For bash, in ~/.bashrc: eval "$(spindoctor completion bash)"
    """
    script = get_completion_script(prog_name="spindoctor", complete_var="_SPINDOCTOR_COMPLETE", shell=shell.value)
    put(script + "\n")

"""`spindoctor export`: the stacks of a saved recording in another form, or how two recordings differ."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spindoctor import store
from spindoctor.cli.forms import Form, Formed, Stacks, form_of, write
from spindoctor.cli.looking import seen
from spindoctor.cli.options import Quiet, Redacted, check_outputs
from spindoctor.cli.streams import tell

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def export(
    recording: Annotated[
        Path,
        typer.Argument(
            metavar="REC", help="A file that `diagnose --save`, `record` or `bundle` wrote.", show_default=False
        ),
    ],
    output: Stacks,
    before: Annotated[
        Path | None,
        typer.Option("--before", metavar="REC", help="An earlier recording: the flame graph shows what has changed."),
    ] = None,
    form: Formed = None,
    redact: Redacted = False,
    quiet: Quiet = False,
) -> None:
    """Write the stacks of a saved recording to a file, in every form that `record` knows, without the target.

    With --before, a differential flame graph: red has grown, blue has shrunk, each by seconds in a second of looking.
    """
    chosen = form_of(output, form)
    if before is not None and chosen is not Form.HTML:
        raise typer.BadParameter("a comparison is a flame graph: use -o FILE.html", param_hint="'--before'")
    check_outputs(output, sources=[recording, before])
    earlier = seen(store.load(before), is_redacted=redact) if before else None
    write(seen(store.load(recording), is_redacted=redact), output, chosen, before=earlier)
    if not quiet:
        tell(f"wrote {output} ({chosen.value})")

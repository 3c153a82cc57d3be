"""`spindoctor replay`: the report of a saved recording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spindoctor import store
from spindoctor.cli.delivery import deliver
from spindoctor.cli.looking import seen
from spindoctor.cli.options import (
    AsJson,
    AsMarkdown,
    Colored,
    Delivery,
    Fail,
    FailOn,
    Full,
    Html,
    Output,
    Redacted,
    check_outputs,
)
from spindoctor.cli.streams import Color

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def replay(
    recording: Annotated[
        Path, typer.Argument(metavar="REC", help="A file that `diagnose --save`, `record` or `bundle` wrote.")
    ],
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    output: Output = None,
    html: Html = None,
    full: Full = False,
    redact: Redacted = False,
    fail_on: Fail = FailOn.WARNING,
    color: Colored = Color.AUTO,
) -> None:
    """Give the report of a saved recording again, without the target.

    Works on any machine. The rules of this spindoctor judge, so a newer one may see more in an old recording.
    """
    delivery = Delivery(as_json, as_markdown, output, fail_on, color, html, full)
    check_outputs(output, html, sources=[recording])
    raise typer.Exit(deliver(seen(store.load(recording), is_redacted=redact), delivery))

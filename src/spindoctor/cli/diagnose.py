"""`spindoctor diagnose`: look at one live service, and report."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from spindoctor import session, store
from spindoctor.cli.delivery import deliver, shown
from spindoctor.cli.options import (
    AsJson,
    AsMarkdown,
    Colored,
    Delivery,
    Fail,
    FailOn,
    Output,
    Quiet,
    Rate,
    Redacted,
    Seconds,
)
from spindoctor.cli.progress import progress
from spindoctor.cli.streams import Color, tell
from spindoctor.model.recording import Recording

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def diagnose(
    pid: Annotated[
        int | None,
        typer.Argument(metavar="PID", min=1, show_default=False, help="The process. Without: the busiest service."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The service that listens on this TCP port.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="The service whose command line has PATTERN in it.")
    ] = None,
    seconds: Seconds = 3.0,
    rate: Rate = 100.0,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    output: Output = None,
    save: Annotated[
        Path | None, typer.Option(metavar="REC", help="Keep all that was seen in REC, for `spindoctor replay`.")
    ] = None,
    redact: Redacted = False,
    fail_on: Fail = FailOn.WARNING,
    quiet: Quiet = False,
    color: Colored = Color.AUTO,
) -> None:
    """Look at one live service and say why it burns CPU or is slow.

    Reads only: nothing is loaded into the service, and it is never stopped. Exit code: 0 nothing found, 1 found,
    2 wrong usage, 3 could not look, 4 a fault in spindoctor, 130 interrupted (what was seen is reported).
    """
    if sum(choice is not None for choice in (pid, port, name)) > 1:
        raise typer.BadParameter("PID, --port and --name exclude each other")
    delivery = Delivery(as_json, as_markdown, output, fail_on, color, is_redacted=redact)
    for path in filter(None, (save, output)):
        store.check(path)
    recording = shown(_look(session.find(pid, port, name), seconds, rate, quiet=quiet), delivery)
    if save:
        _save(recording, save, quiet=quiet)
    raise typer.Exit(deliver(session.diagnose(recording), delivery))


def _look(pid: int, seconds: float, rate: float, *, quiet: bool) -> Recording:
    with progress(f"pid {pid}", quiet=quiet) or nullcontext() as shown:
        return session.look(pid, seconds=seconds, rate_hz=rate, progress=shown)


def _save(recording: Recording, path: Path, *, quiet: bool) -> None:
    store.save(recording, path)
    if not quiet:
        tell(f"saved {path} ({path.stat().st_size:,} bytes)")

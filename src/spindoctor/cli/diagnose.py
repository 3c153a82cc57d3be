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
    Html,
    Named,
    Output,
    Pid,
    Port,
    Quiet,
    Rate,
    Redacted,
    Seconds,
    one_target,
)
from spindoctor.cli.progress import progress
from spindoctor.cli.streams import Color, tell
from spindoctor.model.recording import Recording

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def diagnose(
    pid: Pid = None,
    port: Port = None,
    name: Named = None,
    seconds: Seconds = 3.0,
    rate: Rate = 100.0,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    output: Output = None,
    html: Html = None,
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
    one_target(pid, port, name)
    delivery = Delivery(as_json, as_markdown, output, fail_on, color, html, redact)
    for path in filter(None, (save, output, html)):
        store.check(path)
    recording = shown(_look(session.find(pid, port, name), seconds, rate, quiet=quiet), delivery)
    if save:
        _save(recording, save, quiet=quiet)
    raise typer.Exit(deliver(recording, delivery))


def _look(pid: int, seconds: float, rate: float, *, quiet: bool) -> Recording:
    with progress(f"pid {pid}", quiet=quiet) or nullcontext() as shown:
        return session.look(pid, seconds=seconds, rate_hz=rate, progress=shown)


def _save(recording: Recording, path: Path, *, quiet: bool) -> None:
    store.save(recording, path)
    if not quiet:
        tell(f"saved {path} ({path.stat().st_size:,} bytes)")

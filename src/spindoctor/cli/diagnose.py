"""`spindoctor diagnose`: look at one live service, and report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spindoctor import session, store
from spindoctor.cli.delivery import deliver
from spindoctor.cli.interrupts import deferred
from spindoctor.cli.looking import Looker, seen
from spindoctor.cli.options import (
    AsJson,
    AsMarkdown,
    Colored,
    Delivery,
    Fail,
    FailOn,
    Full,
    Html,
    Named,
    Output,
    Pid,
    Port,
    Quiet,
    Rate,
    Redacted,
    Seconds,
    check_outputs,
    named,
    one_target,
)
from spindoctor.cli.streams import Color, tell
from spindoctor.model.closeup import Extras
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
        Path | None,
        typer.Option(metavar="REC", parser=named, help="Keep all that was seen in REC, for `spindoctor replay`."),
    ] = None,
    full: Full = False,
    redact: Redacted = False,
    trace: Annotated[
        bool,
        typer.Option(
            "--trace", help="Also let the kernel count system calls for half a second; it slows the service meanwhile."
        ),
    ] = False,
    fail_on: Fail = FailOn.WARNING,
    quiet: Quiet = False,
    color: Colored = Color.AUTO,
) -> None:
    """Look at one live service and say why it burns CPU or is slow.

    Reads only: nothing is loaded into the service, and it is never stopped. Exit code: 0 nothing found, 1 found,
    2 wrong usage, 3 could not look, 4 a fault in spindoctor, 130 interrupted, also by SIGTERM or SIGHUP (what
    was seen is reported).
    """
    one_target(pid, port, name)
    delivery = Delivery(as_json, as_markdown, output, fail_on, color, html, full)
    check_outputs(save, output, html)
    is_kept = bool(save or html)  # it may become a flame graph by route
    extras = Extras(asks_routes=is_kept, counts_calls=trace)
    found, looker = session.find(pid, port, name), Looker(seconds, rate, quiet, extras)
    with deferred() as interrupts:
        recording = seen(looker.look(found, interrupts), is_redacted=redact)
        if save:
            _save(recording, save, quiet=quiet)
        code = deliver(recording, delivery)
        if html and not quiet:
            tell(f"wrote {html} ({html.stat().st_size:,} bytes): open it in a browser")
    raise typer.Exit(code)


def _save(recording: Recording, path: Path, *, quiet: bool) -> None:
    store.save(recording, path)
    if not quiet:
        tell(f"saved {path} ({path.stat().st_size:,} bytes)")

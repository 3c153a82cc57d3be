"""`spindoctor top`: a live service in the terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from spindoctor import session, store
from spindoctor.cli.interrupts import Progress, deferred
from spindoctor.cli.options import Colored, Named, Pid, Port, Rate, Redacted, number_between, one_target
from spindoctor.cli.streams import Color, is_styled, put, width
from spindoctor.errors import DoctorError, ExitCode
from spindoctor.live import Live
from spindoctor.model.closeup import Extras
from spindoctor.model.live import Dashboard
from spindoctor.model.recording import Recording
from spindoctor.report import live_json, terminal
from spindoctor.report.live import render_once

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Every = Annotated[
    float,
    typer.Option(parser=number_between(0.2, 60, "seconds"), metavar="N", help="Seconds of looks behind each frame."),
]


@app.command()
def top(
    pid: Pid = None,
    port: Port = None,
    name: Named = None,
    every: Every = 1.0,
    rate: Rate = 50.0,
    once: Annotated[bool, typer.Option("--once", help="Print one frame and exit; for scripts and pipes.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one frame as JSON (docs/json.md) and exit; implies --once.")
    ] = False,
    redact: Redacted = False,
    color: Colored = Color.AUTO,
) -> None:
    """Show a live service in the terminal: processes, threads, functions, tasks, routes.

    `?` in it lists the keys. Reads only: nothing is loaded into the service, and it is never stopped.
    """
    one_target(pid, port, name)
    once = once or as_json
    if not once and not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise DoctorError("top needs a terminal", "one frame without one: spindoctor top --once", ExitCode.USAGE)
    treat = _treatment(is_redacted=redact)
    engine = LiveEngine(session.live(session.find(pid, port, name), rate, treat), every, treat)
    if once:
        _show_once(engine, color, as_json=as_json)
        return
    from spindoctor.tui.app import TopApp  # noqa: PLC0415 - Textual takes longer to import than all of ours

    app = TopApp(engine)
    app.run()
    if app.fault:
        raise app.fault


def _show_once(engine: LiveEngine, color: Color, *, as_json: bool) -> None:
    """One frame; of a look that was interrupted what was seen by then."""
    with deferred() as interrupts:
        board = engine.step(interrupts.watched(None))
        if board.gauges.looks or not interrupts.times:
            put(live_json.render(board) if as_json else render_once(board, width=width(), color=is_styled(color)))
    if interrupts.times:
        raise typer.Exit(ExitCode.INTERRUPTED)


def _treatment(*, is_redacted: bool) -> Callable[[Recording], Recording]:
    """What is done to a recording before anything is made of it."""
    if not is_redacted:
        return _as_it_is
    from spindoctor.redact import Redactor  # noqa: PLC0415 - needed by the option alone

    return Redactor()


def _as_it_is(recording: Recording) -> Recording:
    return recording


@dataclass(frozen=True, slots=True)
class LiveEngine:
    """Answers what the view asks for, on a real service."""

    live: Live
    every_s: float
    treat: Callable[[Recording], Recording]

    def step(self, progress: Progress | None = None) -> Dashboard:
        """Look for the time of one frame, or until `progress` raises `KeyboardInterrupt`."""
        return self.live.step(self.every_s, progress)

    def diagnose(self, pid: int) -> str:
        """Look for three seconds and judge."""
        report = session.diagnose(self.treat(session.look(pid)))
        return terminal.render(report, width=max(int(width() * 0.96) - 6, 60), color=True)

    def save(self, pid: int) -> str:
        """Look for three seconds and keep it in this folder."""
        path = Path(f"spindoctor-{pid}-{time.strftime('%Y%m%d-%H%M%S')}.spinrec")
        store.check(path)
        store.save(self.treat(session.look(pid, extras=Extras(asks_routes=True))), path)
        return f"saved {path.resolve()}: spindoctor replay {path}"

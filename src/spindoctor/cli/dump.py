"""`spindoctor dump`: what all threads and tasks are doing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spindoctor import session, store
from spindoctor.cli.interrupts import deferred
from spindoctor.cli.looking import Looker, seen, tell_ending
from spindoctor.cli.options import (
    AsJson,
    Colored,
    Named,
    Output,
    Port,
    Quiet,
    Redacted,
    Seconds,
    check_outputs,
    one_target,
    pids,
)
from spindoctor.cli.streams import Color, is_styled, put, width
from spindoctor.errors import DoctorError, ExitCode
from spindoctor.model.closeup import Extras
from spindoctor.model.dump import Dump
from spindoctor.model.recording import Recording

app = typer.Typer(add_completion=False, rich_markup_mode=None)

RATE_HZ = 100.0


Target = Annotated[
    str | None,
    typer.Argument(
        metavar="PID|REC",
        autocompletion=pids,
        show_default=False,
        help="The process, or a saved recording. Without: the busiest service.",
    ),
]
OnlyThreads = Annotated[bool, typer.Option("--threads", help="Threads only.")]
OnlyTasks = Annotated[bool, typer.Option("--tasks", help="Tasks only.")]
Family = Annotated[bool, typer.Option("--family", help="All processes of the service.")]
Values = Annotated[
    bool,
    typer.Option(
        "--locals",
        help="Local variables too, cut short; what has password, token, key and the like in its name is hidden.",
    ),
]
Full = Annotated[bool, typer.Option("--full", help="Every frame of libraries, with its source line.")]


@app.command()
def dump(
    target: Target = None,
    port: Port = None,
    name: Named = None,
    threads: OnlyThreads = False,
    tasks: OnlyTasks = False,
    family: Family = False,
    values: Values = False,
    full: Full = False,
    as_json: AsJson = False,
    output: Output = None,
    seconds: Seconds = 1.0,
    redact: Redacted = False,
    quiet: Quiet = False,
    color: Colored = Color.AUTO,
) -> None:
    """Show what all threads and tasks are doing: stacks, true states, who awaits whom.

    Looks for a second, so that it can say who moves and since when the others do not; what stands there is the end of
    that second. Threads and tasks that look the same are shown once. Reads only, never stops the service.
    """
    one_target(target, port, name)
    path = None if target is None or target.isdecimal() else Path(target)
    if path and values:
        raise typer.BadParameter("variables are read from a live process", param_hint="'--locals'")
    check_outputs(output, sources=[path])
    parts = {"with_threads": threads or not tasks, "with_tasks": tasks or not threads}
    with deferred() as interrupts:
        if path:
            recording = store.load(path)
            pid = recording.target.hot
        else:
            pid = session.find(int(target) if target else None, port, name)
            extras = Extras(asks_routes=True, ends_close=True, reads_values=values)
            recording = Looker(seconds, RATE_HZ, quiet, extras).look(pid, interrupts)
        recording = seen(recording, is_redacted=redact)
        tell_ending(recording.ended, pid)
        found = _dump(recording, pid, with_family=family)
        _deliver(_json(found, parts) if as_json else _text(found, parts, output, color, is_full=full), output)
    if found.is_interrupted:
        raise typer.Exit(ExitCode.INTERRUPTED)


def _dump(recording: Recording, pid: int, *, with_family: bool) -> Dump:
    found = session.dump(recording, () if with_family else (pid,))
    if not found.looks:
        raise DoctorError(f"no look at process {pid} succeeded, so there is nothing to show", "try again")
    return found


def _json(found: Dump, parts: dict[str, bool]) -> str:
    from spindoctor.report.dump_json import render  # noqa: PLC0415 - one of two

    return render(found, **parts)


def _text(found: Dump, parts: dict[str, bool], output: Path | None, color: Color, *, is_full: bool) -> str:
    from spindoctor.report.dump import render  # noqa: PLC0415 - one of two

    if output:
        return render(found, color=color is Color.ALWAYS, is_full=is_full, **parts)
    return render(found, width=width(), color=is_styled(color), is_full=is_full, **parts)


def _deliver(text: str, output: Path | None) -> None:
    if output:
        store.write(output, text.encode("utf-8", "backslashreplace"), mode=store.PRIVATE)
    else:
        put(text)

"""`spindoctor record`: look at one live service, and write its stacks to a file."""

from __future__ import annotations

import typer

from spindoctor import session, store
from spindoctor.cli.forms import Form, Formed, Stacks, form_of, write
from spindoctor.cli.interrupts import deferred
from spindoctor.cli.looking import Looker, seen, tell_ending
from spindoctor.cli.options import Named, Pid, Port, Quiet, Rate, Redacted, Seconds, one_target
from spindoctor.cli.streams import tell
from spindoctor.errors import DoctorError, ExitCode
from spindoctor.model.closeup import Extras
from spindoctor.model.counting import count

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def record(
    output: Stacks,
    pid: Pid = None,
    port: Port = None,
    name: Named = None,
    seconds: Seconds = 10.0,
    rate: Rate = 100.0,
    form: Formed = None,
    redact: Redacted = False,
    quiet: Quiet = False,
) -> None:
    """Write the stacks of one live service to a file: a flame graph, or a form that other tools read.

    Of an event loop the graph shows what its tasks do: requests by route, below each task what it awaits, above it
    who awaits it. Ctrl-C ends the look early and writes what was seen. Reads only, never stops the service.
    """
    one_target(pid, port, name)
    chosen = form_of(output, form)
    store.check(output)
    found = session.find(pid, port, name)
    looker = Looker(seconds, rate, quiet, Extras(asks_routes=True, is_profile=chosen is not Form.SPINREC))
    with deferred() as interrupts:
        recording = looker.look(found, interrupts)
        if not recording.looks:
            raise DoctorError(f"no look at process {found} succeeded, so {output} was not written", "try again")
        recording = seen(recording, is_redacted=redact)
        tell_ending(recording.ended, found)
        write(recording, output, chosen)
    if not quiet:
        tell(f"{count(recording.looks, 'look')} in {recording.seconds:.1f} s; wrote {output} ({chosen.value})")
    if recording.is_interrupted:
        raise typer.Exit(ExitCode.INTERRUPTED)

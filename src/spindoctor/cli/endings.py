"""How a command ends: every failure becomes a sentence, a hint and an exit code here, and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from spindoctor import __version__
from spindoctor.cli.app import app
from spindoctor.cli.streams import tell
from spindoctor.errors import DoctorError, ExitCode


def run(arguments: Sequence[str]) -> int:
    """Runs a command line; its exit code. Usage errors are told by Typer, with exit code 2."""
    try:
        typer.main.get_command(app).main(list(arguments), prog_name="spindoctor")
    except SystemExit as end:
        return _code(end)
    except DoctorError as error:
        return failed(error, is_redacted="--redact" in arguments)
    except BrokenPipeError:  # what was to read a usage error has gone; reports and remarks see to that themselves
        return ExitCode.USAGE
    except KeyboardInterrupt:
        tell("interrupted")
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last place before the user
        return _apologise(error, arguments, show="--debug" in arguments)
    return ExitCode.NOTHING_FOUND


def failed(error: DoctorError, *, is_redacted: bool = False) -> ExitCode:
    """Tells a failure: what happened, and the one thing that helps."""
    tell(_without_commands(error) if is_redacted else error.problem)
    tell(f"try: {error.hint}", mark="  ")
    return error.exit_code


def _without_commands(error: DoctorError) -> str:
    """The problem with the command lines and names of processes as a redacted report has them."""
    from spindoctor.redact.hosts import redact_commands  # noqa: PLC0415 - needed by a failure alone

    problem = error.problem
    safe = redact_commands(error.commands)
    for shown in sorted(safe, key=len, reverse=True):
        problem = problem.replace(shown, safe[shown])
    return problem


def _code(end: SystemExit) -> int:
    if end.code is None:
        return ExitCode.NOTHING_FOUND
    return end.code if isinstance(end.code, int) else ExitCode.USAGE


def _apologise(error: Exception, arguments: Sequence[str], *, show: bool) -> ExitCode:
    import traceback  # noqa: PLC0415 - needed by a fault alone

    text = "".join(traceback.format_exception(error))
    if show:
        sys.stderr.write(text)
    tell("sorry, this is a fault in spindoctor itself; the service that it looked at is unharmed")
    if not show:
        tell(f"what happened is in {_kept(text, arguments)}; please report it", mark="  ")
    return ExitCode.OUR_BUG


def _kept(text: str, arguments: Sequence[str]) -> str:
    """Writes the crash down, readable by its owner only, and gives the file's path."""
    import tempfile  # noqa: PLC0415 - needed by a fault alone

    head = f"spindoctor {__version__}, Python {sys.version}\narguments: {list(arguments)}\n\n"
    with tempfile.NamedTemporaryFile(
        "w", prefix="spindoctor-crash-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as file:
        file.write(head + text)
    return file.name

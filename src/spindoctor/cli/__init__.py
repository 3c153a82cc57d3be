"""The command line: one file for each subcommand, loaded when it is called; the only room that prints or exits."""

from __future__ import annotations

import sys

from spindoctor import __version__

INTERRUPTED = 130
"""`ExitCode.INTERRUPTED`, before it can be imported."""


def main() -> None:
    """The `spindoctor` command. Always exits, with one of `ExitCode`."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from spindoctor.probe.compiled import name  # noqa: PLC0415 - as below

        sys.stdout.write(f"spindoctor {__version__} (engine: {name()})\n")
        sys.exit(0)
    try:
        from spindoctor.cli.endings import run  # noqa: PLC0415 - what a version costs is the interpreter's start alone

        code = run(arguments)
    except KeyboardInterrupt:  # while our own modules are loaded: there is nothing yet to write or to end
        code = INTERRUPTED
    sys.exit(code)

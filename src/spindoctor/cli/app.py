"""The root command: its options, and its subcommands by name, each imported only when it is called.

Typer's own styling of help needs rich, which takes longer to import than everything else: it stays off.
"""

from __future__ import annotations

import difflib
import importlib
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from spindoctor import __version__
from spindoctor.errors import ExitCode

COMMANDS = {
    "diagnose": "Look at one live service and say why it burns CPU or is slow.",
    "dump": "Show what all threads and tasks are doing: stacks, true states, who awaits whom.",
    "top": "Show a live service in the terminal: processes, threads, functions, tasks, routes.",
    "record": "Write the stacks of one live service to a file: a flame graph, or a form that other tools read.",
    "export": "Write the stacks of a saved recording to a file, in every form that `record` knows, without the target.",
    "replay": "Give the report of a saved recording again, without the target.",
    "bundle": "Make one redacted file to share of a saved recording: the recording and its reports.",
    "explain": "Say what a mechanism is, why it hurts and what to do about it.",
    "lab": "List sick services to try the doctor on; `lab run CASE` starts one.",
    "completion": "Print the completion script of a shell.",
}


class Commands(TyperGroup):
    """Knows the subcommands by name and first line of help; imports the one that is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - Typer's context has moved between packages
        """The names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 - as above
        """The command of this name, None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"spindoctor.cli.{cmd_name}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return _plain(command)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - as above
        """The command that the arguments begin with; of one that there is none of, which one may be meant."""
        name = args[0]
        alike = difflib.get_close_matches(name, COMMANDS, n=1)
        if name.isdecimal():
            ctx.fail(f"which command? For process {name}: spindoctor diagnose {name}")
        if name not in COMMANDS and alike:
            ctx.fail(f"there is no command {name}; did you mean {alike[0]}?")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as above
        """Runs the command. An interrupt ends with our own code: older Typers make it 1, which is "found"."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(ExitCode.INTERRUPTED) from None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - as above
        """Writes the list of commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _plain(command: Any) -> Any:  # noqa: ANN401 - as above
    """The command, whose help names arguments by what they are, not by their Python type as newer Typers do."""
    for one in [command, *getattr(command, "commands", {}).values()]:
        for parameter in one.params:
            if parameter.param_type_name == "argument":
                parameter.display_type_rich = lambda ctx: ""  # noqa: ARG005 - as Typer calls it
    return command


app = typer.Typer(
    name="spindoctor",
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from spindoctor.probe.compiled import name  # noqa: PLC0415 - help needs none of it

        typer.echo(f"spindoctor {__version__} (engine: {name()})")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - acts through its callback
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and the engine, and exit."
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the services as JSON (docs/json.md); commands have their own --json.")
    ] = False,
    redact: Annotated[
        bool, typer.Option("--redact", help="Hide users, paths, names and arguments; commands have their own --redact.")
    ] = False,
    debug: Annotated[  # noqa: ARG001 - read where the command line ends, which may be before this is called
        bool, typer.Option("--debug", help="Show the traceback of a fault in spindoctor itself.")
    ] = False,
) -> None:
    """Say within seconds why a live Python service burns a core or answers slowly, without touching it.

    Without a command: the Python services of this machine by the CPU they use.
    """
    if context.invoked_subcommand is None:
        importlib.import_module("spindoctor.cli.survey").survey(as_json=as_json, is_redacted=redact)
    elif as_json or redact:
        option = "--json" if as_json else "--redact"
        context.fail(f"{option} goes behind the command: spindoctor {context.invoked_subcommand} {option}")

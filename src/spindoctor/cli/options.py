"""Options that several commands have in common, and what they ask for."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from spindoctor import session, store
from spindoctor.cli.streams import Color
from spindoctor.errors import DoctorError, ExitCode

Word = TypeVar("Word", bound=StrEnum)


class FailOn(StrEnum):
    """The least severity that makes the exit code 1."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"
    NEVER = "never"


def number_between(least: float, most: float, unit: str) -> Callable[[str | float], float]:
    """What reads a number from the command line; a usage error says in words which numbers are taken."""

    def read(text: str | float) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise typer.BadParameter(f"{text} is not from {least:g} to {most:,.0f} {unit}")
        return value

    return read


def whole_between(least: int, most: int, what: str) -> Callable[[str | int], int]:
    """What reads a whole number from the command line; a usage error says in words what is taken."""

    def read(text: str | int) -> int:
        if not str(text).isdecimal() or not least <= int(text) <= most:
            raise typer.BadParameter(f"{text} is no {what}, which is a number from {least} to {most}")
        return int(text)

    return read


def word_of(kind: type[Word]) -> Callable[[str], Word]:
    """What reads one of a few words from the command line; a usage error names them."""

    def read(text: str) -> Word:
        try:
            return kind(text.lower())
        except ValueError:
            words = [str(one) for one in kind]
            raise typer.BadParameter(f"{text} is none of {', '.join(words[:-1])} and {words[-1]}") from None

    return read


def words_of(kind: type[Word]) -> str:
    """The words as the help shows them."""
    return "|".join(kind)


def offered(kind: type[StrEnum]) -> Callable[[], list[str]]:
    """What offers the words to the shell."""
    return lambda: list(kind)


def unknown(what: str, name: str, known: Iterable[str], command: str, listing: str) -> DoctorError:
    """The usage error for a name that is none of those known, with the one that may be meant."""
    alike = difflib.get_close_matches(name.lower(), sorted(known), n=1)
    hint = f"{command} {alike[0]}" if alike else f"{listing}, for a list"
    return DoctorError(f"there is no {what} called {name!r}", hint, ExitCode.USAGE)


def pids(incomplete: str) -> list[tuple[str, str]]:
    """The processes that can be meant, with their programs, for the shell to offer."""
    return [(str(pid), name) for pid, name in session.running().items() if str(pid).startswith(incomplete)]


Seconds = Annotated[
    float, typer.Option(parser=number_between(0.1, 3600, "seconds"), metavar="N", help="How long to look.")
]
Rate = Annotated[
    float, typer.Option(parser=number_between(1, 1000, "looks a second"), metavar="N", help="Looks a second.")
]
Pid = Annotated[
    int | None,
    typer.Argument(
        metavar="PID",
        parser=whole_between(1, 2**22, "process id"),
        autocompletion=pids,
        show_default=False,
        help="The process. Without: the busiest service.",
    ),
]
"""Linux gives no higher ones (PID_MAX_LIMIT in include/linux/threads.h)."""
Port = Annotated[
    int | None,
    typer.Option(
        metavar="N", parser=whole_between(1, 65535, "TCP port"), help="The service that listens on this TCP port."
    ),
]
Named = Annotated[str | None, typer.Option(metavar="PATTERN", help="The service whose command line has PATTERN in it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON (docs/json.md).")]
AsMarkdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown.")]


def writable(text: str | Path) -> Path:
    """A file to write to; `-` is what it is elsewhere, standard output."""
    return Path("/dev/stdout") if str(text) == "-" else named(text)


def named(text: str | Path) -> Path:
    """A file that has a name; raises a usage error for an empty one."""
    if not str(text):
        raise typer.BadParameter("an empty name is no file")
    return Path(text)


def check_outputs(*outputs: Path | None, sources: Iterable[Path | None] = ()) -> None:
    """Raises a usage error where one would be written over another or over a source, and where one cannot be written.

    Pipes and terminals may be given twice.
    """
    given = [one for one in outputs if one]
    files = [one.resolve() for one in given if os.path.isfile(one) or not os.path.exists(one)]  # noqa: PTH110, PTH113 - Path's raise where a folder may not be entered
    taken = [*files, *{one.resolve() for one in sources if one}]
    twice = next((one for one in files if taken.count(one) > 1), None)
    if twice:
        raise typer.BadParameter(f"{twice} is named twice: one would be written over the other")
    for one in given:
        store.check(one)


Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", parser=writable, help="Write the report to FILE instead of stdout."),
]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html", metavar="FILE", parser=writable, help="Write the report as one page for a browser to FILE, too."
    ),
]
Redacted = Annotated[
    bool,
    typer.Option(
        "--redact",
        help="Hide paths outside the service, users, hosts, texts in the source, and words of commands and request "
        "paths that are no names in its code.",
    ),
]
Fail = Annotated[
    FailOn,
    typer.Option(
        "--fail-on",
        metavar=words_of(FailOn),
        parser=word_of(FailOn),
        autocompletion=offered(FailOn),
        help="Exit with 1 for findings at least this severe.",
    ),
]
Full = Annotated[bool, typer.Option("--full", help="Leave nothing out: every figure, and what cleared each mechanism.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no remarks on stderr.")]
Colored = Annotated[
    Color,
    typer.Option(
        "--color",
        metavar=words_of(Color),
        parser=word_of(Color),
        autocompletion=offered(Color),
        help="Style the report; auto: only on a terminal.",
    ),
]


@dataclass(frozen=True, slots=True)
class Delivery:
    """In which form a report goes where."""

    as_json: bool
    as_markdown: bool
    output: Path | None
    fail_on: FailOn
    color: Color
    html: Path | None = None
    is_full: bool = False

    def __post_init__(self) -> None:
        """A report has one form. Raises a usage error for two."""
        if self.as_json and self.as_markdown:
            raise typer.BadParameter("--json and --markdown exclude each other")


def one_target(*choices: object) -> None:
    """Raises a usage error where a target is named in more than one way, or by a name that is everybody's."""
    if "" in choices:
        raise typer.BadParameter("an empty --name fits every process")
    if sum(choice is not None for choice in choices) > 1:
        raise typer.BadParameter("PID, --port and --name exclude each other")

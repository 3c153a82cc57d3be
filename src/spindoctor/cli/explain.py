"""`spindoctor explain`: what a mechanism is."""

from __future__ import annotations

import difflib
from typing import Annotated

import typer

from spindoctor.cli.streams import put
from spindoctor.errors import DoctorError, ExitCode
from spindoctor.model.rule import Rule
from spindoctor.rules import ALL_RULES

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def _slugs() -> list[str]:
    return [rule.slug for rule in ALL_RULES]


@app.command()
def explain(
    slug: Annotated[
        str | None,
        typer.Argument(
            metavar="SLUG", autocompletion=_slugs, show_default=False, help="The mechanism. Without: a list of all."
        ),
    ] = None,
) -> None:
    """Say what a mechanism is, why it hurts and what to do about it."""
    put(_list() if slug is None else _page(_rule(slug)))


def _list() -> str:
    widest = max(map(len, _slugs()), default=0)
    return "".join(f"{rule.slug:<{widest}}  {rule.title}\n" for rule in ALL_RULES)


def _page(rule: Rule) -> str:
    return f"# {rule.title} ({rule.slug})\n\n{rule.page.strip()}\n"


def _rule(slug: str) -> Rule:
    for rule in ALL_RULES:
        if rule.slug == slug.strip().lower():
            return rule
    alike = difflib.get_close_matches(slug.lower(), _slugs(), n=1)
    hint = f"spindoctor explain {alike[0]}" if alike else "spindoctor explain, for a list"
    raise DoctorError(f"there is no mechanism called {slug!r}", hint, ExitCode.USAGE)

"""`spindoctor explain`: what a mechanism is."""

from __future__ import annotations

import itertools
from typing import Annotated

import typer

from spindoctor.cli.options import unknown
from spindoctor.cli.streams import put, width
from spindoctor.model.rule import Rule
from spindoctor.report.page import Page
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
    page = Page(width(), color=False)
    page.columns([(rule.slug, rule.title) for rule in ALL_RULES], indent=0)
    return page.text


def _page(rule: Rule) -> str:
    """The page of a mechanism, whose paragraphs are wrapped anew for the terminal."""
    page = Page(width(), color=False)
    page.say(f"# {rule.title} ({rule.slug})", hang=2)
    page.blank()
    for kind, lines in itertools.groupby(rule.page.strip().splitlines(), _kind):
        if kind == "text":
            page.say(" ".join(lines))
        else:
            for line in lines:
                page.say(line.strip(), hang=2) if line.strip() else page.blank()
    return page.text


def _kind(line: str) -> str:
    """Whether a line is text that goes on in the next one."""
    return "line" if not line.strip() or line.startswith(("#", "- ")) else "text"


def _rule(slug: str) -> Rule:
    for rule in ALL_RULES:
        if rule.slug == slug.strip().lower():
            return rule
    raise unknown("mechanism", slug, _slugs(), "spindoctor explain", "spindoctor explain")

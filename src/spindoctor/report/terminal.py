"""The report for a person at a terminal: what was found, what it is not, what was not checked."""

from __future__ import annotations

from collections.abc import Sequence

from spindoctor.model.outcome import Report
from spindoctor.report.finding import EVERYTHING, STYLES, Findings
from spindoctor.report.page import Page
from spindoctor.report.phrases import (
    cleared_rules,
    headline,
    look_words,
    machine_words,
    nothing_found,
    process_words,
    ranked,
    unchecked,
    whole_core,
)
from spindoctor.report.words import Item, bounded, sentence

MOST_PROCESSES = 8
"""Process lines on the screen; a service with more workers shows its busiest."""

MOST_FINDINGS = 6
"""Findings on the screen; they are ranked, and nobody mends seven things at once."""

MOST_LINES = 16
"""Lines of `Cleared` and of `Not checked` on the screen."""

CLEARED_HINT = "(--full says what was looked at, `spindoctor explain SLUG` what each is)"


def render(report: Report, *, width: int = 80, color: bool = False, is_full: bool = False) -> str:
    """The report as text for `width` columns, with ANSI styles only where `color`; nothing is cut with `is_full`."""
    page = Page(width, color=color)
    _show_head(page, report, is_full=is_full)
    _show_found(page, report, is_full=is_full)
    _show_cleared(page, report, is_full=is_full)
    _show_unchecked(page, report, is_full=is_full)
    _show_look(page, report)
    return page.text


def _show_head(page: Page, report: Report, *, is_full: bool) -> None:
    findings = ranked(report)
    page.say(headline(report), style=STYLES[findings[0][1].severity] if findings else "bold")
    page.blank()
    if words := whole_core(report):
        page.say(words, style="bold", indent=2)
    busiest = sorted(report.processes, key=lambda one: one.cores, reverse=True)
    shown, rest = _cut(busiest, MOST_PROCESSES, is_full=is_full)
    page.columns([process_words(line, report.machine) for line in shown])
    if rest:
        page.say(rest, indent=2)
    page.say(f"machine: {machine_words(report.machine)}", style="dim", indent=2, hang=2)
    for note in report.notes:
        page.say(f"note: {sentence(note)}", indent=2, hang=2)


def _show_found(page: Page, report: Report, *, is_full: bool) -> None:
    page.heading("Found")
    findings = ranked(report)
    if not findings:
        page.say(nothing_found(report), indent=2)
    shown, rest = _cut(findings, MOST_FINDINGS, is_full=is_full)
    writer = Findings(page, report, is_full=is_full)
    for position, (slug, finding) in enumerate(shown, 1):
        writer.show(position, slug, finding)
    if rest:
        page.say(rest, indent=2)


def _show_cleared(page: Page, report: Report, *, is_full: bool) -> None:
    """The usual suspects with what clears each. Of mechanisms the names, unless that they are cleared is the report."""
    page.heading("Cleared")
    suspects = [f"{sentence(one.suspect)}: {sentence(one.figure)}" for one in report.cleared]
    rules = cleared_rules(report)
    is_told = is_full or not ranked(report)
    if is_told:
        suspects += [f"no sign of {slug}: {sentence(looked_at)}" for slug, looked_at in rules]
    if suspects or not rules:
        _show_list(page, suspects, "Nothing could be ruled out.", is_full=is_full)
    if rules and not is_told:
        words = f"No sign of {', '.join(slug for slug, _ in rules)}."
        page.say(words, indent=2, hang=2)
        page.say(CLEARED_HINT, style="dim", indent=2, hang=2)


def _show_unchecked(page: Page, report: Report, *, is_full: bool) -> None:
    page.heading("Not checked")
    reasons = [f"{slug}: {sentence(why)}" for slug, why in unchecked(report)]
    _show_list(page, reasons, "Nothing was left out.", is_full=is_full)
    for question, answer in report.questions:
        page.say(f"{sentence(question)} {sentence(answer)}", indent=2, hang=2)


def _show_list(page: Page, lines: list[str], otherwise: str, *, is_full: bool) -> None:
    shown, rest = _cut(lines or [otherwise], MOST_LINES, is_full=is_full)
    for line in [*shown, *filter(None, [rest])]:
        page.say(line, indent=2, hang=2)


def _cut(items: Sequence[Item], limit: int, *, is_full: bool) -> tuple[Sequence[Item], str]:
    return bounded(items, EVERYTHING if is_full else limit, "--full")


def _show_look(page: Page, report: Report) -> None:
    page.blank()
    for line in look_words(report.look):
        page.say(line, style="dim", hang=2)

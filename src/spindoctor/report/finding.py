"""One finding on a terminal page: claim, place, evidence for and against, what to do."""

from __future__ import annotations

from rich.text import Text

from spindoctor.model.outcome import Culprit, Figure, Finding, Report, Severity, Upstream
from spindoctor.report.page import MARGIN, Page
from spindoctor.report.phrases import cost_words, place, title, whereabouts
from spindoctor.report.sources import CHANGED, numbered
from spindoctor.report.words import bounded, figure, sentence

STYLES: dict[Severity, str] = {"critical": "bold red", "warning": "bold yellow", "info": "bold cyan"}

MOST_FIGURES = 10
"""Evidence lines on the screen: more than these push the advice off a small terminal."""

MOST_PLACES = 4
"""Further culprits and candidates on the screen."""


def show_finding(page: Page, report: Report, position: int, slug: str, finding: Finding) -> None:
    """Writes one finding; every part that it does not have is left out."""
    _show_claim(page, report, position, slug, finding)
    _show_culprit(page, report, finding.culprit)
    _show_others(page, finding)
    page.blank()
    _show_evidence(page, finding)
    page.bullets("known bug", map(upstream_words, finding.upstream))
    page.blank()
    page.bullets("do now", [sentence(step) for step in finding.now])
    page.bullets("change", [sentence(step) for step in finding.fix])
    if finding.would_change:
        page.field("wrong if", sentence(finding.would_change))


def _show_claim(page: Page, report: Report, position: int, slug: str, finding: Finding) -> None:
    style = STYLES[finding.severity]
    page.blank()
    page.say(Text.assemble((f"{position}. {title(report, slug)}", style), f"  [{slug}]"), hang=MARGIN)
    page.say(sentence(finding.claim), indent=MARGIN)
    costs = cost_words(finding.cost)
    weight = f"{finding.severity}, {finding.confidence} confidence" + (f"; costs {costs}" if costs else "")
    page.say(weight, style=style.removeprefix("bold "), indent=MARGIN)
    if finding.explains:
        page.field("explains", sentence(finding.explains))


def _show_culprit(page: Page, report: Report, culprit: Culprit) -> None:
    window = report.source(culprit.file, culprit.line)
    where = place(culprit)
    if where:
        page.field("where", where, style="bold")
    if window:
        if window.is_changed_since_start:
            page.field("", CHANGED, style="yellow")
        page.code(numbered(window))
    if whereabouts(culprit):
        page.field("" if where else "where", whereabouts(culprit))
    if culprit.library_frame:
        page.field("through", sentence(culprit.library_frame))
    if culprit.note:
        page.field("note", sentence(culprit.note))


def _show_others(page: Page, finding: Finding) -> None:
    others, rest = bounded(finding.culprits, MOST_PLACES)
    lines = [" -- ".join(filter(None, (place(one), whereabouts(one), sentence(one.note or "")))) for one in others]
    page.bullets("also", [*lines, *filter(None, [rest])])
    candidates, rest = bounded(finding.other_candidates, MOST_PLACES)
    shapes = [f"{place(one)}: {sentence(one.shape)}" for one in candidates]
    page.bullets("candidates", [*shapes, *filter(None, [rest])])


def _show_evidence(page: Page, finding: Finding) -> None:
    figures, rest = bounded(finding.evidence, MOST_FIGURES)
    page.bullets("evidence", [*map(figure_words, figures), *filter(None, [rest])])
    page.bullets("against", [sentence(one) for one in finding.against])


def figure_words(one: Figure) -> str:
    """A measured figure: what it says, its value, and where it was read."""
    return f"{sentence(one.claim)}: {figure(one.value, one.unit)} (from {sentence(one.source)})"


def upstream_words(one: Upstream) -> str:
    """A known bug of an installed package: versions, link, and what is particular about it."""
    note = f" ({sentence(one.note)})" if one.note else ""
    versions = f"{sentence(one.package)} {sentence(one.installed)} is affected, fixed in {sentence(one.fixed_in)}"
    return f"{versions}: {sentence(one.url)}{note}"

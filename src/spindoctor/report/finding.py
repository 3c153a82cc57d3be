"""One finding on a terminal page: claim, place, evidence for and against, what to do."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from spindoctor.model.outcome import Culprit, Figure, Finding, Report, Severity, Upstream
from spindoctor.model.recording import SourceWindow
from spindoctor.report.page import MARGIN, Page
from spindoctor.report.phrases import cost_words, other_words, place, title, whereabouts
from spindoctor.report.sources import CHANGED, numbered
from spindoctor.report.words import Item, bounded, figure, sentence

STYLES: dict[Severity, str] = {"critical": "bold red", "warning": "bold yellow", "info": "bold cyan"}

MOST_FIGURES = 10
"""Evidence lines on the screen: more than these push the advice off a small terminal."""

MOST_PLACES = 4
"""Further culprits and candidates on the screen."""


EVERYTHING = 1 << 30
"""More than any list has."""


class Findings:
    """Writes findings on a page, one after the other; every part that one does not have is left out.

    With `is_full` no list is cut. Source that stands above already is not shown again.
    """

    def __init__(self, page: Page, report: Report, *, is_full: bool) -> None:
        """Nothing is written yet."""
        self._page = page
        self._report = report
        self._is_full = is_full
        self._shown: set[SourceWindow] = set()

    def show(self, position: int, slug: str, finding: Finding) -> None:
        """Write the next one."""
        page = self._page
        self._claim(position, slug, finding)
        self._culprit(finding.culprit)
        self._others(finding)
        page.blank()
        self._evidence(finding)
        page.bullets("known bug", map(upstream_words, finding.upstream))
        page.blank()
        page.bullets("do now", [sentence(step) for step in finding.now])
        page.bullets("change", [sentence(step) for step in finding.fix])
        if finding.would_change:
            page.field("wrong if", sentence(finding.would_change))

    def _claim(self, position: int, slug: str, finding: Finding) -> None:
        page, style = self._page, STYLES[finding.severity]
        page.blank()
        page.say(Text.assemble((f"{position}. {title(self._report, slug)}", style), f"  [{slug}]"), hang=MARGIN)
        page.say(sentence(finding.claim), indent=MARGIN)
        costs = cost_words(finding.cost)
        weight = f"{finding.severity}, {finding.confidence} confidence" + (f"; costs {costs}" if costs else "")
        page.say(weight, style=style.removeprefix("bold "), indent=MARGIN)
        if finding.explains:
            page.field("explains", sentence(finding.explains))

    def _culprit(self, culprit: Culprit) -> None:
        page, where = self._page, place(culprit)
        if where:
            page.field("where", where, style="bold")
        self._source(culprit)
        if whereabouts(culprit):
            page.field("" if where else "where", whereabouts(culprit))
        if culprit.library_frame:
            page.field("through", sentence(culprit.library_frame))
        if culprit.note:
            page.field("note", sentence(culprit.note))

    def _source(self, culprit: Culprit) -> None:
        window = self._report.source(culprit.file, culprit.line)
        if window is None:
            return
        if window in self._shown:
            self._page.field("", "(these lines stand above)", style="dim")
            return
        self._shown.add(window)
        if window.is_changed_since_start:
            self._page.field("", CHANGED, style="yellow")
        self._page.code(numbered(window))

    def _others(self, finding: Finding) -> None:
        others, rest = self._cut(finding.culprits, MOST_PLACES)
        lines = [other_words(one, finding.culprit) for one in others]
        self._page.bullets("also", [*lines, *filter(None, [rest])])
        candidates, rest = self._cut(finding.other_candidates, MOST_PLACES)
        shapes = [f"{place(one)}: {sentence(one.shape)}" for one in candidates]
        self._page.bullets("candidates", [*shapes, *filter(None, [rest])])

    def _evidence(self, finding: Finding) -> None:
        figures, rest = self._cut(finding.evidence, MOST_FIGURES)
        self._page.bullets("evidence", [*map(figure_words, figures), *filter(None, [rest])])
        self._page.bullets("against", [sentence(one) for one in finding.against])

    def _cut(self, items: Sequence[Item], limit: int) -> tuple[Sequence[Item], str]:
        return bounded(items, EVERYTHING if self._is_full else limit, "--full")


def figure_words(one: Figure) -> str:
    """A measured figure: what it says, its value, and where it was read."""
    return f"{sentence(one.claim)}: {figure(one.value, one.unit)} (from {sentence(one.source)})"


def upstream_words(one: Upstream) -> str:
    """A known bug of an installed package: versions, link, and what is particular about it."""
    note = f" ({sentence(one.note)})" if one.note else ""
    versions = f"{sentence(one.package)} {sentence(one.installed)} is affected, fixed in {sentence(one.fixed_in)}"
    return f"{versions}: {sentence(one.url)}{note}"

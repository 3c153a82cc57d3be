"""The report as Markdown, for a ticket or a chat: the same order and the same words as on the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from spindoctor.model.outcome import Culprit, Finding, Report
from spindoctor.model.recording import SourceWindow
from spindoctor.report.finding import figure_words, upstream_words
from spindoctor.report.phrases import (
    cleared_rules,
    cost_words,
    headline,
    look_words,
    machine_words,
    nothing_found,
    other_words,
    place,
    process_words,
    ranked,
    title,
    unchecked,
    whereabouts,
    whole_core,
)
from spindoctor.report.sources import CHANGED, numbered
from spindoctor.report.words import sentence

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")


def render(report: Report) -> str:
    """The whole report, nothing left out; text from the target cannot become markup (CommonMark 0.31, 2.4)."""
    blocks = [
        f"# {_plain(headline(report))}",
        *_head(report),
        "## Found",
        *(_found(report) or [nothing_found(report)]),
        "## Cleared",
        _bullets(
            [
                *(f"{_plain(one.suspect)}: {_plain(one.figure)}" for one in report.cleared),
                *(f"no sign of `{slug}`: {_plain(looked_at)}" for slug, looked_at in cleared_rules(report)),
            ]
        )
        or "Nothing could be ruled out.",
        "## Not checked",
        _bullets(
            [
                *(f"`{slug}`: {_plain(why)}" for slug, why in unchecked(report)),
                *(f"{_plain(question)} {_plain(answer)}" for question, answer in report.questions),
            ]
        )
        or "Nothing was left out.",
        "---",
        _bullets(map(_plain, look_words(report.look))),
    ]
    return "\n\n".join(blocks) + "\n"


def _head(report: Report) -> list[str]:
    busiest = sorted(report.processes, key=lambda one: one.cores, reverse=True)
    rows = [process_words(line, report.machine) for line in busiest]
    blocks = [
        f"**{_plain(whole_core(report))}**" if whole_core(report) else "",
        _table(("process", "role", "CPU", "busiest thread"), rows) if rows else "",
        f"Machine: {_plain(machine_words(report.machine))}",
        _bullets(map(_plain, report.notes)),
    ]
    return [block for block in blocks if block]


def _found(report: Report) -> list[str]:
    shown: set[SourceWindow] = set()
    return [
        block
        for position, (slug, finding) in enumerate(ranked(report), 1)
        for block in (f"### {position}. {_plain(title(report, slug))} (`{slug}`)", *_finding(report, finding, shown))
    ]


def _finding(report: Report, finding: Finding, shown: set[SourceWindow]) -> list[str]:
    costs = cost_words(finding.cost)
    blocks = [
        _plain(finding.claim),
        f"**{finding.severity}**, {finding.confidence} confidence" + (f"; costs {_plain(costs)}" if costs else ""),
        _labelled("Explains", [finding.explains]),
        _where(finding.culprit),
        _source(report, finding.culprit, shown),
        _labelled("Also", [other_words(one, finding.culprit) for one in finding.culprits]),
        _labelled("Candidates", [f"{place(one)}: {one.shape}" for one in finding.other_candidates]),
        _labelled("Evidence", map(figure_words, finding.evidence)),
        _labelled("Against", finding.against),
        _labelled("Known bug", map(upstream_words, finding.upstream)),
        _labelled("Do now", finding.now),
        _labelled("Change", finding.fix),
        _labelled("Wrong if", [finding.would_change]),
    ]
    return [block for block in blocks if block]


def _where(culprit: Culprit) -> str:
    parts = (place(culprit), whereabouts(culprit), culprit.library_frame, culprit.note)
    return _labelled("Where", [part for part in parts if part])


def _source(report: Report, culprit: Culprit, shown: set[SourceWindow]) -> str:
    """The lines around a culprit; once, whatever number of findings blame it."""
    window = report.source(culprit.file, culprit.line)
    if window is None or window in shown:
        return ""
    shown.add(window)
    code = "\n".join(f"    {line}" for line, _ in numbered(window))
    return f"{_plain(CHANGED)}\n\n{code}" if window.is_changed_since_start else code


def _labelled(label: str, items: Iterable[str]) -> str:
    words = [_plain(item) for item in items if item]
    if not words:
        return ""
    return f"**{label}:** {words[0]}" if len(words) == 1 else f"**{label}:**\n\n{_bullets(words)}"


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", sentence(text))

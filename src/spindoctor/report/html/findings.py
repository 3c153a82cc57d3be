"""Verdict, evidence and advice of the page."""

from __future__ import annotations

from spindoctor.model.outcome import Culprit, Finding, Report, Upstream
from spindoctor.model.recording import SourceWindow
from spindoctor.report.html.markup import Content, Markup, element, link, listed, table
from spindoctor.report.phrases import (
    command_words,
    cost_words,
    nothing_found,
    other_words,
    place,
    ranked,
    title,
    verdict,
    whereabouts,
    whole_core,
)
from spindoctor.report.sources import CHANGED, numbered
from spindoctor.report.words import figure, moment, seconds, sentence


def summary(report: Report) -> Markup:
    """The answer for those who read no further: verdict, whom it concerns, what is wrong and what it costs."""
    findings = ranked(report)
    worst = findings[0][1].severity if findings else "fine"
    process = report.target.process(report.target.hot)
    look = report.look
    facts = [
        f"pid {report.target.hot}",
        command_words(process.command) if process else "unknown command",
        f"Python {process.python}" if process and process.python else "unknown Python",
        f"looked at for {seconds(look.seconds)}" + (f" from {moment(look.started_at)}" if look.started_at else ""),
    ]
    return element(
        "header",
        element("h1", verdict(report)),
        element("p", ", ".join(facts), class_="facts"),
        element("p", whole_core(report), class_="core") if whole_core(report) else None,
        element("ol", *(_short(report, n, *one) for n, one in enumerate(findings, 1)), class_="short")
        if findings
        else element("p", nothing_found(report)),
        class_=f"verdict {worst}",
    )


def _short(report: Report, number: int, slug: str, finding: Finding) -> Markup:
    costs = cost_words(finding.cost)
    return element(
        "li",
        element("a", title(report, slug), href=f"#finding-{number}"),
        _badge(finding),
        element("span", f"costs {costs}", class_="cost") if costs else None,
        element("p", sentence(finding.explains), class_="explains") if finding.explains else None,
    )


def _badge(finding: Finding) -> Markup:
    return element("span", finding.severity, class_=f"badge {finding.severity}")


def evidence(report: Report) -> Markup | None:
    """All findings with their figures, what speaks against them, and the lines they blame."""
    findings = ranked(report)
    if not findings:
        return None
    seen: set[SourceWindow] = set()
    shown = [_finding(report, number, *one, seen) for number, one in enumerate(findings, 1)]
    return element("section", element("h2", "Evidence"), *shown, class_="evidence")


def _finding(report: Report, number: int, slug: str, finding: Finding, seen: set[SourceWindow]) -> Markup:
    heading = element("h3", f"{number}. {title(report, slug)} ", _badge(finding), id=f"finding-{number}")
    rows = [(sentence(one.claim), figure(one.value, one.unit), sentence(one.source)) for one in finding.evidence]
    return element(
        "article",
        heading,
        element("p", sentence(finding.claim), class_="claim"),
        element("p", _weight(slug, finding), class_="quiet"),
        _where(report, finding.culprit, seen),
        table(("what was measured", "figure", "read from"), rows, class_="figures"),
        _part("Also", [other_words(one, finding.culprit) for one in finding.culprits]),
        _part("Candidates, no proof", [f"{place(one)}: {sentence(one.shape)}" for one in finding.other_candidates]),
        _part("What speaks against it", [sentence(one) for one in finding.against]),
        _part("Known bug of what is installed", [_upstream(one) for one in finding.upstream]),
        _part("It would be wrong if one saw", [sentence(finding.would_change)] if finding.would_change else []),
        class_=finding.severity,
    )


def _weight(slug: str, finding: Finding) -> str:
    costs = cost_words(finding.cost)
    return f"{finding.confidence} confidence" + (f"; costs {costs}" if costs else "") + f"; mechanism: {slug}"


def _part(name: str, items: list[Content]) -> Markup | None:
    return element("div", element("h4", name), listed(items)) if items else None


def _where(report: Report, culprit: Culprit, seen: set[SourceWindow]) -> Markup | None:
    place_words, around = place(culprit), whereabouts(culprit)
    library = f"through {sentence(culprit.library_frame)}" if culprit.library_frame else ""
    lines = [one for one in (around, library, sentence(culprit.note or "")) if one]
    if not place_words and not lines:
        return None
    return element(
        "div",
        element("p", element("code", place_words), class_="place") if place_words else None,
        _source(report.source(culprit.file, culprit.line), seen),
        *(element("p", line, class_="quiet") for line in lines),
        class_="where",
    )


def _source(window: SourceWindow | None, seen: set[SourceWindow]) -> Markup | None:
    """The lines around a culprit; once, whatever number of findings blame it."""
    if window is None:
        return None
    if window in seen:
        return element("p", "Its lines stand above.", class_="quiet")
    seen.add(window)
    rows = [element("span", line or " ", class_="meant" if is_meant else None) for line, is_meant in numbered(window)]
    changed = element("p", CHANGED, class_="changed") if window.is_changed_since_start else None
    return element("div", changed, element("pre", *rows))


def _upstream(one: Upstream) -> Content:
    note = f" ({sentence(one.note)})" if one.note else ""
    words = f"{sentence(one.package)} {sentence(one.installed)} is affected, fixed in {sentence(one.fixed_in)}: "
    return [words, link(one.url), note]


def advice(report: Report) -> Markup | None:
    """What to do, in the order of the findings: first what is safe now, then what to change."""
    findings = ranked(report)
    blocks = [
        element("div", element("h3", f"{number}. {title(report, slug)}"), _steps(finding), class_="steps")
        for number, (slug, finding) in enumerate(findings, 1)
        if finding.now or finding.fix
    ]
    return element("section", element("h2", "What to do"), *blocks, class_="advice") if blocks else None


def _steps(finding: Finding) -> Content:
    now, fix = listed(map(sentence, finding.now)), listed(map(sentence, finding.fix))
    return [
        element("h4", "Now") if now else None,
        now,
        element("h4", "Change") if fix else None,
        fix,
    ]

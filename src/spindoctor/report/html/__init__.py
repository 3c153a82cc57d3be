"""The report as one page for a browser: verdict, the pictures that prove it, evidence, cleared, what to do, appendix.

Everything is in the page: nothing is fetched (its policy forbids it), and text from the target is escaped by
construction. Only the flame graph needs the page's script; all else is plain HTML that prints.
"""

from __future__ import annotations

from importlib import resources

from spindoctor.model.outcome import Report
from spindoctor.model.pictures import Pictures
from spindoctor.report import flame
from spindoctor.report.html.appendix import appendix, cleared, unchecked_part
from spindoctor.report.html.findings import advice, evidence, summary
from spindoctor.report.html.markup import Markup, element, join
from spindoctor.report.html.pictures import show_pictures
from spindoctor.report.phrases import headline


def render(report: Report, pictures: Pictures) -> str:
    """The whole page."""
    has_flame = pictures.cut is not None
    style = _text("page.css") + (flame.style() if has_flame else "")
    head = element(
        "head",
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{flame.POLICY}">'),
        Markup(f'<meta name="color-scheme" content="light dark"><link rel="icon" href="{flame.ICON}">'),
        element("title", f"{headline(report)} - spindoctor"),
        Markup(f"<style>{style}</style>"),
    )
    main = element(
        "main",
        show_pictures(report, pictures),
        evidence(report),
        cleared(report),
        unchecked_part(report),
        advice(report),
        appendix(report),
    )
    script = Markup(f"<script>{flame.script()}</script>") if has_flame else None
    page = element("html", head, element("body", summary(report), main, script), lang="en")
    return join([Markup("<!DOCTYPE html>\n"), page, Markup("\n")])


def _text(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")

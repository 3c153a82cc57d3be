"""The page's pictures: a timeline of threads, the flame graph of the culprit, and who waits for whom."""

from __future__ import annotations

from collections.abc import Iterable

from spindoctor.model.counting import count
from spindoctor.model.outcome import Report
from spindoctor.model.pictures import Band, Cut, Pictures, Shares, Timeline, Waiting, Waits
from spindoctor.model.profile import State
from spindoctor.report import flame
from spindoctor.report.html.markup import Markup, element
from spindoctor.report.words import percent, seconds, sentence

LEGEND: tuple[tuple[State, str], ...] = (
    ("python", "runs Python (has the GIL)"),
    ("native", "runs without the GIL"),
    ("gil", "waits for the GIL"),
    ("ready", "ready, but not running"),
    ("call", "waits in a call"),
    ("idle", "idle"),
)
"""The states that a thread's band can show, as a manager reads them."""

HIGH = 100
"""Units from the foot of a band to its head."""


def show_pictures(report: Report, pictures: Pictures) -> Markup | None:
    """The section, without pictures that there is nothing to draw for."""
    del report
    shown = [
        _timeline(pictures.timeline) if pictures.timeline else None,
        _cut(pictures.cut) if pictures.cut else None,
        _waits(pictures.waits) if pictures.waits else None,
    ]
    return element("section", element("h2", "What was seen"), *shown, class_="pictures") if any(shown) else None


def _timeline(timeline: Timeline) -> Markup:
    present = {state for band in timeline.bands for state, _ in band.total}
    legend = [_key(state, words) for state, words in LEGEND if state in present]
    if any(not shares for band in timeline.bands for shares in band.columns):
        legend.append(_key("missed", "not looked at"))
    further = count(timeline.left_out, "further thread")
    rest = f"Not shown: {further}, idle or with less CPU than these." if timeline.left_out > 0 else ""
    return element(
        "figure",
        element("h3", "Each thread over time"),
        element("p", *legend, class_="legend"),
        *(_band(band) for band in timeline.bands),
        element("div", element("span", "0 s"), element("span", seconds(timeline.seconds)), class_="axis"),
        element("figcaption", rest) if rest else None,
        class_="timeline",
    )


def _key(state: str, words: str) -> Markup:
    return element("span", element("i", class_=f"box {state}"), words, class_="key")


def _band(band: Band) -> Markup:
    name = element("b", sentence(band.name) or "unnamed")
    total = dict(band.total)
    shares = [(state, f"{percent(total[state])} {words}") for state, words in LEGEND if state in total]
    told = "; ".join(words for _, words in shares)
    return element(
        "div",
        element("div", name, f" {_whose(band)}pid {band.pid}, {band.cores:.2f} cores", class_="name"),
        _picture(band.columns, f"{band.name}: {told}"),
        element("div", *(_key(*one) for one in shares), class_="told"),
        class_="band culprit" if band.is_culprit else "band",
    )


def _whose(band: Band) -> str:
    return f"{band.threads} threads of " if band.threads > 1 else ""


def _picture(columns: tuple[Shares, ...], told: str) -> Markup:
    """Columns of equal time; what they are made of stands one on the other. Runs of equal columns are one."""
    shapes = [shape for start, length, shares in _runs(columns) for shape in _column(start, length, shares)]
    return element(
        "svg",
        element("title", told),
        Markup("".join(shapes)),
        viewBox=f"0 0 {len(columns)} {HIGH}",
        preserveAspectRatio="none",
        role="img",
    )


def _runs(columns: tuple[Shares, ...]) -> Iterable[tuple[int, int, Shares]]:
    start = 0
    for place in range(1, len(columns) + 1):
        if place == len(columns) or columns[place] != columns[start]:
            yield start, place - start, columns[start]
            start = place


def _column(start: int, length: int, shares: Shares) -> Iterable[str]:
    foot = float(HIGH)
    for state, share in shares:
        high = share * HIGH
        foot -= high
        yield f'<rect class="{state}" x="{start}" y="{foot:.3g}" width="{length}" height="{high:.3g}"/>'


def _cut(cut: Cut) -> Markup:
    whose = f"thread {sentence(cut.thread)} of pid {cut.pid}"
    if cut.through is None:
        title = f"Where {whose} was"
        words = f"{count(cut.looks, 'look')} that did not find it idle."
    else:
        title = f"Through the culprit: {whose}"
        share = percent(cut.through / cut.looks) if cut.looks else "0 %"
        words = f"{share} of its looks that were not idle pass through the culprit ({cut.through:,} of {cut.looks:,})."
        if cut.outer:
            words += f" {count(cut.outer, 'outer frame')} that all of them share were cut off."
    states = sorted({spot.state for lane in cut.profile.lanes for spot in lane.spots})
    figure = Markup(flame.figure(cut.profile, group="", states=states))
    return element("figure", element("h3", title), element("p", words, class_="quiet"), figure, class_="flame")


def _waits(waits: Waits) -> Markup:
    rest = f"{count(waits.left_out, 'smaller group')} not shown." if waits.left_out else ""
    of = f"{waits.tasks:,} of " if waits.tasks < waits.pending else ""
    tasks = f"{of}{count(max(waits.tasks, waits.pending), 'task')} " if waits.tasks else ""
    words = f"{tasks}at {waits.at_s:.1f} s, the last time that was looked. {rest}"
    return element(
        "figure",
        element("h3", "Who waits for whom"),
        element("p", words.strip().capitalize(), class_="quiet"),
        element("ul", *map(_node, waits.roots), class_="waits"),
    )


def _node(node: Waiting) -> Markup:
    box = element(
        "div",
        element("span", f"{node.count:,} x" if node.kind in {"task", "thread"} else node.kind, class_="many"),
        element(
            "span",
            element("b", sentence(node.words)),
            element("span", sentence(node.route), class_="route") if node.route else None,
            element("code", sentence(node.place)) if node.place else None,
            element("em", "stands above, too: a circle") if node.is_circle else None,
        ),
        class_=f"node {node.kind}" + (" circle" if node.is_circle else ""),
    )
    return element("li", box, element("ul", *map(_node, node.then)) if node.then else None)

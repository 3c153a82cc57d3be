"""What was cleared, what was not checked, and how the look was made."""

from __future__ import annotations

from spindoctor.model.outcome import Report
from spindoctor.report.html.markup import Markup, element, listed, table
from spindoctor.report.phrases import cleared_rules, look_words, machine_words, process_words, unchecked
from spindoctor.report.words import sentence


def cleared(report: Report) -> Markup:
    """Usual suspects and mechanisms that are not the cause, with the figure that clears each."""
    suspects = [(sentence(one.suspect), sentence(one.figure)) for one in report.cleared]
    rules = [(element("code", slug), sentence(looked_at)) for slug, looked_at in cleared_rules(report)]
    return element(
        "section",
        element("h2", "Cleared"),
        table(("usual suspect", "why it is not the cause"), suspects),
        table(("no sign of", "what was looked at"), rows=rules),
        None if suspects or rules else element("p", "Nothing could be ruled out."),
        class_="cleared",
    )


def unchecked_part(report: Report) -> Markup:
    """What stayed open, why, and what would answer it."""
    reasons = [[element("code", slug), f": {sentence(why)}"] for slug, why in unchecked(report)]
    questions = [f"{sentence(question)} {sentence(answer)}" for question, answer in report.questions]
    items = listed([*reasons, *questions]) or element("p", "Nothing was left out.")
    return element("section", element("h2", "Not checked"), items)


def appendix(report: Report) -> Markup:
    """Processes, machine, and how well it was looked at."""
    busiest = sorted(report.processes, key=lambda one: one.cores, reverse=True)
    rows = [process_words(line, report.machine) for line in busiest]
    return element(
        "section",
        element("h2", "Appendix"),
        table(("process", "role", "CPU", "busiest thread"), rows),
        element("p", f"Machine: {machine_words(report.machine)}"),
        listed(map(sentence, report.notes)),
        listed(look_words(report.look), class_="quiet"),
        class_="appendix",
    )

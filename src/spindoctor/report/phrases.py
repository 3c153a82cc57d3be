"""Sentences about a report that every readable form shares, so that no two forms say different things."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from spindoctor.model.counting import count
from spindoctor.model.outcome import Clear, Cost, Culprit, Finding, Found, Look, Outcome, ProcessLine, Report, Unsure
from spindoctor.model.process import Machine
from spindoctor.model.recording import Candidate
from spindoctor.model.sample import failed_looks
from spindoctor.report.words import bounded, cores, moment, percent, seconds, sentence, shortened

NOTHING_WRONG = "nothing-wrong"
NO_LOAD = ("no load: nothing to diagnose", "little load: nothing to diagnose")
"""What `nothing-wrong` answers for a service that had nothing to do: that is no sign of health."""

DETAILS = re.compile(r": |; | \((?!up to)")
"""Where the details of an answer begin."""

PEGGED_CORES = 0.9
"""From here a thread has its core to itself: the rest goes to the kernel's own work and to sampling error."""

MOST_REASONS = 4
"""Reasons of missed looks in one line."""

VISIBLE_CORES = 0.005
"""Less than this rounds to 0.00 and says nothing."""

COMMAND_WIDTH = 60
"""Characters of a command line that are shown; the whole one is in the JSON."""


def title(report: Report, slug: str) -> str:
    """The rule's title, or the slug in words where the report does not carry it."""
    return sentence(report.titles.get(slug) or slug.replace("-", " "))


def ranked(report: Report) -> tuple[tuple[str, Finding], ...]:
    """All findings with their slug, in the order of the ranking; slugs that are not ranked come last."""
    order = dict.fromkeys((*report.ranking, *report.outcomes))
    answers = ((slug, report.outcomes.get(slug)) for slug in order)
    return tuple((slug, finding) for slug, found in answers if isinstance(found, Found) for finding in found.findings)


def cleared_rules(report: Report) -> tuple[tuple[str, str], ...]:
    """Slug and what was looked at, for every rule that found nothing with enough evidence.

    That something is wrong clears nobody, so `nothing-wrong` is never among them.
    """
    clear = ((slug, answer) for slug, answer in report.outcomes.items() if isinstance(answer, Clear))
    return tuple((slug, answer.looked_at) for slug, answer in clear if slug != NOTHING_WRONG)


def unchecked(report: Report) -> tuple[tuple[str, str], ...]:
    """Slug and why, for every rule that lacked the evidence to answer."""
    return tuple((slug, answer.why) for slug, answer in report.outcomes.items() if isinstance(answer, Unsure))


def headline(report: Report) -> str:
    """Pid, command, Python and the verdict on one line."""
    process = report.target.process(report.target.hot)
    python = f"Python {process.python}" if process and process.python else "unknown Python"
    command = command_words(process.command) if process else "unknown command"
    return f"pid {report.target.hot} ({command}), {python}: {verdict(report)}"


def command_words(command: Sequence[str]) -> str:
    """A command line cut to a readable length; of arguments that are paths the last part."""
    names = [part.rpartition("/")[2] if part.startswith("/") else part for part in command]
    return shortened(sentence(" ".join(names)), COMMAND_WIDTH) or "unknown command"


def verdict(report: Report) -> str:
    """The answer in a few words; it always says what was found *and* whether anything stayed open."""
    words = f"{sentence(report.look.ended)} Until then: {_answer(report)}" if report.look.ended else _answer(report)
    return f"{words} (interrupted after {seconds(report.look.seconds)})" if report.look.is_interrupted else words


def _answer(report: Report) -> str:
    if not report.look.looks:
        return "no look succeeded, so nothing can be said"
    faults = [slug for slug, finding in ranked(report) if finding.severity != "info"]
    if faults:
        rest = f", and {count(len(faults) - 1, 'more finding')}" if len(faults) > 1 else ""
        return f"{title(report, faults[0])}{rest}"
    known = dict.fromkeys(title(report, slug) for slug, _ in ranked(report) if slug != NOTHING_WRONG)
    aside = f"; worth knowing: {', '.join(known)}" if known else _doubt(report.outcomes.get(NOTHING_WRONG))
    return f"{_silence(report)}{aside}"


def _silence(report: Report) -> str:
    idle = report.outcomes.get(NOTHING_WRONG)
    if isinstance(idle, Unsure) and idle.why.startswith(NO_LOAD):
        return idle.why.partition(" (")[0]
    passed, lacking = len(cleared_rules(report)), len(unchecked(report))
    if not passed:
        return f"nothing could be checked, {count(lacking, 'check')} lacked evidence"
    words = f"no fault found by {count(passed, 'check')}"
    return (f"{words}, {lacking} could not be made" if lacking else words) + _few_looks(report.look)


def _doubt(idle: Outcome | None) -> str:
    """What speaks against a clean bill of health, in a clause; "" where nothing does."""
    if isinstance(idle, Unsure):
        return "" if idle.why.startswith(NO_LOAD) else f"; {sentence(DETAILS.split(idle.why)[0])}"
    head = DETAILS.split(idle.findings[0].claim)[0] if isinstance(idle, Found) else ""
    _, but, doubt = head.partition(", but ")
    return f"; {sentence(doubt)}" if but else ""


def _few_looks(look: Look) -> str:
    """Says so where most looks failed: that nothing was found means little then; "" elsewhere."""
    failed = failed_looks(look.missed)
    return f"; only {look.looks:,} of {look.looks + failed:,} looks succeeded" if failed > look.looks else ""


def nothing_found(report: Report) -> str:
    """Stands where findings would: never "nothing" alone, but by how many checks, and how many could not be made."""
    passed, lacking = len(cleared_rules(report)), len(unchecked(report))
    if report.look.ended:
        if not passed:
            return f"{sentence(report.look.ended)} Until then nothing could be ruled out, see below."
        rest = f", {lacking} could not be made" if lacking else ""
        return f"{sentence(report.look.ended)} Until then {count(passed, 'check')} found no sign of a fault{rest}."
    if not passed:
        return f"Nothing, but nothing could be ruled out: {count(lacking, 'check')} lacked evidence, see below."
    rest = f"; {lacking} could not be made" if lacking else ""
    return f"Nothing: {count(passed, 'check')} found no sign of a fault{rest}. What was looked at stands below."


def whole_core(report: Report) -> str:
    """Says that a share of the machine is one whole core where a thread fills one; "" where none does."""
    full = [one for one in report.processes if one.busiest_thread_cores >= PEGGED_CORES]
    if not full:
        return ""
    hottest = max(full, key=lambda one: one.busiest_thread_cores)
    name, used = sentence(hottest.busiest_thread), hottest.busiest_thread_cores
    who = f"thread {name} of pid {hottest.pid} uses {used:.2f} of it"
    if report.machine.cores <= 1:
        return f"This machine has one core: {who}."
    return f"{percent(1 / report.machine.cores)} of this {report.machine.cores}-core machine is one whole core: {who}."


def process_words(line: ProcessLine, machine: Machine) -> tuple[str, str, str, str]:
    """Pid, role, CPU, and the busiest thread with the cores it used, of one process."""
    quota = f", {percent(line.cores / machine.quota_cores)} of quota" if machine.quota_cores else ""
    busiest = f"{sentence(line.busiest_thread)} {line.busiest_thread_cores:.2f}, " if line.busiest_thread else ""
    return (
        f"pid {line.pid}",
        sentence(line.role),
        f"{cores(line.cores)}, {percent(line.cores / max(machine.cores, 1))} of machine{quota}",
        f"{busiest}{count(line.threads, 'thread')}",
    )


def machine_words(machine: Machine) -> str:
    """What the machine has and how it was used, as far as the kernel tells."""
    parts = [f"{count(machine.cores, 'core')}"]
    if machine.affinity_cores != machine.cores:
        parts.append(f"{machine.affinity_cores} allowed")
    if machine.quota_cores:
        parts.append(f"quota {cores(machine.quota_cores)}")
    if machine.throttled_periods:
        parts.append(f"throttled in {machine.throttled_periods:,} of {machine.periods or 0:,} periods")
    used = (("busy", machine.busy_cores), ("stolen", machine.steal_cores), ("waiting for disks", machine.iowait_cores))
    parts.extend(f"{value:.2f} {name}" for name, value in used if value is not None and value >= VISIBLE_CORES)
    if machine.load_1min is not None:
        parts.append(f"load {machine.load_1min:.2f}")
    return ", ".join(parts)


def place(culprit: Culprit | Candidate) -> str:
    """`file:line in function`, as far as known; "" where nothing of it is."""
    where = sentence(culprit.file or "")
    if where and culprit.line:
        where = f"{where}:{culprit.line}"
    function = sentence(culprit.function or "")
    return f"{where} in {function}" if where and function else where or function


def whereabouts(culprit: Culprit) -> str:
    """Route, task, thread and process of a culprit, as far as known."""
    named = (("route", culprit.route), ("task", culprit.task), ("thread", culprit.thread), ("pid", culprit.pid))
    return ", ".join(f"{name} {sentence(str(value))}" for name, value in named if value is not None)


def other_words(other: Culprit, first: Culprit) -> str:
    """A further culprit; where only its thread or task is another than the first one's, the place is not repeated."""
    where = place(other)
    is_same = where and where == place(first)
    return " -- ".join(
        filter(None, ("the same line" if is_same else where, whereabouts(other), sentence(other.note or "")))
    )


def cost_words(cost: Cost) -> str:
    """What a finding costs; "" where it costs nothing that was measured."""
    parts = (
        (cost.cores, cores(cost.cores)),
        (cost.loop_share, f"{percent(cost.loop_share)} of the event loop's time"),
        (cost.time_share, f"{percent(cost.time_share)} of the time"),
        (cost.waiting, f"{count(cost.waiting, 'caller')} waiting"),
        (cost.delay_s, f"{seconds(cost.delay_s)} of delay{', which goes on for ever' if cost.never_ends else ''}"),
    )
    return ", ".join(words for value, words in parts if value)


def look_words(look: Look) -> tuple[str, ...]:
    """How the target was looked at, what failed, and what it cost: one line each."""
    began = moment(look.started_at) if look.started_at else ""
    pinned = ", reader pinned to the target's core" if look.is_pinned else ""
    aim = f"aimed at {look.rate_hz:g} a second for each process{pinned}"
    return (
        f"{count(look.looks, 'look')} in {seconds(look.seconds)} ({aim})" + (f" from {began}" if began else ""),
        f"{_missed_words(look)}, {count(look.incomplete_stacks, 'incomplete stack')}",
        f"own CPU {cores(look.own_cpu_cores)}, nothing written to the target, never stopped",
        *(("a thread that fills its core had up to as much less of it while we looked",) if look.is_pinned else ()),
    )


def missed_by_reason(look: Look) -> tuple[tuple[str, int], ...]:
    """Each reason once, whichever process it happened in, the most frequent first."""
    totals: Counter[str] = Counter()
    for why, many in look.missed:
        totals[why] += many
    return tuple(totals.most_common())


def _missed_words(look: Look) -> str:
    reasons, rest = bounded([f"{many:,} x {sentence(why)}" for why, many in missed_by_reason(look)], MOST_REASONS)
    total = sum(many for _, many in look.missed)
    return f"{total:,} missed ({', '.join([*reasons, *filter(None, [rest])])})" if reasons else "none missed"

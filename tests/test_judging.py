"""Outcomes are ranked by what they cost, and a rule is told what the others answered."""

from __future__ import annotations

import pkgutil

import spindoctor
from spindoctor.judging import judge, rank, withdraw
from spindoctor.model.burning import BusyThreads
from spindoctor.model.facts import Load, Loops, Others, Pools
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Severity, Unsure
from spindoctor.model.rule import Missing, Rule
from spindoctor.model.share import Share
from spindoctor.rules import ALL_RULES

BUSY = Load(requests=4.0, routes=(), tasks=9, connections=3, cores=0.5, active_looks=Share(250, 300))


def found(severity: Severity = "critical", pid: int = 100, evidence: tuple[Figure, ...] = (), **cost: float) -> Found:
    return Found((Finding("it is so", severity, "high", Cost(**cost), Culprit(pid=pid), evidence=evidence),))  # type: ignore[arg-type]


def always(slug: str, answer: Outcome) -> Rule:
    return Rule(slug, slug, (), lambda: answer, "")


def test_the_spin_comes_before_the_queue_and_information_last() -> None:
    """A whole core and all of the loop's time (2.0) against nine callers who wait three seconds (0.6)."""
    outcomes = {
        "single-core-ceiling": found("info", cores=1.0),
        "pool-exhausted": found(waiting=9, delay_s=3.0),
        "undeliverable-cancellation": found(cores=0.99, loop_share=1.0),
        "gil-contention": Clear("nobody waited"),
        "forked-event-loop": Unsure("not permitted"),
    }

    assert rank(outcomes) == ("undeliverable-cancellation", "pool-exhausted", "single-core-ceiling")


def test_of_what_could_not_show_nothing_is_said() -> None:
    """A process that is stopped in the middle of a callback looks like one whose callback never ends."""
    outcomes = {"grave": found(cores=0.5), "quiet": Clear("0 of 300 looks"), "unknown": Unsure("not permitted")}

    told = withdraw(outcomes, "it was stopped")

    assert told == {
        "grave": Unsure("it was stopped"), "quiet": Unsure("it was stopped"), "unknown": Unsure("not permitted"),
    }  # fmt: skip


def test_a_warning_comes_after_everything_critical_whatever_it_costs() -> None:
    outcomes = {"costly": found("warning", cores=8.0, loop_share=1.0), "grave": found("critical", cores=0.1)}

    assert rank(outcomes) == ("grave", "costly")


def test_a_rule_ranks_by_its_worst_finding() -> None:
    """Two findings: a warning, and a critical one of half a core."""
    mixed = Found((*found("warning", cores=0.1).findings, *found(cores=0.5).findings))

    assert rank({"middle": found(cores=0.3), "mixed": mixed}) == ("mixed", "middle")


def test_a_queue_counts_as_one_core_at_most() -> None:
    """A thousand callers late by an hour rank like ten callers late by ten seconds: below a core and its loop."""
    outcomes = {"queue": found(waiting=1000, delay_s=3600.0), "spin": found(cores=0.6, loop_share=0.6)}

    assert rank(outcomes) == ("spin", "queue")


def test_equal_costs_keep_the_order_of_the_rules() -> None:
    assert rank({"first": found(cores=0.5), "second": found(cores=0.5)}) == ("first", "second")


def test_a_rule_is_told_the_answers_before_its_own() -> None:
    def repeat(others: Others) -> Outcome:
        return Clear(", ".join(others.outcomes))

    rules = (always("one", found()), always("two", Clear("fine")), Rule("three", "", (Others,), repeat, ""))

    outcomes = judge({}, rules, {})

    assert outcomes["three"] == Clear("one, two")
    assert list(outcomes) == ["one", "two", "three"]


def test_missing_evidence_makes_every_rule_unsure_and_none_clear() -> None:
    facts = {kind: Missing(f"no {kind.__name__}") for rule in ALL_RULES for kind in rule.needs if kind is not Others}

    outcomes = judge(facts, ALL_RULES, {})

    assert {type(outcome) for outcome in outcomes.values()} == {Unsure}


def test_evidence_that_nobody_collected_is_missing_too() -> None:
    assert {type(outcome) for outcome in judge({}, ALL_RULES, {}).values()} == {Unsure}


def test_several_reasons_are_told_once_each() -> None:
    rule = Rule("any", "", (Loops, Pools, Load), lambda *_: Clear(""), "")
    facts = {Loops: Missing("not permitted"), Pools: Missing("not permitted"), Load: Missing("no look")}

    assert rule.judge(facts) == Unsure("not permitted; no look")


def test_nothing_is_wrong_only_where_somebody_could_judge() -> None:
    nothing_wrong = next(rule for rule in ALL_RULES if rule.slug == "nothing-wrong")
    facts = {Load: BUSY, BusyThreads: BusyThreads((), 300, 3.0)}

    healthy = judge(facts, (always("one", Clear("fine")), nothing_wrong), {})
    blind = judge(
        facts,
        (always("one", Unsure("not permitted")), nothing_wrong),
        {},
    )
    sick = judge(facts, (always("one", found("warning")), nothing_wrong), {})

    assert [type(one["nothing-wrong"]) for one in (healthy, blind, sick)] == [Found, Unsure, Clear]


def test_known_bugs_are_joined_by_the_packages_of_the_culprits_process() -> None:
    """Two processes with two versions: the one that spins counts."""
    done = (Figure("held_task_state", "state", "done", "", "task object"),)
    rules = (always("undeliverable-cancellation", found(pid=101, evidence=done)),)

    old = judge({}, rules, {100: {"anyio": "4.14.2"}, 101: {"anyio": "4.14.1"}})
    new = judge({}, rules, {100: {"anyio": "4.14.1"}, 101: {"anyio": "4.14.2"}})

    assert [len(finding.upstream) for finding in _findings(old)] == [1]
    assert [len(finding.upstream) for finding in _findings(new)] == [0]


def _findings(outcomes: dict[str, Outcome]) -> tuple[Finding, ...]:
    return tuple(finding for one in outcomes.values() if isinstance(one, Found) for finding in one.findings)


def test_what_explains_a_finding_comes_before_it() -> None:
    """Both critical and in one process; the queue for the GIL costs more, but half of its CPU is the poller's."""
    poller = Rule("polling-thread", "", (), lambda: Clear(""), "", explains=("gil-contention",))
    outcomes = {"gil-contention": found(cores=1.2, loop_share=0.8), "polling-thread": found(cores=0.7)}

    assert rank(outcomes) == ("gil-contention", "polling-thread")
    assert rank(outcomes, (poller,)) == ("polling-thread", "gil-contention")


def test_a_small_part_of_a_finding_does_not_explain_it() -> None:
    poller = Rule("polling-thread", "", (), lambda: Clear(""), "", explains=("gil-contention",))
    elsewhere = {"gil-contention": found(cores=1.2), "polling-thread": found(pid=200, cores=0.9)}
    little = {"gil-contention": found(cores=1.2), "polling-thread": found(cores=0.5)}
    harmless = {"gil-contention": found(cores=1.2), "polling-thread": found("info", cores=1.2)}

    assert {rank(one, (poller,))[0] for one in (elsewhere, little, harmless)} == {"gil-contention"}


def test_a_finding_about_the_same_task_explains_it_whatever_the_shares() -> None:
    """0.9 cores of the loop are ascribed to the storm, 0.36 to the failing call of the task that storms."""
    retries = Rule("retry-storm", "", (), lambda: Clear(""), "", explains=("callback-storm",))
    storm = _by_task("Task-2", cores=0.9)

    same = {"callback-storm": storm, "retry-storm": _by_task("Task-2", cores=0.36)}
    other = {"callback-storm": storm, "retry-storm": _by_task("Task-3", cores=0.36)}

    assert rank(same, (retries,))[0] == "retry-storm"
    assert rank(other, (retries,))[0] == "callback-storm"


def test_a_lock_at_the_line_that_a_full_pool_blames_comes_before_the_pool() -> None:
    """The pool's members wait for the lock, in any worker; one elsewhere, or as information, is no cause."""
    locks = Rule("lock-contention", "", (), lambda: Clear(""), "", explains_there=("pool-exhausted",))
    pool = _at(10, "critical")

    first = [rank({"pool-exhausted": pool, "lock-contention": one}, (locks,))[0] for one in (_at(10), _at(11))]

    assert first == ["lock-contention", "pool-exhausted"]
    assert rank({"pool-exhausted": pool, "lock-contention": _at(10, pid=101)}, (locks,))[0] == "lock-contention"
    assert rank({"pool-exhausted": pool, "lock-contention": _at(10, "info")}, (locks,))[0] == "pool-exhausted"


def _at(line: int, severity: Severity = "warning", pid: int = 100) -> Found:
    return Found((Finding("it is so", severity, "high", Cost(), Culprit(pid=pid, file="/srv/app.py", line=line)),))


def _by_task(task: str, cores: float) -> Found:
    return Found((Finding("it is so", "critical", "high", Cost(cores=cores), Culprit(pid=100, task=task)),))


def test_the_front_door_stays_a_function_after_it_was_used() -> None:
    """A module of the same name would take the function's place in the package as soon as it is imported."""
    for module in pkgutil.iter_modules(spindoctor.__path__):
        assert module.name not in spindoctor.__all__

"""How a rule answers where evidence is missing, or where what it looks for has nowhere to be."""

from spindoctor.model.cpu import GilUse
from spindoctor.model.facts import Loops
from spindoctor.model.outcome import Clear, Outcome, Unsure
from spindoctor.model.rule import Absent, Missing, Rule


def _never(*facts: object) -> Outcome:
    raise AssertionError(f"asked with {facts}")


RULE = Rule("some-mechanism", "A title", (Loops, GilUse), _never, "")


def test_missing_evidence_makes_a_rule_unsure_not_clear() -> None:
    answer = RULE.judge({Loops: Missing("no stack could be read"), GilUse: Absent("no GIL")})

    assert answer == Unsure("no stack could be read")


def test_a_mechanism_that_has_nowhere_to_be_is_cleared() -> None:
    answer = RULE.judge({Loops: Absent("no event loop runs here"), GilUse: GilUse((), 0)})

    assert answer == Clear("no event loop runs here")


def test_evidence_that_nobody_collected_is_missing() -> None:
    answer = RULE.judge({GilUse: GilUse((), 0)})

    assert answer == Unsure("no evidence of the kind Loops was collected")

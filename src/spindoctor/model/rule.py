"""What a rule is: a mechanism, what it needs to see, and the judgement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spindoctor.model.outcome import Clear, Outcome, Unsure


@dataclass(frozen=True, slots=True)
class Missing:
    """Evidence that could not be had, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Absent:
    """What the mechanism lives in was looked for and is not there: `what` says so ("no event loop runs here")."""

    what: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One mechanism.

    `needs` are the kinds of evidence that `check` takes, in order; where one is `Missing` the answer
    is `Unsure`, where one is `Absent` it is `Clear`.
    `page` is the rule's own documentation (its module's docstring, Markdown). `explains` are the mechanisms that are
    this one seen from outside: where both are found in one process, this one is read first. `explains_there` are those
    that it explains only where both blame the same line.
    """

    slug: str
    title: str
    needs: tuple[type, ...]
    check: Callable[..., Outcome]
    page: str
    explains: tuple[str, ...] = ()
    explains_there: tuple[str, ...] = ()

    def judge(self, facts: dict[type, Any]) -> Outcome:
        """The rule's answer to `facts`, a fact or a `Missing` for each kind of evidence."""
        given = [
            facts.get(kind, Missing(f"no evidence of the kind {kind.__name__} was collected")) for kind in self.needs
        ]
        lacks = [fact.why for fact in given if isinstance(fact, Missing)]
        if lacks:
            return Unsure("; ".join(dict.fromkeys(lacks)))
        absent = [fact.what for fact in given if isinstance(fact, Absent)]
        return Clear("; ".join(dict.fromkeys(absent))) if absent else self.check(*given)

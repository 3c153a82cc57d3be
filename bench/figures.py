"""Medians, spreads and paired comparisons; pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

T_95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13)
"""Student's t at 95 %, two-sided, for 1 to 15 degrees of freedom; beyond them the normal law's 1.96 is 6 % off."""

NORMAL_95 = 1.96


@dataclass(frozen=True)
class Spread:
    """The middle one of some figures, the smallest, the largest, and how many there are."""

    middle: float
    least: float
    most: float
    count: int

    def told(self, form: str) -> str:
        """As a table shows it: `3.1 (2.9-3.4)`; only the figure where there is one or all are shown alike."""
        middle, least, most = (form.format(one) for one in (self.middle, self.least, self.most))
        return middle if least == most else f"{middle} ({least}-{most})"


@dataclass(frozen=True)
class Paired:
    """The mean of paired ratios with its 95 % interval, from `count` pairs."""

    mean: float
    low: float
    high: float
    count: int

    @property
    def holds_one(self) -> bool:
        """No difference was seen that the pairs' own scatter does not explain."""
        return self.low <= 1 <= self.high


def spread(values: Iterable[float | None]) -> Spread | None:
    """Of those figures that are known; None where none is."""
    known = sorted(one for one in values if one is not None)
    return Spread(statistics.median(known), known[0], known[-1], len(known)) if known else None


def paired(ratios: Iterable[float | None]) -> Paired | None:
    """The geometric mean of ratios and Student's interval around it; None for fewer than three."""
    logs = [math.log(one) for one in ratios if one]
    if len(logs) < 3:  # noqa: PLR2004 - two pairs have no scatter to speak of
        return None
    mean, reach = statistics.fmean(logs), _t(len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return Paired(math.exp(mean), math.exp(mean - reach), math.exp(mean + reach), len(logs))


def _t(freedom: int) -> float:
    return T_95[freedom - 1] if freedom <= len(T_95) else NORMAL_95


def ratio(ours: Spread | None, theirs: Spread | None) -> float | None:
    """Our middle to theirs."""
    return ours.middle / theirs.middle if ours and theirs and theirs.middle else None

"""A counted fraction, with the bounds that its count allows."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z_95 = 1.96
"""Two-sided 95 % of the normal distribution, for Wilson's interval (Wilson 1927, JASA 22, 209-212)."""


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `of` looks. Compare `low`, never the bare ratio: three of four is no 75 %."""

    count: int
    of: int

    @property
    def ratio(self) -> float:
        """The plain fraction; 0 where nothing was counted."""
        return self.count / self.of if self.of else 0.0

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self._bound(-1.0)

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self._bound(1.0)

    def _bound(self, sign: float) -> float:
        if not self.of:
            return 0.0 if sign < 0 else 1.0
        spread = Z_95 * math.sqrt(self.ratio * (1 - self.ratio) / self.of + (Z_95 / (2 * self.of)) ** 2)
        return min(1.0, max(0.0, (self.ratio + Z_95**2 / (2 * self.of) + sign * spread) / (1 + Z_95**2 / self.of)))

    def cores_among(self, on_cpu: int, cores: float) -> float:
        """The part of a thread's CPU that these looks stand for: their share of those that met it on the CPU."""
        of = max(on_cpu, self.count)
        return cores * self.count / of if of else 0.0

    def __str__(self) -> str:
        return f"{self.count} of {self.of} looks"


NO_LOOKS = Share(0, 0)
"""Nothing was counted: any share is possible."""

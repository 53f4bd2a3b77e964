"""The exact sums that the parts of a momentum error are checked against: several α, K and step-size schedules."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from bounds.assumptions import Describes
from bounds.memory.sums import finite_sums, units
from bounds.schedules import FALLING, SCHEDULES, shape_constants
from bounds.symbols import CONSTANTS, K, alpha

_REACHED = 0.015  # by this much may a part of the momentum error exceed what a run of 1500 steps adds up to
_REACHED_SCHEDULED = 0.05  # the same for steps that fall
_SAME = 1e-6
_LENGTHS = ((0.9, 3), (0.3, 7), (0.05, 40), (0.01, 5), (0.5, 1500), (0.1, 1500))  # (α, K)


@dataclass(frozen=True)
class MethodSums:
    """The sums of one run: exact (part → number, in its unit of `units`), at `point`, which α, K and ν, peak make."""

    method: Describes
    schedule: str
    point: Mapping[sp.Symbol, sp.Expr]
    exact: Mapping[str, float]
    units: Mapping[str, sp.Expr]

    def most(self, name: str) -> float | None:
        """What a part may be at most, where it must reach the sum; None where it need not."""
        whole = name == "noise" and self.method.start == "zero" and self.schedule == "constant"  # a sum, no limit
        if whole or (self.point[K] > 1000 and self.schedule in FALLING):
            scheduled = self.method.step == "scheduled"
            return self.exact[name] * (1 + (_SAME if whole else _REACHED_SCHEDULED if scheduled else _REACHED))
        return None

    def words(self) -> str:
        """Where the sums are."""
        said = f"at alpha = {float(self.point[alpha]):g}, K = {self.point[K]}"
        return f"{said} ({self.schedule} steps)" if self.method.step == "scheduled" else said


@lru_cache(maxsize=64)
def sums_of_memory(method: Describes) -> tuple[MethodSums, ...]:
    """Those of a method's momentum. `ValueError` where none are known."""
    scheduled = method.step == "scheduled"
    unit_of = units(method.momentum, method.decay, scheduled)
    found = []
    for schedule, (weight, steps) in itertools.product(SCHEDULES if scheduled else ("constant",), _LENGTHS):
        sizes = SCHEDULES[schedule](steps) if scheduled else None
        point = {alpha: sp.Float(weight), K: sp.Integer(steps)}
        if sizes is not None:
            point |= {CONSTANTS[name].symbol: sp.Float(v) for name, v in shape_constants(sizes).items()}
        exact = finite_sums(method.momentum, method.start, weight, steps, sizes)
        found.append(MethodSums(method, schedule, point, exact, unit_of))
    return tuple(found)

"""Whether the study's intervals hold where the truth is known: `shrink` and `inflate` are rescalings of `exact`.

An answer (1 − δ)d or (1 + δ)d with step size γ is d with (1 − δ)γ or (1 + δ)γ: the best step size is 1/(1 − δ) or
1/(1 + δ) times the exact oracle's, with the same seeds; best alpha and value are the same. What a study finds instead
is its own error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from experiments.coupling_study.cells import Arm
from experiments.coupling_study.measured import Measured

SIGNS = {"shrink": -1, "inflate": 1}


@dataclass(frozen=True)
class Check:
    """A measured shift (a logarithm) of an exact rescaling, and the true one."""

    arm: Arm
    quantity: str
    estimate: float
    low: float
    high: float
    truth: float

    @property
    def miss(self) -> float:
        """The distance of estimate and truth over that of estimate and the interval's end there; at most 1 holds."""
        away = self.truth - self.estimate
        if self.low <= self.truth <= self.high and not np.isfinite(away):
            return 0.0  # an interval that says nothing is not wrong
        room = self.high - self.estimate if away > 0 else self.estimate - self.low
        if abs(away) <= 1e-12:
            return 0.0
        return abs(away) / room if room > 0 else np.inf


def checks(measured: Iterable[Measured]) -> list[Check]:
    """Of every setting's exact rescalings: step size, value and, where it is tuned, alpha."""
    found = []
    for of in measured:
        for arm in of.arms:
            if arm.oracle in SIGNS and 0 < arm.delta < 1:
                step = -float(np.log1p(SIGNS[arm.oracle] * arm.delta))
                truths = {"step_shift": step, "value_shift": 0.0} | ({"alpha_shift": 0.0} if of.tunes_alpha else {})
                found += [Check(arm, name, *of.of(arm, name), truth) for name, truth in truths.items()]
    return found


def sentence(found: list[Check], level: float) -> str:
    """How many hold, of intervals of this level each, and the worst miss of each quantity in units of its interval."""
    if not found:
        return "Calibration: no arm of this form is an exact rescaling of the exact oracle, so nothing is calibrated."
    held = sum(one.miss <= 1 for one in found)
    worst = []
    for name in dict.fromkeys(one.quantity for one in found):
        one = max((each for each in found if each.quantity == name), key=lambda each: each.miss)
        worst.append(
            f"{name.replace('_', ' ')} {one.miss:.2f} (by {abs(one.estimate - one.truth):.3f} in the logarithm, "
            f"{one.arm.label}; {one.arm.setting.label})"
        )
    verdict = _verdict(held, len(found), level)
    unbounded = sum(not np.isfinite([one.low, one.high]).all() for one in found)
    verdict += f" ({unbounded} of the intervals have an open end)" if unbounded else ""
    return (
        f"Calibration: of {len(found)} shifts of exact rescalings (shrink, inflate), whose truth is known, {verdict}; "
        f"worst misses in units of the interval: {'; '.join(worst)}."
    )


def _verdict(held: int, count: int, level: float) -> str:
    """Misses up to the 95 % quantile of a binomial law, as if of independent intervals, may be chance."""
    chance = int(binom.ppf(0.95, count, 1 - level))
    if held == count:
        return "all hold"
    if count - held <= chance:
        return f"{held} hold; up to {chance} misses are expected of intervals of {100 * level:g} % each"
    return f"ONLY {held} HOLD, with {count - held} misses for at most {chance} by chance: the intervals are too narrow"

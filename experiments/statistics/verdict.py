"""A measured exponent or log ratio against a predicted one: exactly one of five verdicts.

With signs such that the prediction p is > 0, e the estimate and R the smallest effect that the study resolves, noise
and grid taken together:

- points the other way: the interval lies below 0, and −e >= R;
- more than predicted: the interval lies above p, and e − p >= R: nothing is bounded there;
- appears as predicted: the interval contains p and lies above 0, e >= R and p >= R;
- upper bound only: the interval ends below p >= R and above −p, while the bound on the value holds: no shift of the
  predicted size either way, or one of the predicted sign that is smaller;
- undecided, the rest, with the reason: what it would rest on is not resolved; the interval contains 0 and p; it
  contains 0 and reaches −p (too wide to say "no shift"); or the measured value exceeds its bound.

For a prediction of 0 (no shift): as predicted if the interval contains 0 and is within 2R, as one of half-width R that
contains 0 is; more than predicted if it excludes 0 and |e| >= R; else undecided.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

APPEARS = "appears as predicted"
UPPER = "upper bound only"
OTHER = "points the other way"
MORE = "more than predicted"
UNDECIDED = "undecided"
VERDICTS = (APPEARS, UPPER, MORE, OTHER, UNDECIDED)


@dataclass(frozen=True)
class Coupling:
    """verdict: one of `VERDICTS`; reason: in words, with the numbers."""

    verdict: str
    reason: str


def judge(low: float, high: float, predicted: float, resolvable: float, bound_holds: bool, estimate: float) -> Coupling:
    """The verdict on one shift.

    Args:
        low, high: the interval of the measured exponent or log ratio; ±inf where it is unknown.
        predicted: the exponent or log ratio of the theory, finite.
        resolvable: the smallest effect that the study resolves (`experiments.statistics.power`; with the error of its
            grid), in the unit of `predicted`; inf where nothing is resolvable.
        bound_holds: whether the measured VALUE stays below its bound.
        estimate: the measured shift; NaN where it is unknown, which is resolved nowhere.

    Raises:
        TypeError, ValueError: NaN, an interval upside down, a negative resolvable effect, a bound that is no bool.
    """
    low, high, predicted, resolvable, estimate = _checked(low, high, predicted, resolvable, bound_holds, estimate)
    if predicted == 0:
        return _none_predicted(low, high, resolvable, estimate)
    size = abs(predicted)
    if predicted < 0:
        low, high, estimate = -high, -low, -estimate
    span = f"{estimate:.3g} [{low:.3g}, {high:.3g}] along the predicted sign, predicted {size:.3g}"
    coarse = f"the study resolves {resolvable:.3g}"
    if high < 0:
        if _resolved(-estimate, resolvable):
            return Coupling(OTHER, f"the interval excludes 0 on the other side: {span}")
        return Coupling(UNDECIDED, f"a shift the other way, but {coarse}, more than was measured: {span}")
    if low > size:
        if _resolved(estimate - size, resolvable):
            return Coupling(MORE, f"the shift has the predicted sign and is larger: {span}")
        return Coupling(UNDECIDED, f"larger than predicted, but {coarse}, more than the excess: {span}")
    if low <= 0 and high >= size:
        return Coupling(UNDECIDED, f"the interval contains 0 and the prediction: {span}")
    if resolvable > size:
        return Coupling(UNDECIDED, f"{coarse}, more than predicted: {span}")
    if high >= size:
        if _resolved(estimate, resolvable):
            return Coupling(APPEARS, f"the interval contains the prediction and excludes 0: {span}")
        return Coupling(UNDECIDED, f"the predicted sign, but {coarse}, more than was measured: {span}")
    if low <= -size:
        return Coupling(UNDECIDED, f"not as predicted, but no shift and one the other way are both possible: {span}")
    if not bound_holds:
        return Coupling(UNDECIDED, f"the measured value exceeds its bound: settle that first; {span}")
    if low > 0:
        return Coupling(UPPER, f"the shift has the predicted sign and is smaller: {span}")
    return Coupling(UPPER, f"no shift of the predicted size either way: {span}")


def _none_predicted(low: float, high: float, resolvable: float, estimate: float) -> Coupling:
    span = f"{estimate:.3g} [{low:.3g}, {high:.3g}], predicted 0"
    if low <= 0 <= high:
        if max(-low, high) <= 2 * resolvable < np.inf:
            return Coupling(APPEARS, f"no shift beyond {max(-low, high):.3g}: {span}")
        return Coupling(UNDECIDED, f"the interval reaches twice the resolvable effect {resolvable:.3g}: {span}")
    if _resolved(estimate if low > 0 else -estimate, resolvable):
        return Coupling(MORE, f"a shift where none is predicted: {span}")
    return Coupling(UNDECIDED, f"a shift, but the study resolves {resolvable:.3g}, more than was measured: {span}")


def _resolved(shift: float, resolvable: float) -> bool:
    """Whether something may rest on a shift; never on one that is unknown, or where nothing is resolvable."""
    return resolvable < np.inf and shift >= resolvable


def _checked(
    low: float, high: float, predicted: float, resolvable: float, bound_holds: bool, estimate: float
) -> tuple[float, ...]:
    given = (low, high, predicted, resolvable, estimate)
    try:
        numbers = tuple(float(x) for x in given)
    except (TypeError, ValueError):
        raise TypeError(f"interval, prediction, resolvable effect, estimate must be numbers, got {given!r}") from None
    low, high, predicted, resolvable, _ = numbers
    if not low <= high:
        raise ValueError(f"`low` <= `high` must hold and neither be NaN, got {low} and {high}")
    if not np.isfinite(predicted):
        raise ValueError(f"`predicted` must be finite, got {predicted}")
    if not resolvable >= 0:
        raise ValueError(f"`resolvable` must be >= 0 (inf: nothing is), got {resolvable}")
    if not isinstance(bound_holds, (bool, np.bool_)):
        raise TypeError(f"`bound_holds` must be a bool, got {bound_holds!r}")
    return numbers

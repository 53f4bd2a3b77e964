"""A measured exponent or log ratio against a predicted one: exactly one of four verdicts.

With signs such that the prediction p is > 0:

- points the other way: the interval lies below 0;
- appears as predicted: the interval contains p and lies above 0;
- undecided: it contains 0 and p; or it contains 0 and reaches −p (too wide to say "no shift"); or p is smaller than
  what the study resolves; or the measured value exceeds its bound;
- upper bound only, the rest: no shift of the predicted size either way, or one of the predicted sign and another size,
  while the bound on the value holds.

A shift of the predicted sign that is larger than predicted is "upper bound only": the statement holds, its exponent is
not that of the runs; the reason says which. For a prediction of 0 (no shift): as predicted if the interval contains 0
and lies within the resolvable effect, upper bound only if it excludes 0 (a shift where none is predicted, while the
bound holds), else undecided.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

APPEARS = "appears as predicted"
UPPER = "upper bound only"
OTHER = "points the other way"
UNDECIDED = "undecided"
VERDICTS = (APPEARS, UPPER, OTHER, UNDECIDED)


@dataclass(frozen=True)
class Coupling:
    """verdict: one of `VERDICTS`; reason: in words, with the numbers."""

    verdict: str
    reason: str


def judge(low: float, high: float, predicted: float, resolvable: float, bound_holds: bool) -> Coupling:
    """The verdict on one shift.

    Args:
        low, high: the interval of the measured exponent or log ratio; ±inf where it is unknown.
        predicted: the exponent or log ratio of the theory, finite.
        resolvable: the smallest effect that the study resolves (`experiments.statistics.power`), in the unit of
            `predicted`; inf where nothing is resolvable.
        bound_holds: whether the measured VALUE stays below its bound.

    Raises:
        TypeError, ValueError: NaN, an interval upside down, a negative resolvable effect, a bound that is no bool.
    """
    low, high, predicted, resolvable = _checked(low, high, predicted, resolvable, bound_holds)
    if predicted == 0:
        return _none_predicted(low, high, resolvable, bound_holds)
    size = abs(predicted)
    if predicted < 0:
        low, high = -high, -low
    span = f"[{low:.3g}, {high:.3g}] along the predicted sign, predicted {size:.3g}"
    if high < 0:
        return Coupling(OTHER, f"the interval excludes 0 on the other side: {span}")
    if low > 0 and low <= size <= high:
        return Coupling(APPEARS, f"the interval contains the prediction and excludes 0: {span}")
    if low <= 0 and high >= size:
        return Coupling(UNDECIDED, f"the interval contains 0 and the prediction: {span}")
    if resolvable > size:
        return Coupling(UNDECIDED, f"the study resolves {resolvable:.3g}, more than predicted: {span}")
    if low <= -size:
        return Coupling(UNDECIDED, f"not as predicted, but no shift and one the other way are both possible: {span}")
    if not bound_holds:
        return Coupling(UNDECIDED, f"the measured value exceeds its bound: settle that first; {span}")
    if low > size:
        return Coupling(UPPER, f"the shift has the predicted sign and is larger: {span}")
    if low > 0:
        return Coupling(UPPER, f"the shift has the predicted sign and is smaller: {span}")
    return Coupling(UPPER, f"no shift of the predicted size either way: {span}")


def _none_predicted(low: float, high: float, resolvable: float, bound_holds: bool) -> Coupling:
    span = f"[{low:.3g}, {high:.3g}], predicted 0"
    if low <= 0 <= high:
        if max(-low, high) <= resolvable < np.inf:
            return Coupling(APPEARS, f"no shift beyond {resolvable:.3g}: {span}")
        return Coupling(UNDECIDED, f"the interval is wider than the resolvable effect {resolvable:.3g}: {span}")
    if bound_holds:
        return Coupling(UPPER, f"a shift where none is predicted, while the bound holds: {span}")
    return Coupling(UNDECIDED, f"the measured value exceeds its bound: settle that first; {span}")


def _checked(
    low: float, high: float, predicted: float, resolvable: float, bound_holds: bool
) -> tuple[float, float, float, float]:
    try:
        numbers = tuple(float(x) for x in (low, high, predicted, resolvable))
    except (TypeError, ValueError):
        given = (low, high, predicted, resolvable)
        raise TypeError(f"interval, prediction and resolvable effect must be numbers, got {given!r}") from None
    low, high, predicted, resolvable = numbers
    if not low <= high:
        raise ValueError(f"`low` <= `high` must hold and neither be NaN, got {low} and {high}")
    if not np.isfinite(predicted):
        raise ValueError(f"`predicted` must be finite, got {predicted}")
    if not resolvable >= 0:
        raise ValueError(f"`resolvable` must be >= 0 (inf: nothing is), got {resolvable}")
    if not isinstance(bound_holds, (bool, np.bool_)):
        raise TypeError(f"`bound_holds` must be a bool, got {bound_holds!r}")
    return low, high, predicted, resolvable

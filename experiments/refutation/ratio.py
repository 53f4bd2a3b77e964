"""A measured value against its bound, which a claim may also have at or below 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.verdict import SLACK

_TINY = 1e-300  # in the place of a bound that is not positive: whatever lies above it is beyond all ratios
NONE_SHOWN = 1e200


def ratio_of(measured: Any, bound: Any, rounding: Any = 0.0) -> Any:
    """measured / bound, of a bound that rounding does not hide; what exceeds a bound that is not positive is huge."""
    above = measured - np.minimum(bound, 0.0)
    with np.errstate(over="ignore"):
        return np.minimum(above / np.maximum(np.maximum(bound, rounding), _TINY), np.finfo(float).max)


def exceeds(measured: Any, bound: Any) -> Any:
    """Whether it lies above the bound by more than rounding."""
    return measured > bound + SLACK * np.abs(bound)


def words_of(measured: float, bound: float, digits: int) -> str:
    """The ratio in words."""
    return f"ratio {measured / bound:.{digits}g}" if bound > 0 else "above a bound that is not positive"


def shown(ratio: float) -> float | None:
    """A ratio as a number that says something; None for those of bounds that are not positive."""
    return None if ratio > NONE_SHOWN else ratio

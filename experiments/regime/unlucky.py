"""Noise that makes the momentum's sign wrong as often as its variance allows, whatever the momentum is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

MISS = 1e-9  # how far below zero "just wrong" is, in units of the noise's part in the momentum


class TwoPoint(NamedTuple):
    """`high` with probability `chance`, else `low`."""

    chance: np.ndarray
    high: np.ndarray
    low: np.ndarray


def greedy(mean: np.ndarray, spread: np.ndarray) -> TwoPoint:
    """The law of a number with this mean and a standard deviation ≤ spread that is < 0 as often as any.

    By Cantelli's inequality P(number < 0) ≤ spread²/(spread² + mean²) for mean > 0, which a two-valued law attains in
    the limit: just below 0 (by `MISS`·spread), or as far above as the mean asks for; its standard deviation is
    `spread`. A mean ≤ 0 is wrong already: no noise. mean, spread > 0: arrays that broadcast.
    """
    low, variance = -MISS * spread, spread * spread
    above = mean - low
    square = above * above
    wrong = mean <= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        chance, high = square / (square + variance), mean + variance / above
    return TwoPoint(np.where(wrong, 1.0, chance), np.where(wrong, mean, high), low)


def skewed(odds: float) -> TwoPoint:
    """The law of mean 0 and variance 1 that is large and positive with probability `odds`, else a little negative."""
    return TwoPoint(np.asarray(odds), np.asarray(((1 - odds) / odds) ** 0.5), np.asarray(-((odds / (1 - odds)) ** 0.5)))

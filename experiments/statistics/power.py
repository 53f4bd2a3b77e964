"""Before a study runs: what n seeds resolve at a spacing, from a pilot, and how many seeds an effect needs.

The refined minimiser m solves F'(m) = 0 for the quadratic F fitted to the means over seeds. It is an M-estimator: with
H the curvature of F and g_s = F_s'(m) the derivative of the quadratic fitted to seed s alone (its runs share their
noise, so this is the noise of DIFFERENCES), m moves by −H⁻¹·mean(g_s) to first order, with standard error
sd(H⁻¹g_s)/√n (Huber 1967; van der Vaart, Asymptotic Statistics, 1998, Theorem 5.21). One parabola on points of spacing
h with sd τ of f_s(m + h) − f_s(m − h): τ/(2hH√n). Where H is not significantly positive the expansion says nothing,
and neither does this module: "not resolvable".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from experiments.statistics import windows
from experiments.statistics.checks import (
    LogPoints,
    check_costs,
    check_fraction,
    check_log_points,
    check_positive,
)
from experiments.statistics.optimum import best
from lmo.checks import check_integer

MOST_SEEDS = 10**7
FLAT = "not resolvable: the curvature at the optimum is not significantly positive"

Cell = tuple[int, ...]


@dataclass(frozen=True)
class Pilot:
    """What a pilot tells of every cell.

    log_point: (cells…, axes), value: (cells…): the refined optimum. moves: (cells…, axes, seeds), by how much each seed
    moves the optimum's logarithm (its influence; mean 0); value_moves: (cells…, seeds), the same of log value.
    resolvable: (cells…), whether the smallest curvature of the fit is significantly positive. curvature: (cells…),
    that curvature; curvature_error: (cells…), its standard error.
    """

    log_point: np.ndarray
    value: np.ndarray
    moves: np.ndarray
    value_moves: np.ndarray
    resolvable: np.ndarray
    curvature: np.ndarray
    curvature_error: np.ndarray

    @property
    def seeds(self) -> int:
        """How many seeds the pilot had."""
        return int(self.moves.shape[-1])


@dataclass(frozen=True)
class Answer:
    """resolvable: whether there is an answer. effect: a log ratio. seeds: how many. sentence: the answer in words."""

    resolvable: bool
    effect: float
    seeds: int
    sentence: str


def pilot(values: np.ndarray, log_points: LogPoints, level: float = 0.95) -> Pilot:
    """Influences of the seeds on the optimum of every cell.

    Args:
        values: (cells…, points, seeds) or (cells…, points of step, points of alpha, seeds), positive costs; the points
            near the optimum have the spacing that the study will end with (it enters the noise).
        level: of the one-sided test of the curvature (Student, n − 1 degrees of freedom), shared over all windows of
            the grid (Bonferroni): the window around the smallest of equal costs has a positive curvature by selection.

    Raises:
        TypeError, ValueError: bad shapes, fewer than 3 seeds.
    """
    axes = check_log_points(log_points)
    values = check_costs("values", values, len(axes) + 1)
    seeds = values.shape[-1]
    if seeds < 3:
        raise ValueError(f"a pilot needs at least 3 seeds, got {seeds}")
    check_fraction("level", level)
    found = best(values, log_points)
    single, mean = windows.fits(values, log_points, found.index)
    usable = found.refined & (found.value > 0)
    eigenvalues, vectors = np.linalg.eigh(np.where(usable[..., None, None], mean.hessian, np.eye(len(axes))))
    weakest = vectors[..., 0]
    bends = np.einsum("...i,...sij,...j->...s", weakest, single.hessian, weakest)
    error = bends.std(-1, ddof=1) / np.sqrt(seeds)
    tries = math.prod(max(1, axis.shape[-1] - 2) for axis in axes)
    resolvable = usable & (eigenvalues[..., 0] > student.ppf(1 - (1 - level) / tries, seeds - 1) * error)
    at = np.where(usable[..., None], found.log_point, 0.0)
    slopes = single.slope_at(at[..., None, :])
    safe = np.where(resolvable[..., None, None], mean.hessian, np.eye(len(axes)))
    moves = -np.linalg.solve(safe, np.swapaxes(slopes - slopes.mean(-2, keepdims=True), -1, -2))
    heights = single.at(at[..., None, :])
    scale = np.where(usable, found.value, 1.0)[..., None]
    value_moves = np.where(usable[..., None], (heights - heights.mean(-1, keepdims=True)) / scale, np.nan)
    moves = np.where(resolvable[..., None, None], moves, np.nan)
    curvature, error = (np.where(usable, x, np.nan) for x in (eigenvalues[..., 0], error))
    return Pilot(found.log_point, found.value, moves, value_moves, resolvable, curvature, error)


def smallest_effect(spread: float, seeds: int, level: float = 0.95, power: float = 0.8) -> Answer:
    """The smallest log ratio that an interval of `level` tells from 0 with chance `power`.

    (t_{(1 + level)/2} + t_{power})·spread/√n, Student with n − 1 degrees of freedom.

    Args:
        spread: standard deviation over seeds of the moves (`spread_of_ratio`, `spread_of_value`); NaN: not resolvable.
        seeds: how many the study will have. power: the chance to find an effect of that size.
    """
    check_integer("seeds", seeds, at_least=2)
    if _unknown(spread):
        return _not_resolvable(seeds)
    effect = _multiple(level, power, seeds) * float(spread) / float(np.sqrt(seeds))
    text = f"{seeds} seeds resolve a ratio of {np.exp(effect):.4g} (level {level:g}, power {power:g})"
    return Answer(True, effect, seeds, text)


def seeds_needed(spread: float, effect: float, level: float = 0.95, power: float = 0.8) -> Answer:
    """The fewest seeds whose smallest effect is at most `effect` (a log ratio > 0)."""
    check_positive("effect", effect)
    if _unknown(spread):
        return _not_resolvable(0)
    low, high = 1, 2
    while _multiple(level, power, high) * spread / np.sqrt(high) > effect:
        low, high = high, 2 * high
        if high > MOST_SEEDS:
            return Answer(False, effect, 0, f"not resolvable: more than {MOST_SEEDS:g} seeds for exp({effect:.3g})")
    while high - low > 1:
        middle = (low + high) // 2
        enough = _multiple(level, power, middle) * spread / np.sqrt(middle) <= effect
        low, high = (low, middle) if enough else (middle, high)
    text = f"a ratio of {np.exp(effect):.4g} needs {high} seeds (level {level:g}, power {power:g})"
    return Answer(True, effect, high, text)


def spread_of_ratio(about: Pilot, cell: Cell, baseline: Cell | None = None, axis: int = 0) -> float:
    """sd over seeds of the log ratio of two cells' best step (axis 0) or alpha (axis 1), paired; NaN: not resolvable.

    baseline None: a second cell with independent noise of the same size, √2 times the cell's own: no pairing known.
    """
    own = about.moves[cell][axis]
    return _paired(own, None if baseline is None else about.moves[baseline][axis])


def spread_of_value(about: Pilot, cell: Cell, baseline: Cell | None = None) -> float:
    """sd over seeds of the log ratio of two cells' best values, paired; as `spread_of_ratio`."""
    return _paired(about.value_moves[cell], None if baseline is None else about.value_moves[baseline])


def standard_error(curvature: float, difference_noise: float, spacing: float, seeds: int) -> float:
    """Of the minimiser of a parabola through three points: τ/(2hH√n), in the logarithm of the parameter.

    Args:
        curvature: H > 0, of the mean cost in the logarithm. difference_noise: τ, the sd over seeds of
            f_s(m + h) − f_s(m − h), paired. spacing: h > 0. seeds: n.

    Raises:
        ValueError: a curvature <= 0: a flat optimum has no standard error.
    """
    check_positive("curvature", curvature)
    check_positive("spacing", spacing)
    check_integer("seeds", seeds, at_least=1)
    if not 0 <= difference_noise < np.inf:
        raise ValueError(f"`difference_noise` must be finite and >= 0, got {difference_noise!r}")
    return float(difference_noise / (2 * spacing * curvature * np.sqrt(seeds)))


def _multiple(level: float, power: float, seeds: int) -> float:
    quantiles = student.ppf([(1 + check_fraction("level", level)) / 2, check_fraction("power", power)], seeds - 1)
    return float(quantiles.sum())


def _paired(own: np.ndarray, other: np.ndarray | None) -> float:
    if other is None:
        return float(np.sqrt(2) * own.std(ddof=1))
    return float((own - other).std(ddof=1))


def _unknown(spread: float) -> bool:
    if spread < 0:
        raise ValueError(f"`spread` must be >= 0, or NaN where nothing is resolvable; got {spread!r}")
    return not np.isfinite(spread)


def _not_resolvable(seeds: int) -> Answer:
    return Answer(False, float("inf"), seeds, FLAT)

"""What is bootstrapped: best step and alpha, value there, ratios against a baseline cell, regret. All paired by seed.

Each is a statistic for `experiments.statistics.bootstrap.interval`: means (batch, cells…, points…) → (batch, out…).
"""

from __future__ import annotations

import numpy as np

from experiments.statistics.bootstrap import Statistic
from experiments.statistics.checks import LogPoints, check_log_points
from experiments.statistics.optimum import of_means


def log_best(log_points: LogPoints) -> Statistic:
    """(batch, cells…, axes): natural logarithms of the best step size, or of step size and alpha."""
    return lambda means: of_means(means, log_points).log_point


def best_value(log_points: LogPoints) -> Statistic:
    """(batch, cells…): the cost at the optimum."""
    return lambda means: of_means(means, log_points).value


def log_ratios(statistic: Statistic, axis: int, baseline: int = 0) -> Statistic:
    """A statistic of logarithms less its value at index `baseline` of dimension `axis` of the cells (0: the first).

    With `log_best` and the dimension of delta: log of γ*(δ)/γ*(0), paired by seed.
    """

    def paired(means: np.ndarray) -> np.ndarray:
        found = statistic(means)
        with np.errstate(invalid="ignore"):  # inf − inf: both diverged, the ratio is unknown (NaN)
            return found - np.take(found, [baseline], axis=axis + 1)

    return paired


def log_of(statistic: Statistic) -> Statistic:
    """The natural logarithm of a positive statistic (of `best_value`: what `log_ratios` and regression take)."""

    def logarithm(means: np.ndarray) -> np.ndarray:
        found = statistic(means)
        if (found <= 0).any():
            raise ValueError("the logarithm of a cost needs positive costs; some means are <= 0")
        return np.log(found)

    return logarithm


def log_regret(log_points: LogPoints, axis: int, baseline: int = 0) -> Statistic:
    """(batch, cells…): log of the cost at the baseline cell's optimum over the cost at the cell's own.

    axis, baseline: as in `log_ratios`; what a user pays who keeps the tuning of δ = 0. The cost between grid points is
    the quadratic interpolation through the nearest three (3×3) points; inf where one of these diverged, and where the
    baseline's optimum is outside the cell's grid: then run it (`log_regret_of_runs`).
    """
    axes = check_log_points(log_points)

    def regret(means: np.ndarray) -> np.ndarray:
        own = of_means(means, log_points)
        kept = np.take(own.log_point, [baseline], axis=axis + 1)
        cost = interpolated(means, axes, np.broadcast_to(kept, own.log_point.shape))
        return _log_excess(cost, own.value)

    return regret


def log_regret_of_runs(log_points: LogPoints) -> Statistic:
    """(batch, cells…): the same where the kept tuning was run itself.

    The means are (batch, cells…, points + 1): the points of the grid (of two axes: raveled), then the kept tuning's.
    """
    axes = check_log_points(log_points)
    shape = [axis.shape[-1] for axis in axes]

    def regret(means: np.ndarray) -> np.ndarray:
        if means.shape[-1] != np.prod(shape) + 1:
            raise ValueError(f"`values` must have {np.prod(shape)} points of the grid and one more, got {means.shape}")
        own = of_means(means[..., :-1].reshape(*means.shape[:-1], *shape), log_points).value
        return _log_excess(means[..., -1], own)

    return regret


def _log_excess(kept: np.ndarray, own: np.ndarray) -> np.ndarray:
    """log max(1, kept/own); NaN where the cell's own value is infinite."""
    if (own <= 0).any():
        raise ValueError("regret is a ratio of positive costs; some are <= 0")
    return np.log(np.maximum(kept / np.where(np.isfinite(own), own, np.nan), 1.0))


def interpolated(means: np.ndarray, axes: tuple[np.ndarray, ...], at: np.ndarray) -> np.ndarray:
    """(cells…): the cost at logarithms `at` (cells…, axes), by Lagrange's quadratic per axis; inf outside the grid."""
    count = len(axes)
    result = np.asarray(means, float)
    inside = np.ones(at.shape[:-1], bool)
    for i in reversed(range(count)):
        points = np.broadcast_to(axes[i], (*at.shape[:-1], axes[i].shape[-1]))
        t = at[..., i]
        there = np.isfinite(points).sum(-1)
        nearest = np.argmin(np.where(np.isfinite(points), np.abs(points - t[..., None]), np.inf), -1)
        size = min(3, points.shape[-1])
        places = np.clip(nearest - 1, 0, np.maximum(there - size, 0))[..., None] + np.arange(size)
        x = np.take_along_axis(points, places, -1)
        last = np.take_along_axis(points, there[..., None] - 1, -1)[..., 0]
        inside &= (t >= points[..., 0] - 1e-12) & (t <= last + 1e-12)
        lead = result.ndim - t.ndim - 1  # dimensions of points before this one: 1 for alpha of two axes, else 0
        shaped = places.reshape(*places.shape[:-1], *(1,) * lead, size)
        picked = np.take_along_axis(result, shaped, -1)
        weights = _lagrange(x, t).reshape(*places.shape[:-1], *(1,) * lead, size)
        used = weights != 0
        finite = np.isfinite(picked) | ~used
        result = np.where(np.isfinite(picked), picked, 0.0) * weights
        result = np.where(finite.all(-1), result.sum(-1), np.inf)
    return np.where(inside & ~np.isnan(result), result, np.inf)


def _lagrange(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Weights (…, n) of the values at x (…, n) in the polynomial through them at t (…)."""
    away = t[..., None, None] - x[..., None, :]  # (…, which weight, factor)
    apart = x[..., :, None] - x[..., None, :]
    own = np.eye(x.shape[-1], dtype=bool)
    factors = np.where(own, 1.0, away / np.where(own, 1.0, apart))
    return np.prod(factors, -1)

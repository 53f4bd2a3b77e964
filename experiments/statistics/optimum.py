"""The best step size, or step size and alpha, of every cell: the smallest mean over seeds, refined by a quadratic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.statistics import parabola
from experiments.statistics.checks import LogPoints, check_costs, check_log_points

TRUST = 0.5  # a fit that promises less than this part of the smallest positive cost extrapolates: a neighbour is steep


@dataclass(frozen=True)
class Optimum:
    """Where a cost is smallest, in natural logarithms; `axes` is 1 (step size) or 2 (step size, alpha).

    log_point: (cells…, axes), NaN where every point diverged. value: (cells…), the cost there, inf where every point
    diverged. edge: (cells…, axes), −1 or 1 where the smallest point of the grid is the first or the last of its axis
    (with alpha <= 1 a last point of 1 is no fault of the grid), else 0. index: (cells…, axes), the smallest point of
    the grid. refined: (cells…), whether a quadratic was fitted; else log_point is the point of the grid, because a
    neighbour diverged, the fit is not convex or falls below half of the smallest cost (`TRUST`), or an axis has fewer
    than three points. hessian: (cells…, axes, axes), of
    the fit in log coordinates, NaN where not refined.
    """

    log_point: np.ndarray
    value: np.ndarray
    edge: np.ndarray
    index: np.ndarray
    refined: np.ndarray
    hessian: np.ndarray

    @property
    def point(self) -> np.ndarray:
        """exp(log_point): the step size, or step size and alpha (cells…, axes)."""
        return np.exp(self.log_point)

    @property
    def at_edge(self) -> np.ndarray:
        """(cells…): whether the smallest point is at an end of any axis."""
        return (self.edge != 0).any(-1)


def seed_mean(values: np.ndarray) -> np.ndarray:
    """Means over the last dimension; inf where any value is inf or NaN: a run that diverged is infinitely bad."""
    array = check_costs("values", values, 1)
    finite = np.isfinite(array)
    means = np.where(finite, array, 0.0).mean(-1)
    return np.where(finite.all(-1), means, np.inf)


def best(values: np.ndarray, log_points: LogPoints) -> Optimum:
    """The minimiser of the mean over seeds.

    Args:
        values: costs (cells…, points, seeds), or (cells…, points of step, points of alpha, seeds) with two axes.
        log_points: increasing natural logarithms, (points,) or (cells…, points); a tuple of two such for two axes. A
            cell with fewer points has NaN at the end of its logarithms (and anything for their values).

    The parabola through the three points around the smallest (3×3: the least-squares quadratic of the nine), minimised
    over the box of the smallest point's neighbours; at an end of the grid, over the half of it that is there.

    Raises:
        TypeError, ValueError: shapes that do not fit, logarithms that do not increase.
    """
    axes = check_log_points(log_points)
    return of_means(seed_mean(check_costs("values", values, len(axes) + 1)), log_points)


def of_means(means: np.ndarray, log_points: LogPoints) -> Optimum:
    """`best` for means over seeds, (cells…, points) or (cells…, points of step, points of alpha)."""
    axes = check_log_points(log_points)
    means, full, counts = _aligned(means, axes)
    cells = means.shape[: means.ndim - len(axes)]
    flat = means.reshape(*cells, -1)
    smallest = np.argmin(flat, -1)
    index = np.stack(np.unravel_index(smallest, means.shape[len(cells) :]), -1)
    lowest = np.take_along_axis(flat, smallest[..., None], -1)[..., 0]
    at = np.stack([_take(axis, index[..., i]) for i, axis in enumerate(full)], -1)
    at = np.where(np.isfinite(lowest)[..., None], at, np.nan)
    last = np.stack(counts, -1) - 1
    edge = np.where(index == 0, -1, np.where(index == last, 1, 0))
    edge = np.where((last == 0) & (index == 0), 0, edge)  # an axis of one point is fixed, not searched
    return _refine(means, full, last, index, edge, at, lowest)


def _refine(
    means: np.ndarray,
    axes: list[np.ndarray],
    last: np.ndarray,
    index: np.ndarray,
    edge: np.ndarray,
    at: np.ndarray,
    lowest: np.ndarray,
) -> Optimum:
    """The optimum of grid points `at`, refined where that can be done."""
    cells, count = lowest.shape, len(axes)
    hessian = np.full((*cells, count, count), np.nan)
    enough = [axis.shape[-1] >= 3 for axis in axes]
    if not all(enough):
        if count == 2 and any(enough):
            return _along_one(means, axes, last, index, edge, at, lowest, enough.index(True))
        return Optimum(at, lowest, edge, index, np.zeros(cells, bool), hessian)
    window = [np.clip(index[..., i] - 1, 0, np.maximum(last[..., i] - 2, 0)) for i in range(count)]
    places = [start[..., None] + np.arange(3) for start in window]
    coordinates = [np.take_along_axis(axis, place, -1) for axis, place in zip(axes, places, strict=True)]
    block = _blocks(means, places)
    usable = np.isfinite(block).all(axis=tuple(range(-count, 0)))
    usable &= np.all([np.isfinite(c).all(-1) for c in coordinates], axis=0)
    shape = (...,) + (None,) * count
    block = np.where(usable[shape], block, 0.0)
    coordinates = [np.where(usable[..., None], c, np.arange(3.0)) for c in coordinates]
    low, high = (
        np.stack([_take(a, np.clip(index[..., i] + side, 0, last[..., i])) for i, a in enumerate(axes)], -1)
        for side in (-1, 1)
    )
    quadratic = parabola.fit(block, *coordinates)
    found, convex = parabola.minimiser(quadratic, low, high)
    fitted = quadratic.at(found)
    refined = usable & convex & ((lowest <= 0) | (fitted >= TRUST * lowest))
    value = np.where(refined, fitted, lowest)
    hessian = np.where(refined[..., None, None], quadratic.hessian, np.nan)
    return Optimum(np.where(refined[..., None], found, at), value, edge, index, refined, hessian)


def _along_one(
    means: np.ndarray,
    axes: list[np.ndarray],
    last: np.ndarray,
    index: np.ndarray,
    edge: np.ndarray,
    at: np.ndarray,
    lowest: np.ndarray,
    axis: int,
) -> Optimum:
    """Two axes of which only `axis` has three points: refined along that one."""
    other = 1 - axis
    line = np.take_along_axis(np.moveaxis(means, -2 + other, -1), index[..., None, None, other], -1)[..., 0]
    keep = slice(axis, axis + 1)
    one = _refine(line, [axes[axis]], last[..., keep], index[..., keep], edge[..., keep], at[..., keep], lowest)
    point = at.copy()
    point[..., axis] = one.log_point[..., 0]
    hessian = np.full((*lowest.shape, 2, 2), np.nan)
    hessian[..., axis, axis] = one.hessian[..., 0, 0]
    return Optimum(point, one.value, edge, index, one.refined, hessian)


def _aligned(means: np.ndarray, axes: tuple[np.ndarray, ...]) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Means with inf at padding and NaN, logarithms (cells…, points) per axis, and how many of them are points."""
    means = check_costs("means", means, len(axes))
    cells = means.shape[: means.ndim - len(axes)]
    full, counts = [], []
    means = np.where(np.isnan(means) | (means == -np.inf), np.inf, means)
    for i, axis in enumerate(axes):
        size = means.shape[len(cells) + i]
        try:
            whole = np.broadcast_to(axis, (*cells, size))
        except ValueError:
            whole = np.empty(0)
        if axis.shape[-1] != size or whole.size == 0:
            raise ValueError(
                f"`log_points[{i}]` of shape {axis.shape} must be ({size},) or (cells…, {size}) for values with cells "
                f"{cells} and points {means.shape[len(cells) :]}"
            )
        there = np.isfinite(whole)
        shape = (...,) + (None,) * (len(axes) - 1 - i)
        wide = there[..., None, :] if i == 1 else there[shape]
        means = np.where(wide, means, np.inf)
        full.append(whole)
        counts.append(there.sum(-1))
    return means, full, counts


def _take(axis: np.ndarray, index: np.ndarray) -> np.ndarray:
    return np.take_along_axis(axis, index[..., None], -1)[..., 0]


def _blocks(means: np.ndarray, places: list[np.ndarray]) -> np.ndarray:
    """The windows (cells…, 3) or (cells…, 3, 3) of the means."""
    if len(places) == 1:
        return np.take_along_axis(means, places[0], -1)
    rows = np.take_along_axis(means, places[0][..., :, None], -2)
    return np.take_along_axis(rows, places[1][..., None, :], -1)

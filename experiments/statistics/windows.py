"""The quadratics at an optimum, of the mean and of every seed alone."""

from __future__ import annotations

import numpy as np

from experiments.statistics import parabola
from experiments.statistics.checks import LogPoints, check_log_points


def fits(values: np.ndarray, log_points: LogPoints, index: np.ndarray) -> tuple[parabola.Quadratic, parabola.Quadratic]:
    """Quadratics of every seed (cells…, seeds) and of the mean (cells…) on the window around `index` (cells…, axes).

    Where a run of the window diverged, what is returned has no meaning: `Optimum.refined` is false there.

    Raises:
        ValueError: an axis with fewer than three points.
    """
    axes = check_log_points(log_points)
    cells = index.shape[:-1]
    block, coordinates = np.moveaxis(values, -1, len(cells)), []
    for i, axis in enumerate(axes):
        whole = np.broadcast_to(axis, (*cells, axis.shape[-1]))
        if whole.shape[-1] < 3:
            raise ValueError(f"`log_points[{i}]` must have at least 3 points, got {whole.shape[-1]}")
        last = np.isfinite(whole).sum(-1) - 1
        start = np.clip(index[..., i] - 1, 0, np.maximum(last - 2, 0))
        places = start[..., None] + np.arange(3)
        found = np.take_along_axis(whole, places, -1)
        fine = np.isfinite(found).all(-1, keepdims=True)
        coordinates.append(np.where(fine, found, np.arange(3.0)))
        position = len(cells) + 1 + i
        shape = [*cells, *(1,) * (block.ndim - len(cells))]
        shape[position] = 3
        block = np.take_along_axis(block, places.reshape(shape), position)
    block = np.where(np.isfinite(block), block, 0.0)
    mean = parabola.fit(block.mean(len(cells)), *coordinates)
    single = parabola.fit(block, *(c[..., None, :] for c in coordinates))
    return single, mean

"""The best step size and alpha of every case: a coarse grid, a fine one around its best point, and a smooth fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from experiments.statistics.bootstrap import Interval, interval
from experiments.statistics.optimum import seed_mean

RATIO = 1.12  # of neighbouring points of the fine grid
SIZE = 15  # of the fine grid, in step size and in alpha: a factor 2.2 to either side
COARSE_SEEDS = 4
NEAR = 0.05  # points whose cost is within this part of the smallest one are fitted
RESAMPLES = 1200  # a tail of an interval at 95 % over 12 seeds holds more than ten of them
COARSE_ALPHAS = np.geomspace(0.002, 1, 13)
Costs = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # step sizes, alphas, seeds → (points, seeds)


@dataclass(frozen=True)
class Surface:
    """The costs of one case around its best point: (alphas, step sizes, seeds), at logarithms of both."""

    log_alpha: np.ndarray
    log_step: np.ndarray
    costs: np.ndarray


@dataclass(frozen=True)
class Best:
    """Natural logarithms of the best α, γ and the value there (…, 3); inner: (…), whether both are inside of the grid
    (α = 1 is the end of its domain) and the fit is convex."""

    logs: np.ndarray
    inner: np.ndarray


def surface(costs: Costs, steps: np.ndarray, seeds: int, first_seed: int = 0) -> Surface:
    """The fine grid of a case; `steps` are the step sizes of the coarse one. Seeds: first_seed … first_seed + seeds."""
    every = np.arange(first_seed, first_seed + seeds)
    coarse = _on(costs, COARSE_ALPHAS, steps, every[:COARSE_SEEDS])
    means = seed_mean(coarse)
    at, along = np.unravel_index(int(np.argmin(means)), means.shape)
    alphas, sizes = _around(COARSE_ALPHAS[at], 1.0), _around(steps[along], np.inf)
    return Surface(np.log(alphas), np.log(sizes), _on(costs, alphas, sizes, every))


def _around(centre: float, largest: float) -> np.ndarray:
    points = centre * RATIO ** np.arange(-(SIZE // 2), SIZE // 2 + 1.0)
    return points * min(1.0, largest / points[-1])


def _on(costs: Costs, alphas: np.ndarray, steps: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    alpha, step = np.meshgrid(alphas, steps, indexing="ij")
    return costs(step.ravel(), alpha.ravel(), seeds).reshape(*alpha.shape, -1)


def best(means: np.ndarray, log_alpha: np.ndarray, log_step: np.ndarray) -> Best:
    """The optimum of mean costs (batch, alphas, step sizes): the minimum of a quadratic in both logarithms.

    It is fitted to the logarithms of all costs within `NEAR` of the smallest (least squares), which averages what
    single runs jump by. Where it is not convex, or its minimum is not among the points that it was fitted to, the
    smallest point stands.
    """
    batch = means.reshape(len(means), -1)
    alpha, step = (axis.ravel() for axis in np.meshgrid(log_alpha, log_step, indexing="ij"))
    smallest = batch.argmin(-1)
    u, v = alpha - alpha[smallest][:, None], step - step[smallest][:, None]  # (batch, points)
    logs = np.log(batch)
    near = (logs <= logs.min(-1, keepdims=True) + np.log1p(NEAR)).astype(float)
    design = np.stack([np.ones_like(u), u, v, u * u / 2, u * v, v * v / 2], -1)
    weighted = design * near[..., None]
    normal = np.einsum("bpi,bpj->bij", weighted, design) + 1e-12 * np.eye(6)
    coefficient = np.linalg.solve(normal, np.einsum("bpi,bp->bi", weighted, logs)[..., None])[..., 0]
    value, slope = coefficient[:, 0], coefficient[:, 1:3]
    bend = np.stack([coefficient[:, 3:5], coefficient[:, 4:6]], -2)
    convex = (bend[:, 0, 0] > 0) & (np.linalg.det(bend) > 0)
    move = -np.linalg.solve(np.where(convex[:, None, None], bend, np.eye(2)), slope[..., None])[..., 0]
    inside = convex & _within(move[:, 0], u, near) & _within(move[:, 1], v, near)
    move = np.where(inside[:, None], move, 0.0)
    at = np.stack([alpha[smallest], step[smallest]], -1) + move
    height = np.where(inside, value + (slope * move).sum(-1) / 2, logs.min(-1))
    rows, columns = np.unravel_index(smallest, means.shape[1:])
    top = (rows == len(log_alpha) - 1) & (abs(log_alpha[-1]) < 1e-9)
    free = (rows > 0) & ((rows < len(log_alpha) - 1) | top) & (columns > 0) & (columns < len(log_step) - 1)
    return Best(np.concatenate([at, height[:, None]], -1), free & (inside | top))


def _within(move: np.ndarray, offset: np.ndarray, near: np.ndarray) -> np.ndarray:
    low, high = (np.where(near > 0, offset, fill) for fill in (np.inf, -np.inf))
    return (move >= low.min(-1)) & (move <= high.max(-1))


def exponents(
    surfaces: list[Surface], deltas: list[float], level: float = 0.95
) -> tuple[Interval, np.ndarray, np.ndarray]:
    """Exponents in 1 + δ of the best α, γ and value, each surface against the first (whose δ is 0): (cases − 1, 3).

    Averages from 0 to δ: log(α*(δ)/α*(0))/log(1 + δ). The interval resamples the seeds, which all surfaces share. Then
    the logarithms of the optima (cases, 3), and whether each lies inside of its grid (cases,).
    """
    size = np.log1p(np.asarray(deltas[1:], float))[:, None]
    stacked = np.stack([one.costs for one in surfaces])

    def of(means: np.ndarray) -> np.ndarray:
        found = [best(means[:, i], one.log_alpha, one.log_step).logs for i, one in enumerate(surfaces)]
        return (np.stack(found[1:], 1) - found[0][:, None]) / size

    single = [_best_of(one) for one in surfaces]
    logs, inner = (np.concatenate(parts) for parts in zip(*((one.logs, one.inner) for one in single), strict=True))
    return interval(stacked, of, RESAMPLES, level, method="percentile"), logs, inner


def _best_of(one: Surface) -> Best:
    return best(seed_mean(one.costs)[None], one.log_alpha, one.log_step)


def regret(kept: Surface, own: Surface) -> float:
    """What the tuning of `kept` costs on `own`: its cost there over the best one, minus 1. On the fitted points; NaN
    where the kept tuning is outside of the grid of `own`."""
    alpha, step, _ = _best_of(kept).logs[0]
    if not (own.log_alpha[0] <= alpha <= own.log_alpha[-1] and own.log_step[0] <= step <= own.log_step[-1]):
        return float("nan")
    means = RegularGridInterpolator((own.log_alpha, own.log_step), seed_mean(own.costs))
    return float(means([alpha, step])[0] / np.exp(_best_of(own).logs[0, 2]) - 1)

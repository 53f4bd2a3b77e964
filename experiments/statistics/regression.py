"""Exponents: the slope of log y on log x, its interval, and whether a power law is refuted.

Weighted least squares. From bootstrap draws the points' covariance is known, with what common random numbers make of
it; from standard errors it is diagonal. Lack of fit: with C an orthonormal basis of what a straight line leaves
(CX = 0, n − 2 rows), T² = (Cy)ᵀ(CΣCᵀ)⁻¹Cy is χ²_{n−2} for a known Σ (Seber & Lee, Linear Regression Analysis, 2003,
§4.4), and ((ν − k + 1)/(νk))T² is F_{k, ν−k+1} for a Σ estimated on ν = seeds − 1 degrees of freedom, k = n − 2
(Hotelling; Anderson, Multivariate Statistical Analysis, 2003, §5.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, norm
from scipy.stats import f as fisher

from experiments.statistics.bootstrap import percentile
from experiments.statistics.checks import check_costs, check_fraction
from lmo.checks import check_integer


@dataclass(frozen=True)
class PowerLaw:
    """y ∝ x^exponent.

    exponent, low, high, intercept: (cells…); log y = intercept + exponent·log x. lack_of_fit: (cells…), the p-value of
    "log y is straight in log x" (small: a power law is refuted; NaN: cannot be tested, too few points or seeds).
    """

    exponent: np.ndarray
    low: np.ndarray
    high: np.ndarray
    intercept: np.ndarray
    lack_of_fit: np.ndarray


def from_errors(log_x: np.ndarray, log_y: np.ndarray, errors: np.ndarray, level: float = 0.95) -> PowerLaw:
    """The power law through points with independent normal errors.

    Args:
        log_x: (points,), at least two different. log_y: (cells…, points). errors: standard errors of log_y, > 0.

    Raises:
        TypeError, ValueError: shapes that do not fit, errors that are not positive.
    """
    log_x, log_y = _points(log_x, log_y)
    errors = np.broadcast_to(check_costs("errors", errors, 0), log_y.shape)
    if not ((errors > 0) & np.isfinite(errors)).all():
        raise ValueError("`errors` must be finite and > 0, standard errors of log_y")
    lines = _lines(log_x, errors)
    intercept, exponent = np.moveaxis(np.einsum("...kp,...p->...k", lines, log_y), -1, 0)
    half = norm.ppf((1 + check_fraction("level", level)) / 2) * np.sqrt((lines[..., 1, :] ** 2 * errors**2).sum(-1))
    covariance = errors[..., None] ** 2 * np.eye(log_x.size)
    return PowerLaw(exponent, exponent - half, exponent + half, intercept, _lack(log_x, log_y, covariance, None))


def from_draws(
    log_x: np.ndarray,
    log_y: np.ndarray,
    draws: np.ndarray,
    seeds: int,
    level: float = 0.95,
    blurs: np.ndarray | float = 0.0,
) -> PowerLaw:
    """The power law through estimates that were resampled together.

    Args:
        log_x: (points,). log_y: (cells…, points), the estimates. draws: (resamples, cells…, points), e.g. of
            `bootstrap.interval(…, quantities.log_best(…))`. seeds: how many the resamples were drawn from. blurs:
            (points,), by how much each estimate may be off beside what the draws say, as by its grid.

    The weights are those of the draws' variances; the interval is the expanded percentile of the slopes of the draws,
    so points that share their noise count as what they are. A point whose draws do not vary gets the smallest error of
    the others. Blurs widen the interval by the most that they can turn the line together; in weights and lack of fit
    they count as uniform errors.

    Raises:
        TypeError, ValueError: shapes that do not fit, draws that are not finite, draws that do not vary at all.
    """
    log_x, log_y = _points(log_x, log_y)
    draws = check_costs("draws", draws, 2)
    check_integer("seeds", seeds, at_least=2)
    if draws.shape[1:] != log_y.shape:
        raise ValueError(f"`draws` must have shape (resamples, {log_y.shape}), got {draws.shape}")
    if not np.isfinite(draws).all():
        raise ValueError("`draws` must be finite; leave out points where the optimum is unknown")
    away = (draws - draws.mean(0)) * np.sqrt(seeds / (seeds - 1))
    covariance = np.einsum("b...p,b...q->...pq", away, away) / (len(draws) - 1)
    blurs = np.broadcast_to(check_costs("blurs", blurs, 0), log_x.shape)
    errors = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    if not (errors > 0).any(-1).all():
        raise ValueError("`draws` do not vary at any point of a cell: there is no noise to weigh by")
    positive = np.where(errors > 0, errors, np.inf).min(-1, keepdims=True)
    lines = _lines(log_x, np.sqrt(np.where(errors > 0, errors, positive) ** 2 + blurs**2 / 3))
    intercept, exponent = np.moveaxis(np.einsum("...kp,...p->...k", lines, log_y), -1, 0)
    low, high = percentile(np.einsum("...p,b...p->b...", lines[..., 1, :], draws), level, seeds, exponent)
    turn = (np.abs(lines[..., 1, :]) * blurs).sum(-1)
    lack = _lack(log_x, log_y, covariance + np.diag(blurs**2 / 3), seeds)
    return PowerLaw(exponent, low - turn, high + turn, intercept, lack)


def _lines(log_x: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """(cells…, 2, points): what intercept and slope are of the points; weights 1/errors²."""
    weights = 1 / errors**2
    total = weights.sum(-1, keepdims=True)
    away = log_x - (weights * log_x).sum(-1, keepdims=True) / total
    slope = weights * away / (weights * away**2).sum(-1, keepdims=True)
    level = weights / total - slope * (weights * log_x).sum(-1, keepdims=True) / total
    return np.stack([level, slope], -2)


def _lack(log_x: np.ndarray, log_y: np.ndarray, covariance: np.ndarray, seeds: int | None) -> np.ndarray:
    """The p-value of a straight line; NaN where it cannot be tested."""
    k = log_x.size - 2
    unknown = np.full(log_y.shape[:-1], np.nan)
    if k < 1 or (seeds is not None and seeds - 1 - k + 1 < 1):
        return unknown
    design = np.stack([np.ones_like(log_x), log_x], -1)
    left = np.linalg.svd(design)[0][:, 2:].T
    bends = np.einsum("kp,...p->...k", left, log_y)
    spread = left @ covariance @ left.T
    trace = np.trace(spread, axis1=-2, axis2=-1)
    eigenvalues = np.linalg.eigvalsh(spread)
    regular = (trace > 0) & (eigenvalues[..., 0] > 1e-10 * trace)
    safe = np.where(regular[..., None, None], spread, np.eye(k))
    square = (bends * np.linalg.solve(safe, bends[..., None])[..., 0]).sum(-1)
    if seeds is None:
        tail = chi2.sf(square, k)
    else:
        freedom = seeds - 1
        tail = fisher.sf(square * (freedom - k + 1) / (freedom * k), k, freedom - k + 1)
    return np.where(regular, tail, np.nan)


def _points(log_x: np.ndarray, log_y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    log_x, log_y = check_costs("log_x", log_x, 1), check_costs("log_y", log_y, 1)
    if log_x.ndim != 1 or np.unique(log_x).size < 2 or log_y.shape[-1] != log_x.size:
        raise ValueError(
            f"`log_x` must be (points,) with two different ones and `log_y` (cells…, points), got {log_x.shape} and "
            f"{log_y.shape}"
        )
    if not (np.isfinite(log_x).all() and np.isfinite(log_y).all()):
        raise ValueError("`log_x` and `log_y` must be finite: logarithms of positive numbers")
    return log_x, log_y

"""What a final grid leaves open in an optimum: an error that no bootstrap over seeds sees.

With common random numbers a mean cost is a rugged function of γ and α, and what one lattice finds another one, a part
of a spacing away, does not. A cubic in log γ, log α is fitted to the logarithms of the mean costs within `NEAR` of the
smallest; the rms of what it leaves is the ROUGHNESS r. Two points whose smooth costs differ by less than √2·r may stand
in either order, so the optimum may be anywhere in ½⟨x, Hx⟩ <= √2·r, with H the curvature of the smooth cost: along an
axis, up to √(2√2·r·(H⁻¹)_ii) away (the EXTENT). Nor is it farther than the minimiser of the least-squares quadratic
through all of those points, whose residuals give that minimiser a standard error (the delta method): distance plus
`STANDARD_ERRORS` of these. The smaller of both is taken, but at least a quarter of the spacing; half of it where no
quadratic refined the point of the lattice, and where nothing is random, so that there is no other width. The value is
off by up to `VALUE_ROUGHNESSES`·r: the smallest of rugged points, or one that missed it.

Errors of two arms add up in their shift. Whether that is enough is calibrated in every study by arms that are exact
rescalings of the exact one (`calibration.py`); the constants below were chosen on those of the default form, and
`forms.calibration` checks them on other problems.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from experiments.coupling_study.search import Found, spacings

NEAR = 0.15  # of log cost above the smallest
VALUE_ROUGHNESSES = 3.0
STANDARD_ERRORS = 3.0
REFINED, UNREFINED = 0.25, 0.5  # of the spacing, at least


class GridError(NamedTuple):
    """Half-widths: of log step size, log alpha and log value."""

    step: float
    alpha: float
    value: float


def grid_error(found: Found) -> GridError:
    """Of an arm that was searched alone; alpha has none where it is not tuned, or is 1 by more than the roughness."""
    costs, logs, at = _costs(found), [axis[0] for axis in found.window.log_points], found.optimum.log_point[0]
    spacing = np.log(spacings(found.arms[0]))
    if not np.isfinite(at).all() or not np.isfinite(costs).any():
        return GridError(np.inf, np.inf if len(logs) == 2 else 0.0, np.inf)
    least = spacing * (REFINED if found.optimum.refined[0] and found.arms[0].random else UNREFINED)
    away = np.stack(np.meshgrid(*logs, indexing="ij"), -1) - at
    rough = roughness(away, costs)
    if rough is None:  # too few points to tell: the whole spacing
        extents = spacing
    elif _pinned(costs, logs, rough):
        extents = np.array([_extents(away[:, -1:, :1], costs[:, -1:], rough)[0], 0.0])
        least = least * [1.0, 0.0]
    else:
        extents = _extents(away, costs, rough)
    step, *alpha = np.maximum(least, extents).tolist()
    return GridError(step, alpha[0] if alpha else 0.0, VALUE_ROUGHNESSES * (rough or 0.0))


def roughness(away: np.ndarray, costs: np.ndarray) -> float | None:
    """rms of log costs (points…) around a cubic of the points (points…, axes); None where nothing is left to tell."""
    points, heights = _near(away, costs)
    design = _design(points, cubic=True)
    coefficients, _, rank, _ = np.linalg.lstsq(design, heights, rcond=1e-9)
    left = len(heights) - int(rank)
    return float(np.sqrt(((heights - design @ coefficients) ** 2).sum() / left)) if left > 0 else None


def _costs(found: Found) -> np.ndarray:
    """Logarithms of the means; inf where a run diverged or the point was not run."""
    values = found.window.values[0]
    known = np.isfinite(values).all(-1)
    means = np.where(known[..., None], values, 1.0).mean(-1)
    return np.where(known & (means > 0), np.log(np.where(means > 0, means, 1.0)), np.inf)


def _pinned(costs: np.ndarray, logs: list[np.ndarray], rough: float) -> bool:
    """Whether alpha is 1, its largest, and every smaller one is worse by more than the roughness."""
    if len(logs) == 1 or logs[1][np.isfinite(logs[1])][-1] < -1e-9 or costs.shape[1] < 2:
        return False
    best = costs.min(0)
    return bool(best[-1] + np.sqrt(2) * rough < best[:-1].min())


def _extents(away: np.ndarray, costs: np.ndarray, rough: float) -> np.ndarray:
    """(axes,): how far the optimum may be; to the far end of the grid where the smooth cost is not curved."""
    points, heights = _near(away, costs)
    axes = points.shape[1]
    design = _design(points, cubic=False)
    coefficients = np.linalg.lstsq(design, heights, rcond=1e-9)[0]
    bends = _matrix(coefficients, axes)
    farthest = np.nanmax(np.abs(away).reshape(-1, axes), axis=0)
    if np.linalg.eigvalsh(bends)[0] <= 0:
        return farthest
    inverse = np.linalg.inv(bends)
    extents = np.sqrt(2 * np.sqrt(2) * rough * np.diag(inverse))
    left = len(heights) - design.shape[1]
    smooth = -inverse @ coefficients[1 : 1 + axes]
    if left > 0 and (np.abs(smooth) <= farthest).all():
        residual = float(((heights - design @ coefficients) ** 2).sum()) / left
        turns = np.eye(design.shape[1])  # what each coefficient does to slope and curvature, so to the minimiser
        moves = np.stack([-inverse @ (one[1 : 1 + axes] + _matrix(one, axes) @ smooth) for one in turns], -1)
        error = np.sqrt(residual * np.diag(moves @ np.linalg.pinv(design.T @ design) @ moves.T))
        extents = np.minimum(extents, np.abs(smooth) + STANDARD_ERRORS * error)
    return np.minimum(extents, farthest)


def _matrix(coefficients: np.ndarray, axes: int) -> np.ndarray:
    """The curvature of a quadratic with coefficients in the order of `_design`."""
    half = np.zeros((axes, axes))
    half[np.triu_indices(axes)] = coefficients[1 + axes :]
    return half + half.T - np.diag(np.diag(half))


def _near(away: np.ndarray, costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, axes) and log costs (n,) within `NEAR` of the smallest; all of them where those are too few."""
    finite = np.isfinite(costs)
    near = finite & (costs <= costs[finite].min() + NEAR)
    axes = away.shape[-1]
    enough = near.sum() > (4 if axes == 1 else 10)
    return (away[near], costs[near]) if enough else (away[finite], costs[finite])


def _design(points: np.ndarray, cubic: bool) -> np.ndarray:
    """(n, terms): 1, the coordinates, halved squares with products, then all of degree three."""
    if points.shape[1] == 1:
        u = points[:, 0]
        return np.stack([np.ones_like(u), u, u * u / 2, *([u**3] if cubic else [])], -1)
    u, v = points.T
    terms = [np.ones_like(u), u, v, u * u / 2, u * v, v * v / 2]
    return np.stack(terms + ([u**3, u * u * v, u * v * v, v**3] if cubic else []), -1)

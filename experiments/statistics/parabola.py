"""The quadratic through three points, or fitted to 3×3 points of a grid, and its minimiser in the box between them.

On three points t_0 < t_1 < t_2 the polynomials 1, T = t − t̄ and T² − aT − s, with s = ΣT²/3 and a = ΣT³/ΣT², are
orthogonal. On a 3×3 grid so are their products, and the least-squares quadratic (six coefficients) is the expansion in
those of total degree ≤ 2 (Forsythe, J. SIAM 5, 1957: generation and use of orthogonal polynomials for data fitting).
On three points it is the parabola through them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Quadratic:
    """value + ⟨slope, t − centre⟩ + ½⟨t − centre, hessian (t − centre)⟩, in log coordinates t.

    value: (cells…); centre, slope: (cells…, axes); hessian: (cells…, axes, axes).
    """

    value: np.ndarray
    centre: np.ndarray
    slope: np.ndarray
    hessian: np.ndarray

    def at(self, t: np.ndarray) -> np.ndarray:
        """The values (cells…) at t (cells…, axes)."""
        away = t - self.centre
        bend = np.einsum("...i,...ij,...j->...", away, self.hessian, away)
        return self.value + (self.slope * away).sum(-1) + bend / 2

    def slope_at(self, t: np.ndarray) -> np.ndarray:
        """The derivative (cells…, axes) at t (cells…, axes)."""
        return self.slope + np.einsum("...ij,...j->...i", self.hessian, t - self.centre)


def fit(values: np.ndarray, *coordinates: np.ndarray) -> Quadratic:
    """The quadratic of values (cells…, 3) or (cells…, 3, 3) at coordinates (cells…, 3) per axis, all finite."""
    bases = [_basis(axis) for axis in coordinates]
    if len(bases) == 1:
        means, first, second = np.moveaxis(np.einsum("...a,...ka->...k", values, bases[0].weights), -1, 0)
        slopes, bends = [first - bases[0].skew * second], [second]
        value, twist = means - bases[0].spread * second, None
    else:
        table = np.einsum("...ab,...ka,...lb->...kl", values, bases[0].weights, bases[1].weights)
        bends = [table[..., 2, 0], table[..., 0, 2]]
        slopes = [
            table[..., 1, 0] - bases[0].skew * bends[0],
            table[..., 0, 1] - bases[1].skew * bends[1],
        ]
        value = table[..., 0, 0] - bases[0].spread * bends[0] - bases[1].spread * bends[1]
        twist = table[..., 1, 1]
    hessian = np.zeros((*value.shape, len(bases), len(bases)))
    for i, bend in enumerate(bends):
        hessian[..., i, i] = 2 * bend
    if twist is not None:
        hessian[..., 0, 1] = hessian[..., 1, 0] = twist
    centre = np.broadcast_to(np.stack([basis.centre for basis in bases], -1), hessian.shape[:-1])
    return Quadratic(value, centre, np.stack(slopes, -1), hessian)


def minimiser(quadratic: Quadratic, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The minimiser (cells…, axes) over the box low … high (cells…, axes), and whether the quadratic is convex.

    In two dimensions the lowest of the inner stationary point, if it lies in the box, and of the four sides' minima.
    """
    h = quadratic.hessian
    if h.shape[-1] == 1:
        convex = h[..., 0, 0] > 0
        away = -quadratic.slope / np.where(convex, h[..., 0, 0], 1)[..., None]
        return np.clip(quadratic.centre + away, low, high), convex
    convex = (h[..., 0, 0] > 0) & (np.linalg.det(h) > 0)
    safe = np.where(convex[..., None, None], h, np.eye(2))
    inner = quadratic.centre - np.linalg.solve(safe, quadratic.slope[..., None])[..., 0]
    inside = ((inner >= low) & (inner <= high)).all(-1, keepdims=True)
    candidates = [np.where(inside, inner, low)]
    for axis in (0, 1):
        for side in (low, high):
            point = quadratic.centre.copy()
            point[..., axis] = side[..., axis]
            other = 1 - axis
            slope = quadratic.slope_at(point)[..., other]
            along = point[..., other] - slope / safe[..., other, other]
            point[..., other] = np.clip(along, low[..., other], high[..., other])
            candidates.append(point)
    heights = np.stack([quadratic.at(point) for point in candidates], -1)
    which = np.argmin(heights, -1)[..., None, None]
    return np.take_along_axis(np.stack(candidates, -2), which, -2)[..., 0, :], convex


@dataclass(frozen=True)
class _Basis:
    centre: np.ndarray
    skew: np.ndarray  # a of the module's docstring
    spread: np.ndarray  # s
    weights: np.ndarray  # (…, 3, 3): what a polynomial's coefficient is of the three values


def _basis(t: np.ndarray) -> _Basis:
    centre = t.mean(-1)
    away = t - centre[..., None]
    square = (away**2).sum(-1)
    skew, spread = (away**3).sum(-1) / square, square / 3
    polynomials = np.stack([np.ones_like(away), away, away**2 - skew[..., None] * away - spread[..., None]], -2)
    return _Basis(centre, skew, spread, polynomials / (polynomials**2).sum(-1, keepdims=True))

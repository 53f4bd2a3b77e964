"""The objective of an instance, its gradient, and what is known of it: exactly, in both norms.

f(x) = Σ_j h(x_j − p_j; a_j, s_j), h convex and even, h(0) = 0, with a slope that rises at the rate a_j, twice as fast
after each distance 1/L1 (`bend` = L1; 0: never), until it is cut at s_j (∞: never). Without bend h is the Huber
function. The doubling one is exactly (a_j, L1)-smooth for distances up to 1/L1: from θ/L1 into its n-th piece the mean
slope of h′ over 1/L1 is a2ⁿ(1 + θ) = a + L1·h′, and less over less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from experiments.refutation.candidates import Candidates

_MOST_DOUBLINGS = 900.0


def gradient(c: Candidates, x: np.ndarray) -> np.ndarray:
    """∇f at x (N, M, d): the same shape."""
    away = x - c.centre[:, None]
    slope, curvature = c.slope[:, None], c.curvature[:, None]
    if not c.bend.any():
        return np.clip(curvature * away, -slope, slope)
    bend = c.bend[:, None, None]
    pieces, rest = _doublings(c, np.abs(away))
    grown = np.divide(2.0**pieces - 1 + 2.0**pieces * rest, bend, out=np.abs(away), where=bend > 0)
    return np.sign(away) * np.minimum(curvature * grown, slope)


def value(c: Candidates, x: np.ndarray) -> np.ndarray:
    """f at x (N, M, d): shape (N, M)."""
    size, slope, curvature = np.abs(x - c.centre[:, None]), c.slope[:, None], c.curvature[:, None]
    end = _end_of_bend(c)[:, None]
    inside = np.minimum(size, end)
    area = inside**2 / 2
    if c.bend.any():
        bend = c.bend[:, None, None]
        n, rest = _doublings(c, inside)
        whole = 2.0**n - 1
        doubled = 1.5 * whole - n + whole * rest + (whole + 1) * rest**2 / 2
        area = np.divide(doubled, bend**2, out=area, where=bend > 0)
    beyond = np.where(size > end, size - inside, 0.0)
    with np.errstate(invalid="ignore"):
        return (curvature * area + np.where(beyond > 0, slope * beyond, 0.0)).sum(-1)


def _doublings(c: Candidates, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many whole pieces of length 1/L1, and the rest of one."""
    length = np.minimum(c.bend[:, None, None] * size, _MOST_DOUBLINGS)
    whole = np.floor(length)
    return whole, length - whole


def _end_of_bend(c: Candidates) -> np.ndarray:
    """|x_j − p_j| at which the slope is cut: (N, d)."""
    plain = c.slope / c.curvature
    if not c.bend.any():
        return plain
    bend = c.bend[:, None]
    grown = np.where(np.isfinite(plain), plain, 0.0) * bend  # = 2ⁿ(1 + θ) − 1
    n = np.floor(np.log2(1 + grown))
    rest = np.where(n > 0, (1 + grown) / 2.0**n - 1, grown)
    bent = np.divide(n + rest, bend, out=plain.copy(), where=bend > 0)
    return np.where(np.isfinite(plain), bent, np.inf)


def gap(c: Candidates) -> np.ndarray:
    """f(x_0) − inf f, shape (N,)."""
    return value(c, c.start[:, None])[:, 0]


def smoothness(c: Candidates) -> np.ndarray:
    """L in the norm of the ball (with bend: L0), exactly: shape (N,)."""
    return c.curvature.sum(-1) if c.ball == "l-inf" else c.curvature.max(-1)


def mean_smoothness(c: Candidates) -> np.ndarray:
    """L̄, exactly: noise Z(spread + relative·∇f) with E Z² = 1 changes by relative·Z times what ∇f does."""
    squares = (c.curvature**2).sum(-1) if c.ball == "l-inf" else c.curvature.max(-1) ** 2
    return np.sqrt((1 + c.relative**2) * squares)


def noise_std(c: Candidates) -> np.ndarray:
    """σ: no |∂_j f| is above s_j."""
    grows = c.relative[:, None] > 0
    scaled = np.where(grows, c.relative[:, None] * np.where(grows, c.slope, 0.0), 0.0)
    return np.sqrt(np.maximum(((c.spread + scaled) ** 2).sum(-1), ((c.first_spread + scaled) ** 2).sum(-1)))


def lowest_slope(c: Candidates) -> np.ndarray:
    """μ with ‖∇f‖_*² ≥ 2μ(f − inf f) on the level set of x_0: (Σ|g_j|)² ≥ Σg_j², and g_j²/2h_j is least at h_j = Δ."""
    start = gap(c)[:, None]
    cut = np.divide(c.slope**2, 2 * start, out=np.full_like(c.slope, np.inf), where=np.isfinite(c.slope) & (start > 0))
    return np.minimum(c.curvature, cut).min(-1)


def radius(c: Candidates) -> np.ndarray:
    """The largest ‖x − x*‖ where f(x) ≤ f(x_0), in both norms: |x_j|² is convex in h_j, so all of Δ goes into one j."""
    start = gap(c)[:, None]
    parabola = np.sqrt(2 * start / c.curvature)
    with np.errstate(invalid="ignore"):
        line = start / c.slope + c.slope / (2 * c.curvature)  # NaN at ∞, where it is not taken
    return np.where(parabola * c.curvature <= c.slope, parabola, line).max(-1)


def low_point(c: Candidates) -> np.ndarray:
    """A point of low value in the ball ‖v‖ ≤ c/λ, (N, d): the lowest in ℓ∞, and on one coordinate in ℓ2."""
    with np.errstate(divide="ignore"):
        reach = c.low / c.weight_decay
    if c.ball == "l-inf":
        return np.clip(c.centre, -reach[:, None], reach[:, None])
    size = np.sqrt((c.centre**2).sum(-1))
    return c.centre * np.divide(np.minimum(size, reach), size, out=np.ones_like(size), where=size > 0)[:, None]


def primal_norm(ball: str, x: np.ndarray) -> np.ndarray:
    """ℓ∞ or ℓ2, over the last axis."""
    return np.abs(x).max(-1) if ball == "l-inf" else np.sqrt((x**2).sum(-1))


def dual_norm(ball: str, gradient: np.ndarray) -> np.ndarray:
    """ℓ1 for ℓ∞, ℓ2 for ℓ2; over the last axis."""
    return np.abs(gradient).sum(-1) if ball == "l-inf" else np.sqrt((gradient**2).sum(-1))


def iterate_bound(c: Candidates) -> np.ndarray:
    """X with ‖x_k‖ ≤ X whatever the answers and the noise: (N,). Needs λγ_k ≤ 1."""
    start = primal_norm(c.ball, c.start)
    with np.errstate(divide="ignore"):
        kept = np.maximum(start, c.high / c.weight_decay)
    return np.minimum(kept, start + c.high * c.step_size * c.steps)

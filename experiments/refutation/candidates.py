"""Small instances with exactly known constants, many at once: what attacks propose and the search scores.

f(x) = Σ_j h(x_j; a_j, s_j), h the Huber function of curvature a_j whose slope is cut at s_j (∞: a parabola): convex,
inf f = 0, and L = Σ a_j in ℓ∞, max a_j in ℓ2, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from experiments.refutation.target import Target

LARGEST_ERROR = 0.95  # of δ, ε: beyond, 1/(1 − δ) magnifies the rounding of a run


@dataclass(frozen=True)
class Candidates:
    """N instances of one ball, number of steps K and dimension d.

    curvature, slope, start: (N, d). answers: what the oracle adds, (N, P, d) factors of the exact answer −sign(m) in
    ℓ∞; (N, P, 2) parts along and across −m/‖m‖ in ℓ2; step k uses row k mod period (N,). wrong: (N,) the factor of a
    coordinate (ℓ∞) or answer (ℓ2, d = 1) that points uphill, NaN: as scripted. low, high: (N,) c = 1 − ε, b = 1 + η.
    step_size, alpha: (N,). spread, odds: (N, d), (N,) the noise of coordinate j is −spread√((1−p)/p) with probability
    p = odds and +spread√(p/(1−p)) else: mean 0, variance spread². first_spread, first_odds: those at step 0.
    """

    ball: str
    steps: int
    curvature: np.ndarray
    slope: np.ndarray
    start: np.ndarray
    answers: np.ndarray
    period: np.ndarray
    wrong: np.ndarray
    low: np.ndarray
    high: np.ndarray
    step_size: np.ndarray
    alpha: np.ndarray
    spread: np.ndarray
    odds: np.ndarray
    first_spread: np.ndarray
    first_odds: np.ndarray

    @property
    def size(self) -> int:
        """N."""
        return len(self.curvature)

    @property
    def dimensions(self) -> int:
        """d."""
        return self.curvature.shape[1]

    def arrays(self) -> dict[str, Any]:
        """Every array field."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("ball", "steps")}

    def rows(self, index: Any) -> Candidates:
        """The instances of an index array."""
        return replace(self, **{name: array[index] for name, array in self.arrays().items()})


def gap(c: Candidates) -> np.ndarray:
    """f(x_0) − inf f, shape (N,)."""
    return huber(c, c.start[:, None])[:, 0]


def huber(c: Candidates, x: np.ndarray) -> np.ndarray:
    """f at x (N, M, d): shape (N, M)."""
    size = np.abs(x)
    slope, curvature = c.slope[:, None], c.curvature[:, None]
    with np.errstate(invalid="ignore", over="ignore"):
        linear = slope * (size - slope / (2 * curvature))
    return np.where(curvature * size <= slope, curvature * size**2 / 2, linear).sum(-1)


def smoothness(c: Candidates) -> np.ndarray:
    """L in the norm of the ball, exactly: shape (N,)."""
    return c.curvature.sum(-1) if c.ball == "l-inf" else c.curvature.max(-1)


def constants(c: Candidates, target: Target) -> dict[str, np.ndarray]:
    """The constants of every instance under their code names, without step_size and alpha; arrays (N,)."""
    known = {"initial_gap": gap(c), "smoothness": smoothness(c), "steps": np.full(c.size, float(c.steps))}
    if target.stochastic:
        known["noise_std"] = np.sqrt(np.maximum((c.spread**2).sum(-1), (c.first_spread**2).sum(-1)))
        known["norm_ratio"] = np.full(c.size, np.sqrt(c.dimensions) if c.ball == "l-inf" else 1.0)
    if target.errors == "additive":
        known["delta"] = c.high - 1
    if target.errors == "pair":
        known |= {"epsilon": 1 - c.low, "eta": c.high - 1}
    return known


def complete(
    ball: str, steps: int, curvature: np.ndarray, start: np.ndarray, answers: np.ndarray, low: np.ndarray,
    high: np.ndarray, **more: np.ndarray,
) -> Candidates:  # fmt: skip
    """Candidates with defaults: no noise, step 1, α = 1, parabolas, a script of one period, nothing for wrong ways."""
    n, d = curvature.shape
    given = {
        "slope": np.full((n, d), np.inf),
        "period": np.full(n, answers.shape[1]),
        "wrong": np.full(n, np.nan),
        "step_size": np.ones(n),
        "alpha": np.ones(n),
        "spread": np.zeros((n, d)),
        "odds": np.full(n, 0.5),
        "first_spread": np.zeros((n, d)),
        "first_odds": np.full(n, 0.5),
    } | more
    return Candidates(ball, steps, curvature, start=start, answers=answers, low=low, high=high, **given)


def join(parts: list[Candidates]) -> Candidates:
    """Several sets of one ball, K and d as one; shorter scripts are padded with rows that are never used."""
    longest = max(p.answers.shape[1] for p in parts)
    padded = [
        replace(p, answers=np.pad(p.answers, ((0, 0), (0, longest - p.answers.shape[1]), (0, 0)), mode="edge"))
        for p in parts
    ]
    joined: dict[str, Any] = {name: np.concatenate([p.arrays()[name] for p in padded]) for name in padded[0].arrays()}
    return replace(parts[0], **joined)


def allowed(c: Candidates, target: Target) -> np.ndarray:
    """Which instances keep every rule of the claim's setting: shape (N,), bool. The search scores no others."""
    slack = 1e-13
    low, high = c.low[:, None], c.high[:, None]
    if c.ball == "l-inf":
        scripted = c.answers.reshape(c.size, -1)
        inside = ((scripted >= low - slack) & (scripted <= high + slack)).all(-1)
    else:
        along, across = c.answers[..., 0], c.answers[..., 1]
        if target.errors == "additive":
            inside = ((along - 1) ** 2 + across**2 <= (high - 1) ** 2 + slack).all(-1)
        else:
            inside = ((along >= low - slack) & (along**2 + across**2 <= high**2 + slack)).all(-1)
    answers_wrong = np.isnan(c.wrong) | ((c.wrong >= c.low - slack) & (c.wrong <= c.high + slack))
    errors = (c.low <= c.high) & (c.low >= 1 - LARGEST_ERROR) & (c.high > 0)
    if target.errors == "additive":
        errors &= np.abs(c.low + c.high - 2) <= slack
    if target.errors == "none":
        errors &= (c.low == 1) & (c.high == 1)
    parameters = (c.step_size > 0) & (c.alpha > 0) & (c.alpha <= 1) & np.isfinite(c.step_size)
    shapes = (c.curvature > 0).all(-1) & (c.slope > 0).all(-1) & np.isfinite(c.start).all(-1)
    noise = (c.odds > 0) & (c.odds < 1) & (c.first_odds > 0) & (c.first_odds < 1)
    return inside & answers_wrong & errors & parameters & shapes & noise

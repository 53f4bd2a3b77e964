"""Small instances with exactly known constants, many at once: what attacks propose and the search scores.

The objective is in `shapes`, the constants in `constants`, the rules that they must keep in `fairness`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

LARGEST_ERROR = 0.95  # of δ, ε: beyond, 1/(1 − δ) magnifies the rounding of a run


@dataclass(frozen=True)
class Candidates:
    """N instances of one ball, number of steps K and dimension d.

    curvature, slope, centre, start: (N, d); bend: (N,): f, its minimiser, x_0. answers: what the oracle adds,
    (N, P, d) factors of the exact answer −sign(m) in
    ℓ∞; (N, P, 2) parts along and across −m/‖m‖ in ℓ2; step k uses row k mod period (N,). wrong: (N,) the factor of a
    coordinate (ℓ∞) or answer (ℓ2, d = 1) that points uphill, NaN: as scripted. low, high: (N,) c = 1 − ε, b = 1 + η.
    step_size, alpha, weight_decay: (N,). schedule: (N, K) factors of mean 1 of the step size, or (N, 1) ones.
    spread, odds: (N, d), (N,) the noise of coordinate j is −w√((1−p)/p) with probability p = odds, else +w√(p/(1−p)),
    w = spread + relative·∂_j f(x): mean 0, variance w². first_spread, first_odds: those at step 0. relative: (N,).
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
    relative: np.ndarray
    centre: np.ndarray
    bend: np.ndarray
    weight_decay: np.ndarray
    schedule: np.ndarray

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

    def parameters(self) -> dict[str, np.ndarray]:
        """The numbers that a metric may have in it, under their code names: each (N,)."""
        errors = {"epsilon": 1 - self.low, "eta": self.high - 1, "delta": self.high - 1}
        return {"step_size": self.step_size, "alpha": self.alpha, "weight_decay": self.weight_decay} | errors

    def rows(self, index: Any) -> Candidates:
        """The instances of an index array."""
        return replace(self, **{name: array[index] for name, array in self.arrays().items()})


def complete(
    ball: str, steps: int, curvature: np.ndarray, start: np.ndarray, answers: np.ndarray, low: np.ndarray,
    high: np.ndarray, **more: np.ndarray,
) -> Candidates:  # fmt: skip
    """Candidates with defaults: no noise, step 1, α = 1, parabolas about 0, a script of one period, no decay."""
    given = defaults(*curvature.shape) | {"period": np.full(len(curvature), answers.shape[1])} | more
    return Candidates(ball, steps, curvature, start=start, answers=answers, low=low, high=high, **given)


def defaults(n: int, d: int) -> dict[str, np.ndarray]:
    """What an instance has where nothing else is said: arrays for N instances of dimension d."""
    return {
        "slope": np.full((n, d), np.inf),
        "wrong": np.full(n, np.nan),
        "step_size": np.ones(n),
        "alpha": np.ones(n),
        "spread": np.zeros((n, d)),
        "odds": np.full(n, 0.5),
        "first_spread": np.zeros((n, d)),
        "first_odds": np.full(n, 0.5),
        "relative": np.zeros(n),
        "centre": np.zeros((n, d)),
        "bend": np.zeros(n),
        "weight_decay": np.zeros(n),
        "schedule": np.ones((n, 1)),
    }

"""f(x) = ½ Σ a_j x_j²: the smallest problem whose smoothness is known exactly in every ℓp norm."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from experiments.problems.base import Known, Problem, as_float64, quadratic_diameter, quadratic_mu, repeated
from experiments.problems.placed import like
from lmo.balls import L1, L2, LInf, Lp, NormBall, Scaled


class DiagonalQuadratic(Problem):
    """f(x) = ½ Σ a_j x_j² with curvatures a ≥ 0, started at `start`.

    L in ℓp is ‖a‖_{p/(p−2)} for p ≥ 2 (so Σa_j in ℓ∞ and max a_j in ℓ2) and max a_j for p ≤ 2: Hölder, attained.
    """

    core_ndim = 1
    convex = True
    infimum = Known(0.0, "exact", "attained at 0")

    def __init__(self, curvatures: Any, start: Any, name: str = "diagonal quadratic") -> None:
        self.curvatures = as_float64(curvatures, "curvatures")
        self._start = as_float64(start, "start")
        if self.curvatures.ndim != 1 or self.curvatures.shape != self._start.shape or (self.curvatures < 0).any():
            raise ValueError("`curvatures` must be a vector of numbers >= 0 and `start` a vector of the same length")
        self.shape = tuple(self.curvatures.shape)
        self.name = name

    @classmethod
    def shipped(cls) -> list[Problem]:
        return [cls(torch.linspace(0.05, 1.0, 8, dtype=torch.float64), torch.ones(8))]

    def value(self, x: Any) -> Tensor:
        return 0.5 * (like(self.curvatures, x) * x**2).sum(-1)

    def true_gradient(self, x: Any) -> Any:
        return like(self.curvatures, x) * x

    def start(self, runs: int) -> Tensor:
        return repeated(self._start, runs)

    def euclidean_smoothness(self) -> Known:
        return Known(float(self.curvatures.max()), "exact", "max a_j")

    def special_smoothness(self, ball: NormBall) -> Known | None:
        if isinstance(ball, Scaled):
            inner = self.special_smoothness(ball.ball)
            return inner and inner._replace(value=inner.value * ball.r**2, source=f"r²·({inner.source})")
        p = _exponent(ball)
        return None if p is None else largest_form(self.curvatures, p, "a")

    def mu(self, ball: NormBall) -> Known | None:
        if isinstance(ball, Scaled):
            inner = self.mu(ball.ball)
            return inner and inner._replace(value=inner.value * ball.r**2, source=f"r²·({inner.source})")
        p = _exponent(ball)
        if p is None or (self.curvatures == 0).any():
            return None
        dual = math.inf if p == 1 else 1.0 if math.isinf(p) else p / (p - 1)
        return quadratic_mu(largest_form(1 / self.curvatures, dual, "1/a"))

    def l0_l1(self, ball: NormBall) -> tuple[Known, Known]:
        """L0 = L and any L1 > 0: here the one whose reach 1/L1 is ‖x_0‖."""
        size = float(ball.norm(self.start(1))[0])
        return self.smoothness(ball), Known(1 / size if size > 0 else 1.0, "exact", "any: f is L-smooth")

    def low_point(self, ball: NormBall, radius: float) -> Tensor:
        return torch.zeros_like(self._start)

    def diameter(self, ball: NormBall) -> Known | None:
        return quadratic_diameter(self, ball)


def _exponent(ball: NormBall) -> float | None:
    return {L1: 1.0, L2: 2.0, LInf: math.inf}.get(type(ball), ball.p if isinstance(ball, Lp) else None)


def largest_form(weights: Tensor, p: float, name: str) -> Known:
    """The largest Σ w_j x_j² over the ℓp ball: ‖w‖_{p/(p−2)} for p ≥ 2, else max w_j."""
    if p <= 2:
        return Known(float(weights.max()), "exact", f"max {name}_j")
    order = 1.0 if math.isinf(p) else p / (p - 2)
    return Known(float(torch.linalg.vector_norm(weights, ord=order)), "exact", f"‖{name}‖_{order:g}")

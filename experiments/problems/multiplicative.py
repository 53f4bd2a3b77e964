"""Noise that scales with the gradient, so that the gradients of one sample at two points differ in their noise."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from experiments.problems.base import Known, Problem
from experiments.problems.noisy import Noisy
from experiments.problems.ridge import Ridge
from lmo.checks import check_number
from lmo.elements import norm2
from lmo.randomness import Draw


class Multiplicative(Noisy):
    """`problem` with g_j = (1 + sζ_j)∂_j f, ζ_j = ±1 independent and anew each step, s = `scale`.

    E‖ξ‖₂² = s²‖∇f(x)‖₂², so σ = s times `problem.largest_gradient()`, and E‖g(x) − g(y)‖₂² = (1 + s²)‖∇f(x) − ∇f(y)‖₂².
    """

    problem: Ridge

    def __init__(self, problem: Ridge, scale: float) -> None:
        if not hasattr(problem, "largest_gradient"):
            raise ValueError("Multiplicative wraps a problem with bounded gradients, one that has `largest_gradient`")
        self.scale = check_number("scale", scale, above=0.0)
        largest = problem.largest_gradient()
        super().__init__(problem, self.scale * largest.value)
        self.noise_std = Known(self.scale * largest.value, "upper", f"s·sup‖∇f‖₂, sup‖∇f‖₂ ≤ {largest.source}")
        self.name = f"{problem.name} × noise"

    @classmethod
    def shipped(cls) -> list[Problem]:
        return [cls(problem, 0.5) for problem in Ridge.shipped() if isinstance(problem, Ridge)]

    def sample(self, draw: Draw) -> Any:
        return self.scale * (2 * draw.integers("gradient scale", 2, self.shape) - 1)

    def gradient(self, x: Any, sample: Any = None) -> Any:
        gradient = self.problem.true_gradient(x)
        return gradient if sample is None else gradient * (1 + sample.to(x))

    def noise_std_at(self, x: Any) -> Tensor:
        return self.scale * norm2(self.problem.true_gradient(x), self.core_ndim)

    def euclidean_mean_smoothness(self) -> Known:
        inner = self.problem.euclidean_smoothness()
        return Known(math.sqrt(1 + self.scale**2) * inner.value, inner.kind, f"√(1 + s²)·L₂; L₂: {inner.source}")

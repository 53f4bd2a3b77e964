"""A non-convex objective with a proved smoothness constant in every norm: a sum of ridge functions."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from experiments.problems.base import Known, Problem, as_float64, repeated
from experiments.problems.placed import like
from lmo.balls import NormBall
from lmo.elements import flat


class Ridge(Problem):
    """f(x) = Σ_j c_j φ(⟨w_j, x⟩), φ(t) = t²/(1 + t²), c_j > 0, for vectors or matrices.

    φ'' lies in [−½, 2], so the Hessian Σ c_j φ'' w_j w_jᵀ maps ‖·‖ to ‖·‖_* with norm at most L = 2 Σ c_j ‖w_j‖_*² in
    every norm; in ℓ2 at most 2 λ_max(Σ c_j w_j w_jᵀ), attained at 0. inf f = 0, at 0.
    """

    core_ndim: int
    infimum = Known(0.0, "exact", "φ ≥ 0, attained at 0")

    def __init__(self, heights: Any, directions: Any, start: Any, name: str = "ridge functions") -> None:
        self.heights = as_float64(heights, "heights")
        self.directions = as_float64(directions, "directions")
        self._start = as_float64(start, "start")
        if self.directions.shape != (*self.heights.shape, *self._start.shape) or (self.heights <= 0).any():
            raise ValueError("`heights` must be positive, `directions` of shape (terms, *shape of start)")
        self.shape = tuple(self._start.shape)
        self.core_ndim = self._start.ndim
        self.name = name

    @classmethod
    def shipped(cls) -> list[Problem]:
        problems: list[Problem] = []
        for shape in ((6,), (4, 5)):
            source = torch.Generator().manual_seed(11)
            terms = 2 * math.prod(shape)
            directions = torch.randn(terms, *shape, generator=source, dtype=torch.float64) / math.sqrt(math.prod(shape))
            start = 1.5 * torch.randn(shape, generator=source, dtype=torch.float64)
            kind = "vector" if len(shape) == 1 else "matrix"
            problems.append(cls(torch.full((terms,), 1 / terms), directions, start, f"ridge functions, {kind}"))
        return problems

    def _projections(self, x: Any) -> Tensor:
        return flat(x, self.core_ndim) @ flat(like(self.directions, x), self.core_ndim).T

    def value(self, x: Any) -> Tensor:
        t = self._projections(x) ** 2
        return (like(self.heights, x) * t / (1 + t)).sum(-1)

    def true_gradient(self, x: Any) -> Any:
        t = self._projections(x)
        slopes = like(self.heights, x) * 2 * t / (1 + t**2) ** 2
        return (slopes @ flat(like(self.directions, x), self.core_ndim)).reshape(x.shape)

    def start(self, runs: int) -> Tensor:
        return repeated(self._start, runs)

    def euclidean_smoothness(self) -> Known:
        rows = flat(self.directions, self.core_ndim) * self.heights.sqrt().unsqueeze(-1)
        return Known(2 * float(torch.linalg.matrix_norm(rows, 2) ** 2), "exact", "2λ_max(Σ c_j w_j w_jᵀ)")

    def largest_gradient(self) -> Known:
        """A bound on ‖∇f(x)‖₂ over all x: |φ'| ≤ 3√3/8, at t = 1/√3."""
        lengths = torch.linalg.vector_norm(flat(self.directions, self.core_ndim), dim=-1)
        value = 3 * math.sqrt(3) / 8 * float((self.heights * lengths).sum())
        return Known(value, "upper", "(3√3/8) Σ c_j ‖w_j‖₂")

    def special_smoothness(self, ball: NormBall) -> Known | None:
        value = 2 * float((self.heights * ball.dual_norm(self.directions) ** 2).sum())
        return Known(value, "upper", "2 Σ c_j ‖w_j‖_*²")

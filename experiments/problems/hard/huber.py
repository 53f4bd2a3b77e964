"""The Huber construction: how much of (1+δ)/(1−δ) a fixed step can be made to pay (paper_notes.md, lower bounds)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from experiments.problems.base import Known
from experiments.problems.hard.cycles import CycleProblem


class Huber(CycleProblem):
    """f(x) = h(x₁) + L₂x₂²/2: h a Huber function of slope s and curvature L₁, L₁ + L₂ = L; separable, so L is exact.

    s solves s·γ(1−δ)K + s²/(2L₁) + L₂x₂²/2 = Δ, and x₁ reaches the end of the slope at step K. L₁ is the one that
    costs least at the tuned step (other steps use the same formula): its share of L against the area s²/(2L₁) that is
    lost at the end of the slope.
    """

    infimum = Known(0.0, "exact", "attained at 0")
    name = "Huber construction"

    def build(self) -> tuple[Tensor, Tensor]:
        total = self._smoothness
        self.l1 = (math.sqrt(total * self.gap / 2) / self.slide).clamp(max=total / 2)
        self.l2 = total - self.l1
        budget = self.gap - self.l2 * self.x2**2 / 2
        slope = self.l1 * ((self.slide**2 + 2 * budget / self.l1).sqrt() - self.slide)
        return slope, self.slide + slope / self.l1

    def value(self, x: Any) -> Tensor:
        size = x[..., 0].abs()
        knee = self.slope / self.l1
        huber = torch.where(size <= knee, self.l1 * size**2 / 2, self.slope * (size - knee / 2))
        return huber + self.l2 * x[..., 1] ** 2 / 2

    def true_gradient(self, x: Any) -> Any:
        first = torch.minimum(torch.maximum(self.l1 * x[..., 0], -self.slope), self.slope)
        return torch.stack([first, self.l2 * x[..., 1]], -1)

    def euclidean_smoothness(self) -> Known:
        return Known(float(torch.maximum(self.l1, self.l2).max()), "exact", "max(L₁, L₂)")

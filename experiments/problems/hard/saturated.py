"""A tight instance that pays almost nothing for being bounded below: one slope, flattened through the value of f."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from experiments.problems.base import Known
from experiments.problems.hard.cycles import CycleProblem


class Saturated(CycleProblem):
    """f = φ(v), v(x) = s·x₁ + L·h(x₂), φ(t) = t + e^{−κt}/κ for t ≥ 0 and 1/κ below, κ = L/G².

    h is a Huber function of curvature 1 with its knee w at the cycle's peak, so ‖∇v‖₁ ≤ G = s + Lw. The Hessian
    φ''∇v∇vᵀ + φ'∇²v has norm at most φ''G² + φ'L = L in ℓ∞, exactly, as φ'' = κ(1 − φ'). All of L is spent on
    coordinate 2 while the run lasts; the flat end costs 1/κ ~ G²/L, a few steps' worth, where `Huber` pays 1/√K.
    inf f = 1/κ, reached for v ≤ 0.
    """

    name = "saturated slope"

    def build(self) -> tuple[Tensor, Tensor]:
        total = self._smoothness
        self.knee = torch.tensor([c.peak for c in self.cycles], dtype=torch.float64) * self.step_size * (1 + 1e-12)
        slope = self.gap / self.slide
        for _ in range(200):  # a contraction: 1/κ is a few steps' worth of Δ
            self.kappa = total / (slope + total * self.knee) ** 2
            first = slope * self.slide + total * self.x2**2 / 2
            slope = (self.gap - total * self.x2**2 / 2 + (1 - torch.exp(-self.kappa * first)) / self.kappa) / self.slide
        self.slope = slope
        if self.kappa.numel() == 1:
            self.infimum = Known(float(1 / self.kappa[0]), "exact", "1/κ, reached for v <= 0")
        else:
            self.infimum = Known(float("nan"), "exact", "1/κ, one per run")
        return slope, self.slide.clone()

    def _inside(self, x: Any) -> Tensor:
        size = x[..., 1].abs()
        huber = torch.where(size <= self.knee, size**2 / 2, self.knee * (size - self.knee / 2))
        return self.slope * x[..., 0] + self._smoothness * huber

    def value(self, x: Any) -> Tensor:
        v = self._inside(x).clamp(min=0)
        return v + torch.exp(-self.kappa * v) / self.kappa

    def true_gradient(self, x: Any) -> Any:
        rise = 1 - torch.exp(-self.kappa * self._inside(x).clamp(min=0))
        second = self._smoothness * torch.minimum(torch.maximum(x[..., 1], -self.knee), self.knee)
        return torch.stack([rise * self.slope, rise * second], -1)

    def euclidean_smoothness(self) -> Known:
        return Known(self._smoothness, "upper", "at most L in ℓ∞, and ‖·‖₂ ≤ ‖·‖₁, ‖·‖_∞ ≤ ‖·‖₂")

"""The staircase: flat points one answer apart, between which f rises unseen (paper_notes.md, Worst cases)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from experiments.problems.base import Known, Problem
from experiments.problems.hard.cycles import Cycle, CycleProblem
from lmo.checks import check_number

TILT = 1e-6  # slope at the flat points over the largest slope, so that the sign of the gradient is decided


def climb(delta: float) -> Cycle:
    """The answers on coordinate 2: all of length 1+δ, always in the same direction."""
    return Cycle((1 + check_number("delta", delta, at_least=0.0, below=1.0),), 0.0, 0.0, 0.0)


class Staircase(CycleProblem):
    """f = φ(v), v(x) = s·x₁ + L·h(x₂), φ as in `Saturated`; h' = a triangular wave of slopes ±1, period p = γ(1+δ).

    h' is 0 at every multiple of p (−`TILT`·p/2, to be exact) and p/2 in the middle. The oracle goes up by p at every
    step and sees a zero slope on coordinate 2, though f has risen by Lp²/4; coordinate 1 pays for it.
    With |h'| ≤ p/2 and |h''| ≤ 1 the proof of `Saturated` holds word by word: κ = L/(s + Lp/2)².
    The run ends at v = margin/κ: with a margin of 5 even the last gradient is 0.7 % below the others, which the minimum
    over k asks for; it costs 5/κ of the gap, a few steps' worth.
    """

    name = "staircase"

    def __init__(
        self,
        delta: Tensor,
        step_size: Tensor,
        steps: int,
        gap: float = 1.0,
        smoothness: float = 1.0,
        margin: float = 0.0,
    ) -> None:
        self.margin = check_number("margin", margin, at_least=0.0)
        super().__init__(delta, step_size, [climb(float(d)) for d in delta], steps, gap, smoothness)

    @classmethod
    def shipped(cls) -> list[Problem]:
        return []  # where it is run, it is run by its own study

    def build(self) -> tuple[Tensor, Tensor]:
        total, self.period = self._smoothness, self.step_size * (1 + self.delta)
        risen = total * self._height(self.period * self.steps)
        height = torch.full_like(self.slide, self.gap)  # v at the start: the gap and what the flat end of φ costs
        end = torch.zeros_like(height)
        for _ in range(200):
            slope = (height + risen - end) / self.slide
            self.kappa = total / (slope + total * self.period / 2) ** 2
            end = self.margin / self.kappa
            height = self.gap + (1 - torch.exp(-self.kappa * height)) / self.kappa
        self.slope = slope
        lowest = float(1 / self.kappa[0]) if self.kappa.numel() == 1 else float("nan")
        self.infimum = Known(lowest, "exact", "1/κ, reached for v <= 0; one per run")
        return slope, height / slope

    def _height(self, y: Tensor) -> Tensor:
        stairs = torch.floor(y / self.period)
        inside = y - stairs * self.period
        half = self.period / 2
        bump = torch.where(inside <= half, inside**2 / 2, half**2 - (self.period - inside) ** 2 / 2)
        return stairs * half**2 + bump - TILT * half * y

    def _inside(self, x: Any) -> Tensor:
        return self.slope * x[..., 0] + self._smoothness * self._height(x[..., 1])

    def value(self, x: Any) -> Tensor:
        v = self._inside(x).clamp(min=0)
        return v + torch.exp(-self.kappa * v) / self.kappa

    def true_gradient(self, x: Any) -> Any:
        rise = 1 - torch.exp(-self.kappa * self._inside(x).clamp(min=0))
        inside = torch.remainder(x[..., 1], self.period)
        wave = torch.minimum(inside, self.period - inside) - TILT * self.period / 2
        return torch.stack([rise * self.slope, rise * self._smoothness * wave], -1)

    def euclidean_smoothness(self) -> Known:
        return Known(self._smoothness, "upper", "at most L in ℓ∞, and ‖·‖₂ ≤ ‖·‖₁, ‖·‖_∞ ≤ ‖·‖₂")

"""The washboard: a slope whose steepness is seen at the iterates only. One coordinate, so it lives in every norm."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from experiments.problems.base import Known, Problem
from lmo.checks import check_integer, check_number, check_numbers


class Washboard(Problem):
    """f = φ(v), v(x) = s·x − L·h(x), h' a triangular wave of slopes ±1 and period p = γ(1−δ), φ as in `Saturated`.

    Steps of length p down the slope see v' = s at every iterate, but v falls by sp − Lp²/4 only. One run per (δ, γ).
    |v'| ≤ G = max(s, Lp/2 − s), κ = L/G²; the run ends at v = margin/κ.
    """

    core_ndim = 1
    shape = (1,)
    name = "washboard"

    def __init__(
        self,
        delta: Tensor,
        step_size: Tensor,
        steps: int,
        gap: float = 1.0,
        smoothness: float = 1.0,
        margin: float = 0.0,
    ) -> None:
        check_numbers("delta", delta, at_least=0.0, below=1.0)
        check_numbers("step_size", step_size, above=0.0)
        self.steps = check_integer("steps", steps, 1)
        self.gap, self._smoothness = (
            check_number("gap", gap, above=0.0),
            check_number("smoothness", smoothness, above=0),
        )
        self.margin, self.period = check_number("margin", margin, at_least=0.0), step_size * (1 - delta)
        self._build()

    def _build(self) -> None:
        total, slide = self._smoothness, self.period * self.steps
        saved = self.steps * total * self.period**2 / 4
        height, end = torch.full_like(slide, self.gap), torch.zeros_like(slide)
        for _ in range(200):
            self.slope = (height + saved - end) / slide
            self.kappa = total / torch.maximum(self.slope, total * self.period / 2 - self.slope) ** 2
            end = self.margin / self.kappa
            height = self.gap + (1 - torch.exp(-self.kappa * height)) / self.kappa
        lowest = float(1 / self.kappa[0]) if self.kappa.numel() == 1 else float("nan")
        self.infimum = Known(lowest, "exact", "1/κ, reached for v <= 0; one per run")
        # whole periods from the end: v(x₁) = s·x₁ − L·h(x₁) = height, with x₁ = end/s + K·p up to the phase
        self.foot = end / self.slope
        self.x0 = self.foot + slide

    def _inside(self, x: Any) -> tuple[Tensor, Tensor]:
        """v and v'."""
        y = x[..., 0] - self.foot
        stairs = torch.floor(y / self.period)
        inside, half = y - stairs * self.period, self.period / 2
        bump = torch.where(inside <= half, inside**2 / 2, half**2 - (self.period - inside) ** 2 / 2)
        wave = torch.minimum(inside, self.period - inside)
        v = self.slope * x[..., 0] - self._smoothness * (stairs * half**2 + bump)
        return v, self.slope - self._smoothness * wave

    def value(self, x: Any) -> Tensor:
        v = self._inside(x)[0].clamp(min=0)
        return v + torch.exp(-self.kappa * v) / self.kappa

    def true_gradient(self, x: Any) -> Any:
        v, slope = self._inside(x)
        return ((1 - torch.exp(-self.kappa * v.clamp(min=0))) * slope).unsqueeze(-1)

    def start(self, runs: int) -> Tensor:
        if runs != self.x0.numel():
            raise ValueError(f"this construction has {self.x0.numel()} run(s), one per δ and step, not {runs}")
        return self.x0.unsqueeze(-1)

    def initial_gap(self) -> Known:
        return Known(self.gap, "exact", "by construction, for every run")

    def euclidean_smoothness(self) -> Known:
        return Known(self._smoothness, "exact", "by construction: φ''G² + φ'L = L")

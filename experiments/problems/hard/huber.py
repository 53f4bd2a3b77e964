"""The Huber construction: how much of (1+δ)/(1−δ) a fixed step can be made to pay (paper_notes.md, lower bounds)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from experiments.problems.base import Known, Problem
from lmo.balls import LInf, NormBall
from lmo.oracles import Scripted


@dataclass(frozen=True)
class Cycle:
    """What the adversary makes of coordinate 2, in units of the step γ.

    factors: lengths of the answers on coordinate 2, one period. start: where it begins. mean: ā, the average of |x₂|.
    """

    factors: tuple[float, ...]
    start: float
    mean: float


def two_cycle(delta: float) -> Cycle:
    """(a): ±(1+δ)/2 for ever; every answer has length 1+δ."""
    return Cycle((1 + delta,), (1 + delta) / 2, (1 + delta) / 2)


def long_cycle(delta: float) -> Cycle:
    """(b): from just below 0 up to 1+δ, down in steps of 1−δ, and back to just below 0 with an interior error.

    ā = max_m [m(1+δ) − (1−δ)m(m−1)/2]/(m+1).
    """

    def mean(m: int) -> float:
        return (m * (1 + delta) - (1 - delta) * m * (m - 1) / 2) / (m + 1)

    best = max(range(1, int((1 + delta) / (1 - delta)) + 1), key=mean)
    last = (1 + delta) - (best - 1) * (1 - delta)
    below = 1e-9  # where "just below 0" is; the first answer goes up from there, the last comes back to it
    return Cycle((1 + delta, *[1 - delta] * (best - 1), last), -below, mean(best))


class Huber(Problem):
    """f(x) = h(x₁) + L₂x₂²/2 in ℓ∞: h a Huber function of slope s and curvature L₁, L₁ + L₂ = L, one run per δ.

    The oracle (`oracle()`) answers with length 1−δ on coordinate 1, which slides down the slope for all K steps, and
    with the lengths of a cycle on coordinate 2. Separable, so L = L₁ + L₂ in ℓ∞, exactly. Δ = f(x₀) exactly:
    s solves s·γ(1−δ)K + s²/(2L₁) + L₂x₂²/2 = Δ, and x₁ reaches the end of the slope at step K.

    Args:
        delta, step_size: one per run. cycles: one per run (`two_cycle`, `long_cycle`). steps: K.
    """

    core_ndim = 1
    shape = (2,)
    infimum = Known(0.0, "exact", "attained at 0")
    name = "Huber construction"

    def __init__(
        self,
        delta: Tensor,
        step_size: Tensor,
        cycles: list[Cycle],
        steps: int,
        gap: float = 1.0,
        smoothness: float = 1.0,
    ) -> None:
        if not delta.shape == step_size.shape == (len(cycles),):
            raise ValueError("`delta`, `step_size` and `cycles` need one entry per run")
        self.delta, self.step_size, self.cycles = delta, step_size, cycles
        self.steps, self.gap, self._smoothness = steps, gap, smoothness
        slide = step_size * (1 - delta) * steps
        # the curvature that costs least: its share of L against the end of the slope, whose area is lost
        self.l1 = (smoothness * math.sqrt(gap / 2) * torch.ones_like(slide) / (slide * math.sqrt(smoothness))).clamp(
            max=smoothness / 2
        )
        self.l2 = smoothness - self.l1
        self.x2 = torch.tensor([cycle.start for cycle in cycles], dtype=torch.float64) * step_size
        budget = gap - self.l2 * self.x2**2 / 2
        self.slope = self.l1 * ((slide**2 + 2 * budget / self.l1).sqrt() - slide)
        self.x1 = slide + self.slope / self.l1

    @classmethod
    def shipped(cls) -> list[Problem]:
        delta = torch.tensor([0.5], dtype=torch.float64)
        return [cls(delta, torch.tensor([0.05], dtype=torch.float64), [two_cycle(0.5)], steps=200)]

    def oracle(self) -> Scripted:
        """The adversary: an ℓ∞ oracle of error δ."""
        longest = max(len(cycle.factors) for cycle in self.cycles)
        factors = torch.ones(len(self.cycles), longest, 2, dtype=torch.float64)
        factors[:, :, 0] = (1 - self.delta).unsqueeze(-1)
        for run, cycle in enumerate(self.cycles):
            factors[run, : len(cycle.factors), 1] = torch.tensor(cycle.factors, dtype=torch.float64)
        return Scripted(LInf(), factors, torch.tensor([len(cycle.factors) for cycle in self.cycles]))

    def value(self, x: Any) -> Tensor:
        size = x[..., 0].abs()
        knee = self.slope / self.l1
        huber = torch.where(size <= knee, self.l1 * size**2 / 2, self.slope * (size - knee / 2))
        return huber + self.l2 * x[..., 1] ** 2 / 2

    def true_gradient(self, x: Any) -> Any:
        first = torch.minimum(torch.maximum(self.l1 * x[..., 0], -self.slope), self.slope)
        return torch.stack([first, self.l2 * x[..., 1]], -1)

    def start(self, runs: int) -> Tensor:
        if runs != len(self.cycles):
            raise ValueError(
                f"this construction has {len(self.cycles)} run(s), one per δ, step and cycle; asked for {runs}"
            )
        return torch.stack([self.x1, self.x2], -1)

    def euclidean_smoothness(self) -> Known:
        return Known(float(torch.maximum(self.l1, self.l2).max()), "exact", "max(L₁, L₂)")

    def special_smoothness(self, ball: NormBall) -> Known | None:
        return Known(self._smoothness, "exact", "L₁ + L₂") if isinstance(ball, LInf) else None

    def balls(self) -> list[NormBall]:
        return [LInf()]

"""Separable functions with piecewise constant curvature, and an adversary's script: what a search can shape freely."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from experiments.problems.base import Known, Problem
from lmo.balls import LInf, NormBall
from lmo.oracles import Scripted


class Piecewise(Problem):
    """f(x) = Σ_i f_i(x_i), one f per run: f_i'' is constant on `cells` cells of equal width, |f_i''| ≤ reach_i.

    Beyond the cells the slope goes to 0 at the rate reach_i, so inf f is finite and known. ‖∇f(x) − ∇f(y)‖₁ ≤
    Σ reach_i·‖x − y‖_∞: L = Σ reach_i in ℓ∞. Values and gradients can be differentiated in all of it.

    Args:
        curvature: (runs, d, cells). reach: (runs, d), at least |curvature|. slope: (runs, d), f_i' at the left end.
        width: of a cell. start: (runs, d); the cells lie around 0. factors: (runs, steps, d), the oracle's script.
    """

    core_ndim = 1
    name = "piecewise quadratic"

    def __init__(
        self, curvature: Tensor, reach: Tensor, slope: Tensor, width: float, start: Tensor, factors: Tensor
    ) -> None:
        if (curvature.abs().amax(-1) > reach * (1 + 1e-12)).any():
            raise ValueError("`reach` must be at least the size of every curvature")
        self.curvature, self.reach, self.width = curvature, reach, width
        self.low = -curvature.shape[-1] * width / 2
        self._start, self.factors = start, factors
        self.shape = tuple(start.shape[1:])
        rises = torch.cumsum(curvature * width, -1)
        self.slopes = torch.cat([slope[..., None], slope[..., None] + rises], -1)
        falls = torch.cumsum((self.slopes[..., :-1] + self.slopes[..., 1:]) / 2 * width, -1)
        self.values = torch.cat([torch.zeros_like(slope)[..., None], falls], -1)
        least = self.least()
        self.infimum = Known(float(least.detach()[0]) if len(least) == 1 else float("nan"), "exact", "of each piece")

    def least(self) -> Tensor:
        """inf f, (runs,): the smallest of nodes, of zeros of the slope within cells, and of what is beyond the ends."""
        left, right = self.slopes[..., :-1], self.slopes[..., 1:]
        turns = (left < 0) & (right > 0)
        inside = self.values[..., :-1] - left**2 / (2 * torch.where(turns, self.curvature, 1.0))
        lowest = torch.where(turns, inside, self.values[..., :-1]).amin(-1)
        before = self.values[..., 0] - self.slopes[..., 0].clamp(min=0) ** 2 / (2 * self.reach)
        after = self.values[..., -1] - (-self.slopes[..., -1]).clamp(min=0) ** 2 / (2 * self.reach)
        return torch.minimum(torch.minimum(lowest, before), after).sum(-1)

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """f_i(x_i) and f_i'(x_i), each (runs, d)."""
        cells = self.curvature.shape[-1]
        cell = ((x.detach() - self.low) / self.width).floor().clamp(0, cells - 1).long()[..., None]
        bend, slope, value = (a.gather(-1, cell)[..., 0] for a in (self.curvature, self.slopes, self.values))
        along = x - self.low - cell[..., 0].to(x.dtype) * self.width
        inside = along.clamp(0, self.width)
        slope, value = slope + bend * inside, value + (slope + bend * inside / 2) * inside
        beyond = along - inside  # 0 but for x outside of all cells
        rest = torch.minimum(beyond.abs(), slope.abs() / self.reach)  # until the slope is 0
        there = slope - slope.sign() * self.reach * rest
        return value + beyond.sign() * (slope + there) / 2 * rest, there

    def value(self, x: Any) -> Tensor:
        return self.parts(x)[0].sum(-1)

    def true_gradient(self, x: Any) -> Any:
        return self.parts(x)[1]

    def start(self, runs: int) -> Tensor:
        return self._start.expand(runs, *self.shape).clone()

    def oracle(self) -> Scripted:
        """The adversary: the answer's parts scaled by the script."""
        return Scripted(LInf(), self.factors, torch.full((len(self.factors),), self.factors.shape[1]))

    def euclidean_smoothness(self) -> Known:
        return Known(float(self.reach.detach().max()), "exact", "the largest |f_i''| allowed")

    def special_smoothness(self, ball: NormBall) -> Known | None:
        if not isinstance(ball, LInf):
            return None
        return Known(float(self.reach.detach().sum(-1).max()), "upper", "Σ of the largest |f_i''|")

    def balls(self) -> list[NormBall]:
        return [LInf()]

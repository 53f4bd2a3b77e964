"""The ℓ∞ ball: sign descent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lmo.balls.base import Distance, NormBall, Parts, exactly
from lmo.elements import flat


@dataclass(frozen=True)
class LInf(NormBall):
    """{x : max_j |x_j| ≤ 1}; dual norm Σ_j |m_j|; lmo(m) = −sign(m), entrywise (signSGD, Lion).

    Ties: where m_j = 0 every value in [−1, 1] is a minimiser; the answer there is 0. Cost: one pass.
    `core_ndim=2` takes a matrix as one vector of its entries.
    """

    core_ndim: int = 1
    name: ClassVar[str] = "l-inf"

    @classmethod
    def examples(cls) -> list[tuple[NormBall, tuple]]:
        return [(cls(), (5,)), (cls(core_ndim=2), (3, 4))]

    def norm_ratio(self, shape: tuple) -> float:
        return math.sqrt(math.prod(shape))

    def _norm(self, x: Tensor) -> Tensor:
        return flat(x, self.core_ndim).abs().amax(-1)

    def _dual_norm(self, m: Tensor) -> Tensor:
        return flat(m, self.core_ndim).abs().sum(-1)

    def _lmo(self, m: Tensor) -> Tensor:
        return torch.sign(m).neg_()

    def _distance(self, m: Tensor, d: Tensor) -> Distance:
        free = (d.abs() - 1).clamp(min=0)
        return exactly(flat(torch.where(m == 0, free, (d + m.sign()).abs()), self.core_ndim).amax(-1))

    def parts(self, m: Tensor) -> Parts:
        self.check("m", m)
        sign = torch.sign(m)
        return Parts(flat(m, self.core_ndim).abs(), lambda factors: -sign * factors.reshape(m.shape))

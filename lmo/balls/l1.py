"""The ℓ1 ball: greedy coordinate descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lmo.balls.base import Distance, NormBall, exactly
from lmo.elements import flat


@dataclass(frozen=True)
class L1(NormBall):
    """{x : Σ_j |x_j| ≤ 1}; dual norm max_j |m_j|; lmo(m) = −sign(m_j) e_j at j = argmax |m_j|.

    Ties: where several |m_j| are the largest, every convex combination of their vertices is a minimiser; the answer
    is the first vertex. Cost: one pass.
    """

    core_ndim: int = 1
    name: ClassVar[str] = "l1"

    @classmethod
    def examples(cls) -> list[tuple[NormBall, tuple]]:
        return [(cls(), (5,)), (cls(core_ndim=2), (3, 4))]

    def norm_ratio(self, shape: tuple) -> float:
        return 1.0

    def _norm(self, x: Tensor) -> Tensor:
        return flat(x, self.core_ndim).abs().sum(-1)

    def _dual_norm(self, m: Tensor) -> Tensor:
        return flat(m, self.core_ndim).abs().amax(-1)

    def _lmo(self, m: Tensor) -> Tensor:
        v = flat(m, self.core_ndim)
        j = v.abs().argmax(-1, keepdim=True)
        return torch.zeros_like(v).scatter(-1, j, -v.gather(-1, j).sign()).reshape(m.shape)

    def _distance(self, m: Tensor, d: Tensor) -> Distance:
        """ℓ1 distance to the simplex of the attaining vertices: Σ|outside| + Σ u⁻ + |Σ u⁺ − 1|, u = −sign(m)·d."""
        v, w = flat(m, self.core_ndim), flat(d, self.core_ndim)
        size = v.abs()
        attains = size == size.amax(-1, keepdim=True)
        u = torch.where(attains, -v.sign() * w, torch.zeros_like(w))
        outside = torch.where(attains, torch.zeros_like(w), w.abs()).sum(-1)
        to_face = outside + (-u).clamp(min=0).sum(-1) + (u.clamp(min=0).sum(-1) - 1).abs()
        return exactly(torch.where(size.amax(-1) > 0, to_face, (w.abs().sum(-1) - 1).clamp(min=0)))

"""The nuclear ball: rank-one steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lmo.balls.base import Distance, NormBall
from lmo.balls.spectral import nuclear_norm, spectral_norm, thin_svd, working


@dataclass(frozen=True)
class Nuclear(NormBall):
    """{X : Σσ(X) ≤ 1} on matrices (…, a, b); dual norm σ_max; lmo(M) = −u₁v₁ᵀ (Frank–Wolfe on the trace norm).

    Ties: a repeated largest singular value (multiplicity k) makes every −U₁SV₁ᵀ with S ⪰ 0, tr S = 1 a minimiser;
    the answer is the first pair. Cost: one SVD. Beware the name: Muon's step is the LMO of `Spectral`, not of this.
    """

    core_ndim: ClassVar[int] = 2  # type: ignore[misc]
    name: ClassVar[str] = "nuclear"

    @classmethod
    def examples(cls) -> list[tuple[NormBall, tuple]]:
        return [(cls(), (3, 3)), (cls(), (2, 4))]

    def norm_ratio(self, shape: tuple) -> float:
        return 1.0

    def _norm(self, x: Tensor) -> Tensor:
        return nuclear_norm(x)

    def _dual_norm(self, m: Tensor) -> Tensor:
        return spectral_norm(m)

    def _lmo(self, m: Tensor) -> Tensor:
        u, s, v = thin_svd(m)
        top = (s[..., :1] > 0).to(s.dtype)
        return -((u[..., :1] * top.unsqueeze(-2)) @ v[..., :1].mT).to(m.dtype)

    def _distance(self, m: Tensor, d: Tensor) -> Distance:
        """Exact for a simple σ₁ and m = 0; else an upper bound: to lmo(m) or the −U₁SV₁ᵀ nearest in Frobenius norm."""
        u, s, v = thin_svd(m)
        tie = s >= s[..., :1] * (1 - max(m.shape[-2:]) * torch.finfo(s.dtype).eps)
        mask = tie.to(s.dtype)
        u1, v1 = u * mask.unsqueeze(-2), v * mask.unsqueeze(-2)
        d = working(d)
        block = -(u1.mT @ d @ v1)
        outside = torch.diag_embed(4 * (1 - mask) * (1 + self._norm(d).unsqueeze(-1)))  # keeps S inside the tie
        values, vectors = torch.linalg.eigh((block + block.mT) / 2 - outside)
        nearest = (vectors * _onto_simplex(values).unsqueeze(-2)) @ vectors.mT
        value = torch.minimum(self._norm(d + u1 @ nearest @ v1.mT), self._norm(d - self._lmo(m)))
        zero = s[..., 0] == 0
        value = torch.where(zero, (self._norm(d) - 1).clamp(min=0), value)
        return Distance(value, zero | (tie.sum(-1) == 1))


def _onto_simplex(values: Tensor) -> Tensor:
    """Euclidean projection of the last dimension onto {w ≥ 0, Σw = 1} (sort and threshold)."""
    ordered = values.sort(-1, descending=True).values
    count = torch.arange(1, values.shape[-1] + 1, device=values.device, dtype=values.dtype)
    shift = (ordered.cumsum(-1) - 1) / count
    active = (ordered > shift).sum(-1, keepdim=True).clamp(min=1)  # of huge values rounding leaves none
    return (values - shift.gather(-1, active - 1)).clamp(min=0)

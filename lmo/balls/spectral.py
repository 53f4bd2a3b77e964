"""The spectral ball: Muon's geometry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lmo.balls import polar_products
from lmo.balls.base import Distance, NormBall, Parts, exactly, to_unit_peak
from lmo.balls.polar_products import products_pay


def working(x: Tensor) -> Tensor:
    """`x` in a dtype that has an SVD: half precisions are lifted to float32."""
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


def nuclear_norm(x: Tensor) -> Tensor:
    """Σσ, shape (…); half precisions are lifted to float32."""
    x = working(x)
    return polar_products.nuclear_norm(x) if products_pay(x) else torch.linalg.svdvals(x).sum(-1)


def spectral_norm(x: Tensor) -> Tensor:
    """σ_max, shape (…); half precisions are lifted to float32."""
    x = working(x)
    return polar_products.largest_singular_value(x) if products_pay(x) else torch.linalg.svdvals(x)[..., 0]


def thin_svd(m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """U (…, a, p), σ (…, p), V (…, b, p), p = min(a, b), of `m` scaled to peak 1 (σ keeps that scale)."""
    x = to_unit_peak(working(m), 2)
    if products_pay(x):
        return polar_products.thin_svd(x)
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    return u, s, vh.mT


def above_rank_cut(s: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Which singular values count as non-zero: σ > max(a, b)·eps·σ₁ (relative, strict, so that 0 has rank 0)."""
    return s > max(shape[-2:]) * torch.finfo(s.dtype).eps * s[..., :1]


def by_svd(x: Tensor) -> Tensor:
    """UVᵀ for x (…, a, b), 0 on the null space."""
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    return (u * above_rank_cut(s, x.shape).to(s.dtype).unsqueeze(-2)) @ vh


@dataclass(frozen=True)
class Spectral(NormBall):
    """{X : σ_max(X) ≤ 1} on matrices (…, a, b); dual norm Σσ (nuclear); lmo(M) = −UVᵀ, the negative polar factor.

    Ties: for rank M < min(a, b) every −(U₁V₁ᵀ + U₂WV₂ᵀ) with ‖W‖ ≤ 1 is a minimiser; the answer has W = 0. A repeated
    singular value is no tie. Cost: one SVD. Beware the name: this is NOT the nuclear ball, whose LMO has rank one.
    """

    core_ndim: ClassVar[int] = 2  # type: ignore[misc]
    name: ClassVar[str] = "spectral"

    @classmethod
    def examples(cls) -> list[tuple[NormBall, tuple]]:
        return [(cls(), (3, 3)), (cls(), (2, 4)), (cls(), (4, 2))]

    def norm_ratio(self, shape: tuple) -> float:
        return math.sqrt(min(shape[-2:]))

    def radius(self, shape: tuple) -> float:
        """The largest singular value that the ball allows."""
        return 1.0

    def _norm(self, x: Tensor) -> Tensor:
        return spectral_norm(x)

    def _dual_norm(self, m: Tensor) -> Tensor:
        return nuclear_norm(m)

    def _lmo(self, m: Tensor) -> Tensor:
        if not products_pay(m):
            return -by_svd(to_unit_peak(working(m), 2)).to(m.dtype)
        y, whole = polar_products.polar_factor(working(m))
        if not bool(whole.all()):
            y[~whole] = by_svd(to_unit_peak(working(m[~whole]), 2)).to(y.dtype)
        return -y.to(m.dtype)

    def parts(self, m: Tensor) -> Parts:
        self.check("m", m)
        u, s, v = thin_svd(m)
        kept = above_rank_cut(s, m.shape).to(s.dtype)
        weights = s * working(m).abs().amax(dim=(-2, -1)).unsqueeze(-1)
        return Parts(weights, lambda factors: -((u * (kept * factors).unsqueeze(-2)) @ v.mT).to(m.dtype))

    def _distance(self, m: Tensor, d: Tensor) -> Distance:
        """Exact at full rank; else to the nearer of two minimisers: W = 0, and −U₂ᵀdV₂ with its σ clipped to 1.

        That is an upper bound; it is flagged exact where it meets the lower bound max of the two blocks that W cannot
        change (Parrott) and of ‖U₂ᵀdV₂‖ − 1.
        """
        u, s, v = thin_svd(m)
        if bool(above_rank_cut(s, m.shape).all()):
            return exactly(spectral_norm(d.to(s.dtype) + u @ v.mT))
        u, s, vh = torch.linalg.svd(to_unit_peak(working(m), 2), full_matrices=True)
        v = vh.mT
        p = s.shape[-1]
        kept = above_rank_cut(s, m.shape)
        on_rank = (u[..., :p] * kept.to(s.dtype).unsqueeze(-2)) @ v[..., :p].mT
        left, right = _null_mask(kept, u.shape[-1]).to(s.dtype), _null_mask(kept, v.shape[-1]).to(s.dtype)
        rotated = u.mT @ (d.to(s.dtype) + on_rank) @ v
        block = rotated * left.unsqueeze(-1) * right.unsqueeze(-2)
        bu, bs, bvh = torch.linalg.svd(block, full_matrices=False)
        remainder = rotated - (bu * bs.clamp(max=1).unsqueeze(-2)) @ bvh
        value = torch.minimum(torch.linalg.svdvals(remainder)[..., 0], torch.linalg.svdvals(rotated)[..., 0])
        lower = torch.stack(
            [
                torch.linalg.svdvals(rotated * (1 - left).unsqueeze(-1))[..., 0],
                torch.linalg.svdvals(rotated * (1 - right).unsqueeze(-2))[..., 0],
                (bs[..., 0] - 1).clamp(min=0),
            ]
        ).amax(0)
        full_rank = kept.all(-1)
        tolerance = 64 * torch.finfo(s.dtype).eps
        return Distance(value, full_rank | (value - lower <= tolerance * (1 + value)))


def _null_mask(kept: Tensor, size: int) -> Tensor:
    """Which columns of a full singular basis of `size` vectors belong to the null space."""
    extra = torch.zeros(*kept.shape[:-1], size - kept.shape[-1], dtype=torch.bool, device=kept.device)
    return ~torch.cat([kept, extra], -1)

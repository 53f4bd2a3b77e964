"""The Euclidean ball, for vectors (ℓ2) and matrices (Frobenius): normalised gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lmo.balls.base import Distance, NormBall, exactly, safe_divide, to_unit_peak
from lmo.elements import flat


@dataclass(frozen=True)
class L2(NormBall):
    """{x : (Σ x_j²)^½ ≤ 1}; its own dual; lmo(m) = −m/‖m‖₂ (normalised SGD).

    The one Hilbert norm: theorem `hilbert` (D1-H) holds here and in no other ball. The minimiser is unique unless
    m = 0. Cost: two passes.
    """

    core_ndim: int = 1
    name: ClassVar[str] = "l2"
    is_hilbert = True

    @classmethod
    def examples(cls) -> list[tuple[NormBall, tuple]]:
        return [(cls(), (5,) if cls is L2 else (3, 4))]

    def norm_ratio(self, shape: tuple) -> float:
        return 1.0

    def _norm(self, x: Tensor) -> Tensor:
        v = flat(x, self.core_ndim)
        return v.abs().amax(-1) * torch.linalg.vector_norm(to_unit_peak(v, 1), dim=-1)

    def _dual_norm(self, m: Tensor) -> Tensor:
        return self._norm(m)

    def _lmo(self, m: Tensor) -> Tensor:
        v = to_unit_peak(flat(m, self.core_ndim), 1)
        return -safe_divide(v, torch.linalg.vector_norm(v, dim=-1, keepdim=True)).reshape(m.shape)

    def _distance(self, m: Tensor, d: Tensor) -> Distance:
        off = self._norm(d - self._lmo(m))
        return exactly(torch.where(self._norm(m) > 0, off, (self._norm(d) - 1).clamp(min=0)))


@dataclass(frozen=True)
class Frobenius(L2):
    """{X : (Σ X_ij²)^½ ≤ 1} for matrices: `L2` with two core dimensions."""

    core_ndim: int = 2
    name: ClassVar[str] = "frobenius"

"""The ℓp balls between ℓ1 and ℓ∞."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lmo.balls.base import Distance, NormBall, exactly, safe_divide, to_unit_peak
from lmo.checks import check_number
from lmo.elements import flat


def p_norm(v: Tensor, p: float) -> Tensor:
    """(Σ |v_j|^p)^(1/p) over the last dimension, without overflow or underflow."""
    peak = v.abs().amax(-1)
    return peak * to_unit_peak(v, 1).abs().pow(p).sum(-1).pow(1 / p)


@dataclass(frozen=True)
class Lp(NormBall):
    """{x : (Σ|x_j|^p)^(1/p) ≤ 1}, 1 < p < ∞; dual norm ℓq, 1/p + 1/q = 1; lmo(m) = −sign(m)|m|^(q−1)/‖m‖_q^(q−1).

    The ball is strictly convex: the minimiser is unique unless m = 0. Cost: a few passes. For p = 1 and p = ∞ use
    `L1` and `LInf`, for p = 2 `L2` (the same set, cheaper).
    """

    p: float = 3.0
    core_ndim: int = 1
    name: ClassVar[str] = "lp"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("p", self.p, above=1.0)

    @classmethod
    def examples(cls) -> list[tuple[NormBall, tuple]]:
        return [(cls(3.0), (5,)), (cls(1.5), (4,)), (cls(2.0), (4,)), (cls(4.0, core_ndim=2), (3, 4))]

    @property
    def q(self) -> float:
        """The dual exponent p/(p−1)."""
        return self.p / (self.p - 1)

    @property
    def is_hilbert(self) -> bool:  # type: ignore[override]
        """True for p = 2 only."""
        return self.p == 2

    def norm_ratio(self, shape: tuple) -> float:
        return max(1.0, math.prod(shape) ** (0.5 - 1 / self.p))

    def _norm(self, x: Tensor) -> Tensor:
        return p_norm(flat(x, self.core_ndim), self.p)

    def _dual_norm(self, m: Tensor) -> Tensor:
        return p_norm(flat(m, self.core_ndim), self.q)

    def _lmo(self, m: Tensor) -> Tensor:
        v = to_unit_peak(flat(m, self.core_ndim), 1)
        unit = safe_divide(v.abs(), p_norm(v, self.q).unsqueeze(-1))
        return (-v.sign() * unit.pow(self.q - 1)).reshape(m.shape)

    def _distance(self, m: Tensor, d: Tensor) -> Distance:
        off = self._norm(d - self._lmo(m))
        ball = (self._norm(d) - 1).clamp(min=0)
        return exactly(torch.where(self._dual_norm(m) > 0, off, ball))

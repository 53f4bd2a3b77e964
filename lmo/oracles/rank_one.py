"""What the oracles of the nuclear ball share: the answer is −radius · uvᵀ for one pair of unit vectors."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from lmo.balls import NormBall, Nuclear, Scaled
from lmo.balls.base import safe_divide
from lmo.balls.spectral import working
from lmo.oracles.base import Harm, Oracle
from lmo.oracles.products import product
from lmo.oracles.proof import Proof
from lmo.oracles.rounding import exactly_scaled
from lmo.randomness import Draw


@dataclass(frozen=True, kw_only=True)
class RankOneOracle(Oracle):
    """d̂ = −radius · uvᵀ on matrices (…, a, b), u and v unit vectors (0 where m = 0).

    Args:
        ball: `Nuclear()` or `Scaled` of it.
    """

    ball: NormBall = field(default_factory=Nuclear)

    def __post_init__(self) -> None:
        inner = self.ball
        while isinstance(inner, Scaled):
            inner = inner.ball
        if not isinstance(inner, Nuclear):
            raise TypeError(f"{type(self).__name__} answers for Nuclear and Scaled of it, not for {self.ball!r}")

    @abstractmethod
    def _pairs(
        self, x: Tensor, dtype: torch.dtype, draw: Draw | None, batch: torch.Size
    ) -> tuple[Tensor, Tensor, Proof | None]:
        """u (n, a), v (n, b) for wide or square x (n, a, b) with peak in [½, 1) or 0, and what is proved about them.

        dtype: that of the question. batch: the shape of the n runs, which is that of `draw`.
        """

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        tall, batch = m.shape[-2] > m.shape[-1], m.shape[:-2]
        wide = working(m.mT if tall else m)
        u, v, proof = self._pairs(exactly_scaled(wide.reshape(-1, *wide.shape[-2:])), m.dtype, draw, batch)
        left, right = (v, u) if tall else (u, v)
        direction = left.unsqueeze(-1) * (-self.radius * right).unsqueeze(-2)
        return direction.to(m.dtype).reshape(m.shape), memory if proof is None else proof

    @property
    def radius(self) -> float:
        """The nuclear norm that the ball allows."""
        return self.ball.norm_ratio((1, 1))


def times(x: Tensor, v: Tensor) -> Tensor:
    """x v for a batch of matrices (n, a, b) and vectors (n, b): shape (n, a)."""
    return product(x, v.unsqueeze(-1)).squeeze(-1)


def normalised(x: Tensor) -> Tensor:
    """x / ‖x‖₂ along the last dimension, 0 where x = 0."""
    return safe_divide(x, torch.linalg.vector_norm(x, dim=-1, keepdim=True))


def fixed_start(size: int, like: Tensor) -> Tensor:
    """Standard normal numbers (size,) that are the same in every call, in the dtype and on the device of `like`."""
    return Draw(0, 0, like.device).normal("krylov start", (size,), like.dtype)

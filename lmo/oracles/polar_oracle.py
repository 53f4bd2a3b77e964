"""What the oracles that compute a polar factor share: the way there and back."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from lmo.balls import NormBall, Spectral
from lmo.balls.spectral import working
from lmo.oracles.base import Harm, Oracle
from lmo.oracles.rounding import exactly_scaled
from lmo.randomness import Draw


def check_spectral(oracle: Oracle) -> None:
    """Refuses (`TypeError`) an oracle whose ball's answer is not a multiple of the polar factor."""
    try:
        oracle.ball.radius((1, 1))  # type: ignore[attr-defined]
    except AttributeError:
        answers = f"{type(oracle).__name__} answers for Spectral, RmsToRms and Scaled of those"
        raise TypeError(f"{answers}, not for {oracle.ball!r}") from None


def in_precision(x: Tensor, dtype: torch.dtype) -> Tensor:
    """x (n, a, b) in `dtype`; in float16 with ‖x‖_F = 8, so that neither x xᵀ nor its square overflows or vanishes."""
    if dtype == torch.float16:
        size = torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True, dtype=torch.float64)
        x = x * (8 / torch.where(size > 0, size, 1))
    return x.to(dtype)


@dataclass(frozen=True, kw_only=True)
class PolarOracle(Oracle):
    """d̂ = −radius · f(M) on matrices (…, a, b), where f(Mᵀ) = f(M)ᵀ and f does not change with the scale of M.

    Args:
        ball: `Spectral()`, `RmsToRms()` or `Scaled` of those.
    """

    ball: NormBall = field(default_factory=Spectral)

    def __post_init__(self) -> None:
        check_spectral(self)

    @abstractmethod
    def _polar(self, x: Tensor) -> Tensor:
        """f(x) for wide or square x (n, a, b), a ≤ b, in float32 or float64, with peaks in [½, 1) or 0."""

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        tall = m.shape[-2] > m.shape[-1]
        x = exactly_scaled(working(m.mT if tall else m))
        x = self._polar(x.reshape(-1, *x.shape[-2:])).reshape(x.shape).to(m.dtype)
        return (x.mT if tall else x).mul_(-self.ball.radius(m.shape)), memory  # type: ignore[attr-defined]

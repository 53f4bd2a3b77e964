"""What the oracles that compute a polar factor share: the way there and back."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

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

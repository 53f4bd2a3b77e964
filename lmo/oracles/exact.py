"""The exact oracle: the ball's own LMO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from lmo.balls import LInf, NormBall, Spectral
from lmo.checks import check_kind
from lmo.oracles.base import Harm, Oracle, Promise
from lmo.polynomials.certify import Certificate
from lmo.randomness import Draw


@dataclass(frozen=True)
class Exact(Oracle):
    """d̂ = lmo(m), to rounding. Cost: that of the ball's LMO (one SVD for the spectral ball)."""

    ball: NormBall
    name: ClassVar[str] = "exact"

    def __post_init__(self) -> None:
        check_kind("ball", self.ball, NormBall)

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [(cls(LInf()), (4,)), (cls(Spectral()), (3, 4))]

    def promise(self) -> Promise:
        return Promise(0.0, 0.0, 0.0)

    def certify(self, s_min: float, s_max: float = 1.0) -> Certificate:
        """No error, whatever the spectrum."""
        return Certificate(0.0, 0.0, 0.0, 1.0, 1.0, "exact")

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        return self.ball._lmo(m), memory

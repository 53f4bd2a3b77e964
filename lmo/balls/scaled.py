"""A ball of another radius."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from lmo.balls.base import Distance, NormBall, Parts
from lmo.balls.l_inf import LInf
from lmo.balls.spectral import Spectral
from lmo.checks import check_number
from lmo.elements import map_layers


@dataclass(frozen=True)
class Scaled(NormBall):
    """{x : ‖x‖ ≤ r}: norm ‖x‖/r, dual norm r‖m‖_*, lmo r·lmo(m). δ is measured in this norm, relative to the radius."""

    ball: NormBall
    r: float
    name: ClassVar[str] = "scaled"

    def __post_init__(self) -> None:
        if not isinstance(self.ball, NormBall):
            raise TypeError(f"`ball` must be of type NormBall, got {type(self.ball).__name__}")
        check_number("r", self.r, above=0.0)

    @classmethod
    def examples(cls) -> list[tuple[NormBall, tuple]]:
        return [(cls(LInf(), 2.5), (4,)), (cls(Spectral(), 0.2), (2, 3))]

    @property
    def core_ndim(self) -> Any:  # type: ignore[override]
        """That of the ball."""
        return self.ball.core_ndim

    @property
    def is_hilbert(self) -> bool:  # type: ignore[override]
        """That of the ball."""
        return self.ball.is_hilbert

    @property
    def has_parts(self) -> bool:
        return self.ball.has_parts

    def norm_ratio(self, shape: tuple) -> float:
        return self.r * self.ball.norm_ratio(shape)

    def radius(self, shape: tuple) -> float:
        """r times the largest singular value that a spectral-type ball allows; `AttributeError` for the others."""
        return self.r * self.ball.radius(shape)  # type: ignore[attr-defined]

    def check(self, name: str, x: Any) -> Any:
        return self.ball.check(name, x)

    def check_pair(self, m: Any, d: Any) -> None:
        self.ball.check_pair(m, d)

    def _norm(self, x: Any) -> Tensor:
        return self.ball._norm(x) / self.r

    def _dual_norm(self, m: Any) -> Tensor:
        return self.ball._dual_norm(m) * self.r

    def _lmo(self, m: Any) -> Any:
        return map_layers(lambda d: d * self.r, self.ball._lmo(m))

    def _distance(self, m: Any, d: Any) -> Distance:
        return self.ball._distance(m, map_layers(lambda x: x / self.r, d))

    def parts(self, m: Any) -> Parts:
        weights, build = self.ball.parts(m)
        return Parts(weights * self.r, lambda factors: build(factors) * self.r)

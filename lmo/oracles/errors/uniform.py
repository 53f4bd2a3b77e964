"""One-sided errors: the whole answer too short or too long."""

from __future__ import annotations

from typing import Any, ClassVar

from lmo.balls import NormBall
from lmo.elements import Element, scaled
from lmo.oracles.base import Harm, Promise
from lmo.oracles.errors.base import ErrorModel
from lmo.randomness import Draw


class Shrink(ErrorModel):
    """d̂ = (1 − δ)d: signed errors ε = δ, η = −δ. A larger step undoes it: the best step grows by 1/(1 − δ)."""

    name: ClassVar[str] = "shrink"

    def error(self, ball: NormBall, m: Any, direction: Any, draw: Draw | None, harm: Harm | None) -> Element:
        return scaled(direction, -self.delta, ball.core_ndim)

    def promise(self) -> Promise:
        return Promise(self.delta, self.delta, -self.delta)


class Inflate(ErrorModel):
    """d̂ = (1 + δ)d: signed errors ε = −δ, η = δ. A smaller step undoes it: the best step shrinks by 1/(1 + δ)."""

    name: ClassVar[str] = "inflate"

    def error(self, ball: NormBall, m: Any, direction: Any, draw: Draw | None, harm: Harm | None) -> Element:
        return scaled(direction, self.delta, ball.core_ndim)

    def promise(self) -> Promise:
        return Promise(self.delta, -self.delta, self.delta)

"""An oracle with a controlled error added to its answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from lmo.balls import L1, LInf, NormBall, Spectral
from lmo.elements import add_scaled, check_per_run
from lmo.oracles.base import Harm, Oracle, Promise
from lmo.oracles.errors import ErrorModel, Inflate, Mixed, Shrink, Worst
from lmo.oracles.exact import Exact
from lmo.oracles.proof import without_proof
from lmo.randomness import Draw


@dataclass(frozen=True)
class Perturbed(Oracle):
    """d̂ = oracle(m) + e(m) with ‖e(m)‖ = δ in the ball's norm, e as the error model says.

    Promises the model's signed (δ, ε, η) where the oracle inside is exact, else nothing.
    """

    oracle: Oracle
    error: ErrorModel
    name: ClassVar[str] = "perturbed"

    def __post_init__(self) -> None:
        if not isinstance(self.oracle, Oracle) or not isinstance(self.error, ErrorModel):
            raise TypeError(
                f"Perturbed(oracle, error) needs an Oracle and an error model, got {self.oracle!r}, {self.error!r}"
            )
        if self.error.needs_parts() and not self.ball.has_parts:
            self.ball.parts(None)  # raises, and says which balls can

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [
            (cls(Exact(LInf()), Mixed(0.5)), (4,)),
            (cls(Exact(Spectral()), Worst(0.3)), (3, 4)),
            (cls(Exact(L1()), Shrink(0.9)), (4,)),
            (cls(Exact(Spectral()), Inflate(0.2)), (3, 3)),
        ]

    @property
    def ball(self) -> NormBall:  # type: ignore[override]
        """The ball of the oracle inside."""
        return self.oracle.ball

    def promise(self) -> Promise | None:
        return self.error.promise() if isinstance(self.oracle, Exact) else None

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        check_per_run("delta", self.error.delta, m, self.ball.core_ndim)
        direction, memory = self.oracle._direction(m, memory, draw, harm)
        error = self.error.error(self.ball, m, direction, draw, harm)
        return add_scaled(direction, error, 1.0, self.ball.core_ndim), without_proof(memory)

"""Answers rounded to a few bits: whole numbers times a scale, as they are sent between machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from lmo.balls import L1, LInf, MaxRow, NormBall, Scaled, Spectral
from lmo.balls.base import safe_divide
from lmo.balls.spectral import working
from lmo.checks import check_integer, check_kind
from lmo.elements import map_layers
from lmo.oracles.base import Harm, Oracle, Promise
from lmo.oracles.exact import Exact
from lmo.oracles.proof import without_proof
from lmo.randomness import Draw

AXES = (None, -1, -2)
MOST = 16  # bits
_UNIFORM = 2**32


@dataclass(frozen=True)
class Quantised(Oracle):
    """d̂ = q·s/L entrywise, q whole numbers in [−L, L] nearest to L·oracle(m)/s, L = 2^(bits−1) − 1, s the largest
    |entry|.

    The entry of size s stays as it is, 0 too; every other one moves by at most s/(2L), stochastic: less than s/L,
    without bias; the rounding to the dtype of m comes on top. Hence, for every input: exact answers for ℓ∞ and ℓ1,
    whose entries are 0 and ±radius, are kept; for ℓ∞ and an oracle with the promise (δ, ε, η), ‖e‖_∞ ≤ h(1 + η) with
    h = 1/(2L) or 1/L gives (δ + h(1 + η), ε + h(1 + η), η). In other norms ‖e‖ grows with the shape (up to √(ab)·h for
    Spectral, √b·h for MaxRow), and nothing is promised.

    Args:
        oracle: whose answers are rounded.
        bits: from 2 to 16, the sign included.
        axis: one scale s per element (None), per row (−1) or per column (−2).
        stochastic: round up with the probability that makes the mean right, from `draw` (purpose "quantisation i" for
            layer i, 0 where there is one).

    Raises:
        ValueError: axis −2 and elements that are no matrices; `stochastic` and no `draw`.
    """

    oracle: Oracle
    bits: int = 8
    axis: int | None = None
    stochastic: bool = False
    name: ClassVar[str] = "quantised"

    def __post_init__(self) -> None:
        check_kind("oracle", self.oracle, Oracle)
        if check_integer("bits", self.bits, at_least=2) > MOST:
            raise ValueError(f"`bits` must be an integer from 2 to {MOST}, got {self.bits!r}")
        if self.axis not in AXES or isinstance(self.axis, float):
            raise ValueError(f"`axis` must be None (one scale), -1 (one per row) or -2 (per column), got {self.axis!r}")
        if self.axis == -2 and any(n < 2 for n in self._core_ndims):
            raise ValueError(f"`axis` = -2 is one scale per column of a matrix; {self.ball!r} holds vectors")

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [
            (cls(Exact(LInf())), (4,)),
            (cls(Exact(L1())), (4,)),
            (cls(Exact(Spectral())), (3, 4)),
            (cls(Exact(MaxRow()), axis=-1), (3, 4)),
            (cls(Exact(Spectral()), axis=-2, stochastic=True), (3, 3)),
        ]

    @property
    def ball(self) -> NormBall:  # type: ignore[override]
        """The ball of the oracle inside."""
        return self.oracle.ball

    @property
    def levels(self) -> int:
        """L, the largest whole number."""
        return 2 ** (self.bits - 1) - 1

    def promise(self) -> Promise | None:
        ball = self.ball
        while isinstance(ball, Scaled):
            ball = ball.ball
        inner = self.oracle.promise()
        if isinstance(self.oracle, Exact) and isinstance(ball, L1 | LInf):
            return inner
        if inner is None or not isinstance(ball, LInf):
            return None
        error = (1 + inner.eta) * (1 if self.stochastic else 0.5) / self.levels
        return Promise(inner.delta + error, inner.epsilon + error, inner.eta)

    @property
    def _core_ndims(self) -> tuple[int, ...]:
        core_ndim = self.ball.core_ndim
        return core_ndim if isinstance(core_ndim, tuple) else (core_ndim,)

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        if self.stochastic and draw is None:
            raise ValueError(
                "Quantised with stochastic=True needs `draw`, the randomness of the step: lmo.Draw(seeds, step)"
            )
        direction, memory = self.oracle._direction(m, memory, draw, harm)
        layers = iter(enumerate(self._core_ndims))
        return map_layers(lambda d: self._quantised(d, *next(layers), draw), direction), without_proof(memory)

    def _quantised(self, d: Tensor, layer: int, core_ndim: int, draw: Draw | None) -> Tensor:
        """Layer number `layer` of an answer, rounded; in float32 or better, as half precisions have too few digits."""
        wide = working(d)
        dims = (self.axis,) if self.axis else tuple(range(-core_ndim, 0))
        scale = wide.abs().amax(dims, keepdim=True)
        exact = safe_divide(wide, scale) * self.levels
        if self.stochastic and draw is not None:
            purpose = f"quantisation {layer}"
            uniform = draw.integers(purpose, _UNIFORM, d.shape[d.ndim - core_ndim :]).to(torch.float64) / _UNIFORM
            whole = (exact.double() + uniform).floor().clamp(-self.levels, self.levels).to(wide.dtype)
        else:
            whole = exact.round()
        return (whole / self.levels * scale).to(d.dtype)

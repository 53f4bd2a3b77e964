"""Balls of the largest row norm and the largest column norm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lmo.balls.base import Distance, NormBall, Parts, exactly
from lmo.balls.l2 import L2

_LINE = L2()


@dataclass(frozen=True)
class MaxRow(NormBall):
    """{X : max_i ‖row_i‖₂ ≤ 1} on matrices (…, a, b) (operator norm 2→∞); dual norm Σ_i ‖row_i‖₂.

    lmo(M) normalises every row: −row_i/‖row_i‖₂ (embeddings, heads). Ties: for a zero row every vector of length at
    most 1 is a minimiser; the answer is 0. Cost: two passes.
    """

    core_ndim: ClassVar[int] = 2  # type: ignore[misc]
    name: ClassVar[str] = "max-row"

    @classmethod
    def examples(cls) -> list[tuple[NormBall, tuple]]:
        return [(cls(), (3, 4)), (cls(), (4, 2))]

    def norm_ratio(self, shape: tuple) -> float:
        return math.sqrt(shape[-2])

    def _norm(self, x: Tensor) -> Tensor:
        return _LINE._norm(x).amax(-1)

    def _dual_norm(self, m: Tensor) -> Tensor:
        return _LINE._norm(m).sum(-1)

    def _lmo(self, m: Tensor) -> Tensor:
        return _LINE._lmo(m)

    def _distance(self, m: Tensor, d: Tensor) -> Distance:
        return exactly(_LINE._distance(m, d).value.amax(-1))

    def parts(self, m: Tensor) -> Parts:
        self.check("m", m)
        answer = _LINE._lmo(m)
        return Parts(_LINE._norm(m), lambda factors: answer * factors.unsqueeze(-1))


@dataclass(frozen=True)
class MaxColumn(NormBall):
    """{X : max_j ‖column_j‖₂ ≤ 1} on matrices (…, a, b) (operator norm 1→2); dual norm Σ_j ‖column_j‖₂.

    `MaxRow` of the transpose: same ties, same cost.
    """

    core_ndim: ClassVar[int] = 2  # type: ignore[misc]
    name: ClassVar[str] = "max-column"

    @classmethod
    def examples(cls) -> list[tuple[NormBall, tuple]]:
        return [(cls(), (3, 4)), (cls(), (4, 2))]

    def norm_ratio(self, shape: tuple) -> float:
        return math.sqrt(shape[-1])

    def _norm(self, x: Tensor) -> Tensor:
        return _ROWS._norm(x.mT)

    def _dual_norm(self, m: Tensor) -> Tensor:
        return _ROWS._dual_norm(m.mT)

    def _lmo(self, m: Tensor) -> Tensor:
        return _ROWS._lmo(m.mT).mT

    def _distance(self, m: Tensor, d: Tensor) -> Distance:
        return _ROWS._distance(m.mT, d.mT)

    def parts(self, m: Tensor) -> Parts:
        self.check("m", m)
        rows = _ROWS.parts(m.mT)
        return Parts(rows.weights, lambda factors: rows.build(factors).mT)


_ROWS = MaxRow()

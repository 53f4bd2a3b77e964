"""Power iteration: the plainest way to the leading singular pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lmo.balls import Nuclear, Scaled
from lmo.checks import check_integer
from lmo.oracles.base import Oracle
from lmo.oracles.products import product
from lmo.oracles.proof import Proof
from lmo.oracles.rank_one import RankOneOracle, fixed_start
from lmo.randomness import Draw


@dataclass(frozen=True)
class PowerIteration(RankOneOracle):
    """d̂ = −radius · uvᵀ, the leading pair of M in the span of (MMᵀ)^k Q₀ (subspace iteration, Rayleigh–Ritz).

    Q₀ is Gaussian with `vectors` columns: from `draw` where there is one, else the same one in every call. Feasible,
    but without a promise: a start may miss u₁, and with ρ = σ_{vectors+1}/σ₁ the deficit ε falls like ρ^{4k} only.
    Cost: 2·iterations + 1 products with `vectors` columns.

    Args:
        iterations: k ≥ 0.
        vectors: columns of the block, ≥ 1 (at most min(a, b) are used).
    """

    iterations: int = 10
    vectors: int = 1
    name: ClassVar[str] = "power-iteration"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("iterations", self.iterations, at_least=0)
        check_integer("vectors", self.vectors, at_least=1)

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [(cls(), (3, 4)), (cls(3, vectors=2, ball=Scaled(Nuclear(), 0.5)), (5, 3)), (cls(0), (3, 3))]

    def _pairs(
        self, x: Tensor, dtype: torch.dtype, draw: Draw | None, batch: torch.Size
    ) -> tuple[Tensor, Tensor, Proof | None]:
        count, rows = x.shape[:2]
        columns = min(self.vectors, rows)
        if draw is None:
            start = fixed_start(rows * columns, x).expand(count, -1)
        else:
            start = draw.normal("krylov start", (rows * columns,), x.dtype)
        basis = torch.linalg.qr(start.reshape(count, rows, columns)).Q
        for _ in range(self.iterations):
            basis = torch.linalg.qr(product(x, product(x.mT, basis))).Q
        left, s, right = torch.linalg.svd(product(basis.mT, x), full_matrices=False)
        there = (s[:, :1] > 0).to(x.dtype)
        return (basis @ left[:, :, :1]).squeeze(-1) * there, right[:, 0], None

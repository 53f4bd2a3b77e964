"""Lanczos for the leading singular pair, with a certificate of its gap."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lmo.checks import check_number
from lmo.oracles.base import Oracle, Promise
from lmo.oracles.gap import least_target
from lmo.oracles.leading_pair import RANDOM, Found, by_eigendecomposition, certified
from lmo.oracles.products import symmetric_product
from lmo.oracles.proof import Proof
from lmo.oracles.rank_one import RankOneOracle, fixed_start
from lmo.oracles.rounding import UNIT, frobenius, gamma
from lmo.randomness import Draw

SMALL = 96  # rows up to which one eigendecomposition of the Gram matrix beats the Krylov loop


@dataclass(frozen=True)
class Lanczos(RankOneOracle):
    """d̂ = −radius · uvᵀ with ⟨m, d̂⟩ ≤ −(1 − target)σ₁, certified for every answer: `direction, proof = oracle(m)`.

    failure = 0: proved, with all rounding bounded, by the first of these that reaches the target: θ + r²/(θ − ρ) ≥ σ₁²
    with θ a Ritz value, r its residual, ρ = ‖M‖_F² − θ < θ (no more than products with vectors); the same with
    ρ² = ‖MMᵀ‖_F² − θ²; a Cholesky factorisation of sI − MMᵀ. If the Krylov run has missed u₁, no proof succeeds, and
    the eigendecomposition of MMᵀ answers (up to 96 rows it does so at once), proved by Cholesky too.
    failure = p > 0: the start is uniform on the sphere (`draw`, purpose "krylov start"), so |u₁ᵀq₁| < p√(π/2n) with
    probability at most p (n = min(a, b)); unless that happens, the growth of the Lanczos polynomials bounds σ₁ at every
    step of the run (`gap.by_random_start`). No product of matrices, unless 96 steps do not suffice: then it proves.
    The bound that needs no run, p ≈ √n·exp(−√ε(2k − 1)) for a relative error ε of σ₁² (Kuczyński & Woźniakowski 1992),
    asks for k = 8700 steps where this one stops after 16 (n = 1024, ε = p = 1e-6, σ_i = 1/i).

    ε holds in float64; an answer in a lower precision is off by its rounding more, and `Proof.epsilon` includes that.
    δ may be anything up to 2: another pair with nearly the same σ is as good. Cost: see benchmarks/nuclear_oracle.py.

    Args:
        target: ε, in (0, 1); `ValueError` at the call where float64 cannot prove it for that shape (1e-9 for 1024²).
        failure: probability, over the random start of each run, that ε is not what the proof says.

    Raises:
        ValueError: `failure` > 0 and no `draw`.
    """

    target: float = 1e-6
    failure: float = 0.0
    name: ClassVar[str] = "lanczos"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("target", self.target, above=0.0, below=1.0)
        check_number("failure", self.failure, at_least=0.0, below=1.0)

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [(cls(), (3, 4)), (cls(0.01), (5, 2)), (cls(1e-4), (100, 110)), (cls(1e-3, failure=1e-3), (104, 98))]

    def promise(self) -> Promise | None:
        return None if self.failure else Promise(2.0, self.target, 0.0)

    def _pairs(
        self, x: Tensor, dtype: torch.dtype, draw: Draw | None, batch: torch.Size
    ) -> tuple[Tensor, Tensor, Proof | None]:
        self._check(x, draw)
        x = x.double()
        size, rounding = frobenius(x), _rounding(dtype, x[0].numel(), self.radius)
        loss = size * (0 if dtype == torch.float64 else rounding)  # what float64 loses, each pair has counted
        u, v, epsilon = x.new_zeros(x.shape[:2]), x.new_zeros(x.shape[::2]), torch.zeros_like(size)
        hows = set()
        for part, found in self._answers(x, size > 0, draw):
            u[part], v[part], lower = found.pair
            epsilon[part] = found.epsilon + loss[part] / lower
            hows.add(found.how)
        excess = math.sqrt(x.shape[1]) * rounding + 4 * gamma(sum(x.shape[1:]) + 8)
        eta = torch.where(size > 0, excess, -1.0).to(x.dtype)
        failure = self.failure if RANDOM in hows else 0.0
        how = "; ".join(sorted(hows)) or "m = 0"
        return u, v, Proof(epsilon.reshape(batch), eta.reshape(batch), how, failure)

    def _answers(self, x: Tensor, alive: Tensor, draw: Draw | None) -> Iterator[tuple[slice | Tensor, Found]]:
        """(which, answers to x[which]) until all of x (n, a, b) that is `alive`, ≠ 0, has one."""
        rows = x.shape[-2]
        if rows <= SMALL:
            if bool(alive.any()):
                yield alive, by_eigendecomposition(x[alive], symmetric_product(x[alive], x[alive]), self.target)
            return
        if self.failure and draw is not None:
            starts = draw.normal("krylov start", (rows,)).reshape(-1, rows)
        else:
            starts = fixed_start(rows, x).expand(x.shape[0], rows)
        for i in alive.nonzero().flatten().tolist():
            yield slice(i, i + 1), certified(x[i : i + 1], starts[i], self.target, self.failure)

    def _check(self, x: Tensor, draw: Draw | None) -> None:
        if self.failure and draw is None:
            raise ValueError("Lanczos with failure > 0 needs `draw`, the randomness of the step: lmo.Draw(seeds, step)")
        rows, columns = x.shape[1:]
        least = least_target(rows, columns)
        if self.target < least:
            raise ValueError(
                f"`target` must be at least {least:.2g}, the gap that float64 can prove for {rows} x {columns} (or "
                f"{columns} x {rows}); got {self.target:g}"
            )


def _rounding(dtype: torch.dtype, entries: int, radius: float) -> float:
    """‖Δ‖_F/radius, at most, of rounding radius · uvᵀ to `dtype` by way of float64; entries may underflow."""
    info = torch.finfo(dtype)
    relative = UNIT if dtype == torch.float64 else info.eps / 2 * (1 + 2 * UNIT) + UNIT
    return relative + math.sqrt(entries) * info.tiny * info.eps / radius

"""Answers of low rank: Dion's power step with a right factor kept between calls, and the randomised SVD."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from lmo.balls import NormBall, Spectral
from lmo.balls.spectral import above_rank_cut, working
from lmo.checks import check_integer
from lmo.oracles.base import Harm, Oracle, Promise
from lmo.oracles.polar_oracle import check_spectral
from lmo.oracles.rank_one import fixed_start
from lmo.oracles.rounding import exactly_scaled
from lmo.randomness import Draw


@dataclass(frozen=True)
class LowRankOracle(Oracle):
    """What they share: d̂ = −radius · PQᵀ on matrices (…, a, b), P (a × rank) and Q (b × rank) with orthonormal
    columns, or 0.

    ‖d̂‖ ≤ 1, so η ≤ 0, and ⟨M, d̂⟩ ≤ 0, so ε ≤ 1 (δ ≤ 2). Nothing better holds for every M: even the best answer of
    rank r has ε = 1 − Σ_{i≤r} σ_i/Σσ, which is 1 − r/p for p equal singular values.

    Args:
        rank: of the answer, from 1 to min(a, b): `ValueError` at the call where it is more.
    """

    rank: int

    def __post_init__(self) -> None:
        check_integer("rank", self.rank, at_least=1)
        check_spectral(self)

    def promise(self) -> Promise:
        return Promise(2.0, 1.0, 0.0)

    @abstractmethod
    def _factors(self, x: Tensor, memory: Any, draw: Draw | None) -> tuple[Tensor, Tensor, Any]:
        """P (…, a, rank), Q (…, b, rank) and the memory, for x (…, a, b) with entries of size at most 1."""

    def check_shape(self, shape: tuple) -> None:
        """`ValueError` where the rank is above that of its matrices."""
        if self.rank > min(shape):
            raise ValueError(f"`rank` must be at most {min(shape)} for shape {tuple(shape)}, got {self.rank}")

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        self.check_shape(m.shape[-2:])
        left, right, memory = self._factors(exactly_scaled(working(m)), memory, draw)
        return (left @ right.mT).to(m.dtype) * -self.ball.radius(m.shape), memory  # type: ignore[attr-defined]

    def _start(self, x: Tensor, columns: int, draw: Draw | None) -> Tensor:
        """Standard normal (…, b, columns) from `draw`, purpose "low rank"; without one, the same in every call."""
        if draw is None:
            return fixed_start(x.shape[-1] * columns, x).reshape(-1, columns).expand(*x.shape[:-2], -1, -1)
        return draw.normal("low rank", (x.shape[-1], columns), x.dtype)


@dataclass(frozen=True)
class LowRank(LowRankOracle):
    """Dion's power step: P = qr(MQ₋), R = MᵀP, Q = qr(R) with a positive diagonal, Q₋ the Q of the previous call (its
    memory).

    While M changes slowly this is subspace iteration over the calls, and PQᵀ tends to the leading part of the polar
    factor; at first Q₋ is Gaussian, and so again is a column that caught nothing (0 in d̂), which else might never see M
    again. Dion divides R by its column norms instead, which leaves the ball (by up to √rank) as R's columns are not
    orthogonal. ⟨M, d̂⟩ is minus the sum of the diagonal of R = QT. The memory has the dtype of M. Cost: 2 products with
    `rank` columns, 2 thin QR. Source: Ahn et al., Dion, arXiv:2504.05295; QR in place of column norms: Orth-Dion,
    arXiv:2605.16341.

    Args:
        rank: of the answer, from 1 to min(a, b).
        ball: `Spectral()`, `RmsToRms()` or `Scaled` of those.

    Raises:
        ValueError: rank > min(a, b), or a memory other than (…, b, rank).
    """

    ball: NormBall = field(default_factory=Spectral)
    name: ClassVar[str] = "low-rank"

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [(cls(1), (3, 4)), (cls(2), (5, 2))]

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        direction, memory = super()._direction(m, memory, draw, harm)
        return direction, memory.to(m.dtype)  # an optimiser that loads its state casts it to this dtype

    def _factors(self, x: Tensor, memory: Any, draw: Draw | None) -> tuple[Tensor, Tensor, Any]:
        shape = (*x.shape[:-2], x.shape[-1], self.rank)
        if memory is not None and (not isinstance(memory, Tensor) or memory.shape != shape):
            got = tuple(memory.shape) if isinstance(memory, Tensor) else repr(memory)
            raise ValueError(f"the memory of LowRank({self.rank}) must be {shape} here, got {got}")
        before = self._start(x, self.rank, draw) if memory is None else memory.to(x.dtype)
        left = torch.linalg.qr(x @ before).Q
        right, triangle = torch.linalg.qr(x.mT @ left)
        diagonal = triangle.diagonal(dim1=-2, dim2=-1)
        noise = max(x.shape[-2:]) * torch.finfo(x.dtype).eps * diagonal.abs().amax(-1, keepdim=True)
        caught = (diagonal.abs() > noise).unsqueeze(-2)
        if memory is not None:
            before = right if bool(caught.all()) else self._start(x, self.rank, draw)
        signs = torch.where(caught, diagonal.sign().unsqueeze(-2), 0)
        return left, right * signs, torch.where(caught, right, before)


@dataclass(frozen=True)
class RandomisedSvd(LowRankOracle):
    """The leading `rank` singular pairs of QQᵀM, Q an orthonormal basis of the range of (MMᵀ)^q MΩ, Ω Gaussian from
    `draw`.

    Halko, Martinsson & Tropp, SIAM Review 53 (2011) 217–288, algorithms 4.4 and 5.1; with oversampling p ≥ 2 their
    theorem 10.5 gives E‖M − QQᵀM‖_F ≤ √(1 + rank/(p − 1))·(Σ_{i>rank} σ_i²)^½ at q = 0. Unless rank + p ≥ min(a, b),
    where the answer is exact for its rank, ε is whatever Ω makes it. Cost: 2q + 2 products with rank + p columns, as
    many QR less one, one SVD of (rank + p) × b.

    Args:
        rank: of the answer, from 1 to min(a, b).
        oversampling: p ≥ 0, columns of Ω beyond `rank` (at most min(a, b) are used in all).
        power_iterations: q ≥ 0; each sharpens the decay of the spectrum by two powers.
        ball: `Spectral()`, `RmsToRms()` or `Scaled` of those.

    Raises:
        ValueError: rank > min(a, b), or no `draw`.
    """

    oversampling: int = 8
    power_iterations: int = 1
    ball: NormBall = field(default_factory=Spectral)
    name: ClassVar[str] = "randomised-svd"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("oversampling", self.oversampling, at_least=0)
        check_integer("power_iterations", self.power_iterations, at_least=0)

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [(cls(1, 1), (3, 4)), (cls(2, 0, 0), (5, 4))]

    def _factors(self, x: Tensor, memory: Any, draw: Draw | None) -> tuple[Tensor, Tensor, Any]:
        if draw is None:
            raise ValueError("RandomisedSvd needs `draw`, the randomness of the step: lmo.Draw(seeds, step)")
        columns = min(self.rank + self.oversampling, *x.shape[-2:])
        basis = torch.linalg.qr(x @ self._start(x, columns, draw)).Q
        for _ in range(self.power_iterations):
            basis = torch.linalg.qr(x @ torch.linalg.qr(x.mT @ basis).Q).Q
        u, s, vh = torch.linalg.svd(basis.mT @ x, full_matrices=False)
        kept = above_rank_cut(s, x.shape)[..., : self.rank].to(x.dtype)
        return basis @ u[..., : self.rank] * kept.unsqueeze(-2), vh[..., : self.rank, :].mT, memory

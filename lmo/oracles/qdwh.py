"""QDWH: the polar factor by Halley's iteration with dynamical weights, six steps for any matrix of float64."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from lmo.balls.base import safe_divide
from lmo.checks import check_number
from lmo.oracles.base import Oracle, Promise
from lmo.oracles.polar_oracle import PolarOracle
from lmo.polynomials.certify import Certificate, Odd, certify

CHOLESKY = 100.0  # the c up to which I + cXᵀX is well enough conditioned for Cholesky; QR above (Nakatsukasa & Higham)
DONE = 2.0**-52  # 1 − l at which the iteration ends


class Weights(NamedTuple):
    """One step X ← X(aI + bXᵀX)(I + cXᵀX)⁻¹."""

    a: float
    b: float
    c: float

    def __call__(self, s: float) -> float:
        """What the step does to a singular value."""
        return s * (self.a + self.b * s * s) / (1 + self.c * s * s)


def weights_for(low: float) -> Weights:
    """The step of this form, with 1 ↦ 1 and [low, 1] ↦ [low⁺, 1], of the largest low⁺.

    d = ∛(4(1 − l²)/l⁴), a = √(1 + d) + ½√(8 − 4d + 8(2 − l²)/(l²√(1 + d))), b = (a − 1)²/4, c = a + b − 1.
    Source: Nakatsukasa, Bai & Gygi, SIAM J. Matrix Anal. Appl. 31 (2010) 2700–2720; the tests search for better ones.
    """
    d = math.cbrt(4 * (1 - low * low) / low**4)
    root = math.sqrt(1 + d)
    a = root + math.sqrt(8 - 4 * d + 8 * (2 - low * low) / (low * low * root)) / 2
    b = (a - 1) ** 2 / 4
    return Weights(a, b, a + b - 1)


@functools.cache
def weights(s_min: float) -> tuple[Weights, ...]:
    """The steps that bring [s_min, 1] to 1, up to rounding: 6 from 1e-16, 5 from 1e-8, 4 from 1e-3."""
    found, low = [], s_min
    while 1 - low > DONE:
        found.append(weights_for(low))
        low = min(found[-1](low), 1.0)
    return tuple(found)


@dataclass(frozen=True)
class QDWH(PolarOracle):
    """d̂ = −radius · r(M/‖M‖_F), r = r_n ∘ … ∘ r_1 rational with s ≤ r(s) ≤ 1 on [0, 1]: δ ≤ 1, ε ≤ 1 and η ≤ 0 always.

    Steps X ← X(aI + bXᵀX)(I + cXᵀX)⁻¹ with the best weights for a lower bound l of the singular values, l ← r_i(l)
    until l = 1, so that the number of steps depends on `s_min` alone; by QR of [√c X; I] while c > 100, by Cholesky
    after that. Backward stable: at the default `s_min` as accurate as an SVD. What is below rounding (a null space)
    gets some part of norm ≤ 1, a minimiser too. Matrices that are not square are reduced by QR first. Cost, p =
    min(a, b): two QR of 2p × p and four Cholesky solves; see `python benchmarks/small_matrices.py --methods` for
    where that beats an SVD.

    Args:
        s_min: the singular values from s_min‖M‖_F up go to 1; smaller ones go part of the way. In [2⁻⁵³, 1].
    """

    s_min: float = 2.0**-53
    name: ClassVar[str] = "qdwh"

    def __post_init__(self) -> None:
        super().__post_init__()
        if check_number("s_min", self.s_min, at_least=2.0**-53) > 1:
            raise ValueError(f"`s_min` must be at most 1, all singular values being at most ‖M‖_F, got {self.s_min}")

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [(cls(), (3, 4)), (cls(), (6, 2)), (cls(1e-3), (4, 4))]

    def promise(self) -> Promise:
        return Promise(1.0, 1.0, 0.0)

    def certify(self, s_min: float, s_max: float = 1.0) -> Certificate:
        """Proved δ, ε, η in exact arithmetic while every σ/‖M‖_F lies in [s_min, s_max]."""
        return certify([Odd((w.a, w.b), (1.0, w.c)) for w in weights(self.s_min)], s_min, s_max)

    def _polar(self, x: Tensor) -> Tensor:
        size = torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True)
        x = safe_divide(x, size).mT
        basis, x = torch.linalg.qr(x) if x.shape[-2] > x.shape[-1] else (None, x)
        for w in weights(self.s_min):
            x = by_qr(x, w) if w.c > CHOLESKY else by_cholesky(x, w)
        answer = x if basis is None else basis @ x
        return torch.where(size > 0, answer.mT, 0)


def by_qr(x: Tensor, w: Weights) -> Tensor:
    """One step for x (n, p, p): (b/c)X + (a − b/c)/√c · Q₁Q₂ᵀ with [√c X; I] = [Q₁; Q₂]R."""
    size, root = x.shape[-1], math.sqrt(w.c)
    identity = torch.eye(size, dtype=x.dtype, device=x.device).expand_as(x)
    q = torch.linalg.qr(torch.cat([root * x, identity], -2)).Q
    return torch.baddbmm(x, q[:, :size], q[:, size:].mT, beta=w.b / w.c, alpha=(w.a - w.b / w.c) / root)


def by_cholesky(x: Tensor, w: Weights) -> Tensor:
    """One step for x (n, p, p): (b/c)X + (a − b/c)·X(I + cXᵀX)⁻¹."""
    gram = w.c * (x.mT @ x)
    gram.diagonal(dim1=-2, dim2=-1).add_(1)
    return (w.b / w.c) * x + (w.a - w.b / w.c) * torch.cholesky_solve(x.mT, torch.linalg.cholesky(gram)).mT

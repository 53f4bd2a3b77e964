"""The polar factor through the eigenvectors of the smaller Gram matrix: fast, and blind below √eps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from lmo.balls import NormBall, Spectral
from lmo.oracles.base import Oracle
from lmo.oracles.polar import by_eigen
from lmo.oracles.polar_oracle import PolarOracle


@dataclass(frozen=True)
class Eigen(PolarOracle):
    """d̂ = −radius · (MMᵀ)^−½M (or M(MᵀM)^−½, p × p with p = min(a, b)) from the eigendecomposition of the Gram matrix.

    The Gram matrix knows the eigenvalue σ² only up to eps·σ₁², so δ grows like eps·κ² (eps·κ²/10 is usual, more than
    eps·κ² was not seen for κ from 10 to 10⁶), where an SVD has eps·κ. Directions with σ ≤ √(16p·eps)·σ₁ are left out
    (1e-7 σ₁ in float64, 3e-3 σ₁ in float32, at p = 4): each adds σ/‖M‖_* to ε, and δ is 1 if there is one. Promises
    nothing, as δ depends on the spectrum. Cost: one symmetric eigendecomposition and three products, about half of an
    SVD.

    Args:
        ball: `Spectral()`, `RmsToRms()` or `Scaled` of those.
    """

    ball: NormBall = field(default_factory=Spectral)
    name: ClassVar[str] = "eigen"

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [(cls(), (3, 4)), (cls(), (6, 2))]

    def _polar(self, x: Tensor) -> Tensor:
        return by_eigen(x)[0]

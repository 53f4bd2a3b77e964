"""Newton–Schulz: the polar factor by matrix products alone."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from lmo.balls import NormBall, RmsToRms, Spectral
from lmo.balls.base import to_unit_peak
from lmo.checks import check_dtype, check_kind
from lmo.oracles.base import Harm, Oracle
from lmo.oracles.polar_oracle import check_spectral, in_precision
from lmo.oracles.products import combine, product, symmetric_product
from lmo.oracles.scales import FrobeniusNorm, Scale, Schatten4
from lmo.polynomials import Polynomial, Schedule
from lmo.polynomials import schedule as schedule_called
from lmo.polynomials.certify import Certificate, certify
from lmo.randomness import Draw


def apply_odd_polynomial(x: Tensor, polynomial: Polynomial, gram: Tensor | None = None) -> Tensor:
    """x·(c₀ + c₁xᵀx + …) for a wide or square batch x (n, a, b), a ≤ b, by Horner's rule on `gram` = x xᵀ."""
    if len(polynomial) == 1:
        return polynomial[0] * x
    weight, z = higher_part(symmetric_product(x, x) if gram is None else gram, polynomial)
    return product(z, x, add=x, beta=polynomial[0], alpha=weight)


def higher_part(gram: Tensor, polynomial: Polynomial, square: Tensor | None = None) -> tuple[float, Tensor]:
    """(w, z) with wz = c₁r + c₂r² + …, the even part of the polynomial over s without its constant.

    square: r², where known.
    """
    if len(polynomial) == 1:
        return 0.0, gram
    if len(polynomial) == 2:
        return polynomial[1], gram
    *low, last = polynomial[1:]
    weight, z = 1.0, gram
    if square is None:
        z = symmetric_product(gram, gram, add=gram, beta=low[-1], alpha=last)
    else:
        weight, z = combine(low[-1], gram, last, square)
    for c in reversed(low[:-1]):
        weight, z = 1.0, symmetric_product(gram, z, add=gram, beta=c, alpha=weight)
    return weight, z


@dataclass(frozen=True)
class PolynomialOracle(Oracle):
    """What the polynomial oracles share: d̂ = −radius · p(M/scale) on matrices (…, a, b), p acting on singular values.

    Args:
        schedule: the name of a schedule (`lmo.polynomials.names()`), or a `Schedule`.
        steps: number of polynomial steps, ≥ 0; None: those of the schedule's table.
        dtype: precision of the iteration (float64, float32, bfloat16, float16); None: that of the input. The input is
            brought to unit size in its own precision first, the answer is returned in it.
        ball: `Spectral()`, `RmsToRms()` or `Scaled` of those.
        scale: what M is divided by. None of them adds a constant, so the oracle is 0-homogeneous at every scale.

    Promises nothing, as its error depends on the spectrum: `certify` says how.
    """

    schedule: str | Schedule = "jordan"
    steps: int | None = None
    dtype: torch.dtype | None = None
    ball: NormBall = field(default_factory=Spectral)
    scale: Scale = field(default_factory=FrobeniusNorm)

    def __post_init__(self) -> None:
        schedule_called(self.schedule).polynomials(self.steps)
        check_dtype(self.dtype)
        check_spectral(self)
        check_kind("scale", self.scale, Scale)

    @property
    def polynomials(self) -> tuple[Polynomial, ...]:
        """The polynomials of the iteration, the first is applied first."""
        return schedule_called(self.schedule).polynomials(self.steps)

    def certify(self, s_min: float, s_max: float = 1.0) -> Certificate | None:
        """Proved δ, ε, η in exact arithmetic while every σ/scale lies in [s_min, s_max]; None for a biased scale."""
        return None if self.scale.changes_polar_factor else certify(self.polynomials, s_min, s_max)

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        tall = m.shape[-2] > m.shape[-1]
        x = to_unit_peak(m.mT if tall else m, 2)
        x = self._polar(in_precision(x.reshape(-1, *x.shape[-2:]), self.dtype or m.dtype))
        x = x.to(m.dtype).reshape(*m.shape[:-2], *x.shape[-2:])
        return (x.mT if tall else x) * -self.ball.radius(m.shape), memory  # type: ignore[attr-defined]

    @abstractmethod
    def _polar(self, x: Tensor) -> Tensor:
        """p(x/scale) for a wide batch (n, a, b) with entries of size at most 1."""


@dataclass(frozen=True)
class NewtonSchulz(PolynomialOracle):
    """d̂ = −radius · p(M/scale), step by step: x ← x(c₀ + c₁xᵀx + …). Cost: one product per coefficient."""

    name: ClassVar[str] = "newton-schulz"

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [
            (cls(), (3, 4)),
            (cls("classical-2", 8, ball=RmsToRms()), (4, 3)),
            (cls("polar-express", 8, scale=Schatten4()), (3, 3)),
        ]

    def _polar(self, x: Tensor) -> Tensor:
        x, gram = self.scale(x)
        for polynomial in self.polynomials:
            x, gram = apply_odd_polynomial(x, polynomial, gram), None
        return x

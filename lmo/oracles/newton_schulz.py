"""Newton–Schulz: the polar factor by matrix products alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from lmo.balls import NormBall, RmsToRms, Spectral
from lmo.balls.base import safe_divide, to_unit_peak
from lmo.checks import check_integer
from lmo.oracles.base import Harm, Oracle
from lmo.polynomials import schedule as schedule_called
from lmo.randomness import Draw


def apply_odd_polynomial(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    """x·(c₀ + c₁xᵀx + …) for a wide or square batch x (n, a, b), a ≤ b, by Horner's rule on the Gram matrix x xᵀ."""
    gram = x @ x.mT
    *low, last = coefficients
    if not low:
        return last * x
    factor = last * gram
    for c in reversed(low[1:]):
        factor = torch.baddbmm(gram, gram, factor, beta=c)
    return torch.baddbmm(x, factor, x, beta=low[0])


@dataclass(frozen=True)
class NewtonSchulz(Oracle):
    """d̂ = −radius · p(p(…p(M/‖M‖_F))) on matrices (…, a, b): `steps` products-only steps of an odd polynomial.

    Singular values are mapped by p one by one, singular vectors stay. The input is scaled by its Frobenius norm,
    without an additive constant, so the oracle is 0-homogeneous at every scale of its dtype and 0 at 0.

    Args:
        schedule: "jordan" (never converges, stays near 1) or "classical-κ" (converges from below).
        steps: number of polynomial steps, ≥ 0.
        dtype: precision of the iteration (float64, float32, bfloat16, float16); None: that of the input. The
            normalisation is done in the input's precision, the answer is returned in it.
        ball: `Spectral()`, `RmsToRms()` or `Scaled` of those.

    Promises nothing: its error depends on the spectrum. Cost: steps·(κ+1) products.
    """

    schedule: str = "jordan"
    steps: int = 5
    dtype: torch.dtype | None = None
    ball: NormBall = field(default_factory=Spectral)
    name: ClassVar[str] = "newton-schulz"

    def __post_init__(self) -> None:
        schedule_called(self.schedule)
        check_integer("steps", self.steps, at_least=0)
        if self.dtype is not None and not (isinstance(self.dtype, torch.dtype) and self.dtype.is_floating_point):
            raise TypeError(f"`dtype` must be a floating-point torch.dtype or None, got {self.dtype!r}")
        try:
            self.ball.radius((1, 1))  # type: ignore[attr-defined]
        except AttributeError:
            answers = "Newton-Schulz answers for Spectral, RmsToRms and Scaled of those"
            raise TypeError(f"{answers}, not for {self.ball!r}") from None

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [(cls(), (3, 4)), (cls("classical-2", 8, ball=RmsToRms()), (4, 3)), (cls("classical-1", 12), (3, 3))]

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        tall = m.shape[-2] > m.shape[-1]
        x = to_unit_peak(m.mT if tall else m, 2)
        x = safe_divide(x, torch.linalg.matrix_norm(x, keepdim=True))
        x = x.reshape(-1, *x.shape[-2:]).to(self.dtype or m.dtype)
        coefficients = schedule_called(self.schedule).coefficients
        for _ in range(self.steps):
            x = apply_odd_polynomial(x, coefficients)
        x = (x.mT if tall else x).reshape(m.shape).to(m.dtype)
        return x * -self.ball.radius(m.shape), memory  # type: ignore[attr-defined]

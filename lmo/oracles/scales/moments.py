"""The tightest bound on σ_max that four trace moments of the Gram matrix prove."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from lmo.oracles.products import symmetric_product
from lmo.oracles.scales.base import Prepared, Scale, divide

ROUNDINGS = 4  # of the dtype, added to σ²: the products are rounded to it, the moments summed in float32 or better


class Moments(NamedTuple):
    """t_k = Σσ^{2k}, k = 1 … 4, and the bound on σ_max that they prove, per matrix (n,); the products behind them."""

    t1: Tensor
    t2: Tensor
    t3: Tensor
    t4: Tensor
    sigma_max: Tensor
    gram: Tensor
    square: Tensor


def moments(x: Tensor) -> Moments:
    """Of x (n, a, b), a ≤ b: from the products x xᵀ and (x xᵀ)², which the first quintic step needs anyway."""
    gram = symmetric_product(x, x)
    square = symmetric_product(gram, gram)
    wide = torch.promote_types(x.dtype, torch.float32)
    rounding = ROUNDINGS * torch.finfo(x.dtype).eps
    slack = max(ROUNDINGS * torch.finfo(wide).eps, 2.0**-40)
    t1 = gram.diagonal(dim1=-2, dim2=-1).sum(-1, dtype=torch.float64)
    t2, t3, t4 = inner(gram, gram), inner(gram, square), inner(square, square)
    return Moments(t1, t2, t3, t4, largest(t2, t3, t4, rounding, slack).to(wide), gram, square)


def inner(x: Tensor, y: Tensor) -> Tensor:
    """⟨x, y⟩ per matrix (n,): rows added up in float32 or better, then in float64 (float32 sums of n² lose 1e-5)."""
    wide = torch.promote_types(x.dtype, torch.float32)
    return torch.linalg.vecdot(x.to(wide), y.to(wide)).sum(-1, dtype=torch.float64)


def largest(t2: Tensor, t3: Tensor, t4: Tensor, rounding: float, slack: float, iterations: int = 24) -> Tensor:
    """The largest σ with (t4 − σ⁸)(t2 − σ⁴) ≥ (t3 − σ⁶)²: Cauchy–Schwarz on the other singular values.

    All three brackets are sums over the other singular values, so σ_max satisfies it. In y = σ² the left side minus the
    right is t2·t4 − t3² − t4y² + 2t3y³ − t2y⁴; it is positive at t3/t2 or flat there, and negative at t4^¼ unless
    there is one singular value; bisection from above keeps the outer end. slack: the relative error of the moments, as
    the inequality is tight on a plateau. Shape (n,); 0 where t4 = 0.
    """
    unit = torch.where(t4 > 0, t4, 1).to(torch.float64).sqrt().sqrt()  # y in units of t4^¼ (float64: differences)
    a2, a3 = t2.double() / unit**2, t3.double() / unit**3
    low, high = (a3 / a2).clamp(max=1.0), torch.full_like(unit, (1 + slack) ** 0.25)
    for _ in range(iterations):
        y = (low + high) / 2
        inside = (1 + slack - y**4) * (a2 * (1 + slack) - y**2) >= (a3 * (1 - slack) - y**3).clamp(min=0) ** 2
        low, high = torch.where(inside, y, low), torch.where(inside, high, y)
    return torch.where(t4 > 0, ((1 + rounding) * high * unit).sqrt(), 0).to(t4.dtype)


@dataclass(frozen=True)
class MomentBound(Scale):
    """x / σ̄ with σ̄ ≥ σ_max proved from Σσ², Σσ⁴, Σσ⁶, Σσ⁸: close on decaying spectra, 1.4 σ_max on a Gaussian."""

    name: ClassVar[str] = "moments"

    def __call__(self, x: Tensor) -> Prepared:
        found = moments(x)
        return divide(x, found.gram, found.sigma_max)

"""A-priori bounds on the rounding errors of matrix products and Cholesky factors in float64 (Higham; Rump)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from lmo.oracles.small_batches import Arithmetic

UNIT = 2.0**-53
TINY = 2.0**-1022  # what a product may lose by underflow, where subnormal numbers are flushed to 0 too


def gamma(operations: int) -> float:
    """γ_k = ku/(1 − ku): a sum of k products is off by at most γ_k Σ|x_i y_i| in any order (Higham, lemma 3.1)."""
    return operations * UNIT / (1 - operations * UNIT)


def frobenius(x: Any, how: Arithmetic | None = None) -> Tensor:
    """An upper bound on ‖x‖_F per matrix, the rounding of the sum included."""
    return (how or Arithmetic()).norm(x) * (1 + gamma(x.shape[-1] * x.shape[-2] + 2))


def shift_to_positive(symmetric: Any, shift: Tensor, how: Arithmetic | None = None) -> tuple[Tensor, Tensor]:
    """(proved, τ): where `proved`, symmetric + τI ⪰ 0, with τ = shift + c. Shapes (n, a, a), (n,) → (n,), (n,).

    If the floating-point Cholesky factorisation of B = symmetric + shift·I runs to its end, B + cI ⪰ 0 with
    c = γ_{a+1}/(1 − γ_{a+1})·tr B (Rump 2006, theorem 2.3); adding the shift rounds each diagonal entry once.
    """
    how, size = how or Arithmetic(), symmetric.shape[-1]
    shifted = how.shift(symmetric + 0.0, shift)
    info = how.each(lambda part: torch.linalg.cholesky_ex(part).info, shifted)
    diagonal = how.diagonal(shifted).abs()
    trace = diagonal.sum(-1) * (1 + gamma(size))
    c = gamma(size + 1) / (1 - gamma(size + 1)) * trace + UNIT * diagonal.amax(-1)
    return info == 0, shift + c


def exactly_scaled(x: Tensor) -> Tensor:
    """x / 2^k per matrix (…, a, b) with peak in [½, 1), smaller for subnormal ones: it rounds nothing. 0 stays 0."""
    peak = torch.maximum(x.amax((-2, -1), keepdim=True), -x.amin((-2, -1), keepdim=True))
    most = math.frexp(torch.finfo(x.dtype).max)[1] - 2  # 2^most is finite
    return x * torch.ldexp(torch.ones_like(peak), -torch.frexp(peak).exponent.clamp(min=-most))

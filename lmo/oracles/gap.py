"""Upper bounds on λ₁ = σ_max(x)², without an SVD and with all rounding bounded: what makes the gap of a pair a proof.

All in float64, for wide or square x (n, a, b), a ≤ b, and A = xxᵀ; size (n,): `frobenius(x)`, which all of them need.
Each gives one number per matrix, inf where nothing is proved. The least trustworthy link is the BLAS: it must sum in
float64, in any order (no Strassen, no emulation).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lmo.oracles.rank_one import normalised, times
from lmo.oracles.rounding import UNIT, frobenius, gamma, shift_to_positive

SLACK = 1 + 16 * UNIT  # for the few operations that put a bound together


class Pair(NamedTuple):
    """Unit vectors u (n, a), v (n, b), and a proved lower bound (n,) on −⟨x, d̂⟩ for d̂ = −uvᵀ rounded in float64."""

    u: Tensor
    v: Tensor
    lower: Tensor


def pair_from(x: Tensor, u: Tensor, size: Tensor) -> Pair:
    """One step of power iteration from u (n, a): v = xᵀu/‖·‖, u⁺ = xv/‖·‖, so that u⁺ᵀxv = ‖xv‖ ≥ ‖xᵀu‖.

    Rounding: xv is off by γ_b‖x‖_F, normalising it by 2γ_{a+3}, the entries of d̂ by one unit each.
    """
    v = normalised(times(x.mT, u))
    w = times(x, v)
    lower = torch.linalg.vector_norm(w, dim=-1) - 2 * gamma(sum(x.shape[-2:]) + 8) * size
    return Pair(normalised(w), v, lower.clamp(min=0))


def by_deflation(theta: Tensor, residual: Tensor, rest: Tensor, error: Tensor) -> Tensor:
    """λ₁ ≤ θ + r²/(θ − ρ) from θ = uᵀAu, r = ‖Au − θu‖ and ρ ≥ ‖(I − uuᵀ)A(I − uuᵀ)‖₂ < θ, each known up to `error`.

    It is the larger eigenvalue of [[θ, r], [r, ρ]], λ = θ + r²/(λ − ρ), bounded with λ ≥ θ.
    """
    gap = theta - rest - 2 * error
    bound = (theta + error + (residual + error) ** 2 / torch.where(gap > 0, gap, 1)) * SLACK
    return torch.where(gap > 0, bound, torch.inf)


def by_trace(x: Tensor, u: Tensor, size: Tensor) -> Tensor:
    """`by_deflation` with ρ = tr A − θ = ‖x‖_F² − θ: two products with vectors, for σ₁² > ½Σσ²."""
    t = times(x.mT, u)
    theta = t.square().sum(-1)
    residual = torch.linalg.vector_norm(times(x, t) - theta.unsqueeze(-1) * u, dim=-1)
    trace = size**2
    return by_deflation(theta, residual, trace - theta, 16 * gamma(sum(x.shape[-2:]) + 4) * trace)


def gram_error(x: Tensor, size: Tensor) -> Tensor:
    """How far xxᵀ as computed is from A in the spectral norm, at most: γ_b‖x‖_F²."""
    return gamma(x.shape[-1]) * size**2


def by_gram_norm(x: Tensor, gram: Tensor, u: Tensor, size: Tensor) -> Tensor:
    """`by_deflation` with ρ² = ‖A‖_F² − θ²: for σ₁⁴ > ½Σσ⁴, given `gram` = xxᵀ as computed."""
    w = times(gram, u)
    theta = (w * u).sum(-1)
    residual = torch.linalg.vector_norm(w - theta.unsqueeze(-1) * u, dim=-1)
    whole = frobenius(gram) + gram_error(x, size)
    error = 16 * gamma(2 * gram.shape[-1] + 4) * whole + gram_error(x, size)
    rest = (whole**2 - (theta - error).clamp(min=0) ** 2).clamp(min=0).sqrt() * SLACK
    return by_deflation(theta, residual, rest, error)


def by_cholesky(x: Tensor, gram: Tensor, limit: Tensor, size: Tensor) -> Tensor:
    """λ₁ ≤ `limit` (n,), if sI − xxᵀ has a Cholesky factorisation; s < limit leaves room for its rounding."""
    rows = gram.shape[-1]
    error = gram_error(x, size)
    shift = (limit - error) * (1 - 1.1 * rows * gamma(rows + 1) - 64 * UNIT)
    proved, tau = shift_to_positive(-gram, shift)
    return torch.where(proved, (tau + error) * SLACK, torch.inf)


def least_target(rows: int, columns: int) -> float:
    """A gap that `by_cholesky` proves on every spectrum of x (rows, columns): twice the sum of its rounding bounds."""
    return 2 * (2 * rows * gamma(rows + 1) + rows * gamma(columns) + 4 * math.sqrt(rows) * gamma(rows + columns + 8))


def least_coordinate(rows: int, failure: float) -> float:
    """s with P(|c₁| < s) ≤ failure for the first coordinate c₁ of a uniform unit vector in R^rows, once rounded.

    P ≤ s√(2·rows/π): the density of c₁ is largest at 0 for rows ≥ 3, where it is below √(rows/2π), and for rows = 2 the
    probability is (2/π)arcsin s ≤ s.
    """
    return failure * math.sqrt(math.pi / (2 * rows)) - 4 * UNIT


def by_random_start(alpha: list[float], beta: list[float], limit: float, start: float, error: float) -> float:
    """`limit`, if the Lanczos run (α, β) from a start with |u₁ᵀq₁| ≥ `start` excludes λ₁ ≥ limit; else inf.

    c_j = u₁ᵀq_j obeys the recurrence of the run at λ₁, up to the errors of its products, at most `error` each:
    β_j c_{j+1} = (λ₁ − α_j)c_j − β_{j−1}c_{j−1} ± error. Above the Ritz values it grows, but |c_j| ≤ ‖q_j‖ = 1, so λ₁
    is not where it would outgrow 1 (the Lanczos polynomial bound of van Dorsselaer, Hochstenbach & van der Vorst, 1999,
    ir.cwi.nl/pub/4505; here with rounding, and without need of orthogonal q_j). The lower bounds on c_j and c_{j+1}/c_j
    found at λ₁ = limit hold at every larger λ₁ too.
    """
    if start <= 0:
        return math.inf
    low, behind = start, 0.0
    for a, b in zip(alpha, beta, strict=True):
        ahead = limit - a - behind - error / low  # β_j c_{j+1}/c_j at least
        if ahead <= 0:
            return math.inf
        if low * ahead > b * (1 + 1e-9):
            return limit
        behind, low = b * b / ahead, low * ahead / b
    return math.inf

"""A proof of δ, or of ε and η, for an approximate polar factor, from products and Cholesky factors alone (no SVD)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lmo.oracles.rounding import TINY, UNIT, frobenius, gamma, shift_to_positive
from lmo.oracles.small_batches import Arithmetic

SHIFTS = (2.0**-40, 2.0**-30)  # of tr H, tried in turn
EXCESSES = (2.0**-40, 2.0**-26, 2.0**-13, 2.0**-7, 2.0**-4)  # of ‖O‖₂ over 1, tried in turn


def nuclear_norm_bound(g: Tensor, o: Tensor, size: Tensor) -> Tensor:
    """An upper bound on ‖G‖_* for g, o (n, a, b) in float64, a ≤ b, given ‖O‖₂ ≤ `size` (n,); inf where none is proved.

    g comes from `exactly_scaled` (peak in [½, 1), or 0): products that underflow are not accounted for.
    With any symmetric H, G = HO + R gives ‖G‖_* ≤ ‖O‖₂‖H‖_* + √a‖R‖_F, and ‖H‖_* ≤ tr H + 2aτ once H + τI ⪰ 0.
    H = (OGᵀ + GOᵀ)/2 as computed, whatever its rounding; only R and the positivity of H need error bounds.
    """
    a = g.shape[-2]
    h = o @ g.mT
    h = (h + h.mT) / 2
    trace = h.diagonal(dim1=-2, dim2=-1).sum(-1)
    absolute = h.diagonal(dim1=-2, dim2=-1).abs().sum(-1) * (1 + gamma(a))
    product_error = gamma(a + 2) * frobenius(h) * frobenius(o)
    rest = frobenius(g - h @ o) * (1 + 2 * UNIT) + product_error + UNIT * frobenius(g)
    best = torch.full_like(trace, torch.inf)
    for share in SHIFTS:
        proved, tau = shift_to_positive(h, share * absolute)
        nuclear = trace + gamma(a) * absolute + 2 * a * tau
        bound = (size * nuclear + a**0.5 * rest) * (1 + 16 * UNIT)
        best = torch.where(proved, torch.minimum(best, bound), best)
        if bool(torch.isfinite(best).all()):
            break
    return best


def spectral_norm_bound(o: Tensor) -> Tensor:
    """An upper bound on ‖O‖₂ for o (n, a, b) in float64, a ≤ b: (1+t)²I − OOᵀ ⪰ 0 by Cholesky, else ‖OOᵀ‖_∞^½.

    It holds for tiny entries too, whose products underflow, but is never below 1e-154.
    """
    gram = o @ o.mT
    error = gamma(o.shape[-1]) * frobenius(o) ** 2 + 2 * o[0].numel() * TINY  # each of a·b sums loses b·TINY, ‖·‖_F
    rows = gram.abs().sum(-1).amax(-1) * (1 + gamma(gram.shape[-1]))
    best = (rows + error).sqrt() * (1 + 4 * UNIT)
    for excess in EXCESSES:
        limit = torch.full_like(error, (1 + excess) ** 2)
        proved, tau = shift_to_positive(-gram, limit)
        bound = (tau + error).sqrt() * (1 + 4 * UNIT)
        best = torch.where(proved, torch.minimum(best, bound), best)
        if bool(proved.all()):
            break
    return best


def alignment(g: Tensor, o: Tensor) -> Tensor:
    """A lower bound on ⟨G, O⟩ for g, o (n, a, b) in float64."""
    terms = g.shape[-1] * g.shape[-2]
    return (g * o).sum((-2, -1)) - gamma(terms + 1) * frobenius(g) * frobenius(o)


def distance_bound(x: Any, y: Any, floor: Tensor, how: Arithmetic | None = None) -> Tensor:
    """An upper bound on ‖y − polar(x)‖_F for x, y (n, a, b) in float64, a ≤ b; inf where none is proved.

    Let xyᵀ = S + K, S symmetric ⪰ λI > 0, K skew, ω = ‖yyᵀ − I‖_F, and E what x has outside the row space of y. With
    e = √(1 + ω)(‖K‖_F + √(1 + ω)‖E‖_F)/λ and q = e + ω < ¼ the bound is (1 − √(1 − 4q))/2 ≤ q(1 + 2q) for q ≤ ⅛:
    paper_notes.md, "Proving a polar factor". All rounding is bounded.

    Args:
        floor: shape (n,); what λ is tried at, in units of ‖x‖_F.
        how: the arithmetic for the batches x and y; None: torch's.
    """
    how = how or Arithmetic()
    a, b = x.shape[-2:]
    size, length = frobenius(x, how), frobenius(y, how)
    h = how.product(x, y.mT)
    error = gamma(b + 1) * size * length  # of h, and of its halves
    skew = frobenius(h - h.mT, how) / 2 + error
    proved, tau = shift_to_positive(h + h.mT, -2 * floor * size, how)
    low = -tau / 2 - error
    gram = how.shift(how.product(y, y.mT), -1.0)
    omega = frobenius(gram, how) * (1 + 4 * UNIT) + gamma(b + 1) * length**2
    stretch = (1 + omega).sqrt()
    outside = torch.zeros_like(low) if a == b else stretch * outside_rows(x, y, h, gram, how)
    safe = torch.where(low > 0, low, 1)
    q = (stretch * (skew + outside) / safe + omega) * (1 + 32 * UNIT)
    return torch.where(proved & (low > 0) & (q <= 0.125), q * (1 + 2 * q), torch.inf)


def outside_rows(x: Any, y: Any, h: Any, gram: Any, how: Arithmetic) -> Tensor:
    """A bound on ‖x(I − Π)‖_F, Π the projection on the row space of y, given h ≈ xyᵀ, gram ≈ yyᵀ − I.

    It is the least ‖x − Cy‖_F over all C, so any computed C = h − h·gram will do.
    """
    c = h - how.product(h, gram)
    residual = frobenius(x - how.product(c, y), how) * (1 + 2 * UNIT)
    return residual + gamma(x.shape[-2] + 2) * frobenius(c, how) * frobenius(y, how) + UNIT * frobenius(x, how)

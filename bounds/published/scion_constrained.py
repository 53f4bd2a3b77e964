"""Scion, constrained: EMA momentum, the Frank–Wolfe gap of a non-convex function on a ball."""

from __future__ import annotations

import sympy as sp

from bounds.published.base import Published
from bounds.published.comparisons import Ours, WeakerThan
from bounds.published.symbols import D2, EXACT, L2, excess, n, radius, step
from bounds.symbols import Delta, K, L, alpha, gamma, lam, rho, sigma

_kept = sp.sqrt(1 - alpha / 2)
_printed = (
    Delta / (step * n)
    + 2 * L * radius**2 * step
    + 2 * L2 * D2**2 * step / alpha
    + D2 * (sp.sqrt(2 * alpha) + _kept / (n * (1 - _kept))) * sigma
)
_root = sp.sqrt(2 - alpha)
_gap = (
    4 * L * gamma * (1 + 2 * excess + alpha) / (lam * alpha)
    + 2 * rho * sigma * sp.sqrt(alpha) * (3 - 2 * alpha) / (lam * _root * (sp.sqrt(2) * _root + 1))
    + 2 * rho * sigma * (1 - alpha + 2 * _kept) / (lam * alpha * K)
)

ScionConstrained = Published(
    name="scion-constrained",
    authors="Pethick, Xie, Antonakopoulos, Zhu, Silveti-Falls & Cevher, Training deep learning models with "
    "norm-constrained LMOs",
    source="arXiv:2502.07529, Theorem 5.6 in the explicit form (22) of appendix D.2, from a text copy (main part "
    "and appendix D)",
    read="part",
    says="SCG, x ← (1−γ)x + γ lmo(d) over the ball of radius ρ, d as in `scion`: E⟨∇f(x̄), x̄ − u⟩ for every u of "
    "the ball and a uniformly random iterate x̄ is at most the right-hand side, which is O(Lρ²/√n + σ) at γ = 1/√n",
    printed=_printed,
    translation={
        step: lam * gamma,
        n: K,
        radius: 1 / lam,
        D2: 2 * rho / lam,
        L2: L * (1 + excess) / rho**2,
    },
    conventions=(
        "their step γ is τ = λγ here, and the radius ρ is 1/λ: weight decay λ with the step γ",
        "D₂, the Euclidean diameter, is 2ρ/λ; L₂ as in `scion`",
        "u is fixed before the expectation; ours has the supremum over u inside, ⟨∇f, x⟩ + ‖∇f‖_*/λ",
    ),
    relation="weaker than",
    theorem="decay",
    verdict="C2 at ε = η = 0 bounds the larger quantity by less: the step terms agree, 2Lτ/λ², and every memory "
    "term is smaller.",
    proofs=(WeakerThan(Ours("decay", EXACT), _gap),),
)

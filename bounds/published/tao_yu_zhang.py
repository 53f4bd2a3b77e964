"""Tao, Yu & Zhang: Muon without momentum and with a growing batch, from above."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from bounds.published.base import Published
from bounds.published.comparisons import Ours
from bounds.published.proofs import Exact, Holds, Identity
from bounds.published.symbols import EXACT
from bounds.symbols import Delta, K, L, gamma, rho, sigma

_total = sp.Symbol("N", positive=True)  # BT, the number of gradients
_trace = sp.Symbol("s", positive=True)  # ‖Σ‖_*, which bounds E‖noise‖_*


def at_tuning(steps: sp.Expr, batch: sp.Expr) -> sp.Expr:
    """S2 at η = √(2Δ/(LT)) with ρσ = ‖Σ‖_*/√B: √(2LΔ/T) + 2‖Σ‖_*/√B."""
    claim = Ours("no-momentum", EXACT).claim()
    return claim.subs(rho * sigma, _trace / sp.sqrt(batch)).subs(gamma, sp.sqrt(2 * Delta / (L * K))).subs(K, steps)


def _large_batch() -> Iterator[sp.Expr]:
    """B = ‖Σ‖_*²T/(ΔL) > 1 and N = BT: the value is (2 + √2)(‖Σ‖_*²LΔ/N)^(1/4)."""
    steps = sp.sqrt(_total * Delta * L) / _trace
    value = at_tuning(steps, _trace**2 * steps / (Delta * L))
    yield sp.simplify(value / (_trace**2 * L * Delta / _total) ** sp.Rational(1, 4)) - 2 - sp.sqrt(2)


def _small_batch() -> Iterator[Exact]:
    """B = 1, so ‖Σ‖_*²T ≤ ΔL: the value is at most (2 + √2)√(LΔ/N)."""
    for steps in (1, 4, 100):
        for share in (sp.Rational(1, 10), sp.Rational(1, 2), sp.Integer(1)):
            point = {L: sp.Integer(3), Delta: sp.Integer(12), _trace: share * 6 / sp.sqrt(steps)}
            yield (
                at_tuning(sp.Integer(steps), sp.Integer(1)).subs(point),
                (2 + sp.sqrt(2)) * sp.sqrt(sp.Rational(36, steps)),
            )


TaoYuZhang = Published(
    name="tao-yu-zhang",
    authors="Tao, Yu & Zhang, When and why SignSGD outperforms SGD",
    source="arXiv:2605.06615v1, Theorem 4",
    read="full text",
    says="Muon without momentum, η = √(2Δ/(LT)), B = max{1, ‖Σ‖_*²T/(ΔL)}, N = BT, E[noise·noiseᵀ] ⪯ Σ²: the "
    "average of E‖∇F‖_* is O(√(LΔ/N) + (‖Σ‖_*²LΔ/N)^{1/4})",
    conventions=(
        "‖Σ‖_* bounds the noise in the nuclear norm: our ρσ, without a rank factor",
        "smoothness through the quadratic bound in the spectral norm",
    ),
    relation="implied by",
    theorem="no-momentum",
    verdict="S2 at ε = η = 0 with ρσ = ‖Σ‖_*/√B gives it with the constant 2 + √2.",
    proofs=(
        Identity("large batch: S2 at the printed η, B is (2 + √2)(‖Σ‖_*²LΔ/N)^{1/4}", _large_batch),
        Holds("batch 1: S2 at the printed η is at most (2 + √2)√(LΔ/N)", _small_batch),
    ),
)

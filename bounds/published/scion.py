"""Scion, unconstrained: EMA momentum with a constant weight, a uniformly random iterate."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from bounds.published.base import Published
from bounds.published.comparisons import Ours, WeakerThan
from bounds.published.proofs import Exact, Holds, Identity
from bounds.published.symbols import EXACT, L2, excess, n, radius, rho2, step, zeta
from bounds.symbols import Delta, K, L, alpha, gamma, rho, sigma

_kept = sp.sqrt(1 - alpha / 2)
_printed = (
    Delta / (radius * step * n)
    + L * radius * step / 2
    + (rho2 / radius + zeta)
    * (sp.sqrt(2) * L2 * rho2 * step / alpha + (sp.sqrt(alpha) + _kept / (n * (1 - _kept))) * sigma)
)
_root = sp.sqrt(2 - alpha)
_gap = (
    2 * L * gamma * (sp.sqrt(2) - 1 + sp.sqrt(2) * excess + alpha) / alpha
    + 2 * rho * sigma * sp.sqrt(alpha) * (1 - alpha) / (_root * (1 + _root))
    + 2 * rho * sigma * (1 - alpha + 2 * _kept) / (alpha * K)
)


def _lemma_d3() -> Iterator[Exact]:
    """The exact variance of d_k, over σ², against the α + (1 − α/2)^k that Lemma D.3 claims; k = 1 comes first."""
    for weight in (sp.Rational(1, 100), sp.Rational(1, 2), sp.Rational(9, 10), sp.Integer(1)):
        for k in (1, 2, 3, 10, 60):
            kept = (1 - weight) ** 2
            yield kept ** (k - 1) + weight**2 * sp.Add(*(kept**j for j in range(k - 1))), weight + (1 - weight / 2) ** k


def _lemma_d9() -> Iterator[sp.Expr]:
    """The limit h/(α/2) of u ← (1 − α/2)u + h, h = 2L₂²ρ₂²γ²/α + α²σ²: twice what Lemma D.3 prints."""
    h = 2 * L2**2 * rho2**2 * step**2 / alpha + alpha**2 * sigma**2
    yield h / (alpha / 2) - 2 * (2 * L2**2 * rho2**2 * step**2 / alpha**2 + alpha * sigma**2)


Scion = Published(
    name="scion",
    authors="Pethick, Xie, Antonakopoulos, Zhu, Silveti-Falls & Cevher, Training deep learning models with "
    "norm-constrained LMOs",
    source="arXiv:2502.07529, Theorem 5.4 in the explicit form (14) of appendix D.1, from a text copy (main part "
    "and appendix D)",
    read="part",
    says="uSCG, x ← x + γ lmo(d) over the ball of radius ρ, d ← (1−α)d + αg with α = 1 at the first step: "
    "E‖∇f(x̄)‖_* for a uniformly random iterate x̄ is at most the right-hand side, which is O(Lρ/√n + σ) at γ = "
    "1/√n",
    printed=_printed,
    translation={
        radius: sp.Integer(1),
        step: gamma,
        n: K,
        zeta: rho,
        rho2: rho,
        L2: L * (1 + excess) / rho**2,
    },
    conventions=(
        "their ρ is the radius of the ball and only rescales the step: ργ is γ here",
        "ζ = max ‖x‖_*/‖x‖₂ and ρ₂ = max ‖x‖₂ on the unit ball are one number, by duality: ρ here",
        "L₂ is the Euclidean smoothness; L ≤ ζρ₂L₂ = ρ²L₂, so L₂ = L(1 + excess)/ρ² with excess ≥ 0",
        "a uniformly random iterate has the expectation of the average",
    ),
    relation="weaker than",
    theorem="ema",
    verdict="Every term is at least that of S1 at ε = η = 0: the drift goes through Euclidean norms there (ρ²L₂ for "
    "L, √2 for 1 − α), and the start decays like (1 − α/2)^{k/2} for (1 − α)^k.",
    proofs=(
        WeakerThan(Ours("ema", EXACT), _gap),
        Holds(
            "Lemma D.3's conclusion: the exact variance of the average, over σ², is at most α + (1 − α/2)^k", _lemma_d3
        ),
        Identity("Lemma D.9 gives twice what Lemma D.3 prints", _lemma_d9),
    ),
    derived="Lemma D.3 as printed drops a factor 2 when it divides by α/2 (its twin D.6 keeps it); its conclusion "
    "√E‖λ_k‖₂² ≤ √2·L₂ρ₂γ/α + (√α + (1−α/2)^{k/2})σ is true nevertheless, by the split of S1",
)

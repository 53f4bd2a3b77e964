"""Li & Hong on the nuclear-scaled variant: its step-size condition, and one that is not empty."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from bounds.published.base import Published, Steps
from bounds.published.proofs import Exact, Holds
from bounds.published.symbols import beta
from bounds.symbols import L


def bracket(weight: sp.Expr, scaled: sp.Expr) -> sp.Expr:
    """1 − Lη − β²L²η²/(1−β)², for β = `weight` and Lη = `scaled`: the derived statement's factor."""
    return 1 - scaled - weight**2 * scaled**2 / (1 - weight) ** 2


def run(weight: sp.Rational, steps: int) -> Exact:
    """(left, Δ) of the derived statement on f = (x² + y²)/2, diagonal, L = 2, η = (1−β)/(2L), B_0 = ∇f(x_0)."""
    x, smoothness = [sp.Integer(1), sp.Rational(1, 3)], 2
    step_size = (1 - weight) / (2 * smoothness)
    gap, average, total = sp.Add(*(v**2 for v in x)) / 2, list(x), sp.Integer(0)
    for k in range(steps):
        if k:
            average = [weight * m + (1 - weight) * g for m, g in zip(average, x, strict=True)]
        size = sp.Add(*map(abs, average))
        total += size**2
        x = [v - step_size * size * sp.sign(m) for v, m in zip(x, average, strict=True)]
    return step_size / 2 * bracket(weight, smoothness * step_size) * total, gap


def _runs() -> Iterator[Exact]:
    for weight in (sp.Rational(1, 2), sp.Rational(9, 10), sp.Rational(19, 20)):
        yield run(weight, 40)


def _bracket() -> Iterator[Exact]:
    """At η = (1−β)/(2L) the bracket is 1/2 + β/2 − β²/4 ≥ 1/2."""
    for weight in (sp.Integer(0), sp.Rational(1, 2), sp.Rational(19, 20), sp.Rational(999, 1000)):
        yield sp.Rational(1, 2), bracket(weight, (1 - weight) / 2)


LiHongNuclear = Published(
    name="li-hong-nuclear",
    authors="Li & Hong, A note on the convergence of Muon",
    source="arXiv:2502.02900, Theorem 3.1, its step-size condition as quoted by the finite-certificate repository (M4)",
    read="note",
    says="X ← X − η‖B_t‖_*UVᵀ with B_t = βB_{t−1} + (1−β)G_t converges for η ≤ √((1−2β)/(2β))/(8L), β any constant "
    "in (0, 1)",
    conventions=(
        "β is the weight of the OLD average, 1 − α",
        "the nuclear-scaled step is steepest descent: γ_k = η‖B_k‖_*, not a fixed step",
    ),
    steps=Steps(sp.sqrt((1 - 2 * beta) / (2 * beta)) / (8 * L)),
    usual=({beta: sp.Rational(1, 2), L: 1}, {beta: sp.Rational(9, 10), L: 1}, {beta: sp.Rational(19, 20), L: 1}),
    relation="vacuous as printed",
    theorem="adaptive-step",
    verdict="The radicand is negative for β > 1/2 and 0 at 1/2 (−9/19 at 0.95): no step size is allowed for any β ≥ "
    "1/2, all usual values among them. That is the proof's limit, not the method's: a non-empty condition is "
    "derived.",
    proofs=(
        Holds("derived: (η/2)(1 − Lη − β²L²η²/(1−β)²)·Σ‖B_k‖_*² ≤ Δ on exact runs with β up to 0.95", _runs),
        Holds("derived: at η = (1−β)/(2L) the bracket is at least 1/2 for every β < 1", _bracket),
    ),
    derived="exact gradients, B_0 = ∇f(x_0), any norm, 0 < η ≤ (1−β)/(2L): Σ_k‖B_k‖_*² ≤ 4Δ/η. Proof: f⁺ ≤ f − "
    "(η/2)(1 − Lη)‖B‖² + (η/2)‖E‖², E = B − ∇f, and ‖E_k‖² ≤ β‖E_{k−1}‖² + (β²/(1−β))L²η²‖B_{k−1}‖², so Σ‖E‖² ≤ "
    "(β²/(1−β)²)L²η²Σ‖B‖²",
    unsettled="whether the paper prints the condition as quoted: it was not read",
)

"""Kovalev: any norm, EMA momentum, exact oracle, the smallest gradient norm."""

from collections.abc import Iterator

import sympy as sp

from bounds.published.base import Published
from bounds.published.comparisons import Ours, WeakerThan
from bounds.published.proofs import Exact, Holds
from bounds.published.symbols import EXACT, step
from bounds.symbols import Delta, K, L, alpha, gamma, rho, sigma

_printed = (
    Delta / (step * K)
    + 2 * rho * sigma / (alpha * K)
    + 2 * sp.sqrt(alpha) * rho * sigma
    + 3 * L * step / 2
    + 2 * L * step / alpha
)
_root = sp.sqrt(2 - alpha)


def _tuned() -> Iterator[Exact]:
    """The bound at the printed η, α, K (K before rounding up, which only helps) against the target ε, in rationals."""
    rho_, L_, gap = sp.Rational(7, 2), sp.Rational(3, 2), sp.Integer(11)
    for noise in (sp.Rational(1, 9), sp.Integer(1), sp.Integer(5)):
        for goal in (sp.Rational(1, 7), sp.Integer(1), sp.Integer(3), sp.Integer(40)):
            spread = rho_ * noise
            root = min(sp.Integer(1), goal / (4 * spread))  # √α
            step_size = min(goal / (16 * L_), goal**3 / (256 * spread**2 * L_))
            stochastic = max(2048 * L_ * gap * spread**2 / goal**4, 256 * spread**3 / goal**3)
            steps = max(stochastic, 128 * L_ * gap / goal**2, 16 * spread / goal)
            memory = 2 * spread / (root**2 * steps) + 2 * root * spread + 2 * L_ * step_size / root**2
            yield gap / (step_size * steps) + memory + 3 * L_ * step_size / 2, goal * sp.Rational(31, 32)


Kovalev = Published(
    name="kovalev",
    authors="Kovalev, Understanding gradient orthogonalization via non-Euclidean trust-region optimization",
    source="arXiv:2503.12645, Lemma 3 and Theorem 2, quoted in full by a public blog",
    read="note",
    says="E min over k = 1 … K of ‖∇f(x_k)‖_* is at most the right-hand side, for m_0 = g(x_0), m_k = (1−α)m_{k−1} "
    "+ αg(x_k) and a fixed step η along the exact oracle",
    printed=_printed,
    translation={step: gamma},
    conventions=(
        "α is the weight of the new gradient, m_0 the first gradient, ρ and σ as here",
        "the minimum runs over x_1 … x_K, ours over x_0 … x_{K−1}: ‖∇f(x_{k+1})‖_* ≤ ‖∇f(x_k)‖_* + Lγ carries one "
        "over to the other, which is the Lγ added to S1 below",
        "the minimum is at most the average, which S1 bounds",
        "the oracle is exact: ε = η = 0",
    ),
    relation="implied by",
    theorem="ema",
    verdict="S1 at ε = η = 0, plus Lγ for the shifted index, is at most the printed bound: the noise is √α there, "
    "√(α/(2−α)) here, and the drift 2Lγ/α there, 2Lγ(1−α)/α here.",
    proofs=(
        WeakerThan(
            Ours("ema", EXACT, plus=L * gamma),
            gap=2 * L * gamma + 2 * rho * sigma * sp.sqrt(alpha) * (1 - alpha) / (_root * (1 + _root)),
        ),
        Holds("the printed η, α and K reach the target ε: the bound against 31ε/32", _tuned),
    ),
    derived="at the printed η, α, K the bound is at most 31ε/32",
)

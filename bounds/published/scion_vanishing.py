"""Scion with a vanishing momentum weight: the rate n^(−1/4), and the recursion lemma behind it."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from bounds.published.base import Published
from bounds.published.comparisons import Ours, Rate
from bounds.published.proofs import Counterexample, Exact, Holds
from bounds.published.symbols import EXACT
from bounds.symbols import K, alpha, gamma


def recursion(first: sp.Expr, c: sp.Expr, length: int) -> Iterator[tuple[int, sp.Expr]]:
    """(k, u_k) of u_k = (1 − 1/(2√k))u_{k−1} + c/k from u_1 = first, as exact algebraic numbers."""
    u = sp.sympify(first)
    yield 1, u
    for k in range(2, length + 1):
        u = sp.expand((1 - 1 / (2 * sp.sqrt(k))) * u + sp.Rational(1, k) * c)
        yield k, u


def _lemma() -> Exact:
    """u_2·√2 against Q = max{u_1, 4c} for c = 1, u_1 = 4: exactly 4.364… > 4."""
    *_, (k, u) = recursion(sp.Integer(4), sp.Integer(1), 2)
    return sp.expand(u * sp.sqrt(k)), sp.Integer(4)


def _as_used() -> Iterator[Exact]:
    """In the proof u_1 = E‖λ_1‖² ≤ σ² ≤ c: u_k√k ≤ 4c for k = 1, 2, 3 and, from k = 4, the induction step itself."""
    for k, u in recursion(sp.Integer(1), sp.Integer(1), 3):
        yield sp.N(u * sp.sqrt(k), 40), sp.Integer(4)
    for k in (4, 5, 6, 10, 100, 10**4):
        yield (1 - 1 / (2 * sp.sqrt(k))) * (1 + sp.Rational(1, 2 * (k - 1))), 1 - 1 / (4 * sp.sqrt(k))


ScionVanishing = Published(
    name="scion-vanishing",
    authors="Pethick, Xie, Antonakopoulos, Zhu, Silveti-Falls & Cevher, Training deep learning models with "
    "norm-constrained LMOs",
    source="arXiv:2502.07529, Theorem 5.5 with Lemmas D.4 and D.10, from a text copy (main part and appendix D)",
    read="part",
    says="uSCG with α_k = 1/√k and a step between n^(−3/4)/2 and n^(−3/4): E‖∇f(x̄)‖_* = O(n^(−1/4) + Lρ n^(−3/4)); "
    "its Lemma D.10: u_k ≤ (1 − 1/(2√k))u_{k−1} + c/k implies u_k ≤ Q/√k with Q = max{u_1, 4c}",
    conventions=("α_k falls with k; ours is constant, and needs the horizon K for the same rate",),
    relation="false as printed",
    theorem="ema",
    verdict="Lemma D.10 is false: u_1 = 4, c = 1 gives u_2 = 9/2 − √2 > 4/√2 (its induction step fails at k = 2 and "
    "3). Theorem 5.5 survives, as it uses the lemma with u_1 ≤ c only. S1 has the same rate with α = K^(−1/2), γ = "
    "K^(−3/4).",
    proofs=(
        Counterexample("Lemma D.10 at k = 2, u_1 = 4, c = 1: u_2·√2 against Q", _lemma),
        Holds("the lemma as Theorem 5.5 uses it, u_1 ≤ c: u_k√k ≤ 4c", _as_used),
        Rate(
            Ours("ema", EXACT),
            {alpha: K ** sp.Rational(-1, 2), gamma: K ** sp.Rational(-3, 4)},
            sp.Rational(1, 4),
        ),
    ),
    derived="the induction step (1 − 1/(2√k))(1 + 1/(2(k−1))) ≤ 1 − 1/(4√k) holds from k = 4 on, with equality at "
    "4; without u_1 ≤ c the constant is about 1.095·Q",
)

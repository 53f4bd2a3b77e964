"""Li & Hong on Muon itself: the descent lemma in Frobenius norms."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from bounds.published.base import Published
from bounds.published.proofs import Counterexample, Exact, Holds


def descent(rank: int, t: sp.Expr, norm: str) -> Exact:
    """(increase, allowed) of f, over η, for f = ⟨G, ·⟩ with G = I of this rank and B = −tG.

    increase: −⟨G, polar(B)⟩. allowed: −‖G‖/4 + (5/2)‖G − B‖ in the norm, "frobenius" or "nuclear".
    """
    gradient, average = [sp.Integer(1)] * rank, [-t] * rank
    increase = -sp.Add(*(g * sp.sign(m) for g, m in zip(gradient, average, strict=True)))

    def size(entries: list[sp.Expr]) -> sp.Expr:
        if norm == "nuclear":
            return sp.Add(*map(abs, entries))
        return sp.sqrt(sp.Add(*(x**2 for x in entries)))

    gap = [g - m for g, m in zip(gradient, average, strict=True)]
    return increase, -size(gradient) / 4 + sp.Rational(5, 2) * size(gap)


def _up_to_rank_five() -> Iterator[Exact]:
    """(√r + 1/4)(√r − 3/2) ≤ 15/8: the two estimates of −⟨G, polar(B)⟩ together cover every ‖G − B‖_F."""
    for rank in range(1, 6):
        yield (sp.sqrt(rank) + sp.Rational(1, 4)) * (sp.sqrt(rank) - sp.Rational(3, 2)), sp.Rational(15, 8)


def _nuclear() -> Iterator[Exact]:
    for rank in (6, 7, 100):
        for t in (sp.Rational(1, 1000), sp.Rational(1, 2), sp.Integer(3)):
            yield descent(rank, t, "nuclear")


LiHongMuon = Published(
    name="li-hong-muon",
    authors="Li & Hong, A note on the convergence of Muon",
    source="arXiv:2502.02900, Lemma 2.1 and Theorem 2.1; the lemma from a third party's account, cut after its "
    "third term",
    read="note",
    says="B_t = βB_{t−1} + (1−β)G_t, X ← X − ηUVᵀ, f L-smooth in Frobenius norms, E‖noise‖_F² ≤ σ²/B: f(X⁺) ≤ f(X) "
    "− (η/4)‖∇f(X)‖ + (5η/2)‖∇f(X) − B_t‖ + …, where the account calls the Frobenius norm ‖·‖",
    conventions=(
        "β is the weight of the OLD average, 1 − α",
        "the rest is taken to vanish with L, as it does in a descent lemma",
    ),
    relation="false as printed",
    theorem="ema",
    verdict="With Frobenius norms on both terms it is true for rank ≤ 5 and false from rank 6 on: f = ⟨G, ·⟩, G = "
    "I, B = −tG. With nuclear norms it is true, and weaker than the step of S1, −η‖∇f‖_* + 2η‖∇f − B‖_*.",
    proofs=(
        Counterexample(
            "Lemma 2.1 with Frobenius norms, rank 6, B = −G/100", lambda: descent(6, sp.Rational(1, 100), "frobenius")
        ),
        Holds("Lemma 2.1 with Frobenius norms for rank ≤ 5: (√r + 1/4)(√r − 3/2) against 15/8", _up_to_rank_five),
        Holds("Lemma 2.1 with nuclear norms on the same instances", _nuclear),
    ),
    derived="for rank ≤ 5: −⟨G, polar(B)⟩ is at most −‖G‖_F + (1 + √r)‖G − B‖_F and at most √r‖G‖_F; the first is "
    "below −‖G‖_F/4 + (5/2)‖G − B‖_F while (√r − 3/2)‖G − B‖_F ≤ (3/4)‖G‖_F, the second from (5/2)‖G − B‖_F ≥ (√r + "
    "1/4)‖G‖_F on. In Frobenius norms and any rank: f⁺ ≤ f − η‖∇f‖_F + 2√r·η‖∇f − B‖_F + Lrη²/2, and S1 with ρ = √r "
    "and smoothness rL gives Theorem 2.1's rate T^(−1/4)",
    unsettled="which norm the paper has on ‖∇f − B_t‖, what stands in the rest, and the constants of Theorem 2.1: "
    "the paper was not read",
)

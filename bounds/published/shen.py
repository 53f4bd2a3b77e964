"""Shen et al.: Muon with an exact SVD, spectral smoothness, the average nuclear norm."""

from __future__ import annotations

import sympy as sp

from bounds.published.base import Published
from bounds.published.comparisons import Equals, Ours
from bounds.published.symbols import EXACT, D, T, beta, r, step
from bounds.symbols import Delta, K, L, alpha, gamma, rho, sigma

_printed = (
    D / (T * step)
    + L * step / 2
    + 2 * beta * L * step / (1 - beta)
    + 2 * sigma * sp.sqrt(r) * sp.sqrt((1 - beta) / (1 + beta))
)

Shen = Published(
    name="shen",
    authors="Shen, Huang, Huang, Shen & Zhang, On the convergence analysis of Muon",
    source="arXiv:2505.23737; setting and Table 1 from a note, the nuclear-norm bound recalled (v2 of April 2026 "
    "not seen)",
    read="recalled",
    says="M = βM + (1−β)G, W ← W − ηUVᵀ, ‖∇f(X)−∇f(Y)‖_* ≤ L‖X−Y‖, E‖noise‖_F² ≤ σ²: the average of E‖∇f‖_* is at "
    "most the right-hand side and a start term of order 1/T, whose constant is not recalled",
    printed=_printed,
    translation={D: Delta, T: K, beta: 1 - alpha, step: gamma, r: rho**2},
    conventions=(
        "β is the weight of the OLD average, 1 − α; r = min(rows, columns), √r is ρ",
        "(1−β)/(1+β) is α/(2−α): the two ways to write the same noise term",
        "with Frobenius smoothness L_F the same bound holds at L = rL_F, as ‖∇f(X)−∇f(Y)‖_* ≤ √r·L_F‖X−Y‖_F ≤ "
        "rL_F‖X−Y‖",
    ),
    relation="equal to",
    theorem="ema",
    verdict="Without the start term, S1 at ε = η = 0 is this bound, symbol for symbol; S1's start term is 2ρσ/(αK).",
    proofs=(Equals(Ours("ema", EXACT, plus=-2 * rho * sigma / (alpha * K))),),
    unsettled="the start term and the constants of the Frobenius and star-convex cases: the paper was not read",
)

"""Gluon with stochastic gradients: falling radii and weights, the rate K^(−1/4)."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from bounds.published.base import Published
from bounds.published.comparisons import Ours, Rate
from bounds.published.proofs import Exact, Holds
from bounds.published.symbols import EXACT
from bounds.symbols import K, alpha, gamma


def _on_smooth_functions() -> Iterator[Exact]:
    """4(2LΔσ²)^(1/4) of S1 against 12·min over L1 of (L1Δ + σ + L/L1) = 12(2√(LΔ) + σ), both times K^(−1/4)."""
    for product in (sp.Rational(1, 100), sp.Integer(1), sp.Integer(81)):
        for noise in (sp.Rational(1, 50), sp.Integer(1), sp.Integer(2), sp.Integer(30)):
            yield 4 * (2 * product * noise**2) ** sp.Rational(1, 4), 12 * (2 * sp.sqrt(product) + noise)


GluonStochastic = Published(
    name="gluon-stochastic",
    authors="Riabinin, Shulgin, Gruntkowska & Richtárik, Gluon: making Muon and Scion great again",
    source="arXiv:2505.13416v1, Theorem 2, from a public account that quotes it",
    read="note",
    says="β_k = 1 − (k+1)^(−1/2), t_i = t_i⁰(k+1)^(−3/4), M_0 = the first gradient: min_k Σ_i E‖∇_i f‖_(i)*/(12 "
    "L1_i) ≲ K^(−1/4)(Δ + Σ_i(σ/L1_i + L0_i/L1_i²)), constants and logarithms hidden",
    conventions=(
        "σ bounds the noise in the layer's DUAL norm: our ρσ",
        "weights and radii fall with k; ours are constant and know the horizon",
        "no L1_i may be 0: an L-smooth function enters with a free L1 > 0 and L0 = L",
    ),
    relation="incomparable",
    theorem="ema",
    verdict="Same rate. On L-smooth functions S1's leading value is smaller for every L1 (geometric against "
    "arithmetic mean), and falls to K^(−1/2) without noise; Theorem 2 needs no horizon and covers (L0, L1)-smooth "
    "functions, under the assumption criticised in `gluon`.",
    proofs=(
        Rate(
            Ours("ema", EXACT),
            {alpha: K ** sp.Rational(-1, 2), gamma: K ** sp.Rational(-3, 4)},
            sp.Rational(1, 4),
        ),
        Holds(
            "S1's leading value at most Theorem 2's shape at its best L1, on L-smooth functions", _on_smooth_functions
        ),
    ),
    unsettled="the hidden constants: the appendix was not read",
)

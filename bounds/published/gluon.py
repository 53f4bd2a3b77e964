"""Gluon: layer-wise (L0, L1)-smoothness, adaptive radii, exact gradients."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from bounds.published.base import Published
from bounds.published.comparisons import Ours, Reaches
from bounds.published.proofs import Counterexample, Exact, Identity
from bounds.published.symbols import EXACT, accuracy
from bounds.symbols import L0, L1, Delta


def _layers() -> Iterator[sp.Expr]:
    """x²/u + y²/v − (px + qy)²/(p²u + q²v) is a square: two layers, p = 1/L1_1, q = 1/L1_2, u = L0_1 + L1_1·x."""
    x, y, u, v, p, q = sp.symbols("x y u v p q", positive=True)
    whole = x**2 / u + y**2 / v - (p * x + q * y) ** 2 / (p**2 * u + q**2 * v)
    yield whole - (q * v * x - p * u * y) ** 2 / (u * v * (p**2 * u + q**2 * v))


def _coupled() -> Exact:
    """f = (x_1 + x_2)²/2 at X = (0, 0), Y = (0, 1), layer 1: the gradient changes by 1, the layer by 0."""
    x_1, x_2 = sp.symbols("x_1 x_2")
    gradient = sp.diff((x_1 + x_2) ** 2 / 2, x_1)
    X, Y = {x_1: 0, x_2: 0}, {x_1: 0, x_2: 1}
    allowed = (10**6 + 10**6 * abs(gradient.subs(X))) * abs(X[x_1] - Y[x_1])
    return abs(gradient.subs(X) - gradient.subs(Y)), sp.Integer(allowed)


def _fourth_power() -> Exact:
    """f = x⁴/4 at X = 0, Y = L0 + 1 with L0 = L1 = 100: Y³ against L0·Y."""
    size = sp.Integer(100)
    return (size + 1) ** 3, size * (size + 1)


Gluon = Published(
    name="gluon",
    authors="Riabinin, Shulgin, Gruntkowska & Richtárik, Gluon: making Muon and Scion great again",
    source="arXiv:2505.13416v1, Assumption 1 and Theorem 1, from a public account that quotes them",
    read="note",
    says="with radii t_i = g_i/(L0_i + L1_i g_i), g_i = ‖∇_i f‖_(i)*, the smallest Σ_i w_i g_i, w_i = "
    "(1/L1_i)/mean_j(1/L1_j), is at most ε after K = 2Δ·Σ_i(L0_i/L1_i²)/(ε²·mean²) + 2Δ/(ε·mean) steps; one layer: "
    "the right-hand side",
    printed=2 * Delta * L0 / accuracy**2 + 2 * Delta * L1 / accuracy,
    conventions=(
        "printed as a number of steps; ours as a bound: one is the inverse of the other",
        "exact oracle and exact gradients",
        "Assumption 1 asks ‖∇_i f(X) − ∇_i f(Y)‖ ≤ (L0_i + L1_i‖∇_i f(X)‖)‖X_i − Y_i‖ for ALL X, Y",
    ),
    relation="equal to",
    theorem="l0-l1",
    verdict="For one layer it is D3 with an exact oracle. For several, Assumption 1 as printed holds for separable "
    "f alone: X_i = Y_i makes the right side 0, so ∇_i f may depend on no other layer. The proof needs it for "
    "consecutive iterates only, and jointly.",
    proofs=(
        Reaches(Ours("l0-l1", EXACT), accuracy),
        Identity(
            "several layers: Σ g_i²/(L0_i + L1_i g_i) ≥ (Σ g_i/L1_i)²/Σ(L0_i/L1_i² + g_i/L1_i), for two layers by a "
            "square",
            _layers,
        ),
        Counterexample("Assumption 1 fails for (x_1 + x_2)²/2 with any constants, here L0 = L1 = 10⁶", _coupled),
        Counterexample("for all X, Y it also excludes x⁴/4, for which D3 asks only ‖x − y‖ ≤ 1/L1", _fourth_power),
    ),
    derived="the several-layer statement follows from the joint descent f⁺ ≤ f − Σ g_i²/(2(L0_i + L1_i g_i)) and "
    "the square above",
)

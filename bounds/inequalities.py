"""The inequalities that proofs are made of: each a slack that is ≥ 0 when its assumption holds, with its multiplier.

A chain names the inequalities it uses; the symbolic check adds them up, and a run evaluates each slack on its columns
(bounds.symbols.COLUMNS), so a wrong assumption shows as a negative slack and a loose proof as a large one.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from bounds.assumptions import ExactGradients, HilbertAdditive, OracleWithin, RestsOn, Smooth, StartInside
from bounds.shape_assumptions import Convex, GeneralizedSmooth, PolyakLojasiewicz, StarConvex
from bounds.symbols import COLUMNS, L0, L1, L, R, b, c, delta, gamma, lam, mu

f, f_next = COLUMNS["objective"], COLUMNS["objective_next"]
g, m = COLUMNS["gradient_norm"], COLUMNS["fed_norm"]
fed_alignment, gradient_alignment = COLUMNS["fed_alignment"], COLUMNS["gradient_alignment"]
n, e = COLUMNS["direction_norm"], COLUMNS["error_norm"]
iterate_alignment, net_norm = COLUMNS["iterate_alignment"], COLUMNS["net_norm"]
iterate_norm = COLUMNS["iterate_norm"]
h, h_v = COLUMNS["gap"], COLUMNS["ball_gap"]


@dataclass(frozen=True)
class Inequality:
    """slack ≥ 0, used with multiplier `weight` ≥ 0.

    only_above: where given, the weight is ≥ 0 only while the gradient norm is at least this; the closing rule must
    then carry it as its floor.
    by_layer: the slack is that of one layer, in `LAYER_COLUMNS`; it holds for each, and is summed with its multiplier.
    rests_on: the classes of the assumptions that it needs, () where it holds always; an assumption of a subclass, which
        says more, will do. A statement without them is not proved (`bounds.assumption_check`).
    """

    name: str
    slack: sp.Expr
    weight: sp.Expr
    because: str
    only_above: sp.Expr | None = None
    by_layer: bool = False
    rests_on: RestsOn | None = None


def smoothness(step_size: sp.Expr = gamma) -> Inequality:
    """f(x⁺) ≤ f(x) + γ⟨∇f, d̂⟩ + Lγ²‖d̂‖²/2: the descent lemma in the norm of the ball."""
    slack = f + step_size * gradient_alignment + L * step_size**2 * n**2 / 2 - f_next
    return Inequality("smoothness", slack, sp.Integer(1), "∇f is L-Lipschitz from ‖·‖ to ‖·‖_*", rests_on=(Smooth,))


def alignment(weight: sp.Expr) -> Inequality:
    """⟨m, d̂⟩ ≤ −c‖m‖_* with m the fed element."""
    return Inequality("alignment", -c * m - fed_alignment, weight, "the oracle keeps its ε", rests_on=(OracleWithin,))


def gradient_alignment_holds(weight: sp.Expr) -> Inequality:
    """⟨∇f, d̂⟩ ≤ −c‖∇f‖_*, for an oracle that is fed the gradient itself."""
    return Inequality(
        "alignment",
        -c * g - gradient_alignment,
        weight,
        "the oracle keeps its ε",
        rests_on=(OracleWithin, ExactGradients),
    )


def size(weight: sp.Expr) -> Inequality:
    """‖d̂‖² ≤ b²."""
    return Inequality("size", b**2 - n**2, weight, "the oracle keeps its η", rests_on=(OracleWithin,))


def error_alignment(weight: sp.Expr) -> Inequality:
    """⟨∇f − m, d̂⟩ ≤ b‖m − ∇f‖_*: Hölder and the size of d̂."""
    slack = b * e - (gradient_alignment - fed_alignment)
    return Inequality("error alignment", slack, weight, "Hölder, ‖d̂‖ ≤ b", rests_on=(OracleWithin,))


def fed_triangle(weight: sp.Expr) -> Inequality:
    """‖∇f‖_* ≤ ‖m‖_* + ‖m − ∇f‖_*."""
    return Inequality("fed triangle", m - g + e, weight, "triangle inequality of ‖·‖_*", rests_on=())


def hilbert_closeness(weight: sp.Expr) -> Inequality:
    """‖d̂ − d‖² ≤ δ² in a Hilbert norm, where d = −∇f/‖∇f‖: n² + 2⟨∇f, d̂⟩/‖∇f‖ + 1 ≤ δ²."""
    slack = delta**2 - n**2 - 2 * gradient_alignment / g - 1
    return Inequality("closeness", slack, weight, "‖d̂ − lmo(m)‖₂ ≤ δ", rests_on=(HilbertAdditive, ExactGradients))


def hilbert_alignment(weight: sp.Expr, only_above: sp.Expr) -> Inequality:
    """⟨∇f, d̂⟩ ≤ −(1 − δ)‖∇f‖, with a multiplier that is ≥ 0 only for ‖∇f‖ ≥ `only_above`."""
    slack = -(1 - delta) * g - gradient_alignment
    return Inequality(
        "alignment",
        slack,
        weight,
        "‖d̂ − lmo(m)‖₂ ≤ δ and Cauchy–Schwarz",
        only_above,
        rests_on=(HilbertAdditive, ExactGradients),
    )


def decayed_smoothness(step_size: sp.Expr) -> Inequality:
    """f(x⁺) ≤ f(x) + γ⟨∇f, d̂ − λx⟩ + Lγ²‖d̂ − λx‖²/2."""
    slack = f + step_size * (gradient_alignment - lam * iterate_alignment) - f_next
    slack += L * step_size**2 * net_norm**2 / 2
    return Inequality("smoothness", slack, sp.Integer(1), "∇f is L-Lipschitz from ‖·‖ to ‖·‖_*", rests_on=(Smooth,))


def net_triangle(weight: sp.Expr) -> Inequality:
    """‖d̂ − λx‖² ≤ 2‖d̂‖² + 2λ²‖x‖², with equality where the two are as long as they may be."""
    slack = 2 * n**2 + 2 * lam**2 * iterate_norm**2 - net_norm**2
    return Inequality("net triangle", slack, weight, "triangle inequality of ‖·‖ and (a + b)² ≤ 2a² + 2b²", rests_on=())


def inside(weight: sp.Expr) -> Inequality:
    """‖x‖² ≤ (b/λ)²: x is a convex combination of x_0 and of answers over λ."""
    return Inequality(
        "inside",
        b**2 / lam**2 - iterate_norm**2,
        weight,
        "‖x_0‖ ≤ b/λ and λγ ≤ 1",
        rests_on=(StartInside, OracleWithin),
    )


def polyak_lojasiewicz(weight: sp.Expr) -> Inequality:
    """‖∇f‖_*² ≥ 2μ(f − inf f)."""
    return Inequality(
        "Polyak–Łojasiewicz",
        g**2 - 2 * mu * h,
        weight,
        "the PL inequality in the dual norm",
        rests_on=(PolyakLojasiewicz,),
    )


def star_convexity(weight: sp.Expr) -> Inequality:
    """(f − inf f)² ≤ R²‖∇f‖_*²: f − inf f ≤ ⟨∇f, x − x*⟩ ≤ ‖∇f‖_*‖x − x*‖."""
    return Inequality(
        "star convexity", R**2 * g**2 - h**2, weight, "f is star-convex, ‖x − x*‖ ≤ R; Hölder", rests_on=(StarConvex,)
    )


def convexity_in_the_ball(weight: sp.Expr) -> Inequality:
    """f(x) − f(v) ≤ ⟨∇f, x − v⟩ ≤ ⟨∇f, x⟩ + (c/λ)‖∇f‖_*, v the minimiser of f over ‖v‖ ≤ c/λ."""
    slack = iterate_alignment + c / lam * g - h_v
    return Inequality("convexity", slack, weight, "f is convex; Hölder with ‖v‖ ≤ c/λ", rests_on=(Convex,))


def generalized_smoothness(step_size: sp.Expr) -> Inequality:
    """f(x⁺) ≤ f(x) + γ⟨∇f, d̂⟩ + (L0 + L1‖∇f‖_*)γ²‖d̂‖²/2, where γ‖d̂‖ ≤ 1/L1."""
    slack = f + step_size * gradient_alignment + (L0 + L1 * g) * step_size**2 * n**2 / 2 - f_next
    return Inequality(
        "smoothness",
        slack,
        sp.Integer(1),
        "∇f is (L0, L1)-Lipschitz for ‖x − y‖ ≤ 1/L1",
        rests_on=(GeneralizedSmooth, OracleWithin),
    )

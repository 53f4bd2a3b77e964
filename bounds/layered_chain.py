"""Proof chains of methods that step layer by layer: the inequalities of one layer, and the rule that closes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import sympy as sp

from bounds.assumptions import BoundedBelow, ExactGradients, OracleByLayer, RestsOn, SmoothByLayer
from bounds.chain import BrokenChain, Derived
from bounds.inequalities import Inequality, f, f_next
from bounds.layers import PER_LAYER, OverLayers, over_layers
from bounds.memory import Memory
from bounds.symbols import LAYER_COLUMNS, STEP_VARIABLES, Delta, K, L, b, c

g_i, a_i, n_i = (LAYER_COLUMNS[name] for name in ("layer_gradient_norm", "layer_alignment", "layer_direction_norm"))


def smoothness_by_layer(step_size: sp.Expr) -> Inequality:
    """f(x⁺) ≤ f(x) + Σ_i(γ_i⟨∇_i f, d̂_i⟩ + L_iγ_i²‖d̂_i‖²/2), γ_i = `step_size`."""
    change = OverLayers(step_size * a_i) + OverLayers(L * step_size**2 * n_i**2 / 2)
    return Inequality(
        "smoothness",
        f + change - f_next,
        sp.Integer(1),
        "½⟨d, ∇²f d⟩ ≤ ½Σ L_i‖d_i‖², jointly",
        rests_on=(SmoothByLayer,),
    )


def alignment_by_layer(weight: sp.Expr) -> Inequality:
    """⟨∇_i f, d̂_i⟩ ≤ −c_i‖∇_i f‖_*, in every layer."""
    return Inequality(
        "alignment",
        -c * g_i - a_i,
        weight,
        "the layer's oracle keeps its ε_i",
        by_layer=True,
        rests_on=(OracleByLayer, ExactGradients),
    )


def size_by_layer(weight: sp.Expr) -> Inequality:
    """‖d̂_i‖² ≤ b_i², in every layer."""
    return Inequality(
        "size", b**2 - n_i**2, weight, "the layer's oracle keeps its η_i", by_layer=True, rests_on=(OracleByLayer,)
    )


@dataclass(frozen=True)
class LayeredTelescope:
    """Sum Σ_i A_i·g_{k,i}^p ≤ f_k − f_{k+1} + Σ_i R_i over k, use f_K ≥ inf f, divide by K.

    That bounds the weighted metric avg_k Σ_i A_i g_{k,i}^p (`weighted`). It becomes a bound on g_k = Σ_i g_{k,i}, the
    dual norm of the product: for p = 1 where every A_i is the same, for p = 2 by Cauchy–Schwarz,
    g_k² ≤ (Σ_i 1/A_i)·Σ_i A_i g_{k,i}².
    """

    power: int = 1
    floor: sp.Expr | None = None  # none is ever carried: the attribute that all closing rules have
    rests_on: ClassVar[RestsOn] = (BoundedBelow,)

    def weighted(self, step: tuple[Inequality, ...]) -> tuple[sp.Expr, sp.Expr]:
        """(A_i, R_i) of avg_k Σ_i A_i·g_{k,i}^p ≤ Δ/K + Σ_i R_i, or `BrokenChain`."""
        outside, inside = sp.Integer(0), sp.Integer(0)
        for i in step:
            alone, layered = split(i)
            outside, inside = outside + alone, inside + layered
        inside = sp.expand(inside)
        rate = sp.factor(-inside.coeff(g_i, self.power))
        rest = sp.expand(inside + rate * g_i**self.power)
        left = (rest.free_symbols & set(LAYER_COLUMNS.values())) | (sp.expand(outside - f + f_next).free_symbols)
        if left or rate == 0:
            names = ", ".join(sorted(map(str, left)))
            raise BrokenChain(f"the weighted slacks do not cancel: {names} remain in {outside + rest}")
        return rate, rest

    def close(self, step: tuple[Inequality, ...], memory: Memory | None) -> Derived:
        """The bound that the step inequalities prove, or `BrokenChain`."""
        if memory is not None:
            raise BrokenChain("no rule is known here for the momentum error of single layers")
        by_layer, _ = self.weighted(step)
        if self.power == 1 and by_layer.free_symbols & set(PER_LAYER):
            raise BrokenChain(f"the layers have different weights {by_layer}: only their weighted sum is bounded")
        rate = by_layer if self.power == 1 else 1 / over_layers(1 / by_layer)
        contributions = {"telescope": Delta / (K * rate)}
        for i in step:
            constant = _constant(split(i)[1])
            if constant != 0:
                contributions[i.name] = over_layers(constant) / rate
        total = sp.Add(*contributions.values())
        value = total if self.power == 1 else sp.sqrt(total)
        return Derived(value, contributions, rate, sp.Integer(0))


def split(inequality: Inequality) -> tuple[sp.Expr, sp.Expr]:
    """weight · slack as (what is outside, what is inside of the sum over layers)."""
    term = sp.expand(inequality.weight * inequality.slack)
    if inequality.by_layer:
        return sp.Integer(0), term
    outside, inside = sp.Integer(0), sp.Integer(0)
    for part in sp.Add.make_args(term):
        sums = part.atoms(OverLayers)
        if sums:
            (one,) = sums
            inside += part / one * one.args[0]
        else:
            outside += part
    return outside, sp.expand(inside)


def _constant(inside: sp.Expr) -> sp.Expr:
    columns = STEP_VARIABLES | set(LAYER_COLUMNS.values())
    return sp.Add(*(t for t in sp.Add.make_args(inside) if not t.free_symbols & columns))

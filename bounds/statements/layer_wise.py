"""Lw: every layer with its own oracle, its own smoothness and a step in proportion to its own gradient."""

import sympy as sp

from bounds.assumptions import Describes, ExactGradients, OracleByLayer, SmoothByLayer
from bounds.chain import Chain
from bounds.inequalities import g
from bounds.layered_chain import LayeredTelescope, alignment_by_layer, g_i, size_by_layer, smoothness_by_layer
from bounds.layers import OverLayers
from bounds.symbols import Delta, K, L, b, c, gamma
from bounds.theorem import MINIMUM, Theorem

_factor = c / (L * b**2)

LayerWise = Theorem(
    name="layer-wise",
    label="Lw",
    kind="upper",
    source="paper_notes.md, Lw (derived for this project; layer-wise results are among those of arXiv:2510.19933)",
    says="per-layer oracles (ε_i, η_i) and smoothness L_i, steps γ_i = c_i‖∇_i f‖_*/(b_i²L_i): "
    "avg_k Σ c_i²‖∇_i f‖_*²/(2b_i²L_i) ≤ Δ/K, so the smallest Σ‖∇_i f‖_* is below √(2Δ Σ(L_i b_i²/c_i²)/K)",
    method=Describes(momentum="none", step="layer-adaptive"),
    assumes=(SmoothByLayer(), OracleByLayer(), ExactGradients()),
    metric=MINIMUM,
    claim=sp.sqrt(2 * Delta * OverLayers(L * b**2 / c**2) / K),
    tuning={gamma: _factor},  # the factor of ‖∇_i f(x_k)‖_*, one per layer: lmo.step_rules.LayerAdaptive's step_size
    tuning_is="exact",
    tuned_value=sp.sqrt(2 * Delta * OverLayers(L * b**2 / c**2) / K),
    step=_factor * g,
    limits=(({b: 1, c: 1}, sp.sqrt(2 * Delta * OverLayers(L) / K)),),
    proof=Chain(
        step=(
            smoothness_by_layer(_factor * g_i),
            alignment_by_layer(_factor * g_i),
            size_by_layer(L * (_factor * g_i) ** 2 / 2),
        ),
        closing=LayeredTelescope(power=2),
    ),
)

"""Lw-f: every layer with its own oracle and smoothness, fixed steps γ/c_i."""

import sympy as sp

from bounds.assumptions import Describes, ExactGradients, OracleByLayer, SmoothByLayer
from bounds.chain import Chain
from bounds.layered_chain import LayeredTelescope, alignment_by_layer, size_by_layer, smoothness_by_layer
from bounds.layers import OverLayers
from bounds.symbols import Delta, K, L, b, c, gamma
from bounds.theorem import MEAN, Theorem

_step = gamma / c  # of one layer; any fixed γ_i gives avg_k Σ γ_i c_i‖∇_i f‖_* ≤ Δ/K + ½Σ L_iγ_i²b_i²
_cost = OverLayers(L * b**2 / c**2)

LayerWiseFixed = Theorem(
    name="layer-wise-fixed",
    label="Lw-f",
    kind="upper",
    source="paper_notes.md, Lw (derived for this project; layer-wise results are among those of arXiv:2510.19933)",
    says="per-layer oracles (ε_i, η_i) and smoothness L_i, fixed steps γ_i = γ/c_i: a layer whose oracle answers worse "
    "takes the LONGER step, and the average of Σ‖∇_i f‖_* is below Δ/(γK) + (γ/2)Σ L_i b_i²/c_i²",
    method=Describes(momentum="none", step="layer-fixed"),
    assumes=(SmoothByLayer(), OracleByLayer(), ExactGradients()),
    metric=MEAN,
    claim=Delta / (gamma * K) + gamma * _cost / 2,
    tuning={gamma: sp.sqrt(2 * Delta / (K * _cost))},
    tuning_is="exact",
    tuned_value=sp.sqrt(2 * Delta * _cost / K),
    limits=(({b: 1, c: 1}, Delta / (gamma * K) + gamma * OverLayers(L) / 2),),
    proof=Chain(
        step=(smoothness_by_layer(_step), alignment_by_layer(_step), size_by_layer(L * _step**2 / 2)),
        closing=LayeredTelescope(),
    ),
)

"""The columns of a trajectory: an xarray.Dataset with dimensions (run, step), and layer for those of single layers.

This module owns their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

DIMENSIONS = ("run", "step", "layer")
COLUMNS = {
    "objective": "f(x_k)",
    "objective_next": "f(x_{k+1})",
    "step_size": "γ_k of x + γd̂; with a step per layer, the longest",
    "gradient_norm": "‖∇f(x_k)‖_*",
    "gradient_norm_next": "‖∇f(x_{k+1})‖_*",
    "fed_norm": "‖m_k‖_*, m_k what the oracle is fed, its weights scaled to sum to 1",
    "fed_alignment": "⟨m_k, d̂_k⟩",
    "gradient_alignment": "⟨∇f(x_k), d̂_k⟩",
    "direction_norm": "‖d̂_k‖",
    "error_norm": "‖m_k − ∇f(x_k)‖_*",
    "start_norm": "‖I_k‖_*, the part of m − ∇f from the first gradient's noise",
    "drift_norm": "‖D_k‖_*, the part from the gradients having moved (STORM: what its correction leaves of it)",
    "noise_norm": "‖N_k‖_*, the part from the later noise",
    "noise_norm_2": "‖N_k‖₂",
    "gradient_change": "‖∇f(x_k) − ∇f(x_{k−1})‖_*, 0 at k = 0",
    "noise_std": "(E‖ξ_k‖₂² given x_k)^½, exact",
    "iterate_alignment": "⟨∇f(x_k), x_k⟩ (with weight decay)",
    "iterate_norm": "‖x_k‖ (with weight decay)",
    "net_norm": "‖d̂_k − λx_k‖ (with weight decay)",
    "epsilon": "alignment deficit of d̂_k",
    "eta": "norm excess of d̂_k",
    "layer_gradient_norm": "r_i‖∇_i f(x_k)‖_{i,*} of the layers of a product, whose sum is gradient_norm",
    "layer_alignment": "⟨∇_i f(x_k), d̂_{k,i}⟩ of the layers",
    "layer_direction_norm": "‖d̂_{k,i}‖_i/r_i of the layers",
    "delta": "distance of d̂_k to a minimiser, where it was measured, else NaN",
}


def dataset(columns: Mapping[str, np.ndarray], run_coordinates: Mapping[str, Any], **attributes: Any) -> xr.Dataset:
    """A trajectory from columns (run, step), or (run, step, layer), and coordinates with one entry per run.

    Raises `ValueError` for a column that is not in `COLUMNS`.
    """
    unknown = set(columns) - set(COLUMNS)
    if unknown:
        raise ValueError(f"unknown trajectory columns {sorted(unknown)}; known: {', '.join(COLUMNS)}")
    variables = {
        name: (DIMENSIONS[: np.ndim(values)], np.asarray(values), {"meaning": COLUMNS[name]})
        for name, values in columns.items()
    }
    return xr.Dataset(variables, {name: ("run", np.asarray(v)) for name, v in run_coordinates.items()}, attributes)

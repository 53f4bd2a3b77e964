"""Columns of the step inequalities on a run: the recorded ones, and those that are worked out from them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Table = Mapping[str, np.ndarray]  # column → array (run, step)
Constants = Mapping[str, float | np.ndarray]  # constant → number, or array (run,)


def column(name: str, columns: Table, constants: Constants) -> np.ndarray:
    """A column (run, step), recorded or worked out: the number of the step, and gaps to inf f = f(x_0) − Δ."""
    if name == "index":
        return np.broadcast_to(np.arange(columns["objective"].shape[-1], dtype=float), columns["objective"].shape)
    if name in ("gap", "next_gap"):
        return columns["objective" if name == "gap" else "objective_next"] - _infimum(columns, constants)
    return columns[name]


def _infimum(columns: Table, constants: Constants) -> np.ndarray:
    """f(x_0) − Δ, (run, 1)."""
    return columns["objective"][:, :1] - np.asarray(constants["initial_gap"], float).reshape(-1, 1)

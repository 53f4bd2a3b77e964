"""Columns of the step inequalities on a run: the recorded ones, and those that are worked out from them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Table = Mapping[str, np.ndarray]  # column → array (run, step)
Constants = Mapping[str, float | np.ndarray]  # constant → number, or array (run,)
GAPS = {  # column → the recorded one that it is the gap of, and the constant that is this gap at x_0
    "gap": ("objective", "initial_gap"),
    "next_gap": ("objective_next", "initial_gap"),
    "ball_gap": ("objective", "ball_gap"),
    "next_ball_gap": ("objective_next", "ball_gap"),
}


def column(name: str, columns: Table, constants: Constants) -> np.ndarray:
    """A column (run, step), recorded or worked out: the number of the step, and gaps.

    Those to inf f take it for f(x_0) − Δ; those to the least value in the ball ‖v‖ ≤ c/λ take it for
    f(x_0) − constants["ball_gap"].
    """
    if name == "index":
        return np.broadcast_to(np.arange(columns["objective"].shape[-1], dtype=float), columns["objective"].shape)
    if name in GAPS:
        recorded, below = GAPS[name]
        return columns[recorded] - _below_start(below, columns, constants)
    return columns[name]


def _below_start(gap: str, columns: Table, constants: Constants) -> np.ndarray:
    """f(x_0) − constants[gap], (run, 1)."""
    return columns["objective"][:, :1] - np.asarray(constants[gap], float).reshape(-1, 1)

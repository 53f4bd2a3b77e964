"""The constants of instances, under their code names, as a claim takes them."""

from __future__ import annotations

import numpy as np

from bounds.schedules import peak, variation
from experiments.refutation import shapes
from experiments.refutation.candidates import Candidates
from experiments.refutation.target import Target

_SHAPES = {
    "initial_gap": shapes.gap,
    "smoothness": shapes.smoothness,
    "l0": shapes.smoothness,
    "l1": lambda c: c.bend,
    "mu": shapes.lowest_slope,
    "diameter": shapes.radius,
    "mean_smoothness": shapes.mean_smoothness,
    "weight_decay": lambda c: c.weight_decay,
    "iterate_bound": shapes.iterate_bound,
    "variation": lambda c: np.maximum(variation(c.schedule), 1.0),
    "peak": lambda c: np.maximum(peak(c.schedule), 1.0),
    "steps": lambda c: np.full(c.size, float(c.steps)),
}


def constants(c: Candidates, target: Target) -> dict[str, np.ndarray]:
    """Those of every instance that the claim or its tuning needs, without step_size and alpha; arrays (N,)."""
    known = {name: value(c) for name, value in _SHAPES.items() if name in target.needed}
    if target.stochastic:
        known["noise_std"] = shapes.noise_std(c)
        known["norm_ratio"] = np.full(c.size, np.sqrt(c.dimensions) if c.ball == "l-inf" else 1.0)
    if target.errors == "additive":
        known["delta"] = c.high - 1
    if target.errors == "pair":
        known |= {"epsilon": 1 - c.low, "eta": c.high - 1}
    return known


def numbers_of(c: Candidates, target: Target) -> dict[str, np.ndarray]:
    """Every constant of the claim and of the largest step that it allows, arrays (N,)."""
    numbers = constants(c, target) | {"step_size": c.step_size, "alpha": c.alpha}
    return {name: value for name, value in numbers.items() if name in target.constants}

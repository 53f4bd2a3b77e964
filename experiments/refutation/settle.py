"""From instances in units of the step to those that a claim is about: other units, or a tuned step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from experiments.refutation.candidates import Candidates
from experiments.refutation.constants import constants
from experiments.refutation.target import Target

_ROUNDS = 48


def settle(c: Candidates, target: Target, rng: np.random.Generator) -> Candidates:
    """In other units half of the time (a claim with wrong units cannot hide), then at the tuned parameters, if any."""
    if rng.random() < 0.5:
        c = rescaled(c, np.exp(rng.normal(size=c.size) * 2), np.exp(rng.normal(size=c.size) * 2))
    if {"step_size", "alpha"} <= set(target.free) or (target.rules.momentum == "none" and target.free):
        return c
    return at_tuning(slide_for_tuning(c, target), target)


def rescaled(c: Candidates, objective: np.ndarray, length: np.ndarray) -> Candidates:
    """The same instances with f times `objective`, x times `length`; one factor per instance."""
    slope = (objective / length)[:, None]
    return replace(
        c,
        curvature=c.curvature * slope / length[:, None],
        slope=c.slope * slope,
        start=c.start * length[:, None],
        centre=c.centre * length[:, None],
        bend=c.bend / length,
        weight_decay=c.weight_decay / length,
        step_size=c.step_size * length,
        spread=c.spread * slope,
        first_spread=c.first_spread * slope,
    )


def at_tuning(c: Candidates, target: Target) -> Candidates:
    """With the parameters that the claim does not leave free as its tuning has them."""
    return replace(c, **_tuned(c, target))


def _tuned(c: Candidates, target: Target) -> dict[str, Any]:
    numbers = constants(c, target) | {name: getattr(c, name) for name in target.free}
    return {name: np.broadcast_to(value, (c.size,)) for name, value in target.tuned(numbers).items()}


def slide_for_tuning(c: Candidates, target: Target) -> Candidates:
    """With the slope of coordinate 0 such that the tuned step is the one that the instance was made for.

    The way that it slides before its slope ends stays. Where no slope does it, the instance is left as it is.
    """
    sliding = np.isfinite(c.slope[:, 0]) & (target.rules.step in ("fixed", "scheduled")) & (c.centre[:, 0] == 0)
    if "step_size" in target.free or not sliding.any():
        return c
    low, high = np.full(c.size, -20.0), np.full(c.size, 20.0)
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        short = _tuned(_with_slope(c, middle, sliding), target)["step_size"] < c.step_size
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return _with_slope(c, np.where(np.abs(low) > 19.9, 0.0, low), sliding)


def _with_slope(c: Candidates, log_factor: np.ndarray, sliding: np.ndarray) -> Candidates:
    slope, start = c.slope.copy(), c.start.copy()
    old = np.where(sliding, c.slope[:, 0], 0.0)
    slope[:, 0] = np.where(sliding, old * np.exp(log_factor), c.slope[:, 0])
    change = np.where(sliding, slope[:, 0] - old, 0.0) / c.curvature[:, 0]
    linear = np.abs(start[:, 0]) * c.curvature[:, 0] >= old * (1 - 1e-12)  # it starts on its slope
    start[:, 0] += np.where(linear, np.sign(start[:, 0]) * change, 0.0)
    return replace(c, slope=slope, start=start)

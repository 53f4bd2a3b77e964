"""What a claim's setting asks for beyond what an attack thought of: a schedule, weight decay, L1, other noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bounds.schedules import SCHEDULES
from experiments.refutation import shapes
from experiments.refutation.candidates import Candidates
from experiments.refutation.fairness import repaired
from experiments.refutation.target import Target

_SCHEDULES = (*SCHEDULES, "random", "first", "random", "last")


def dressed(c: Candidates, target: Target, rng: np.random.Generator) -> Candidates:
    """The instances in the claim's setting; what an attack has set already stays."""
    if target.rules.step == "scheduled" and c.schedule.shape[1] != c.steps:
        c = replace(c, schedule=schedules(c.size, c.steps, rng))
    if target.rules.decay and not c.weight_decay.any():
        c = replace(c, weight_decay=_decays(c, target, rng))
    if "l1" in target.needed and not c.bend.any():
        size = np.abs(c.start).max(-1)
        size = np.where(size > 0, size, 1.0)
        c = replace(c, bend=np.exp(rng.uniform(np.log(1e-4), np.log(10), c.size)) / size)
    if "mean_smoothness" in target.needed and not c.relative.any() and rng.random() < 0.5:
        grows = np.isfinite(c.slope).all(-1) & (rng.random(c.size) < 0.7)
        c = replace(c, relative=np.where(grows, np.exp(rng.normal(size=c.size)), 0.0))
    return repaired(c, target)


def schedules(size: int, steps: int, rng: np.random.Generator) -> np.ndarray:
    """Factors of mean 1, (size, steps): those of `bounds.schedules`, random ones, one long first or last step."""
    kinds = rng.integers(len(_SCHEDULES), size=size)
    rows = np.ones((size, steps))
    for i, kind in enumerate(kinds):
        name = _SCHEDULES[kind]
        if name in SCHEDULES:
            rows[i] = SCHEDULES[name](steps)
        elif name == "random":
            rows[i] = np.exp(rng.exponential() * rng.normal(size=steps))
        else:
            rows[i] *= 0 if rng.random() < 0.3 and steps > 1 else 1
            rows[i, 0 if name == "first" else -1] = 1 + rng.exponential() * steps
    return rows / rows.mean(-1, keepdims=True)


def _decays(c: Candidates, target: Target, rng: np.random.Generator) -> np.ndarray:
    """λ from next to none to the largest that x_0 and the steps allow; none at all where the claim takes that."""
    size = shapes.primal_norm(c.ball, c.start)
    most = 1 / (c.step_size * c.schedule.max(-1))
    share = np.where(rng.random(c.size) < 0.3, 1.0, np.exp(rng.uniform(np.log(1e-6), 0, c.size)))
    if target.rules.inside:
        return share * np.minimum(most, np.divide(c.high, size, out=most.copy(), where=size > 0))
    return np.where(rng.random(c.size) < 0.3, 0.0, share * most)

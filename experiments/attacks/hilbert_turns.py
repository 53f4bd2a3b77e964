"""ℓ2: answers that turn the direction as far as the error allows, on parabolas and slopes in one or two dimensions."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from experiments.attacks.base import Attack, errors, log_uniform
from experiments.refutation.candidates import Candidates, complete
from experiments.refutation.target import Target


class HilbertTurns(Attack):
    """Answers at distance δ from the exact one, at the angle where ⟨d̂, lmo⟩ = ‖d̂‖² (the tangent) or at random angles.

    The tangent answer has the length √(1 − δ²) that D1-H's tuned step makes up for.
    """

    name: ClassVar[str] = "turned answers"
    says: ClassVar[str] = "answers turned by the largest allowed error in ℓ2, on parabolas and slopes"

    def applies(self, target: Target) -> bool:
        return "l2" in target.balls

    def propose(
        self, target: Target, rng: np.random.Generator, steps: int, size: int, pool: list[Candidates]
    ) -> Candidates | None:
        low, high = errors(target, rng, size)
        d, period = int(rng.integers(1, 3)), int(rng.integers(1, 4))
        angle = rng.uniform(0, np.pi, (size, period))
        sign = rng.choice([-1.0, 1.0], (size, period))
        if target.errors == "pair":
            along = low[:, None] * np.ones((size, period))
            across = sign * np.sqrt(np.maximum(high[:, None] ** 2 - along**2, 0))
        else:
            delta = (high - 1)[:, None] * (1 - 1e-15)
            tangent = rng.random((size, 1)) < 0.5
            angle = np.where(tangent, np.arccos(-delta), angle)  # along = 1 + δ cos, across = δ sin
            along, across = 1 + delta * np.cos(angle), sign * delta * np.sin(angle)
        curvature = log_uniform(rng, 0.1, 1, (size, d))
        curvature[:, 0] = 1
        slope = np.where(rng.random((size, d)) < 0.5, np.inf, log_uniform(rng, 0.2, 3 + steps**0.5, (size, d)))
        start = rng.choice([0.5, 1.0, 2.0], (size, d)) * rng.uniform(0, 1.5, (size, d))
        start = np.where(np.isfinite(slope), slope / curvature + rng.random((size, 1)) * steps, start)
        return complete("l2", steps, curvature, start, np.stack([along, across], -1), low, high, slope=slope)

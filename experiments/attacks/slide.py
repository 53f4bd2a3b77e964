"""One coordinate that slides down a constant slope for the whole run: every bound needs its Δ/(γK) in full."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from experiments.attacks.base import Attack, errors, log_uniform, pick
from experiments.refutation.candidates import Candidates, complete
from experiments.refutation.target import Target


class Slide(Attack):
    """f a Huber function, d = 1, exact or shortened answers. Tight in the limit of small γ for every error."""

    name: ClassVar[str] = "slide"
    says: ClassVar[str] = "one coordinate on a constant slope for all K steps, the shortest answers allowed"

    def propose(
        self, target: Target, rng: np.random.Generator, steps: int, size: int, pool: list[Candidates]
    ) -> Candidates | None:
        low, high = errors(target, rng, size)
        curvature = log_uniform(rng, 0.1, 10, (size, 1))
        slope = curvature * log_uniform(rng, 0.3, 30 * steps**0.5, (size, 1))
        length = np.where(rng.random(size) < 0.2, high, low)
        shorter = rng.integers(0, 2, size)  # the last point may lie at the end of the slope, or a step before
        start = slope / curvature + (length * (steps - shorter))[:, None]
        answers = length[:, None, None] * np.array([1.0, 0.0])[None, None, :]
        ball = pick(rng, target.balls)
        answers = answers[..., :1] if ball == "l-inf" else answers
        return complete(ball, steps, curvature, start, answers, low, high, slope=slope)

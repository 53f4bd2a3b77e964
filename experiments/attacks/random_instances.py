"""Random parabolas and slopes in few dimensions, random answers within the error, parameters of all sizes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from experiments.attacks.base import Attack, between, errors, log_uniform, pick
from experiments.refutation.candidates import Candidates, complete
from experiments.refutation.target import Target


class RandomInstances(Attack):
    """No idea behind it: the guard against claims that fail where no construction looks."""

    name: ClassVar[str] = "random instances"
    says: ClassVar[str] = (
        "random curvatures, slopes, starts, answers, noise, step sizes and α in one to three dimensions"
    )

    def propose(
        self, target: Target, rng: np.random.Generator, steps: int, size: int, pool: list[Candidates]
    ) -> Candidates | None:
        low, high = errors(target, rng, size)
        ball, d, period = pick(rng, target.balls), int(rng.integers(1, 4)), int(rng.integers(1, 5))
        curvature = log_uniform(rng, 0.03, 3, (size, d))
        if rng.random() < 0.5:
            curvature /= curvature.sum(-1, keepdims=True)
        slope = np.where(rng.random((size, d)) < 0.5, np.inf, curvature * log_uniform(rng, 0.1, 10, (size, d)))
        start = rng.normal(size=(size, d)) * log_uniform(rng, 0.1, 1.0 * steps + 1, (size, 1))
        start = np.where(rng.random((size, d)) < 0.3, np.round(start * 2) / 2, start)
        if ball == "l-inf":
            answers = between(rng, low, high, (period, d))
        else:
            answers = np.stack([between(rng, low, high, (period,)), np.zeros((size, period))], -1)
        more = {}
        if target.rules.decay:  # without it, where f is minimal changes nothing
            more["centre"] = rng.normal(size=(size, d)) * log_uniform(rng, 0.1, 10, (size, 1))
        if target.stochastic:
            spread = log_uniform(rng, 1e-3, 3, (size, 1)) * np.ones((size, d)) * curvature
            more |= {
                "spread": spread,
                "first_spread": spread,
                "odds": rng.uniform(0.05, 0.95, size),
                "first_odds": rng.uniform(0.05, 0.95, size),
                "alpha": np.where(rng.random(size) < 0.3, 1.0, log_uniform(rng, 0.01, 1, size)),
            }
        return complete(ball, steps, curvature, start, answers, low, high, slope=slope, **more)

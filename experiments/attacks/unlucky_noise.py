"""Noise that is as often wrong as its variance allows: sign(g) points uphill while E g is large."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from experiments.attacks.base import Attack, errors, log_uniform, pick
from experiments.refutation.candidates import Candidates, complete
from experiments.refutation.target import Target

_DIMENSIONS = (1, 1, 1, 2, 2, 16)


class UnluckyNoise(Attack):
    """g = ∇f + ξ is just below 0 with probability p, and ∇f/(1 − p) else: σ = ∇f√(p/(1 − p)).

    With answers of length b where they point uphill and c elsewhere the run makes no progress at p = c/(b + c), so
    ‖∇f‖ stays at σ√(b/c): half of S2's floor qσ/c at b = c. A slope of the gradient's size besides makes Δ count.
    In many dimensions of ℓ∞ every coordinate does so, and ‖∇f‖₁ is ρ = √d times what one of them has: claims without ρ.
    """

    name: ClassVar[str] = "unlucky noise"
    says: ClassVar[str] = "two-valued noise that turns the gradient's sign as often as its variance allows"

    def applies(self, target: Target) -> bool:
        return target.stochastic

    def propose(
        self, target: Target, rng: np.random.Generator, steps: int, size: int, pool: list[Candidates]
    ) -> Candidates | None:
        low, high = errors(target, rng, size)
        ball, d = pick(rng, target.balls), int(rng.choice(_DIMENSIONS))
        d = 1 if ball == "l2" else d
        curvature = log_uniform(rng, 1e-4, 1, (size, 1)) * np.ones((size, d))
        slope = log_uniform(rng, 0.3, 30, (size, 1)) * np.ones((size, d)) * curvature
        still = (low / (low + high)) * rng.choice([0.5, 0.8, 1.0, 1.0], size)
        odds = np.clip(still, 1e-3, 1 - 1e-3)
        # −spread√((1−p)/p) = −slope(1 + margin): just enough to turn the sign
        spread = slope * np.sqrt(odds / (1 - odds))[:, None] * (1 + log_uniform(rng, 1e-9, 0.3, (size, 1)))
        way = log_uniform(rng, 0.1, steps + 1, (size, 1)) * rng.choice([1.0, 0.3, 0.0], (size, 1))
        answers = low[:, None, None] * np.ones((size, 1, d if ball == "l-inf" else 2))
        if ball == "l2":
            answers[..., 1] = 0
        alpha = np.where(rng.random(size) < 0.3, 1.0, log_uniform(rng, 0.3 / steps, 1, size))
        quiet = rng.random((size, 1)) < 0.3  # all the noise in the first gradient
        return complete(
            ball, steps, curvature, slope / curvature + way, answers, low, high, slope=slope, wrong=high,
            spread=np.where(quiet, 1e-6 * spread, spread), odds=odds, first_spread=spread, first_odds=odds, alpha=alpha,
        )  # fmt: skip

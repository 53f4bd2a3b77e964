"""The cycles of paper_notes.md, Lower bounds: one coordinate slides, another never settles; ℓ∞."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from experiments.attacks.base import Attack, errors, log_uniform
from experiments.problems.hard.cycles import Cycle, long_cycle, two_cycle
from experiments.refutation.candidates import Candidates, complete
from experiments.refutation.target import Target


class Cycles(Attack):
    """Tight for D1 without error at every step size; the largest lower bounds that are known with additive errors."""

    name: ClassVar[str] = "cycles"
    says: ClassVar[str] = "one coordinate slides, another cycles for ever with the answers of the worst known adversary"

    def applies(self, target: Target) -> bool:
        return "l-inf" in target.balls and target.rules.step in ("fixed", "scheduled")

    def propose(
        self, target: Target, rng: np.random.Generator, steps: int, size: int, pool: list[Candidates]
    ) -> Candidates | None:
        low, high = errors(target, rng, size)
        delta = (high - low) / (high + low)  # of the answers over their middle length, which the lengths are units of
        middle = (high + low) / 2
        long = rng.random(size) < 0.5
        cycles = [
            long_cycle(float(d)) if is_long else two_cycle(float(d)) for d, is_long in zip(delta, long, strict=True)
        ]
        period = np.array([len(cycle.factors) for cycle in cycles])
        answers = np.ones((size, period.max(), 2)) * low[:, None, None]
        for i, cycle in enumerate(cycles):
            answers[i, : period[i], 1] = np.clip(np.array(cycle.factors) * middle[i], low[i], high[i])
        total = log_uniform(rng, 0.1, 10, size)
        share = log_uniform(rng, 0.1, 3, size) / (1 + steps**0.5)  # of L, what the slope's end is bent with
        first = total * np.minimum(share, 0.9)
        slope = total * middle * log_uniform(rng, 0.1, 3, size)
        curvature = np.stack([first, total - first], -1)
        starts = np.stack([slope / first + low * (steps - 1), _start(cycles) * middle], -1)
        slopes = np.stack([slope, np.full(size, np.inf)], -1)
        return complete("l-inf", steps, curvature, starts, answers, low, high, slope=slopes, period=period.astype(int))


def _start(cycles: list[Cycle]) -> np.ndarray:
    return np.array([cycle.start for cycle in cycles])

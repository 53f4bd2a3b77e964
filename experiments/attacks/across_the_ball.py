"""Weight decay at its worst: x_0 at the edge of the ball, the answer at the other one."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from experiments.attacks.base import Attack, between, errors, log_uniform, pick
from experiments.refutation.candidates import Candidates, complete
from experiments.refutation.dress import schedules
from experiments.refutation.target import Target


class AcrossTheBall(Attack):
    """Parabolas about p, x_0 = b/λ, d̂ = −b: the net step d̂ − λx_0 is as long as it may be, 2b.

    p just below x_0 makes the first answer of Frank–Wolfe as wrong as can be, p at x_1 loses nothing in the descent
    lemma (weight decay: claims are attained at K = 1), p far away leaves a gradient that never vanishes.
    """

    name: ClassVar[str] = "across the ball"
    says: ClassVar[str] = "parabolas whose minimiser lies at, in or outside of the ball that weight decay keeps"

    def applies(self, target: Target) -> bool:
        return target.rules.decay

    def propose(
        self, target: Target, rng: np.random.Generator, steps: int, size: int, pool: list[Candidates]
    ) -> Candidates | None:
        low, high = errors(target, rng, size)
        ball, d, period = pick(rng, target.balls), int(rng.choice([1, 1, 1, 2, 3])), int(rng.integers(1, 4))
        decay = np.where(rng.random(size) < 0.4, 1.0, log_uniform(rng, 1e-3, 1, size))
        schedule = schedules(size, steps, rng) if target.rules.step == "scheduled" else np.ones((size, 1))
        decay = decay / schedule.max(-1)
        radius = (high / decay)[:, None]
        start = radius * np.where(rng.random((size, d)) < 0.7, 1.0, rng.uniform(-1, 1, (size, d)))
        start /= np.sqrt(d) if ball == "l2" else 1.0
        length = schedule[:, :1] if target.rules.step != "open-loop" else 1 / decay[:, None]
        landing = start - length * (np.sign(start) * high[:, None] + decay[:, None] * start)
        places = [
            landing,
            start * (1 - log_uniform(rng, 1e-9, 0.1, (size, 1))),
            radius * rng.uniform(-2, 2, (size, d)),
            -radius * log_uniform(rng, 1, 100, (size, d)),
            (low / decay)[:, None] * rng.choice([-1.0, 1.0], (size, d)),
        ]
        which = rng.integers(len(places), size=(size, 1))
        centre = np.choose(which, places)
        if ball == "l-inf":
            answers = np.where(
                rng.random((size, 1, 1)) < 0.6, high[:, None, None], between(rng, low, high, (period, d))
            )
        else:
            answers = np.zeros((size, period, 2))
            answers[..., 0] = np.where(rng.random((size, 1)) < 0.6, high[:, None], between(rng, low, high, (period,)))
        curvature = np.ones((size, d)) * log_uniform(rng, 0.1, 10, (size, 1))
        if d > 1:
            curvature *= log_uniform(rng, 0.05, 1, (size, d))
        plain = target.rules.momentum == "none" or rng.random() < 0.5
        alpha = np.ones(size) if plain else log_uniform(rng, 0.01, 1, size)
        return complete(
            ball, steps, curvature, start, answers, low, high, centre=centre, weight_decay=decay, schedule=schedule,
            alpha=alpha,
        )  # fmt: skip

"""Frank–Wolfe in ℓ2 by performance estimation: the function and the answers that a programme finds, run."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from experiments.attacks.base import Attack
from experiments.refutation.candidates import LARGEST_ERROR
from experiments.refutation.deadline import NEVER, Deadline
from experiments.refutation.programme_case import is_about, measure
from experiments.refutation.target import Target
from experiments.worst_cases.ball_gap import Attained, Found
from experiments.worst_cases.base import Clock, silent
from experiments.worst_cases.interpolated import Interpolated

_MOST_STEPS, _SECONDS = 10, 1.0  # of ascent over the norms of the gradients, after the programmes that it begins with

_LEAST = 0.05  # norm of a gradient, L = λ = 1: where it vanishes a run by numbers does not know its direction


class FrankWolfeProgramme(Attack):
    """From K = 4 on these runs end several times as high as parabolas do; `lmo worst-case frank-wolfe --norm l2`."""

    name: ClassVar[str] = "programmes in ℓ2"
    small: ClassVar[bool] = False
    says: ClassVar[str] = "convex functions through the points of semidefinite programmes, with the answers found there"

    def applies(self, target: Target) -> bool:
        return is_about(target)

    def fits(self, steps: int) -> bool:
        return steps <= _MOST_STEPS

    def attempt(
        self, target: Target, rng: np.random.Generator, steps: int, end: Deadline = NEVER
    ) -> dict[str, Any] | None:
        """One error at so many steps."""
        delta = 0.0 if rng.random() < 0.1 else LARGEST_ERROR * float(rng.random())
        attained = Attained(round(delta, 3), steps)
        try:
            end.check()
            found = attained.search(Clock(max(min(_SECONDS, end.left), 1e-3), silent))
            found = attained.at(np.maximum(found.norms, _LEAST)) or found
            return measure(as_data(attained, found), target)
        except RuntimeError:  # a programme that was not solved
            return None


def as_data(attained: Attained, found: Found) -> dict[str, Any]:
    """What was found, as an instance of `programme_case.measure`."""
    sizes, base = np.linalg.eigh(found.gram)
    kept = sizes > 1e-12 * sizes.max()
    vectors = base[:, kept] * np.sqrt(sizes[kept])  # a row for each vector of the programme's basis
    of = attained.vectors
    f = Interpolated.through(of.points @ vectors, of.gradients(found.norms) @ vectors, found.values)
    start = of.start @ vectors
    within = min(1.0, of.wide / float(np.linalg.norm(start)))  # the solver keeps the ball to its accuracy
    return {
        "steps": of.steps,
        "apart": f.apart.tolist(),
        "heights": f.heights.tolist(),
        "start": (within * start).tolist(),
        "compared": (of.compared @ vectors).tolist(),
        "answers": (of.answers @ vectors).tolist() if of.delta > 0 else None,
    }

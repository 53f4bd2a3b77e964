"""Networks of several coupled layers, every one with an error and a smoothness of its own."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from experiments.attacks.base import Attack
from experiments.refutation.deadline import NEVER, Deadline
from experiments.refutation.problem_case import measure, problem_of
from experiments.refutation.target import Target
from experiments.settings import by_layer, entries, known_constants, setting

_MOST_STEPS = 20  # a run of one network costs as many steps as a batch of small instances


class LayeredRuns(Attack):
    """f = ½ Σ a_ij⟨X_i, X_j⟩ with a_ij ≥ 0, in spectral norms of radii r_i.

    Started at X_i = t·r_i times the identity, Σ‖∇_i f‖_* = tΣL_i and Δ = t²ΣL_i/2: an exact oracle attains
    √(2ΔΣL_i/K) at K = 1. Other starts are random.
    """

    name: ClassVar[str] = "layered runs"
    small: ClassVar[bool] = False
    says: ClassVar[str] = "random networks of coupled layers, with every controlled error and one of another per layer"

    def applies(self, target: Target) -> bool:
        return by_layer(target.theorem)

    def fits(self, steps: int) -> bool:
        return steps <= _MOST_STEPS

    def attempt(
        self, target: Target, rng: np.random.Generator, steps: int, end: Deadline = NEVER
    ) -> dict[str, Any] | None:
        """One random network with what was measured on it."""
        layers, size = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        factor = rng.random((layers, layers + 1)) * np.exp(rng.normal(size=(layers, 1)))
        coupling = factor @ factor.T if rng.random() < 0.5 else np.diag(np.exp(2 * rng.normal(size=layers)))
        record: dict[str, Any] = {"coupling": coupling.tolist(), "noise_std": None, "steps": steps}
        radii = 1.0 / (1 + np.arange(layers))  # of the problem's balls
        identities = radii[:, None, None] * np.eye(size)
        start = identities if steps == 1 or rng.random() < 0.6 else rng.normal(size=identities.shape)
        record["start"] = (float(np.exp(rng.normal())) * start).tolist()
        problem = problem_of(record)
        fitting = [b for b in problem.balls() if target.theorem.applies_to(setting(target.theorem, problem, b)) is None]
        ball = fitting[int(rng.integers(len(fitting)))]
        delta = (
            0.0
            if target.errors == "none" or rng.random() < (0.7 if steps == 1 else 0.3)
            else round(float(rng.uniform(0, 0.95)), 3)
        )
        chosen = [e for e in entries(ball, (delta,)) if e.promised and (delta > 0 or e.label == "exact")]
        record |= {"ball": ball.name, "oracle": chosen[int(rng.integers(len(chosen)))].label, "delta": delta}
        known, _ = known_constants(target.theorem, problem, ball, steps)
        natural = float(np.sqrt(2 * known["initial_gap"] / (sum(known["smoothness"]) * steps)))
        record |= {"step_size": natural * float(np.exp(rng.choice([0.0, 1.0]) * rng.normal())), "alpha": 1.0}
        return measure(record, target, 1, int(rng.integers(2**20)))

"""Random problems with known constants, all balls, every controlled error: run by the framework itself."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np

from experiments.attacks.base import Attack
from experiments.refutation.deadline import NEVER, Deadline
from experiments.refutation.dress import schedules
from experiments.refutation.problem_case import measure, problem_of
from experiments.refutation.target import Target
from experiments.settings import by_layer, entries, known_constants, setting

_SEEDS, _MANY_SEEDS, _MOST_STEPS = 8, 2000, 200
_AT_A_TIME = 100  # seeds that cost about as much again as the first few


class ProblemRuns(Attack):
    """Quadratics on vectors and matrices in all norms, with exact, random, mixed, worst … answers.

    Other attacks stay in ℓ∞ and ℓ2; here a claim that fails in the spectral or nuclear norm is found.
    """

    name: ClassVar[str] = "problem runs"
    small: ClassVar[bool] = False
    says: ClassVar[str] = "random quadratics on vectors and matrices, in every norm and with every controlled error"

    def applies(self, target: Target) -> bool:
        return not by_layer(target.theorem)

    def fits(self, steps: int) -> bool:
        return steps <= _MOST_STEPS

    def attempt(
        self, target: Target, rng: np.random.Generator, steps: int, end: Deadline = NEVER
    ) -> dict[str, Any] | None:
        """One random setting with what was measured in it; None where the claim is not about it."""
        record = random_setting(target, rng, steps)
        if record is None:
            return None
        begin = time.monotonic()
        found = measure(record, target, _SEEDS if target.stochastic else 1, int(rng.integers(2**20)))
        if target.stochastic and found["measured"] > found["bound"]:
            affordable = _AT_A_TIME * (0.7 * end.left / (time.monotonic() - begin) - 1)
            seeds = int(min(_MANY_SEEDS, affordable))
            found = measure(record, target, seeds, int(rng.integers(2**20))) if seeds > _SEEDS else found
        return found


def random_setting(target: Target, rng: np.random.Generator, steps: int) -> dict[str, Any] | None:
    """A problem, ball, oracle, δ and parameters that the claim is about, as plain data."""
    shape = [int(n) for n in rng.integers(1, 5, int(rng.integers(1, 3)))]
    record: dict[str, Any] = {"shape": shape, "start": (2 * rng.normal(size=shape)).tolist()}
    record |= {"left": _curvatures(rng, shape[0]), "right": _curvatures(rng, shape[-1])}
    record["noise_std"] = float(np.exp(rng.normal())) if target.stochastic else None
    if target.rules.decay and (target.rules.inside or rng.random() < 0.5):
        record["share"] = float(rng.choice([0.5, 0.8, 1.0, 1.5]))
    if target.rules.step == "scheduled":
        record["schedule"] = schedules(1, steps, rng)[0].tolist()
    problem = problem_of(record)
    balls = problem.balls()
    ball = balls[int(rng.integers(len(balls)))]
    if target.theorem.applies_to(setting(target.theorem, problem, ball)) is not None:
        return None
    delta = 0.0 if target.errors == "none" else round(float(rng.uniform(0, 0.95)), 3)
    chosen = [e for e in entries(ball, (delta,)) if e.promised and (delta > 0 or e.label == "exact")]
    entry = chosen[int(rng.integers(len(chosen)))]
    record |= {"ball": ball.name, "oracle": entry.label, "delta": float(entry.deltas[0]), "steps": steps}
    known, kind = known_constants(target.theorem, problem, ball, steps)
    if kind == "estimate":
        return None
    natural = np.sqrt(2 * known["initial_gap"] / (known["smoothness"] * steps))
    longest = max(record.get("schedule", [1.0])) * known.get("weight_decay", 0.0)
    record["step_size"] = float(min(natural * np.exp(rng.normal()), 1 / longest if longest else np.inf))
    record["alpha"] = float(min(1.0, np.exp(rng.uniform(-4, 0.5))))
    return record


def _curvatures(rng: np.random.Generator, size: int) -> list[float]:
    return [float(v) for v in np.exp(rng.uniform(-3, 0, size))]

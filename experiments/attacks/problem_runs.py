"""Random problems with known constants, all balls, every controlled error: run by the framework itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from experiments.attacks.base import Attack
from experiments.problems.base import Problem
from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.problems.layered_quadratic import LayeredQuadratic
from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.problems.noisy import Noisy
from experiments.refutation.case import PROBLEM
from experiments.refutation.target import Target
from experiments.run import run
from experiments.settings import by_layer, entries, known_constants, method_of, promised_errors, setting, step_sizes_of
from experiments.verdict import SLACK, TABLE_ERROR
from lmo.balls import NormBall

_SEEDS, _MANY_SEEDS, _MOST_STEPS = 8, 2000, 200


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

    def attempt(self, target: Target, rng: np.random.Generator, steps: int) -> dict[str, Any] | None:
        """One random setting with what was measured in it; None where the claim is not about it."""
        record = random_setting(target, rng, steps)
        if record is None:
            return None
        found = measure(record, target, _SEEDS if target.stochastic else 1, int(rng.integers(2**20)))
        if target.stochastic and found["ratio"] > 1:
            found = measure(record, target, _MANY_SEEDS, int(rng.integers(2**20)))
        return found


def random_setting(target: Target, rng: np.random.Generator, steps: int) -> dict[str, Any] | None:
    """A problem, ball, oracle, δ and parameters that the claim is about, as plain data."""
    shape = [int(n) for n in rng.integers(1, 5, int(rng.integers(1, 3)))]
    record: dict[str, Any] = {"shape": shape, "start": (2 * rng.normal(size=shape)).tolist()}
    record |= {"left": _curvatures(rng, shape[0]), "right": _curvatures(rng, shape[-1])}
    record["noise_std"] = float(np.exp(rng.normal())) if target.stochastic else None
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
    record["step_size"] = float(natural * np.exp(rng.normal()))
    record["alpha"] = float(min(1.0, np.exp(rng.uniform(-4, 0.5))))
    return record


def _curvatures(rng: np.random.Generator, size: int) -> list[float]:
    return [float(v) for v in np.exp(rng.uniform(-3, 0, size))]


def problem_of(record: Mapping[str, Any]) -> Problem:
    """The problem that a record describes."""
    if "coupling" in record:
        return LayeredQuadratic(record["coupling"], record["start"])
    left = torch.tensor(record["left"], dtype=torch.float64)
    problem: Problem
    if len(record["shape"]) == 1:
        problem = DiagonalQuadratic(left, torch.tensor(record["start"], dtype=torch.float64))
    else:
        right = torch.tensor(record["right"], dtype=torch.float64)
        problem = MatrixQuadratic(torch.diag(left), torch.diag(right), record["start"])
    return problem if record["noise_std"] is None else Noisy(problem, record["noise_std"])


def _ball_of(record: Mapping[str, Any], problem: Problem) -> NormBall:
    return next(ball for ball in problem.balls() if ball.name == record["ball"])


def measure(record: Mapping[str, Any], target: Target, seeds: int, first_seed: int) -> dict[str, Any]:
    """Runs the setting: the record of a case, with what was measured in it."""
    problem = problem_of(record)
    ball = _ball_of(record, problem)
    entry = next(e for e in entries(ball, (record["delta"],)) if e.label == record["oracle"])
    oracle = entry.make(np.full(seeds, record["delta"]))
    promise = oracle.promise()
    constants, _ = known_constants(target.theorem, problem, ball, record["steps"])
    epsilon, eta = promised_errors(target.theorem, oracle, 0)
    signed = {"epsilon": epsilon, "eta": eta}
    constants |= (
        {"delta": record["delta"]} if target.errors == "additive" else signed if target.errors == "pair" else {}
    )
    constants |= {"step_size": record["step_size"], "alpha": record["alpha"]}
    free = {name: constants.pop(name) for name in ("step_size", "alpha")}
    constants |= {name: free[name] for name in target.free}
    constants |= {
        name: v.tolist() for name, v in target.tuned({n: np.asarray(v) for n, v in constants.items()}).items()
    }
    method = method_of(target.theorem, oracle)
    step_size = step_sizes_of(target.theorem, ball, constants["step_size"], epsilon)
    data = run(
        problem, method, steps=record["steps"], step_size=step_size,
        alpha=constants.get("alpha", free["alpha"]) if method.momentum.needs_alpha else None,
        seeds=range(first_seed, first_seed + seeds), record="metric", against_objective=record["oracle"] == "worst",
    )  # fmt: skip
    norms = data["gradient_norm"].values
    samples = norms.mean(-1) if target.rules.over == "mean" else norms.min(-1)
    bound = float(target.bound({n: np.asarray(constants[n]) for n in target.theorem.constants}))
    width = 0.0
    if target.theorem.expectation:
        reach = constants["smoothness"] * constants["step_size"] * (1 + _first(promise.eta)) * record["steps"]
        width = _width(samples, norms[0, 0] + reach)
    measured = float(samples.mean()) if target.theorem.expectation else float(samples.max())
    return {
        "kind": PROBLEM,
        "instance": dict(record),
        "exact": not target.stochastic,
        "constants": constants,
        "measured": measured,
        "uncertainty": width,
        "bound": bound,
        "ratio": measured / bound,
        "runs": seeds,
        "seed": first_seed,
        "violates": bool(measured - width > bound * (1 + SLACK)),
    }


def _first(value: Any) -> float:
    return float(torch.as_tensor(value).reshape(-1)[0])


def _width(samples: np.ndarray, largest: float) -> float:
    """As `experiments.refutation.score.bernstein`; the gradient norm changes by at most Lγ(1 + η) a step."""
    odds, n = float(np.log(2e6 / TABLE_ERROR)), samples.size  # a million settings a search
    if n < 2:
        return 0.0  # gradients are exact
    return float(np.sqrt(2 * samples.var(ddof=1) * odds / n) + 7 * largest * odds / (3 * (n - 1)))

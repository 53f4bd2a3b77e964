"""A run of one of the problems as plain data, and what is measured in it by the framework itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from bounds import certificate, evaluate
from bounds.schedules import shape_constants
from bounds.theorem import Theorem
from experiments.problems.base import Problem
from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.problems.layered_quadratic import LayeredQuadratic
from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.problems.noisy import Noisy
from experiments.problems.shifted import Shifted
from experiments.refutation.quantities import PLAIN, quantity, rates
from experiments.refutation.ratio import exceeds, ratio_of
from experiments.refutation.target import Target
from experiments.run import run
from experiments.settings import (
    declared,
    entries,
    given_schedule,
    known_constants,
    method_of,
    promised_errors,
    step_sizes_of,
    with_ball_gap,
)
from experiments.verdict import ROUNDING, TABLE_ERROR
from lmo.balls import NormBall

Record = Mapping[str, Any]
PROBLEM = "problem run"


def problem_of(record: Record) -> Problem:
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
    if record.get("share") is not None:
        problem = Shifted(problem, record["share"])
    return problem if record["noise_std"] is None else Noisy(problem, record["noise_std"])


def schedule_of(theorem: Theorem, record: Record) -> np.ndarray | None:
    """The factors of the step size: the record's, of mean 1, or those that the statement prescribes."""
    if record.get("schedule") is None:
        return given_schedule(theorem, record["steps"])
    return np.array(record["schedule"], float)


def measure(record: Record, target: Target, seeds: int, first_seed: int) -> dict[str, Any]:
    """Runs the setting: the record of a case, with what was measured in it."""
    problem, theorem = problem_of(record), target.theorem
    ball = next(ball for ball in problem.balls() if ball.name == record["ball"])
    entry = next(e for e in entries(ball, (record["delta"],)) if e.label == record["oracle"])
    oracle = entry.make(np.full(seeds, record["delta"]))
    known, _ = known_constants(theorem, problem, ball, record["steps"])
    epsilon, eta = promised_errors(theorem, oracle, 0)
    constants = _constants(record, target, problem, ball, known, {"epsilon": epsilon, "eta": eta})
    method = method_of(theorem, oracle, known.get("weight_decay", 0.0), known)
    data = run(
        problem, method, steps=record["steps"],
        step_size=step_sizes_of(theorem, ball, constants["step_size"], epsilon),
        schedule=schedule_of(theorem, record),
        alpha=constants.get("alpha", record["alpha"]) if method.momentum.needs_alpha else None,
        seeds=range(first_seed, first_seed + seeds), record="metric" if target.rules.of_step == PLAIN else "all",
        against_objective=record["oracle"] == "worst",
    )  # fmt: skip
    columns = {str(name): values.values for name, values in data.data_vars.items()}
    return {"kind": PROBLEM, "instance": dict(record), "exact": not target.stochastic, "constants": constants} | (
        _compared(target, problem, ball, columns, known | constants, (epsilon, eta), record)
        | {"runs": seeds, "seed": first_seed}
    )


def _compared(
    target: Target, problem: Problem, ball: NormBall, columns: Mapping[str, np.ndarray], constants: dict[str, Any],
    signed: tuple[Any, Any], record: Record,
) -> dict[str, Any]:  # fmt: skip
    """What was measured, and what the claim says."""
    theorem, (epsilon, eta) = target.theorem, signed
    errors = {"epsilon": epsilon, "eta": eta} if target.errors == "pair" else {
        name: record["delta"] if target.errors == "additive" else 0.0 for name in ("delta", "epsilon", "eta")
    }  # fmt: skip
    full = constants | errors
    if any(name.endswith("ball_gap") for name in quantity(target.rules.of_step).columns):
        full |= {"ball_gap": with_ball_gap(theorem, problem, ball, full)["ball_gap"]}
    samples = theorem.metric.of(certificate.on_run(theorem.metric.of_step, columns, full))
    bound = float(target.bound({n: np.asarray(constants[n]) for n in target.constants}))
    measured = float(samples.mean()) if theorem.expectation else float(samples.max())
    rounding = 0.0 if target.rules.of_step == PLAIN else 1e3 * ROUNDING * float(np.abs(columns["objective"]).max())
    width = _width(samples, _largest(target, full, columns, record)) if theorem.expectation else 0.0
    return {
        "measured": measured,
        "uncertainty": width + rounding,
        "bound": bound,
        "ratio": float(ratio_of(measured, bound, rounding)),
        "violates": bool(exceeds(measured - width - rounding, bound)),
    }


def _constants(
    record: Record, target: Target, problem: Problem, ball: NormBall, known: dict[str, Any], signed: dict[str, Any]
) -> dict[str, Any]:
    """Those of the claim and its tuning, the tuned ones included."""
    theorem, constants = target.theorem, dict(known)
    if target.errors != "none":
        constants |= {"delta": record["delta"]} if target.errors == "additive" else signed
    schedule = schedule_of(theorem, record)
    if schedule is not None and theorem.method.step == "scheduled":
        constants |= shape_constants(schedule)
    if "iterate_bound" in target.needed:
        start = float(ball.norm(problem.start(1)).max())
        constants["iterate_bound"] = max(start, (1 + signed["eta"]) / known["weight_decay"])
    mean = problem.mean_smoothness(ball)
    further = declared(problem, ball) | ({} if mean is None else {"mean_smoothness": mean})
    constants |= {name: constant.value for name, constant in further.items() if name in target.needed}
    constants |= {name: record[name] for name in target.free}
    return constants | {
        name: v.tolist() for name, v in target.tuned({n: np.asarray(v) for n, v in constants.items()}).items()
    }


def _largest(target: Target, constants: dict[str, Any], columns: Mapping[str, np.ndarray], record: Record) -> float:
    """The metric lies in an interval that is no longer: no step is longer than γ_k(b + λX)."""
    linear = rates(target.rules.of_step)
    if linear is None or target.rules.step in ("adaptive", "l0-l1"):
        return float("inf")
    sizes = [abs(float(evaluate.value(r, constants))) for r in linear]
    b, decay = 1 + constants["eta"], constants.get("weight_decay", 0.0)
    start = float(columns["iterate_norm"][0, 0]) if "iterate_norm" in columns else 0.0
    within = max(start, b / decay) if decay else 0.0
    reach = constants["smoothness"] * constants["step_size"] * (b + decay * within) * record["steps"]
    peak = 1.0 if target.rules.over == "mean" else float(record["steps"])  # weights γ_k/γ have the mean 1
    return peak * (sizes[0] + 2 * sizes[1] * within) * float(columns["gradient_norm"][0, 0] + reach)


def _width(samples: np.ndarray, largest: float) -> float:
    """As `experiments.refutation.score.bernstein`; for a million settings a search."""
    odds, n = float(np.log(2e6 / TABLE_ERROR)), samples.size
    if n < 2:
        return 0.0  # gradients are exact
    return float(np.sqrt(2 * samples.var(ddof=1) * odds / n) + 7 * largest * odds / (3 * (n - 1)))

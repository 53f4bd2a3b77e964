"""Runs the hovering problem for many step sizes and alphas at once: numpy arrays (point, seed)."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from experiments.regime.hovering import Case
from experiments.regime.unlucky import TwoPoint, greedy, skewed
from lmo.checks import check_integer
from lmo.randomness import Draw

PURPOSE = "noise of the hovering coordinate"


def luck(seeds: np.ndarray, steps: int) -> np.ndarray:
    """Standard normal numbers (steps, seeds): a function of the seed, and of the step."""
    return Draw(np.asarray(seeds), -1).normal(PURPOSE, (steps,)).numpy().T


def average_norms(case: Case, step_size: np.ndarray, alpha: np.ndarray, steps: int, seeds: np.ndarray) -> np.ndarray:
    """avg_k ‖∇f(x_k)‖₁ over x_0 … x_{K−1}: (points, seeds).

    EMA momentum started at the first gradient, fixed step: S1's method. Runs of one seed share their noise.

    Args:
        step_size, alpha: (points,), > 0; alpha ≤ 1. steps: K ≥ 1. seeds: (seeds,), integers ≥ 0.

    Raises:
        TypeError, ValueError: bad shapes and numbers.
    """
    check_integer("steps", steps, at_least=1)
    step_size, alpha = np.asarray(step_size, float), np.asarray(alpha, float)
    if step_size.ndim != 1 or step_size.shape != alpha.shape:
        raise ValueError(
            f"`step_size` and `alpha` must be vectors of one length, got shapes {step_size.shape}, {alpha.shape}"
        )
    for name, values, most in (("step_size", step_size, np.inf), ("alpha", alpha, 1.0)):
        if not ((values > 0) & (values <= most) & np.isfinite(values)).all():
            raise ValueError(f"`{name}` must be finite, > 0" + (" and <= 1" if most == 1 else ""))
    sliding = _sliding(case, step_size, alpha, steps)
    return sliding[:, None] + _hovering(case, step_size[:, None], alpha[:, None], luck(seeds, steps))


def _sliding(case: Case, step_size: np.ndarray, alpha: np.ndarray, steps: int) -> np.ndarray:
    """The average of |∇₁f|: (points,); no noise."""
    curvature, x = case.problem.curvatures[0], np.full_like(alpha, case.problem.start[0])
    reach = step_size * case.errors.lengths(case.delta)[0]
    memory = curvature * x
    total = np.zeros_like(x)
    for k in range(steps):
        gradient = curvature * x
        total += np.abs(gradient)
        if k:
            memory += alpha * (gradient - memory)
        x -= reach * np.sign(memory)
    return total / steps


def _hovering(case: Case, step_size: np.ndarray, alpha: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """The average of |∇₂f|: (points, seeds). Position and memory are counted towards the side that x₂ is on."""
    problem, (_, right, wrong) = case.problem, case.errors.lengths(case.delta)
    down, up, curvature = step_size * right, -step_size * wrong, problem.curvatures[1]
    away = np.full((len(alpha), draws.shape[1]), problem.start[1])
    side, memory, total = np.ones_like(away), np.zeros_like(away), np.zeros_like(away)
    chances = ndtr(draws)
    for k in range(len(draws)):
        size = curvature * away
        total += size
        weight = alpha if k else np.ones_like(alpha)
        fed = memory + weight * (size - memory)
        noise = weight * problem.spread
        if problem.law == "greedy":
            fed = _drawn(greedy(fed, noise), chances[k])
        elif problem.law == "gaussian":
            fed += noise * draws[k] * side
        else:
            fed += noise * _drawn(skewed(problem.odds), chances[k]) * side
        away -= np.where(fed > 0, down, up)
        crossed = np.where(away < 0, -1.0, 1.0)
        memory = fed * crossed
        away *= crossed
        side *= crossed
    return total / len(draws)


def _drawn(law: TwoPoint, chance: np.ndarray) -> np.ndarray:
    return np.where(chance < law.chance, law.high, law.low)

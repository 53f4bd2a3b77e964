"""Staircase and washboard against brute force: gradients, smoothness, gap, and what their runs reach."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from experiments.problems.hard.cycles import CycleProblem
from experiments.problems.hard.staircase import Staircase
from experiments.problems.hard.washboard import Washboard
from experiments.run import run
from lmo.balls import LInf
from lmo.method import Method
from lmo.oracles import measure

DELTAS = torch.tensor([0.0, 0.25, 0.5, 0.75, 0.9], dtype=torch.float64)
GAP, SMOOTHNESS = 2.0, 3.0
kinds = pytest.mark.parametrize("kind", [Staircase, Washboard])
Hard = Staircase | Washboard


def tuned_step(steps: int, gap: float = 1.0, smoothness: float = 1.0) -> Tensor:
    """√2/(1+δ)·√(2Δ/(LK)), the staircase's best step for K → ∞."""
    return 2 / (1 + DELTAS) * (gap / (smoothness * steps)) ** 0.5


def made(kind: type[Hard], steps: int = 400, margin: float = 1.0) -> Hard:
    return kind(DELTAS, tuned_step(steps, GAP, SMOOTHNESS), steps, GAP, SMOOTHNESS, margin)


def near_the_run(problem: Hard, count: int, seed: int = 7) -> Tensor:
    """Points (count, runs, d): along the whole run, its flat end and beyond the start; every fourth near the end."""
    source = torch.Generator().manual_seed(seed)
    start = problem.start(len(DELTAS))
    share = 1.4 * torch.rand(count, 1, generator=source, dtype=torch.float64) - 0.2
    share[::4] *= 0.02
    x = share.unsqueeze(-1) * start
    if isinstance(problem, Staircase):
        rise = torch.rand(count, len(DELTAS), generator=source, dtype=torch.float64) * 1.2 - 0.1
        x[..., 1] = problem.period * problem.steps * rise
        half = x[::2]
        half[..., 1] = (1 - share[::2]) * problem.period * problem.steps + problem.period * (rise[::2] - 0.5)
    return x


def changes(x: Tensor, seed: int) -> Tensor:
    """Directions of ℓ∞ norm at most 1, half of them corners."""
    d = 2 * torch.rand(x.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1
    d[::2] = d[::2].sign()
    return d


def largest_ratio(problem: Hard) -> np.ndarray:
    """The largest ‖∇f(x) − ∇f(y)‖₁/‖x − y‖_∞ of many pairs, per run."""
    x, largest = near_the_run(problem, 6000), np.zeros(len(DELTAS))
    for n, size in enumerate((1e-5, 1e-3, 0.1, 1.0, 3.0)):
        y = x + size * tuned_step(problem.steps, GAP, SMOOTHNESS).unsqueeze(-1) * changes(x, n)
        change = (problem.true_gradient(x) - problem.true_gradient(y)).abs().sum(-1).numpy()
        largest = np.maximum(largest, (change / (x - y).abs().amax(-1).numpy()).max(0))
    return largest


@kinds
def test_gradients_are_finite_differences(kind: type[Hard]) -> None:
    problem = made(kind)
    x = near_the_run(problem, 400)
    gradient, h = problem.true_gradient(x), 1e-5 * tuned_step(problem.steps, GAP, SMOOTHNESS)
    for j in range(x.shape[-1]):
        shift = torch.nn.functional.one_hot(torch.tensor(j), x.shape[-1]) * h.unsqueeze(-1)
        slope = (problem.value(x + shift) - problem.value(x - shift)) / (2 * h)
        error = (slope - gradient[..., j]).abs() / gradient.abs().amax((0, 2))
        assert error.quantile(0.98) < 1e-6 and error.max() < 1e-4  # a pair may lie on both sides of a knee


@kinds
def test_smoothness_is_never_exceeded_and_approached(kind: type[Hard]) -> None:
    largest = largest_ratio(made(kind))
    assert (largest <= SMOOTHNESS * (1 + 1e-7)).all() and (largest >= SMOOTHNESS * 0.98).all()


@kinds
def test_a_sharper_end_would_not_be_smooth(kind: type[Hard]) -> None:
    """Planted: κ = 1.3·L/G². The search for pairs must see it in every run."""
    problem = made(kind)
    problem.kappa = 1.3 * problem.kappa
    assert (largest_ratio(problem) > SMOOTHNESS * 1.005).all()


@kinds
def test_the_gap_is_that_to_the_lowest_value_on_a_grid(kind: type[Hard]) -> None:
    problem = made(kind)
    values = problem.value(near_the_run(problem, 60_000))
    gap = problem.value(problem.start(len(DELTAS))) - values.amin(0)
    assert np.allclose(gap, GAP, rtol=1e-6)


def norms(problem: CycleProblem, step_size: Tensor) -> np.ndarray:
    """‖∇f(x_k)‖₁, (run, step)."""
    options: dict[str, Any] = {"seeds": np.zeros(len(DELTAS), dtype=int), "record": "metric"}
    data = run(problem, Method(problem.oracle()), steps=problem.steps, step_size=step_size, **options)
    return data["gradient_norm"].values


def test_the_staircase_pays_r_over_root_two() -> None:
    """Average and minimum (but for the flat end) of a run; D1 allows r."""
    steps, step_size = 2000, tuned_step(2000)
    seen = norms(Staircase(DELTAS, step_size, steps), step_size)
    r, unit = ((1 + DELTAS) / (1 - DELTAS)).numpy(), (2 / steps) ** 0.5
    share = seen.mean(-1) / unit / r
    assert (share < 0.5**0.5).all() and (share > np.array([0.706, 0.705, 0.704, 0.695, 0.636])).all()
    steady = seen[:4, : int(0.7 * steps)].min(-1) / unit / r[:4]
    assert (steady > 0.5**0.5 * (1 - 5e-3)).all()


def test_no_other_step_escapes_the_staircase() -> None:
    """At every step: Δ/((1−δ)γK) + Lγ(1+δ)²/(4(1−δ)), from below and above; its minimum over γ is r/√2."""
    steps = 1000
    for factor in (0.6, 1.7):
        step_size = factor * tuned_step(steps)
        seen = norms(Staircase(DELTAS, step_size, steps), step_size).mean(-1)
        delta, gamma = DELTAS.numpy(), step_size.numpy()
        formula = 1 / ((1 - delta) * gamma * steps) + gamma * (1 + delta) ** 2 / (4 * (1 - delta))
        r = (1 + delta) / (1 - delta)
        assert (seen < formula).all() and (seen[:4] > np.array([0.99, 0.98, 0.97, 0.92]) * formula[:4]).all()
        assert (formula > (0.5 * 2 / steps) ** 0.5 * r).all()


def test_the_adversary_of_the_staircase_keeps_its_promise_and_uses_it_up() -> None:
    problem = made(Staircase)
    assert isinstance(problem, Staircase)
    method, errors = Method(problem.oracle()), []
    state = method.init(problem.start(len(DELTAS)))
    for _ in range(problem.steps):
        state, move = method.step(state, problem.true_gradient(state.x), step_size=problem.step_size)
        errors.append(measure(LInf(), move.fed, move.direction)[0])
    assert torch.allclose(torch.stack(errors).amax(0), DELTAS, atol=1e-12)

"""The constructions with an adversary: their gap, their slope, their cycles."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from experiments.problems.hard.cycles import CycleProblem, long_cycle, two_cycle
from experiments.problems.hard.huber import Huber
from experiments.problems.hard.saturated import Saturated
from lmo.method import Method


def played(problem: CycleProblem) -> Tensor:
    """The iterates of the construction's own oracle, shape (K + 1, runs, 2)."""
    method = Method(problem.oracle())
    state = method.init(problem.start(len(problem.cycles)))
    points = [state.x]
    for _ in range(problem.steps):
        state, _ = method.step(state, problem.true_gradient(state.x), step_size=problem.step_size)
        points.append(state.x)
    return torch.stack(points)


DELTAS = torch.tensor([0.1, 0.3, 0.5, 0.5, 0.8, 0.9], dtype=torch.float64)


def construction(kind: type[CycleProblem], make: Any) -> CycleProblem:
    sizes = torch.tensor([0.02, 0.05, 0.02, 0.1, 0.05, 0.03], dtype=torch.float64)
    return kind(DELTAS, sizes, [make(float(d)) for d in DELTAS], steps=720, gap=2.0, smoothness=3.0)


constructions = pytest.mark.parametrize("kind", [Huber, Saturated])
cycles = pytest.mark.parametrize("make", [two_cycle, long_cycle])


@constructions
@cycles
def test_the_gap_is_the_declared_one(kind: type[CycleProblem], make: Any) -> None:
    problem = construction(kind, make)
    floor = 0.0 if kind is Huber else 1 / problem.kappa  # type: ignore[attr-defined]
    gap = problem.value(problem.start(len(DELTAS))) - floor
    assert torch.allclose(gap, torch.full_like(gap, 2.0), rtol=1e-12)


@constructions
@cycles
def test_the_adversary_keeps_the_slope_and_the_cycle(kind: type[CycleProblem], make: Any) -> None:
    problem = construction(kind, make)
    points = played(problem)
    slopes = problem.true_gradient(points)[:-1, :, 0]
    if kind is Huber:
        assert torch.allclose(slopes, problem.slope.expand_as(slopes), rtol=1e-9)
    assert (slopes > 0).all()
    assert torch.allclose(points[-1, :, 0], points[0, :, 0] - problem.slide, rtol=1e-9, atol=1e-12)
    for run, cycle in enumerate(problem.cycles):
        period = len(cycle.factors) * (2 if make is two_cycle else 1)
        whole = problem.steps - problem.steps % period
        size = points[:whole, run, 1].abs() / problem.step_size[run]
        assert float(size.mean()) == pytest.approx(cycle.mean, abs=1e-6)
        assert float(size.max()) == pytest.approx(cycle.peak, rel=1e-6)


@cycles
@pytest.mark.parametrize("delta", [0.0, 0.1, 0.37, 0.5, 0.81, 0.95])
def test_cycles_add_up(make: Any, delta: float) -> None:
    """The mean is that of the positions, computed one by one in the ideal cycle; every answer has error at most δ."""
    cycle = make(delta)
    assert all(1 - delta - 1e-12 <= factor <= 1 + delta + 1e-12 for factor in cycle.factors)
    if make is two_cycle:
        position, period = cycle.start, 2
    else:
        position, period = 0.0, len(cycle.factors)
    seen, sign = [], -1.0 if make is two_cycle else 1.0
    for k in range(period):
        seen.append(position)
        position += sign * cycle.factors[k % len(cycle.factors)]
        sign = -1.0 if position > 0 else 1.0
    assert position == pytest.approx(seen[0], abs=1e-12)
    assert sum(map(abs, seen)) / period == pytest.approx(cycle.mean)
    assert max(map(abs, seen)) == pytest.approx(cycle.peak)


def test_long_cycle_is_the_best_of_its_family() -> None:
    for delta in (0.1, 0.5, 0.9, 0.99):
        means = [
            (m * (1 + delta) - (1 - delta) * m * (m - 1) / 2) / (m + 1)
            for m in range(1, int((1 + delta) / (1 - delta) + 1e-9) + 1)
        ]
        assert (
            long_cycle(delta).mean == pytest.approx(max(means))
            and long_cycle(delta).mean >= two_cycle(delta).mean - 1e-12
        )

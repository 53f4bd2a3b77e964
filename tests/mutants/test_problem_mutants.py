"""Wrong constants, gradients and noises of problems: each law of `Problem` can fail."""

from __future__ import annotations

from typing import Any

import pytest
from problem_laws import (
    EXACT_PAIRS,
    around,
    check_gradient,
    check_infimum,
    check_noise,
    check_smoothness,
    every_noisy,
    every_problem,
    first_start,
    pair_name,
)

from experiments.problems import Problem
from experiments.problems.noisy import Noisy
from lmo.balls import NormBall
from lmo.elements import map_layers


@pytest.mark.parametrize(("problem", "ball"), EXACT_PAIRS, ids=pair_name)
def test_a_wrong_exact_constant_is_caught(problem: Problem, ball: NormBall, monkeypatch: pytest.MonkeyPatch) -> None:
    right = problem.smoothness(ball)
    for wrong in (0.5, 0.9999, 1.0001):
        planted = right._replace(value=right.value * wrong)
        monkeypatch.setattr(problem, "smoothness", lambda _, planted=planted: planted)
        with pytest.raises(AssertionError):
            check_smoothness(problem, ball)


@every_problem
def test_a_wrong_gradient_is_caught(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    right = problem.true_gradient
    monkeypatch.setattr(problem, "true_gradient", lambda x: map_layers(lambda g: g + 1e-3, right(x)))
    with pytest.raises(AssertionError):
        check_gradient(problem)


@every_problem
def test_a_wrong_infimum_is_caught(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    if problem.infimum.kind == "exact":
        monkeypatch.setattr(problem, "infimum", problem.infimum._replace(value=problem.infimum.value - 1e-3))
        with pytest.raises(AssertionError):
            check_infimum(problem)
    too_high = float(problem.value(first_start(problem))[0])
    monkeypatch.setattr(problem, "infimum", problem.infimum._replace(value=too_high))
    with pytest.raises(AssertionError):
        check_infimum(problem)


@every_noisy
@pytest.mark.parametrize("wrong", [0.98, 1.02])
def test_a_wrong_noise_at_a_point_is_caught(problem: Problem, wrong: float, monkeypatch: pytest.MonkeyPatch) -> None:
    right = problem.noise_std_at
    monkeypatch.setattr(problem, "noise_std_at", lambda x: wrong * right(x))
    with pytest.raises(AssertionError):
        check_noise(problem)


@every_noisy
def test_a_wrong_noise_bound_is_caught(problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    low = problem.noise_std._replace(value=0.5 * float(problem.noise_std_at(around(problem, 20))[:10].max()))
    if isinstance(problem, Noisy):
        low = low._replace(value=problem.noise_std.value / 2)
        std = problem.noise_std.value
        right = problem.noise_std_at
        monkeypatch.setattr(problem, "noise_std_at", lambda x: right(x) * std / problem.noise_std.value)
    monkeypatch.setattr(problem, "noise_std", low)
    with pytest.raises(AssertionError):
        check_noise(problem)


@every_noisy
def test_a_biased_gradient_is_caught(problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    right = problem.gradient
    bias = 0.05 * problem.noise_std.value
    monkeypatch.setattr(problem, "gradient", lambda x, s=None: map_layers(lambda g: g + bias, right(x, s)))
    with pytest.raises(AssertionError):
        check_noise(problem)

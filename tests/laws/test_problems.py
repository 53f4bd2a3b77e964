"""Every law of `Problem`, for every shipped problem in every ball that fits it."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
import torch
from problem_laws import (
    EXACT_GRADIENTS,
    NOISY,
    PAIRS,
    PROBLEMS,
    around,
    check_gradient,
    check_infimum,
    check_noise,
    check_smoothness,
    every_noisy,
    every_pair,
    every_problem,
    first_start,
    largest_ratio,
    pair_name,
    repeat,
    single_samples,
)
from torch import Tensor

from experiments.problems import Problem, catalogue
from experiments.problems.hard.cycles import CycleProblem
from experiments.problems.hard.huber import Huber
from experiments.problems.noisy import Noisy
from lmo.balls import NormBall
from lmo.elements import batch_shape, map_layers, norm2, subtract
from lmo.randomness import Draw


def test_every_problem_is_shipped() -> None:
    # From the constants that are asked about, and in the norm asked about: test_worst_cases.py
    built = {"Diagonal", "Staircase", "Washboard", "Reshaped"}
    built |= {"Piecewise"}  # by a search: test_ascent.py
    assert {type(problem) for problem in PROBLEMS} == {kind for kind in catalogue() if kind.__name__ not in built}
    assert not any(inspect.isabstract(kind) for kind in catalogue())
    names = [problem.name for problem in PROBLEMS]
    assert len(set(names)) == len(names)


@every_problem
def test_gradient_is_the_derivative(problem: Problem) -> None:
    check_gradient(problem)


@every_pair
def test_smoothness_withstands_a_search(problem: Problem, ball: NormBall) -> None:
    check_smoothness(problem, ball)


@pytest.mark.parametrize("problem", NOISY, ids=pair_name)
def test_noise_does_not_change_the_objective(problem: Any) -> None:
    """The twin with exact gradients has the same f, so the searches on it are searches on this problem."""
    if isinstance(problem, Noisy):
        twin = problem.problem
    else:
        same = [p for p in EXACT_GRADIENTS if type(p) is type(problem) and getattr(p, "size", 0) == problem.size]
        twin = same[0]
    x = around(problem, 4)
    assert torch.equal(problem.value(x), twin.value(x))
    assert problem.infimum == twin.infimum
    for ball in problem.balls():
        assert problem.smoothness(ball) == twin.smoothness(ball)


@every_problem
def test_infimum_is_below_every_value(problem: Problem) -> None:
    check_infimum(problem)


@every_problem
def test_initial_gap_is_that_of_the_start(problem: Problem) -> None:
    gap = problem.initial_gap()
    assert gap.value == pytest.approx(float(problem.value(first_start(problem))[0]) - problem.infimum.value)
    assert gap.value > 0 and gap.kind == problem.infimum.kind


@every_noisy
def test_noise_has_the_declared_moments(problem: Problem) -> None:
    check_noise(problem)


@every_noisy
def test_samples_differ_by_step_and_seed_and_repeat(problem: Problem) -> None:
    first = problem.sample(Draw([1, 2, 1], 0))
    assert torch.equal(first[0], first[2]) and not torch.equal(first[0], first[1])
    assert torch.equal(first, problem.sample(Draw([1, 2, 1], 0)))
    assert not torch.equal(first, problem.sample(Draw([1, 2, 1], 1)))


@pytest.mark.parametrize("problem", [p for p in NOISY if not isinstance(p, Noisy)], ids=pair_name)
def test_minibatches_are_means_of_single_gradients_with_their_probabilities(problem: Any) -> None:
    runs = 300
    sample = problem.sample(Draw(range(runs), 0))
    assert sample.shape == (runs, problem.batch_size)
    _, chances = single_samples(problem)
    counts = torch.bincount(sample.flatten(), minlength=len(chances)).double()
    expected = sample.numel() * chances
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    spread = 2 * len(chances) + float((1 / expected).sum())  # of χ², with the share of rare samples
    assert len(counts) == len(chances) and abs(chi_square - len(chances)) < 5 * math.sqrt(spread)
    x = around(problem, 2)
    whole = problem.gradient(x, sample[:2])
    for run in range(2):
        here = map_layers(lambda a: a[run : run + 1], x)  # noqa: B023
        singles = problem.gradient(repeat(here, problem.batch_size), sample[run].unsqueeze(-1))
        mean = map_layers(lambda a: a.mean(0), singles)
        off = subtract(map_layers(lambda a: a[run], whole), mean)  # noqa: B023
        assert float(norm2(off, problem.core_ndim)) < 1e-13


@pytest.mark.parametrize("problem", EXACT_GRADIENTS, ids=pair_name)
def test_problems_without_noise_say_so(problem: Problem) -> None:
    x = first_start(problem)
    assert problem.sample(Draw([0], 0)) is None and problem.noise_std_at(x) is None
    assert float(norm2(subtract(problem.gradient(x), problem.true_gradient(x)), problem.core_ndim)[0]) == 0
    with pytest.raises(ValueError, match="exact gradients only"):
        problem.gradient(x, torch.zeros(1, 1, dtype=torch.int64))


@every_problem
def test_a_batch_is_a_loop(problem: Problem) -> None:
    x = around(problem, 6)
    sample = problem.sample(Draw(range(6), 3))
    noise = problem.noise_std_at(x)
    grid = map_layers(lambda a: a.reshape(2, 3, *a.shape[1:]), x)
    assert torch.allclose(problem.value(grid).flatten(), problem.value(x), rtol=1e-12, atol=1e-14)
    for run in range(6):

        def one(a: Tensor, run: int = run) -> Tensor:
            return a[run : run + 1]

        alone = map_layers(one, x)
        assert torch.allclose(problem.value(alone)[0], problem.value(x)[run], rtol=1e-12, atol=1e-14)
        for whole, single in (
            (problem.true_gradient(x), problem.true_gradient(alone)),
            (problem.gradient(x, sample), problem.gradient(alone, None if sample is None else one(sample))),
        ):
            off = subtract(map_layers(one, whole), single)
            assert float(norm2(off, problem.core_ndim)[0]) < 1e-12 * (1 + float(norm2(single, problem.core_ndim)[0]))
        if noise is not None:
            assert torch.allclose(problem.noise_std_at(alone)[0], noise[run], rtol=1e-10)


@pytest.mark.parametrize("problem", [p for p in PROBLEMS if not isinstance(p, CycleProblem)], ids=pair_name)
def test_shapes_and_dtypes_follow_the_point(problem: Problem) -> None:
    x = map_layers(lambda a: a.float(), around(problem, 3))
    for gradient in (problem.true_gradient(x), problem.gradient(x, problem.sample(Draw([0, 1, 2], 0)))):
        for point, slope in zip(*((e if isinstance(e, tuple) else (e,)) for e in (x, gradient)), strict=True):
            assert slope.shape == point.shape and slope.dtype == torch.float32
    assert problem.value(x).shape == (3,)
    wide = problem.value(map_layers(lambda a: a.double(), x))
    assert torch.allclose(problem.value(x).double(), wide, rtol=1e-4, atol=1e-5)


@every_problem
def test_start_is_one_point_repeated(problem: Problem) -> None:
    again = next(p for p in type(problem).shipped() if p.name == problem.name)
    runs = 1 if isinstance(problem, CycleProblem) else 3
    first, second = problem.start(runs), again.start(runs)
    assert norm2(subtract(first, second), problem.core_ndim).max() == 0
    assert batch_shape(first, problem.core_ndim) == (runs,)
    spread = subtract(first, map_layers(lambda a: a[:1].expand_as(a), first))
    assert norm2(spread, problem.core_ndim).max() == 0
    layers = first if isinstance(first, tuple) else (first,)
    assert all(layer.dtype == torch.float64 for layer in layers)
    layers[0].add_(1.0)  # a start is the caller's own
    assert norm2(subtract(problem.start(runs), second), problem.core_ndim).max() == 0
    with pytest.raises(ValueError):
        problem.start(0)


def test_noisy_fits_the_balls_of_its_problem() -> None:
    inside = Huber.shipped()[0]
    assert Noisy(inside, 0.1).balls() == inside.balls()


UPPER_PAIRS = [(p, ball) for p, ball in PAIRS if p.smoothness(ball).kind == "upper"]


@pytest.mark.parametrize(("problem", "ball"), UPPER_PAIRS, ids=pair_name)
def test_upper_bounds_are_of_some_use(problem: Problem, ball: NormBall) -> None:
    """A search comes within a factor of 6 of every proved bound."""
    assert largest_ratio(problem, ball) > problem.smoothness(ball).value / 6

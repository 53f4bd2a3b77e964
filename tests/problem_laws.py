"""The laws of a `Problem` as functions that raise AssertionError, and what they are tried on."""

from __future__ import annotations

import functools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from experiments.problems import Problem, shipped
from experiments.problems.base import lipschitz_ratio
from experiments.problems.bigram import Bigram
from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.problems.digits_network import DigitsNetwork
from experiments.problems.digits_softmax import DigitsSoftmax
from experiments.problems.hard.saturated import Saturated
from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.problems.noisy import Noisy
from experiments.problems.shifted import Shifted
from lmo.balls import L1, L2, LInf, Lp, NormBall, Nuclear, RmsToRms, Scaled
from lmo.elements import Element, add_scaled, batch_shape, inner, map_layers, norm2, scaled, subtract
from lmo.randomness import Draw

PROVED = 1e-9  # relative rounding allowed to a search before it refutes a proved constant
ATTAINED = 1e-6  # how near a search must come to an exact constant
PROBLEMS = shipped()
NOISY = [problem for problem in PROBLEMS if problem.noise_std is not None]
EXACT_GRADIENTS = [problem for problem in PROBLEMS if problem.noise_std is None]
EXTRA_BALLS: dict[type[Problem], list[NormBall]] = {
    DiagonalQuadratic: [Lp(1.5), Lp(2.0), Lp(6.0), Scaled(L2(), 3.0)],
    MatrixQuadratic: [Scaled(RmsToRms(), 0.5), Scaled(Nuclear(), 2.0)],
    DigitsSoftmax: [Lp(1.5, core_ndim=2), Lp(3.0, core_ndim=2), Scaled(LInf(core_ndim=2), 0.1)],
}
# A minibatch problem has the objective of its exact twin: one search serves both.
PAIRS = [
    (problem, ball) for problem in EXACT_GRADIENTS for ball in problem.balls() + EXTRA_BALLS.get(type(problem), [])
]
EXACT_PAIRS = [(problem, ball) for problem, ball in PAIRS if problem.smoothness(ball).kind == "exact"]


def pair_name(value: Any) -> str | None:
    return value.name if isinstance(value, (Problem, NormBall)) else None


every_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=pair_name)
every_noisy = pytest.mark.parametrize("problem", NOISY, ids=pair_name)
every_pair = pytest.mark.parametrize(("problem", "ball"), PAIRS, ids=pair_name)
SOFTMAX = next(p for p in PROBLEMS if isinstance(p, DigitsSoftmax) and p.batch_size is None)
NETWORK = next(p for p in PROBLEMS if isinstance(p, DigitsNetwork) and p.batch_size is None)


# --- elements ---------------------------------------------------------------------------------------------------------


def random_element(problem: Problem, runs: int | tuple[int, ...], source: torch.Generator) -> Any:
    batch = (runs,) if isinstance(runs, int) else runs

    def one(shape: tuple) -> Tensor:
        return torch.randn(*batch, *shape, generator=source, dtype=torch.float64)

    if isinstance(problem.core_ndim, tuple):
        return tuple(one(shape) for shape in problem.shape)
    return one(problem.shape)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def joined(*elements: Element) -> Any:
    return map_layers(lambda *layers: torch.cat(layers), *elements)


def repeat(x: Element, times: int) -> Any:
    return map_layers(lambda a: a.repeat_interleave(times, 0), x)


def first_start(problem: Problem) -> Any:
    return problem.start(1)


def around(problem: Problem, runs: int, seed: int = 0) -> Any:
    """Random points near the start, at several distances."""
    scales = torch.logspace(-2, 0.5, runs, dtype=torch.float64)
    return add_scaled(
        repeat(first_start(problem), runs), random_element(problem, runs, generator(seed)), scales, problem.core_ndim
    )


def split_weights(t: float = 4.0) -> Tensor:
    """Weights that give every digit the probabilities (½, ½, 0, …) up to e^{−t‖x‖₁}."""
    weights = torch.full((1, *DigitsSoftmax.shape), -t, dtype=torch.float64)
    weights[:, :2] = 0
    return weights


def a_minimiser(problem: Problem) -> Any:
    """A point where an exact infimum is attained."""
    if isinstance(problem, Saturated):
        return torch.tensor([[-1.0, 0.0]], dtype=torch.float64)
    if isinstance(problem, Bigram):
        return problem.truth.unsqueeze(0)
    if isinstance(problem, Shifted):
        return -problem.problem.start(1)
    return map_layers(torch.zeros_like, first_start(problem))


# --- the laws, as functions that raise AssertionError -----------------------------------------------------------------


def check_gradient(problem: Problem) -> None:
    """⟨∇f, d⟩ is the central difference of f, along random directions and single coordinates."""
    x = repeat(around(problem, 6), 6)
    d = random_element(problem, 36, generator(1))
    mask = random_element(problem, 36, generator(2))
    sparse = map_layers(lambda a, m: a * (m.abs() > 1.5), d, mask)
    odd = torch.arange(36) % 2 == 1
    d = map_layers(lambda a, s: torch.where(odd.reshape(-1, *[1] * (a.ndim - 1)), s, a), d, sparse)
    d = scaled(d, 1 / norm2(d, problem.core_ndim).clamp(min=1e-3), problem.core_ndim)
    h = 1e-5
    ahead, behind = (problem.value(add_scaled(x, d, s, problem.core_ndim)) for s in (h, -h))
    slope = inner(problem.true_gradient(x), d, problem.core_ndim)
    scale = norm2(problem.true_gradient(x), problem.core_ndim) + 1e-3
    assert ((ahead - behind) / (2 * h) - slope).abs().div(scale).max() < 1e-6


def anchors(problem: Problem) -> Any:
    """Where to look for a large Lipschitz ratio: the start, zero, points around, and what is known of the problem."""
    few = 3 if problem.heavy else 8
    start = first_start(problem)
    points = [start, around(problem, few, seed=3)]
    if isinstance(problem, DigitsNetwork):  # estimates speak of the neighbourhood of the start only
        points[1] = map_layers(lambda a: a[:2], points[1])
    elif isinstance(problem, DigitsSoftmax):
        points = [split_weights(), *points, 0.3 * random_element(problem, few, generator(4))]
    else:
        points += [map_layers(torch.zeros_like, start), random_element(problem, few, generator(4))]
    return joined(*points)


def per_run(mask: Tensor, yes: Element, no: Element) -> Any:
    """`yes` in the runs of the mask, else `no`."""
    return map_layers(lambda a, b: torch.where(mask.reshape(-1, *[1] * (a.ndim - 1)), a, b), yes, no)


def mixed_directions(problem: Problem, runs: int, source: torch.Generator) -> Any:
    """Random elements: a third normal, a third of one sign, a third with few large entries."""
    d = random_element(problem, runs, source)
    third = torch.arange(runs) % 3
    d = per_run(third == 1, map_layers(torch.abs, d), d)
    return per_run(third == 2, map_layers(lambda a: a**9, d), d)


def single_entries(problem: Problem) -> Any:
    """Every unit vector, as a batch; for single tensors."""
    size = math.prod(problem.shape)
    return torch.eye(size, dtype=torch.float64).reshape(size, *problem.shape)


def central_ratio(problem: Problem, ball: NormBall, x: Element, d: Element, h: float) -> tuple[Tensor, Any]:
    """The Lipschitz ratios of the pairs x ± hd, and the change of gradient."""
    ahead, behind = (add_scaled(x, d, s, problem.core_ndim) for s in (h, -h))
    change = subtract(problem.true_gradient(ahead), problem.true_gradient(behind))
    return ball.dual_norm(change) / ball.norm(subtract(ahead, behind)), change


@functools.cache  # it does not look at the declared constants, so the tests that plant wrong ones share it
def largest_ratio(problem: Problem, ball: NormBall) -> float:
    """The largest Lipschitz ratio of random pairs, of pairs along vertices of the ball, and after an ascent from them.

    The ascent replaces d by the unit element on which the change of gradient along d is largest: power iteration.
    """
    directions, rounds = (6, 8) if problem.heavy else (12, 80)
    source = generator(0)
    points = anchors(problem)
    count = batch_shape(points, problem.core_ndim)[0]
    found = []
    for shift in range(1, min(count, 4)):
        found.append(lipschitz_ratio(problem, ball, points, map_layers(lambda a: a.roll(shift, 0), points)))  # noqa: B023
    x, runs = repeat(points, directions), count * directions
    for h, times in ((2e-5, rounds), (0.2, rounds // 4)):
        d = ball.lmo(mixed_directions(problem, runs, source))
        for _ in range(times):
            ratio, change = central_ratio(problem, ball, x, d, h)
            found.append(ratio)
            d = ball.lmo(change)
            still = ball.norm(d) == 0  # the gradient does not change along d: go on at random
            d = per_run(still, ball.lmo(random_element(problem, runs, source)), d)
    if isinstance(ball, L1):  # its ascent stops at any entry that beats the rest of its row of the Hessian
        for entries in single_entries(problem).split(128):
            found.append(central_ratio(problem, ball, repeat(points[:1], len(entries)), entries, 2e-5)[0])
    return float(torch.cat(found).max())


def check_smoothness(problem: Problem, ball: NormBall) -> None:
    """No pair found has a larger ratio than declared; one comes near where the constant is exact."""
    known, found = problem.smoothness(ball), largest_ratio(problem, ball)
    assert found <= known.value * (1 + PROVED), f"{found} > {known}"
    if known.kind == "exact":
        assert found >= known.value * (1 - ATTAINED), f"only {found} found of {known}"


def check_infimum(problem: Problem) -> None:
    """f ≥ inf f on random points and down the gradient; attained where exact."""
    x = joined(around(problem, 20), random_element(problem, 20, generator(5)))
    values = [problem.value(x)]
    for size in (0.1, 1.0, 10.0):
        values.append(problem.value(add_scaled(x, problem.true_gradient(x), -size, problem.core_ndim)))
    assert torch.stack(values).min() >= problem.infimum.value - 1e-14
    if problem.infimum.kind == "exact":
        assert float(problem.value(a_minimiser(problem))[0]) == pytest.approx(problem.infimum.value, abs=1e-14)


def single_samples(problem: Any) -> tuple[Tensor, Tensor]:
    """Every sample of size one, as a batch, and its probability."""
    if isinstance(problem, Bigram):
        return torch.arange(len(problem.pair_frequency)).unsqueeze(-1), problem.pair_frequency
    return torch.arange(problem.size).unsqueeze(-1), torch.full((problem.size,), 1 / problem.size, dtype=torch.float64)


def check_noise(problem: Any) -> None:
    """The mean of the stochastic gradients is ∇f, their exact second moment `noise_std_at`², at most `noise_std`²."""
    for x in (first_start(problem), map_layers(lambda a: a[3:4], around(problem, 5))):
        true, std = problem.true_gradient(x), float(problem.noise_std_at(x)[0])
        if isinstance(problem, Noisy):
            runs = 40_000
            sample = problem.sample(Draw(range(runs), 0))
            noise = subtract(problem.gradient(repeat(x, runs), sample), true)
            squares = norm2(noise, problem.core_ndim) ** 2
            entries = noise.numel() // runs
            mean_size = float(norm2(noise.mean(0, keepdim=True), problem.core_ndim)[0])
            assert mean_size < 5 * std / math.sqrt(runs)
            spread = math.sqrt(2 / (entries * runs))  # relative standard deviation of the mean of ‖ξ‖²
            assert float(squares.mean()) == pytest.approx(std**2, rel=5 * spread)
        else:
            sample, chances = single_samples(problem)
            noise = subtract(problem.gradient(repeat(x, len(sample)), sample), true)
            mean = map_layers(lambda a: torch.tensordot(chances, a, 1).unsqueeze(0), noise)  # noqa: B023
            assert float(norm2(mean, problem.core_ndim)[0]) < 1e-12
            variance = float(norm2(noise, problem.core_ndim) ** 2 @ chances) / problem.batch_size
            assert variance == pytest.approx(std**2, rel=1e-10)
    near = 10 if problem.noise_std.kind == "estimate" else 20
    assert problem.noise_std_at(around(problem, 20))[:near].max() <= problem.noise_std.value * (1 + 1e-12)

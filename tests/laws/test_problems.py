"""Every law of `Problem`, for every shipped problem in every ball that fits it; and that each law can fail."""

from __future__ import annotations

import functools
import inspect
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from experiments.problems import Known, Problem, catalogue, shipped
from experiments.problems.base import lipschitz_ratio
from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.problems.digits_network import DigitsNetwork
from experiments.problems.digits_softmax import DigitsSoftmax, digits, largest_form
from experiments.problems.hard.cycles import CycleProblem, long_cycle, two_cycle
from experiments.problems.hard.huber import Huber
from experiments.problems.hard.saturated import Saturated
from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.problems.noisy import Noisy
from experiments.problems.ridge import Ridge
from lmo.balls import L1, L2, Frobenius, LInf, Lp, MaxColumn, MaxRow, NormBall, Nuclear, RmsToRms, Scaled, Spectral
from lmo.elements import Element, add_scaled, batch_shape, inner, map_layers, norm2, scaled, subtract
from lmo.method import Method
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


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Any:
    """Small tensors: more threads only wait for each other, badly so on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
        points += [0.0 * start, random_element(problem, few, generator(4))]
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


def single_samples(problem: Any) -> Tensor:
    """Every sample of size one, as a batch."""
    return torch.arange(problem.size).unsqueeze(-1)


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
            sample = single_samples(problem)
            noise = subtract(problem.gradient(repeat(x, len(sample)), sample), true)
            mean = map_layers(lambda a: a.mean(0, keepdim=True), noise)
            assert float(norm2(mean, problem.core_ndim)[0]) < 1e-12
            variance = float((norm2(noise, problem.core_ndim) ** 2).mean()) / problem.batch_size
            assert variance == pytest.approx(std**2, rel=1e-10)
    near = 10 if problem.noise_std.kind == "estimate" else 20
    assert problem.noise_std_at(around(problem, 20))[:near].max() <= problem.noise_std.value * (1 + 1e-12)


# --- and that they hold -----------------------------------------------------------------------------------------------


def test_every_problem_is_shipped() -> None:
    assert {type(problem) for problem in PROBLEMS} == set(catalogue())
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
def test_minibatches_are_uniform_means_of_single_gradients(problem: Any) -> None:
    runs = 300
    sample = problem.sample(Draw(range(runs), 0))
    assert sample.shape == (runs, problem.batch_size)
    counts = torch.bincount(sample.flatten(), minlength=problem.size).double()
    expected = sample.numel() / problem.size
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    assert len(counts) == problem.size and abs(chi_square - problem.size) < 5 * math.sqrt(2 * problem.size)
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


# --- each law can fail ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("problem", "ball"), EXACT_PAIRS, ids=pair_name)
def test_a_wrong_exact_constant_is_caught(problem: Problem, ball: NormBall, monkeypatch: pytest.MonkeyPatch) -> None:
    right = problem.smoothness(ball)
    for wrong in (0.5, 0.9999, 1.0001):
        planted = right._replace(value=right.value * wrong)
        monkeypatch.setattr(problem, "smoothness", lambda _, planted=planted: planted)
        with pytest.raises(AssertionError):
            check_smoothness(problem, ball)


UPPER_PAIRS = [(p, ball) for p, ball in PAIRS if p.smoothness(ball).kind == "upper"]


@pytest.mark.parametrize(("problem", "ball"), UPPER_PAIRS, ids=pair_name)
def test_upper_bounds_are_of_some_use(problem: Problem, ball: NormBall) -> None:
    """A search comes within a factor of 6 of every proved bound."""
    assert largest_ratio(problem, ball) > problem.smoothness(ball).value / 6


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


# --- constants again, by another way ----------------------------------------------------------------------------------


def ratio_along(problem: Problem, ball: NormBall, x: Tensor, direction: Tensor) -> float:
    return float(central_ratio(problem, ball, x, direction, 2e-5)[0].max())


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 2.5, 3.0, 6.0, math.inf])
def test_diagonal_quadratic_is_as_steep_as_holder_says(p: float) -> None:
    """For p > 2 the maximiser of Σ a_j x_j² on the ℓp sphere is x_j = a_j^{1/(p−2)}, for p ≤ 2 a coordinate."""
    a = torch.tensor([0.3, 2.0, 0.7, 1.1], dtype=torch.float64)
    problem = DiagonalQuadratic(a, torch.ones(4))
    ball: NormBall = L1() if p == 1 else LInf() if p == math.inf else L2() if p == 2 else Lp(p)
    best = (a == a.max()).double() if p <= 2 else torch.ones(4).double() if p == math.inf else a ** (1 / (p - 2))
    known = problem.smoothness(ball)
    assert known.kind == "exact"
    assert ratio_along(problem, ball, torch.zeros(1, 4).double(), best) == pytest.approx(known.value, rel=1e-10)


@pytest.mark.parametrize(
    "ball", [Spectral(), Frobenius(), Nuclear(), RmsToRms(), Scaled(Spectral(), 0.3)], ids=pair_name
)
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
def test_matrix_quadratic_is_attained_on_eigenvectors(ball: NormBall, shape: tuple[int, int]) -> None:
    roots = [torch.randn(n, n, generator=generator(n), dtype=torch.float64) for n in shape]
    left, right = (root @ root.T for root in roots)
    problem = MatrixQuadratic(left, right, torch.ones(shape))
    u, v = (torch.linalg.eigh(matrix).eigenvectors.flip(1) for matrix in (left, right))
    rank = 1 if isinstance(ball, (Frobenius, Nuclear)) else min(shape)
    best = (u[:, :rank] @ v[:, :rank].T).unsqueeze(0)
    known = problem.smoothness(ball)
    assert known.kind == "exact"
    assert ratio_along(problem, ball, torch.zeros_like(best), best) == pytest.approx(known.value, rel=1e-9)


def test_matrix_quadratic_of_the_table_has_unit_smoothness_and_the_given_gap() -> None:
    problem = MatrixQuadratic.of_the_table()
    assert problem.smoothness(Spectral()).value == pytest.approx(1.0)
    assert problem.initial_gap().value == pytest.approx(4.5)


SOFTMAX = next(p for p in PROBLEMS if isinstance(p, DigitsSoftmax) and p.batch_size is None)
NETWORK = next(p for p in PROBLEMS if isinstance(p, DigitsNetwork) and p.batch_size is None)


@pytest.mark.parametrize(
    ("ball", "share"),
    [
        (L1(core_ndim=2), 1.0),
        (Frobenius(), 1.0),
        (LInf(core_ndim=2), 1.0),
        (Lp(3.0, core_ndim=2), 1.0),
        (Lp(4.0, core_ndim=2), 1.0),
        (Lp(1.5, core_ndim=2), 0.79),
        (Nuclear(), 1.0),
        (MaxColumn(), 1.0),
        (MaxRow(), 0.69),
        (Spectral(), 0.76),
        (RmsToRms(), 0.76),
    ],
    ids=pair_name,
)
def test_softmax_is_attained_between_two_classes(ball: NormBall, share: float) -> None:
    """Rows v, −v at equal probabilities of two classes: all of L where it is exact, a stated share where it is not."""
    x = digits().pixels
    moments = x.T @ x / len(x)
    p = {L1: 1.0, LInf: math.inf, MaxColumn: math.inf}.get(type(ball), getattr(ball, "p", 2.0))
    if p == 1:
        v = torch.eye(64, dtype=torch.float64)[moments.diagonal().argmax()]
    elif p == math.inf:
        v = torch.ones(64, dtype=torch.float64)
    else:
        v = torch.linalg.eigh(moments).eigenvectors[:, -1].abs()
        for _ in range(100 if p > 2 else 0):
            v = (moments @ v) ** (1 / (p - 1))
            v = v / v.norm()
    direction = torch.zeros(1, *SOFTMAX.shape, dtype=torch.float64)
    direction[0, 0], direction[0, 1] = v, -v
    known = SOFTMAX.smoothness(ball)
    found = ratio_along(SOFTMAX, ball, split_weights(), direction / ball.norm(direction)) / known.value
    assert known.kind == ("exact" if share == 1 else "upper")
    assert share * (1 - ATTAINED) <= found <= 1 + PROVED


@pytest.mark.parametrize("p", [2.0, 2.2, 3.0, 10.0, 100.0])
def test_largest_form_is_above_every_vector_and_reached(p: float) -> None:
    root = torch.rand(6, 8, generator=generator(7), dtype=torch.float64)
    matrix = root @ root.T
    bound, tight = largest_form(matrix, p, 2000)
    s = torch.rand(20_000, 6, generator=generator(8), dtype=torch.float64) ** (2 / p)
    s = s / torch.linalg.vector_norm(s, ord=p, dim=-1, keepdim=True)
    forms = ((s @ matrix) * s).sum(-1)
    assert tight and 0.97 * bound < forms.max() <= bound * (1 + 1e-12)
    if p == 2:
        assert bound == pytest.approx(float(torch.linalg.eigvalsh(matrix)[-1]))
    early, early_tight = largest_form(matrix, p, 1)
    assert early >= bound * (1 - 1e-12) and (early_tight or early > bound)
    assert largest_form(torch.zeros(2, 2, dtype=torch.float64), p) == (0.0, True)


def test_softmax_is_what_torch_computes() -> None:
    images = digits()
    x = random_element(SOFTMAX, 1, generator(9))
    expected = torch.nn.functional.cross_entropy(images.pixels @ x[0].T, images.targets.argmax(-1))
    assert float(SOFTMAX.value(x)[0]) == pytest.approx(float(expected), rel=1e-12)
    assert float(SOFTMAX.value(SOFTMAX.start(1))[0]) == pytest.approx(math.log(10))
    shifted = x + torch.randn(64, generator=generator(1), dtype=torch.float64)
    assert float(SOFTMAX.value(shifted)[0]) == pytest.approx(float(SOFTMAX.value(x)[0]), rel=1e-12)


def test_softmax_noise_bound_is_not_loose() -> None:
    """Confident wrong answers come near ‖p − y‖² = 2."""
    problem = DigitsSoftmax(batch_size=64)
    worst = problem.noise_std_at(100 * random_element(problem, 20, generator(2)))
    assert worst is not None and problem.noise_std is not None
    assert 0.85 < float(worst.max()) / problem.noise_std.value <= 1


def test_softmax_noise_shrinks_with_the_batch() -> None:
    x = random_element(SOFTMAX, 2, generator(0))
    one, many = (DigitsSoftmax(batch_size=b, samples=100) for b in (1, 16))
    assert torch.allclose(one.noise_std_at(x), 4 * many.noise_std_at(x))  # type: ignore[arg-type, operator]
    assert one.noise_std.value == pytest.approx(4 * many.noise_std.value)  # type: ignore[union-attr]


def test_softmax_on_few_images_is_its_own_problem() -> None:
    few = DigitsSoftmax(samples=7)
    assert few.size == 7 and "7 images" in few.name
    check_gradient(few)
    check_infimum(few)
    for ball in few.balls():
        check_smoothness_upper = largest_ratio(few, ball) / few.smoothness(ball).value
        assert check_smoothness_upper <= 1 + PROVED


def test_network_is_what_torch_computes() -> None:
    x = NETWORK.start(1)
    images = digits(400)
    logits = torch.tanh(images.pixels @ x[0][0].T) @ x[1][0].T
    expected = torch.nn.functional.cross_entropy(logits, images.targets.argmax(-1))
    assert float(NETWORK.value(x)[0]) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("ball", NETWORK.balls(), ids=pair_name)
def test_network_estimates_hold_on_stochastic_runs(ball: NormBall) -> None:
    """On runs that the estimates did not see: noisy, longer, other step sizes."""
    from lmo.oracles import Exact

    problem = DigitsNetwork(batch_size=32)
    assert problem.smoothness(ball).kind == "estimate" and problem.noise_std.kind == "estimate"  # type: ignore[union-attr]
    method = Method(Exact(ball))
    sizes = torch.tensor([0.15, 0.07, 0.03], dtype=torch.float64)
    state = method.init(problem.start(3))
    for k in range(60):
        before = state.x
        sample = problem.sample(Draw([1, 2, 3], k))
        state, _ = method.step(state, problem.gradient(state.x, sample), step_size=sizes)
        assert lipschitz_ratio(problem, ball, state.x, before).max() <= problem.smoothness(ball).value
        assert problem.noise_std_at(state.x).max() <= problem.noise_std.value  # type: ignore[union-attr]
    assert problem.value(state.x).max() < problem.value(problem.start(1))[0]


def test_network_estimates_repeat() -> None:
    ball = NETWORK.balls()[0]
    again = DigitsNetwork()
    assert again.smoothness(ball) == NETWORK.smoothness(ball) and again.smoothness(ball) is again.smoothness(ball)
    assert again.euclidean_smoothness() == NETWORK.euclidean_smoothness()


def test_a_proved_constant_is_not_replaced_by_an_estimate() -> None:
    class Half(DiagonalQuadratic):
        def euclidean_smoothness(self) -> Known:
            return Known(0.1, "estimate", "measured")

        def special_smoothness(self, ball: NormBall) -> Known | None:
            return Known(1.0, "upper", "proved") if isinstance(ball, L1) else None

    problem = Half([1.0, 1.0], [1.0, 1.0])
    assert problem.smoothness(L1()) == Known(1.0, "upper", "proved")
    assert problem.smoothness(L2()).kind == "estimate"
    assert problem.smoothness(LInf()).value == pytest.approx(0.2)


# --- the constructions with an adversary ------------------------------------------------------------------------------


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


# --- bad input --------------------------------------------------------------------------------------------------------

EYE = torch.eye(2)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: DiagonalQuadratic([1.0, -1.0], [1.0, 1.0]), "`curvatures` must be a vector of numbers >= 0"),
        (lambda: DiagonalQuadratic([1.0], [1.0, 1.0]), "`start` a vector of the same length"),
        (lambda: DiagonalQuadratic([1.0, math.nan], [1.0, 1.0]), "`curvatures` must be non-empty and finite"),
        (lambda: DiagonalQuadratic([], []), "`curvatures` must be non-empty and finite"),
        (lambda: MatrixQuadratic([[1.0, 1.0], [0.0, 1.0]], EYE, EYE), "`left` must be a symmetric matrix"),
        (lambda: MatrixQuadratic(EYE, -EYE, EYE), "`right` must be positive semidefinite"),
        (lambda: MatrixQuadratic(EYE, EYE, torch.ones(3, 2)), "`start` must have shape"),
        (lambda: Ridge([0.0], torch.ones(1, 2), torch.ones(2)), "`heights` must be positive"),
        (lambda: Ridge([1.0], torch.ones(1, 3), torch.ones(2)), "`directions` of shape"),
        (lambda: Noisy(Ridge.shipped()[0], 0.0), "`std` must be a finite number > 0"),
        (lambda: Noisy(Noisy(Ridge.shipped()[0], 1.0), 1.0), "exact gradients"),
        (lambda: Noisy(DigitsNetwork(), 1.0), "single tensors"),
        (lambda: Huber(torch.ones(2), torch.ones(1), [two_cycle(0.5)], 5), "one entry per run"),
        (lambda: Huber.shipped()[0].start(2), "1 run"),
        (lambda: DigitsSoftmax(batch_size=0), "`batch_size` must be a whole number from 1 on, got 0"),
        (lambda: DigitsSoftmax(batch_size=2.5), "`batch_size` must be a whole number"),  # type: ignore[arg-type]
        (lambda: DigitsSoftmax(samples=0), "`samples` must be a whole number from 1 to 1797"),
        (lambda: DigitsSoftmax(samples=1798), "`samples` must be a whole number from 1 to 1797, got 1798"),
        (lambda: DigitsNetwork(hidden=0), "`hidden` must be a whole number from 1 on, got 0"),
        (lambda: DigitsNetwork(samples=-3), "`samples` must be a whole number"),
        (lambda: SOFTMAX.start(0), "`runs` must be at least 1, got 0"),
        (lambda: SOFTMAX.smoothness(LInf()), r"elements with core_ndim = 1, those of the problem .* have 2"),
        (lambda: NETWORK.smoothness(Spectral()), r"have \(2, 2\)"),
    ],
)
def test_bad_input_is_refused(make: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()

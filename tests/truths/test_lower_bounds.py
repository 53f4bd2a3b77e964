"""The constructions of the lower bounds against brute force: cycles, functions, gaps, and what their runs reach."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

from experiments.problems.hard.cycles import Cycle, CycleProblem, long_cycle, two_cycle
from experiments.problems.hard.huber import Huber
from experiments.problems.hard.saturated import Saturated
from experiments.run import run
from experiments.studies.lower_bounds import predicted
from lmo.balls import LInf
from lmo.method import Method
from lmo.oracles import measure

Make = Callable[[float], Cycle]
DELTAS = (0.0, 0.5, 0.75, 0.9)
STEPS = 2000
cycles = pytest.mark.parametrize("make", [two_cycle, long_cycle])
functions = pytest.mark.parametrize("kind", [Huber, Saturated])


# --- the cycles -------------------------------------------------------------------------------------------------------


def positions(cycle: Cycle, steps: int) -> np.ndarray:
    """Coordinate 2 in units of the step, as the sign and the script drive it."""
    x, seen = cycle.start, np.empty(steps)
    for k in range(steps):
        seen[k] = x
        x -= np.sign(x) * cycle.factors[k % len(cycle.factors)]
    return seen


@cycles
@pytest.mark.parametrize("delta", [0.0, 0.1, 1 / 3, 0.5, 0.75, 0.9, 0.97])
def test_the_mean_of_a_cycle_is_that_of_its_simulation(make: Make, delta: float) -> None:
    """Over as many steps as the studies run: it does not lose its beat to rounding."""
    cycle = make(delta)
    seen = np.abs(positions(cycle, 20_000))
    spread = 2 * cycle.peak * len(cycle.factors) / len(seen)  # an unfinished last period, and the 1e-9 of the start
    assert seen.mean() == pytest.approx(cycle.mean, abs=spread + 1e-8)
    assert seen.max() == pytest.approx(cycle.peak, abs=1e-6)
    assert seen[-1000:].mean() == pytest.approx(seen[:1000].mean(), abs=2 * cycle.peak * len(cycle.factors) / 1000)


def largest_mean(longest: int, shortest: int, parts: int) -> float:
    """The largest average of |x| under x ← x − sign(x)φ, φ of {shortest, …, longest}/parts, by value iteration."""
    size, answers = np.arange(longest + 1), np.arange(shortest, longest + 1)
    following = np.abs(size[:, None] - answers)
    values, rounds = np.zeros(len(size)), 3000
    for _ in range(rounds):
        values = size + values[following].max(1)
    return float(values.max()) / rounds / parts


@pytest.mark.parametrize(
    ("percent", "grid"), [(0, 20), (10, 20), (50, 20), (60, 20), (75, 20), (80, 20), (90, 40)], ids=str
)
def test_no_other_answers_make_one_coordinate_pay_more(percent: int, grid: int) -> None:
    """Among all sequences of answers of error at most δ, not those of one family alone, the long cycle is the best."""
    error = percent * grid // 100
    best = largest_mean(grid + error, grid - error, grid)
    assert long_cycle(percent / 100).mean == pytest.approx(best, abs=2e-3) and best < 1 + percent / 100


@pytest.mark.parametrize(
    ("delta", "mean", "two", "long"),
    [(0.5, 5 / 6, 3**0.5, 1.826), (0.75, 1.125, 7**0.5, 3.0), (0.9, 17 / 12, 19**0.5, 5.323)],
)
def test_published_values(delta: float, mean: float, two: float, long: float) -> None:
    """paper_notes.md, lower bounds: ā, √r of the two-cycle, √(2ā/(1−δ)) of the long one; D1 allows r."""
    assert long_cycle(delta).mean == pytest.approx(mean, rel=1e-12)
    assert predicted(two_cycle(delta), delta)[1] == pytest.approx(two, rel=1e-12)
    assert predicted(long_cycle(delta), delta)[1] == pytest.approx(long, abs=5e-4)
    assert two < long < (1 + delta) / (1 - delta)


# --- the functions ----------------------------------------------------------------------------------------------------


def tuned(
    kind: type[CycleProblem], makes: list[Make], deltas: list[float], steps: int = STEPS, **scale: float
) -> CycleProblem:
    """One run per cycle and δ, each with the step that is best as K → ∞: √(Δ/(LK))/√((1−δ)ā)."""
    gap, smoothness = scale.get("gap", 1.0), scale.get("smoothness", 1.0)
    played = [make(delta) for make, delta in zip(makes, deltas, strict=True)]
    best = [(gap / (smoothness * steps * (1 - d) * c.mean)) ** 0.5 for c, d in zip(played, deltas, strict=True)]
    return kind(
        torch.tensor(deltas, dtype=torch.float64), torch.tensor(best, dtype=torch.float64), played, steps, **scale
    )


def all_runs(kind: type[CycleProblem], **scale: float) -> CycleProblem:
    """Both cycles at every δ."""
    makes = [make for make in (two_cycle, long_cycle) for _ in DELTAS]
    return tuned(kind, makes, [*DELTAS, *DELTAS], **scale)


def visited(problem: CycleProblem, count: int = 400) -> Tensor:
    """Points (count, runs, 2) all along the slope and beyond its flat end, x₂ within and outside of its cycle."""
    source = torch.Generator().manual_seed(3)
    along, across = torch.rand(2, count, 1, generator=source, dtype=torch.float64)
    peak = torch.tensor([cycle.peak for cycle in problem.cycles]) * problem.step_size
    return torch.stack([(1.3 * along - 0.15) * problem.x1, (4 * across - 2) * peak], -1)


@functions
def test_gradients_along_the_run_are_finite_differences(kind: type[CycleProblem]) -> None:
    problem = all_runs(kind, gap=2.0, smoothness=3.0)
    x = visited(problem)
    gradient = problem.true_gradient(x)
    h = 1e-5 * problem.step_size
    for j in range(2):
        shift = torch.nn.functional.one_hot(torch.tensor(j), 2) * h.unsqueeze(-1)
        slope = (problem.value(x + shift) - problem.value(x - shift)) / (2 * h)
        error = (slope - gradient[..., j]).abs() / gradient.abs().amax((0, 2))
        assert error.quantile(0.98) < 1e-6 and error.max() < 1e-4  # a pair may lie on both sides of a knee


def ratios(problem: CycleProblem, x: Tensor, y: Tensor) -> Tensor:
    """‖∇f(x) − ∇f(y)‖₁/‖x − y‖_∞."""
    change = (problem.true_gradient(x) - problem.true_gradient(y)).abs().sum(-1)
    return change / (x - y).abs().amax(-1)


@functions
def test_smoothness_is_never_exceeded_and_approached(kind: type[CycleProblem]) -> None:
    problem = all_runs(kind, gap=2.0, smoothness=3.0)
    x, source = visited(problem, 4000), torch.Generator().manual_seed(5)
    x[::4, :, 0] *= 1e-3  # where the slope ends
    largest = torch.zeros(len(problem.cycles), dtype=torch.float64)
    for size in (1e-6, 1e-3, 0.1, 1.0):
        d = 2 * torch.rand(x.shape, generator=source, dtype=torch.float64) - 1
        d[::2] = d[::2].sign()  # corners of the ball
        largest = torch.maximum(largest, ratios(problem, x, x + size * problem.step_size.unsqueeze(-1) * d).amax(0))
    assert (largest <= 3.0 * (1 + 1e-8)).all()
    assert (largest >= 3.0 * (1 - (1e-6 if kind is Huber else 1e-2))).all()


@functions
@cycles
def test_the_gap_is_that_to_a_minimum_found_by_search(kind: type[CycleProblem], make: Make) -> None:
    for delta in DELTAS:
        problem = tuned(kind, [make], [delta], steps=400, gap=2.0, smoothness=3.0)
        scale = problem.start(1)[0].abs().clamp(min=float(problem.step_size)).numpy()

        def f(x: np.ndarray) -> tuple[float, np.ndarray]:
            point = torch.tensor(x * scale).unsqueeze(0)  # noqa: B023
            value, slope = problem.value(point)[0], problem.true_gradient(point)[0]  # noqa: B023
            return float(value), slope.numpy() * scale  # noqa: B023

        starts = np.array([[1.0, 1.0], [0.3, -1.0], [0.01, 0.1], [-0.5, 0.5]])
        lowest = min(minimize(f, s, jac=True, method="L-BFGS-B", options={"ftol": 1e-15}).fun for s in starts)
        assert float(problem.value(problem.start(1))[0]) - lowest == pytest.approx(2.0, rel=1e-6)
        assert lowest >= problem.infimum.value - 1e-12


# --- the runs ---------------------------------------------------------------------------------------------------------


def norms(problem: CycleProblem) -> np.ndarray:
    """‖∇f(x_k)‖₁, (run, step)."""
    method, seeds = Method(problem.oracle()), np.zeros(len(problem.cycles), dtype=int)
    data = run(problem, method, steps=problem.steps, step_size=problem.step_size, seeds=seeds, record="metric")
    return data["gradient_norm"].values


@pytest.fixture(scope="module", params=[Huber, Saturated], ids=["Huber", "saturated"])
def played(request: pytest.FixtureRequest) -> tuple[CycleProblem, np.ndarray]:
    problem = all_runs(request.param)
    return problem, norms(problem)


def test_runs_reach_what_the_cycles_predict_and_stay_below_d1(played: tuple[CycleProblem, np.ndarray]) -> None:
    """At δ = 0.9 the steps are still long at K = 2000: the flat end of the slope costs 6 %."""
    problem, norm = played
    delta, step = problem.delta.numpy(), problem.step_size.numpy()
    unit = np.sqrt(2 / problem.steps)
    average = norm.mean(-1) / unit
    formula = np.array([np.sqrt(2 * c.mean / (1 - d)) for c, d in zip(problem.cycles, delta, strict=True)])
    lost = np.tile([0.013, 0.025, 0.04, 0.065], 2)
    assert (average > (1 - lost) * formula).all() and (average < formula).all()
    d1 = (1 / (step * problem.steps) + step * (1 + delta) ** 2 / 2) / (1 - delta) / unit
    assert (average <= d1 * (1 + 1e-12)).all() and (average[delta > 0] < 0.9 * d1[delta > 0]).all()


def test_a_two_cycle_keeps_the_minimum_as_large_as_the_average(played: tuple[CycleProblem, np.ndarray]) -> None:
    problem, norm = played
    two = norm[: len(DELTAS)]
    steady = two[:, : int(0.8 * problem.steps)]  # the end of the slope is flat in `Saturated`
    assert (steady.min(-1) > two.mean(-1) * (1 - 2e-2)).all()
    long = norm[len(DELTAS) + 1 :]
    assert (long.min(-1) < 0.75 * long.mean(-1)).all()


def test_the_average_of_huber_at_finite_k_is_its_slope_and_its_cycle(played: tuple[CycleProblem, np.ndarray]) -> None:
    problem, norm = played
    if not isinstance(problem, Huber):
        pytest.skip("only the slope of Huber is constant")
    s, l1, l2, x2 = (a.numpy() for a in (problem.slope, problem.l1, problem.l2, problem.x2))
    travelled = problem.step_size.numpy() * (1 - problem.delta.numpy()) * problem.steps
    np.testing.assert_allclose(s * travelled + s**2 / (2 * l1) + l2 * x2**2 / 2, 1.0, rtol=1e-12)
    mean = np.array([np.abs(positions(cycle, problem.steps)).mean() for cycle in problem.cycles])
    np.testing.assert_allclose(norm.mean(-1), s + l2 * problem.step_size.numpy() * mean, rtol=1e-9)


def test_without_error_d1_is_attained() -> None:
    """The tight instance: no bound below D1's value at δ = 0 can be true (paper_notes.md)."""
    problem = tuned(Saturated, [two_cycle], [0.0], steps=20_000)
    reached = norms(problem).mean() / np.sqrt(2 / problem.steps)
    assert 0.99997 < reached <= 1 + 1e-12


@cycles
def test_the_adversary_keeps_its_promise_and_uses_it_up(make: Make) -> None:
    problem = tuned(Huber, [make] * 4, list(DELTAS), steps=300)
    oracle = problem.oracle()
    promise, ball, method = oracle.promise(), LInf(), Method(oracle)
    state = method.init(problem.start(4))
    errors = []
    for _ in range(problem.steps):
        state, move = method.step(state, problem.true_gradient(state.x), step_size=problem.step_size)
        errors.append(torch.stack(measure(ball, move.fed, move.direction)[:3]))
    delta, epsilon, eta = torch.stack(errors, -1)
    assert torch.allclose(delta.amax(-1), problem.delta, atol=1e-12)
    for seen, promised in ((delta, promise.delta), (epsilon, promise.epsilon), (eta, promise.eta)):
        assert (seen.amax(-1) <= torch.as_tensor(promised) + 1e-12).all()
    assert torch.allclose(eta.amax(-1), problem.delta, atol=1e-12)
    assert torch.allclose(torch.as_tensor(promise.delta), problem.delta, atol=1e-12)

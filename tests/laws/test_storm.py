"""STORM: one sample's gradient at two points, as a momentum, in a method, in a run, and on problems that know L̄."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from problem_laws import PROBLEMS, anchors, around, pair_name, random_element, repeat, split_weights
from samples import elements

import bounds
from bounds import certificate
from experiments.problems import Problem
from experiments.problems.digits_network import DigitsNetwork
from experiments.problems.digits_softmax import DigitsSoftmax
from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.problems.multiplicative import Multiplicative
from experiments.problems.noisy import Noisy
from experiments.problems.ridge import Ridge
from experiments.run import run
from experiments.settings import known_constants, setting
from lmo import Draw, Method
from lmo.balls import Frobenius, LInf, NormBall, Spectral
from lmo.elements import add_scaled, map_layers, norm2, scaled, subtract
from lmo.momentum import Ema, Storm
from lmo.oracles import Exact
from lmo.testing.subject import gap

STORM, NOISY = bounds.theorems["storm"], Noisy(MatrixQuadratic.shipped()[0], 0.1)
SCALED = Multiplicative.shipped()[1]


def feed(gradients: list, before: list, alpha: Any, core_ndim: Any = 1) -> list:
    """What is fed at every step; before[0] is not used."""
    buffer, fed = None, []
    for k, gradient in enumerate(gradients):
        further = {"before": before[k]} if k else {}
        buffer, m = Storm().step(buffer, gradient, alpha, core_ndim, **further)
        fed.append(m)
    return fed


numbers = st.floats(-100, 100, allow_nan=False)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=10), st.floats(1e-3, 1))
def test_the_definition(pairs, alpha: float) -> None:
    fed = feed([torch.tensor([g]) for g, _ in pairs], [torch.tensor([b]) for _, b in pairs], alpha)
    m = pairs[0][0]
    for k, (g, b) in enumerate(pairs):
        m = m if k == 0 else (1 - alpha) * (m + g - b) + alpha * g
        assert float(fed[k]) == pytest.approx(m, rel=1e-4, abs=1e-3)


def test_special_cases() -> None:
    """α = 1 is no momentum; with the old gradients as `before` none is forgotten; with the new ones it is the EMA."""
    gradients = [elements((3,), k) for k in range(5)]
    assert all(torch.equal(m, g) for m, g in zip(feed(gradients, gradients[::-1], 1.0), gradients, strict=True))
    exact = feed(gradients, [gradients[0], *gradients[:-1]], 0.2)
    assert all(torch.allclose(m, g, atol=1e-14) for m, g in zip(exact, gradients, strict=True))
    buffer = None
    for m, g in zip(feed(gradients, gradients, 0.2), gradients, strict=True):
        buffer, mean = Ema().step(buffer, g, 0.2, 1)
        torch.testing.assert_close(m, mean, rtol=0, atol=1e-14)


def test_the_forms_of_alpha_agree_and_nothing_is_changed() -> None:
    alphas, runs = torch.tensor([0.1, 0.5, 1.0], dtype=torch.float64), 3
    pairs = [elements(((2, 3), (4,)), k, runs) for k in range(8)]
    kept = [map_layers(torch.clone, p) for p in pairs]
    per_run, per_layer = (feed(pairs[:4], pairs[4:], a, (2, 1)) for a in (alphas, (alphas, 0.7)))
    for r in range(runs):
        first, second = ([map_layers(lambda a, r=r: a[r], p) for p in half] for half in (pairs[:4], pairs[4:]))
        alone = feed(first, second, float(alphas[r]), (2, 1))
        last = feed([p[1] for p in first], [p[1] for p in second], 0.7, 1)
        for k in range(4):
            assert gap(map_layers(lambda a, r=r: a[r], per_run[k]), alone[k]) < 1e-14
            assert gap(per_layer[k][1][r], last[k]) < 1e-14
    assert all(gap(a, b) == 0 for a, b in zip(pairs, kept, strict=True))


def test_refusals_of_a_step() -> None:
    method, x = Method(Exact(Frobenius()), Storm()), elements((2, 2), 0)
    first, _ = method.step(method.init(x), x, step_size=0.1, alpha=0.5)
    with pytest.raises(ValueError, match="needs `gradient_before` from its second step on"):
        method.step(first, x, step_size=0.1, alpha=0.5)
    with pytest.raises(ValueError, match="at the first step, which has no previous iterate"):
        method.step(method.init(x), x, step_size=0.1, alpha=0.5, gradient_before=x)
    with pytest.raises(ValueError, match="NaN or infinite"):
        method.step(first, x, step_size=0.1, alpha=0.5, gradient_before=x * torch.nan)
    with pytest.raises(ValueError, match="must have one shape"):
        method.step(first, x, step_size=0.1, alpha=0.5, gradient_before=elements((2, 3), 0))
    with pytest.raises(ValueError, match="needs `before`"):
        Storm().step(x, x, 0.5, 2)


@pytest.mark.parametrize("problem", [NOISY, SCALED], ids=pair_name)
def test_columns_against_a_naive_run(problem: Any) -> None:
    """One run again with numpy: x, m, and the parts of m − ∇f from their own recursions."""
    steps, γ, α, seed = 20, 0.05, 0.2, 3
    data = run(problem, Method(Exact(Spectral()), Storm()), steps=steps, step_size=γ, alpha=α, seeds=[seed])
    nuclear = lambda a: np.linalg.svd(a, compute_uv=False).sum()  # noqa: E731
    at = lambda x, s=None: problem.gradient(torch.as_tensor(x)[None], s)[0].numpy()  # noqa: E731
    x, before, m, start, drift, noise = problem.start(1)[0].numpy(), None, None, None, None, None
    for k in range(steps):
        sample = problem.sample(Draw([seed], k))
        g, true = at(x, sample), at(x)
        if before is None:
            m, start, drift, noise = g, g - true, 0 * g, 0 * g
        else:
            g_before, true_before = at(before, sample), at(before)
            m = (1 - α) * (m + g - g_before) + α * g
            start, noise = (1 - α) * start, (1 - α) * noise + α * (g - true)
            drift = (1 - α) * (drift + (g - true) - (g_before - true_before))
        expected = {
            "fed_norm": nuclear(m), "error_norm": nuclear(m - true), "start_norm": nuclear(start),
            "drift_norm": nuclear(drift), "noise_norm": nuclear(noise), "noise_norm_2": np.linalg.norm(noise),
            "gradient_norm": nuclear(true),
        }  # fmt: skip
        for name, value in expected.items():
            assert data[name].values[0, k] == pytest.approx(value, rel=1e-9, abs=1e-11), (name, k)
        u, _, vt = np.linalg.svd(m, full_matrices=False)
        before, x = x, x - γ * u @ vt
    drifts = data["drift_norm"].values
    assert (drifts.max() > 1e-3) == (problem is SCALED)  # additive noise is the same at both points


def test_a_run_of_storm_does_not_depend_on_its_batch() -> None:
    seeds, sizes = np.array([5, 1, 5]), torch.tensor([0.02, 0.05, 0.1], dtype=torch.float64)

    def go(rows: list[int]) -> Any:
        method = Method(Exact(Spectral()), Storm())
        return run(SCALED, method, steps=15, step_size=sizes[rows], alpha=0.3, seeds=seeds[rows])

    whole = go([0, 1, 2])
    for rows in ([0], [2, 1]):
        for name, values in go(rows).data_vars.items():
            np.testing.assert_allclose(values.values, whole[name].values[rows], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 0.02], ids=["declared", "far too small"])
def test_a_wrong_mean_smoothness_is_seen_in_expectation(scale: float) -> None:
    """The drift of STORM has a bound in expectation alone; it is checked with a declared and with a wrong L̄."""
    ball = Frobenius()
    known, _ = known_constants(STORM, SCALED, ball, 60)
    data = run(SCALED, Method(Exact(ball), Storm()), steps=60, step_size=0.3, alpha=0.3, seeds=range(40))
    columns = {str(n): v.values for n, v in data.data_vars.items()}
    constants = known | {"alpha": 0.3, "step_size": 0.3, "epsilon": 0.0, "eta": 0.0}
    constants["mean_smoothness"] *= scale
    slack = certificate.expected_slacks(STORM, columns, constants)["drift"]
    spread = 6 * slack.std() / len(slack) ** 0.5
    assert slack.mean() > spread if scale == 1 else slack.mean() < -spread


# --- L̄ of problems ----------------------------------------------------------------------------------------------------

KNOWN = [(p, ball) for p in PROBLEMS for ball in p.balls()[:9] if not p.heavy and p.mean_smoothness(ball) is not None]


def mean_square_change(problem: Any, x: Any, y: Any) -> torch.Tensor:
    """E‖g(x, ξ) − g(y, ξ)‖₂², exactly: by the second moment of each sample's difference."""
    n = problem.core_ndim
    change = norm2(subtract(problem.true_gradient(x), problem.true_gradient(y)), n) ** 2
    if isinstance(problem, Multiplicative):
        return (1 + problem.scale**2) * change
    if isinstance(problem, DigitsSoftmax) and problem.batch_size is not None:
        sample = torch.arange(problem.size).unsqueeze(-1)
        singles = [subtract(*(problem.gradient(repeat(p[i : i + 1], problem.size), sample) for p in (x, y)))
                   for i in range(len(x))]  # fmt: skip
        second = torch.stack([(norm2(s, n) ** 2).mean() for s in singles])
        return change + (second - change) / problem.batch_size
    return change


def largest_mean_ratio(problem: Problem, ball: NormBall, rounds: int = 40) -> float:
    """The largest (E‖g(x, ξ) − g(y, ξ)‖₂²)^½/‖x − y‖ found, x − y random, then along the steepest change (ascent)."""
    n, source = problem.core_ndim, torch.Generator().manual_seed(1)
    points = anchors(problem)
    x = repeat(points, 6)
    runs = len(x[0] if isinstance(x, tuple) else x)
    d, best = ball.lmo(random_element(problem, runs, source)), 0.0
    for _ in range(rounds):
        ahead, behind = (add_scaled(x, d, h, n) for h in (1e-5, -1e-5))
        ratio = mean_square_change(problem, ahead, behind).sqrt() / ball.norm(subtract(ahead, behind))
        best = max(best, float(ratio.max()))
        change = subtract(problem.true_gradient(ahead), problem.true_gradient(behind))
        back = subtract(*(problem.true_gradient(add_scaled(x, change, h, n)) for h in (1e-2, -1e-2)))
        d = scaled(ball.lmo(back), -1.0, n)
    far = random_element(problem, runs, source)
    spread = mean_square_change(problem, x, far).sqrt() / ball.norm(subtract(x, far))
    return max(best, float(spread.max()))


@pytest.mark.parametrize(("problem", "ball"), KNOWN, ids=pair_name)
def test_mean_smoothness_withstands_a_search(problem: Problem, ball: NormBall) -> None:
    known, found = problem.mean_smoothness(ball), largest_mean_ratio(problem, ball)
    assert known is not None and found <= known.value * (1 + 1e-9)
    if known.kind == "exact":
        assert found >= known.value * (1 - 1e-3)


def test_mean_smoothness_of_minibatches_withstands_a_search() -> None:
    for batch_size in (1, 8):
        problem = DigitsSoftmax(batch_size=batch_size, samples=60)
        known = problem.mean_smoothness(LInf(core_ndim=2))
        euclidean = problem.mean_smoothness(Frobenius())
        assert known is not None and euclidean is not None and known.kind == "upper"
        x = around(problem, 12)
        for y in (x.roll(1, 0), x + 1e-4 * random_element(problem, 12, torch.Generator().manual_seed(2))):
            change, n = mean_square_change(problem, x, y).sqrt(), problem.core_ndim
            assert bool((change <= euclidean.value * norm2(x - y, n)).all())
        x, step = split_weights(), torch.zeros(1, *problem.shape, dtype=torch.float64)
        step[:, 0] = problem.images.pixels.mean(0)
        step[:, 1] = -step[:, 0]  # where the gradients of single images change most, for images like their mean
        change = mean_square_change(problem, x - 1e-3 * step, x + 1e-3 * step).sqrt()
        assert 0.7 * euclidean.value < float(change / norm2(2e-3 * step, n)) <= euclidean.value


@pytest.mark.parametrize("problem", [NOISY, SCALED, DigitsSoftmax(batch_size=4, samples=30)], ids=pair_name)
def test_the_exact_second_moments_against_samples(problem: Any) -> None:
    """What the searches above use, against an average over drawn samples."""
    runs, (x, y) = 20_000, around(problem, 8, seed=5)[[2, 6]].unsqueeze(1)
    sample = problem.sample(Draw(range(runs), 0))
    moved = subtract(*(problem.gradient(repeat(p, runs), sample) for p in (x, y)))
    squares = norm2(moved, problem.core_ndim) ** 2
    expected = float(mean_square_change(problem, x, y)[0])
    assert abs(float(squares.mean()) - expected) <= 5 * float(squares.std()) / runs**0.5 + 1e-12 * expected


def test_largest_gradient_of_the_ridges_withstands_a_search() -> None:
    for problem in Ridge.shipped():
        assert isinstance(problem, Ridge)
        x = 4 * torch.rand(4000, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        points = x.reshape(-1, *[1] * problem.core_ndim) * random_element(
            problem, 4000, torch.Generator().manual_seed(1)
        )
        found = float(norm2(problem.true_gradient(points), problem.core_ndim).max())
        assert problem.largest_gradient().value / 5 < found <= problem.largest_gradient().value


def test_what_is_known_and_what_is_not() -> None:
    assert DigitsNetwork(batch_size=8).mean_smoothness(DigitsNetwork().balls()[0]) is None
    reason = STORM.applies_to(setting(STORM, DigitsNetwork(batch_size=8), DigitsNetwork().balls()[0]))
    assert reason == "no mean smoothness of the stochastic gradients is known"
    assert NOISY.mean_smoothness(Frobenius()) == NOISY.problem.euclidean_smoothness()
    assert known_constants(STORM, NOISY, Frobenius(), 5)[0]["mean_smoothness"] == NOISY.euclidean_smoothness().value
    with pytest.raises(ValueError, match="bounded gradients"):
        Multiplicative(MatrixQuadratic.shipped()[0], 0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`scale` must be a finite number > 0"):
        Multiplicative(Ridge.shipped()[0], 0.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="core_ndim"):
        NOISY.mean_smoothness(LInf())

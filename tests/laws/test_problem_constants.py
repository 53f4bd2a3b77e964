"""The constants of problems again, by another way: formulas, eigenvectors, torch, runs."""

from __future__ import annotations

import math

import pytest
import torch
from problem_laws import (
    ATTAINED,
    NETWORK,
    PROVED,
    SOFTMAX,
    central_ratio,
    check_gradient,
    check_infimum,
    generator,
    largest_ratio,
    pair_name,
    random_element,
    split_weights,
)
from torch import Tensor

from experiments.problems import Known, Problem
from experiments.problems.base import lipschitz_ratio
from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.problems.digits_network import DigitsNetwork
from experiments.problems.digits_softmax import DigitsSoftmax, digits, largest_form
from experiments.problems.matrix_quadratic import MatrixQuadratic
from lmo.balls import L1, L2, Frobenius, LInf, Lp, MaxColumn, MaxRow, NormBall, Nuclear, RmsToRms, Scaled, Spectral
from lmo.method import Method
from lmo.randomness import Draw


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

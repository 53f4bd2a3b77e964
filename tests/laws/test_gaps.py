"""Constants of D4 and D5 on quadratics, by search; closing rules of the last iterate refused where they do not fit."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

import bounds
from bounds.recursion import Contraction, Reciprocal
from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.problems.matrix_quadratic import MatrixQuadratic

MILD = MatrixQuadratic(  # condition number 12, so that the search arrives
    torch.tensor([[2.0, 0.5, 0.0], [0.5, 1.5, 0.3], [0.0, 0.3, 1.0]]), torch.diag(torch.tensor([1.0, 0.4, 0.7, 1.2])),
    torch.ones(3, 4), "matrix quadratic",
)  # fmt: skip
PAIRS = [
    pytest.param(problem, ball, id=f"{problem.name} {ball.name}")
    for problem in (DiagonalQuadratic.shipped()[0], MILD)
    for ball in problem.balls()
    if problem.mu(ball) is not None
]


@pytest.mark.parametrize(("problem", "ball"), PAIRS)
def test_mu_and_diameter_hold_and_are_reached(problem, ball) -> None:
    """Random points and a descent on ‖∇f‖_*²/2f and on f/‖x‖²: never beyond, and within 5 % of the constant."""
    mu, radius = problem.mu(ball).value, problem.diameter(ball).value
    gap = problem.initial_gap().value
    source = torch.Generator().manual_seed(3)
    for cost, limit in (
        (lambda x: ball.dual_norm(problem.true_gradient(x)) ** 2 / (2 * problem.value(x)), mu),
        (lambda x: problem.value(x) / ball.norm(x) ** 2, gap / radius**2),
    ):
        x = torch.randn(64, *problem.shape, generator=source, dtype=torch.float64).requires_grad_()
        optimiser = torch.optim.Adam([x], lr=0.05)
        for step in range(600):
            values = cost(x)
            assert float(values.detach().min()) >= limit * (1 - 1e-9)
            optimiser.param_groups[0]["lr"] = 0.05 * 0.99**step
            optimiser.zero_grad()
            values.log().sum().backward()
            optimiser.step()
        assert float(cost(x).detach().min()) == pytest.approx(limit, rel=0.05)


def test_no_constant_where_none_exists() -> None:
    flat = DiagonalQuadratic([1.0, 0.0], [1.0, 1.0])
    assert all(flat.mu(ball) is None and flat.diameter(ball) is None for ball in flat.balls())


def test_a_closing_rule_that_does_not_fit_is_refused() -> None:
    for name, closing in (("star-convex", Contraction()), ("polyak-lojasiewicz", Reciprocal())):
        theorem = bounds.theorems[name]
        checks = replace(theorem, proof=replace(theorem.proof, closing=closing)).check()
        assert not checks[0].passed and checks[0].name == "chain yields the claim"


def test_mu_above_smoothness_is_refused() -> None:
    with pytest.raises(ValueError, match="`mu` cannot exceed `smoothness`"):
        bounds.theorems["D5"].bound(initial_gap=1, smoothness=1, mu=1.5, steps=3)


def test_d5_is_reached_by_the_sphere() -> None:
    """f = ½‖x‖² in ℓ2, exact: μ = L, one step reaches the minimum, as the bound says."""
    assert float(bounds.theorems["D5"].bound(initial_gap=1, smoothness=1, mu=1, steps=1)) == 0.0
    assert math.isclose(float(bounds.theorems["D4"].bound(initial_gap=1, smoothness=1, diameter=1, steps=2)), 0.5)

"""C1, Frank–Wolfe with an inexact oracle: its runs, where it would be false, and wrong forms that must be caught."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

import bounds
from bounds import certificate
from bounds.recursion import Contraction
from bounds.symbols import COLUMNS, lam
from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.problems.shifted import Shifted
from experiments.run import run
from experiments.settings import batch, entries
from experiments.studies.theorems import Scale, run_table
from lmo.balls import L2, LInf
from lmo.method import Method
from lmo.oracles import Exact

C1 = bounds.theorems["frank-wolfe"]


def on_a_line(start: Fraction, steps: int, answers: Callable[[int, int], Fraction]) -> list[Fraction]:
    """x_0 … x_K of f = (x − 5)²/2 with λ = 1: x⁺ = (1 − τ)x + τ·answer(k, −sign f′), in exact rationals."""
    path = [start]
    for k in range(steps):
        tau, x = Fraction(2, k + 2), path[-1]
        path.append((1 - tau) * x + tau * answers(k, 1 if x < 5 else -1))
    return path


def gap_to(x: Fraction, v: Fraction) -> Fraction:
    return ((x - 5) ** 2 - (v - 5) ** 2) / 2


def bound(steps: int, eta: float = 0.0) -> float:
    return float(C1.bound(smoothness=1, weight_decay=1, steps=steps, eta=eta))


def test_from_outside_the_ball_it_is_false() -> None:
    """λ = b = c = 1, x_0 = 10: the first answer is −1, where f exceeds its least value on [−1, 1] by 10 > 8/3."""
    outside, inside = (on_a_line(Fraction(start), 3, lambda k, sign: Fraction(sign)) for start in (10, 0))
    assert gap_to(outside[1], Fraction(1)) == 10 > bound(1)
    assert gap_to(outside[2], Fraction(1)) > bound(2) == 2.0
    assert all(gap_to(inside[k], Fraction(1)) <= bound(k) for k in (1, 2, 3))


@pytest.mark.parametrize("deficit", [Fraction(1, 10), Fraction(1, 2)])
def test_the_whole_ball_is_not_reached_but_the_shrunk_one_is(deficit: Fraction) -> None:
    """Answers that are too short by ε: against min over [−1, 1] the gap stays; against the ball of radius c it is 0."""
    steps = 3000
    last = on_a_line(Fraction(0), 60, lambda k, sign: sign * (1 - deficit))[-1]
    assert last == 1 - deficit  # from then on it stays
    assert gap_to(last, Fraction(1)) > bound(steps, eta=-float(deficit))
    assert gap_to(last, 1 - deficit) == 0


def test_runs_take_the_steps_of_the_statement() -> None:
    problem, ball = Shifted.shipped()[0], LInf()
    radius = problem.domain(ball)
    one = batch(C1, problem, ball, steps=7, seeds=1, chosen=entries(ball, ())[:1])
    data = run(problem, one.method, steps=7, step_size=one.step_size, seeds=one.seeds, schedule=one.schedule)
    x = torch.zeros(problem.shape, dtype=torch.float64)
    for k in range(7):
        tau = 2 / (k + 2)
        assert data["step_size"].values[0, k] == pytest.approx(tau * radius, rel=1e-14)
        x = (1 - tau) * x - tau * radius * torch.sign(problem.true_gradient(x))
        assert data["objective_next"].values[0, k] == pytest.approx(float(problem.value(x)), rel=1e-12)


@pytest.mark.parametrize("ball", [LInf(), L2()], ids=lambda ball: ball.name)
def test_the_point_compared_with_is_in_the_ball_and_low(ball) -> None:
    """In ℓ∞ from a start of ones it is the minimiser in the ball (a box: L-BFGS-B); else at least it lies there."""
    problem = Shifted.shipped()[0]
    for radius in (0.3, 0.8, 5.0):
        point = problem.low_point(ball, radius * problem.domain(ball))
        assert float(ball.norm(point[None])[0]) <= radius * problem.domain(ball) * (1 + 1e-12)
        assert float(problem.value(point)) < float(problem.value(torch.zeros_like(point)))
        if ball.name == "l-inf":
            box = [(-radius * problem.domain(ball), radius * problem.domain(ball))] * len(point)
            found = minimize(
                lambda v: float(problem.value(torch.tensor(v))), np.zeros(len(point)), bounds=box, method="L-BFGS-B",
                jac=lambda v: problem.true_gradient(torch.tensor(v)).numpy(), options={"ftol": 1e-15, "gtol": 1e-12},
            )  # fmt: skip
            assert float(problem.value(point)) == pytest.approx(found.fun, rel=1e-9, abs=1e-12)


def test_every_run_stays_below_and_some_bound_says_something() -> None:
    verdicts = run_table([C1], Shifted.shipped(), Scale(steps=60, seeds=1, deltas=(0.4,))).verdicts
    assert {v.status for v in verdicts} == {"holds", "vacuous"}
    assert {(v.problem, v.ball) for v in verdicts if v.status == "holds"} >= {
        ("diagonal quadratic, shifted", "l-inf"), ("matrix quadratic, shifted", "spectral"),
    }  # fmt: skip


def test_other_steps_and_rules_do_not_close() -> None:
    k = COLUMNS["index"]
    contraction = replace(C1, proof=replace(C1.proof, closing=Contraction()))
    assert next(c.name for c in contraction.check() if not c.passed) == "chain yields the claim"
    for step in (1 / ((k + 2) * lam), 2 / ((k + 3) * lam), 2 / (k + 2)):
        failed = [c.name for c in replace(C1, step=step).check() if not c.passed]
        assert failed == ["the proof moves as the method does", "tuning (given)"]


def test_the_run_from_outside_breaks_the_inequality_by_name() -> None:
    problem = DiagonalQuadratic([1.0], [10.0])
    data = run(problem, Method(Exact(LInf()), weight_decay=1.0), steps=3, step_size=1.0, schedule=[1.0, 2 / 3, 0.5])
    columns = {str(name): values.values for name, values in data.data_vars.items()}
    constants = {"initial_gap": 50.0, "ball_gap": 50.0, "smoothness": 1.0, "weight_decay": 1.0, "steps": 3.0}
    found = certificate.first_violation(C1, columns, constants | {"epsilon": 0.0, "eta": 0.0})
    assert found is not None and (found.inequality, found.step) == ("inside", 0)

"""Frank–Wolfe's worst cases in ℓ2: against PEPit, a closed form, C1, and a run of the function that is found."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from command_line import lmo, strict_json

import bounds
from bounds.metric import LAST_GAP
from bounds.theorem import Theorem
from experiments.worst_cases.base import Clock, bound_at, completed, silent

pytest.importorskip("cvxpy")
from experiments.worst_cases.ball_gap import Attained, largest, worst
from experiments.worst_cases.interpolated import Interpolated
from experiments.worst_cases.pep import Pep

C1 = bounds.theorems["frank-wolfe"]


class Steps(Clock):
    """A budget of so many steps of ascent: what is found does not depend on how busy the machine is."""

    def __init__(self, most: int = 12) -> None:
        super().__init__(1.0, silent)
        self.left = most

    def over(self, what: str = "") -> bool:
        self.left -= 1
        return self.left <= 0


def in_pepit(delta: float, steps: int) -> float:
    """The programme from above, modelled by PEPit."""
    package: Any = pytest.importorskip("PEPit")
    functions = pytest.importorskip("PEPit.functions")
    narrow, wide = 1 - delta, 1 + delta
    problem = package.PEP()
    f = problem.declare_function(functions.SmoothConvexFunction, L=1.0)
    x, compared = problem.set_initial_point(), package.Point()
    asked, held = [], [x]
    for k in range(steps):
        gradient, _ = f.oracle(x)
        answer = package.Point()
        asked.append((gradient, answer))
        x = (1 - 2 / (k + 2)) * x + 2 / (k + 2) * answer
        held.append(x)
    inner = [compared] + [narrow / wide * point for point in (*held, *(answer for _, answer in asked))]
    for gradient, answer in asked:
        for point in inner:
            for sign in (1, -1):
                problem.add_constraint(gradient * (answer - sign * point) <= 0)
    problem.add_constraint(held[0] ** 2 <= wide**2)
    problem.add_constraint(compared**2 <= narrow**2)
    for _, answer in asked:
        problem.add_constraint(answer**2 <= wide**2)
    problem.set_performance_metric(f.value(x) - f.value(compared))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(problem.solve(wrapper="cvxpy", solver="CLARABEL", verbose=0))


@pytest.mark.parametrize(("delta", "steps"), [(0.0, 3), (0.5, 2), (0.75, 4)])
def test_the_programme_from_above_is_pepits(delta: float, steps: int) -> None:
    near = pytest.approx(in_pepit(delta, steps), rel=3e-4)  # at δ = 0 the solver calls itself inaccurate
    assert largest(delta, steps) == near


@pytest.mark.parametrize("delta", [0.0, 0.1, 0.5, 0.9])
def test_one_step_is_known_exactly(delta: float) -> None:
    """½‖x + p‖², p on the sphere of radius b, from x_0 = −p with an answer p: 2b² against 2δ² at the ball's best."""
    found = worst(delta, 1, Steps())
    assert found.lower == pytest.approx(2 * (1 + 2 * delta), rel=1e-6)
    assert found.upper == pytest.approx(2 * (1 + 2 * delta), rel=1e-6)


@pytest.mark.parametrize("steps", [2, 5])
@pytest.mark.parametrize("delta", [0.0, 0.25, 0.75])
def test_c1_is_above_both_sides(delta: float, steps: int) -> None:
    found = worst(delta, steps, Steps())
    bound = bound_at(C1, completed(C1, {"delta": delta, "steps": steps}))
    assert 0 < found.lower <= found.upper * (1 + 1e-6) and found.upper <= 0.57 * bound
    if delta > 0:  # two fifths of C1 at K = 2 and a quarter at K = 5 would be false
        assert found.lower > (0.4 if steps == 2 else 0.25) * bound


@pytest.mark.parametrize(("delta", "steps"), [(0.0, 2), (0.5, 3), (0.75, 5)])
def test_what_is_reached_is_reached_by_a_run(delta: float, steps: int) -> None:
    """The function through what was found, run with the answers that were found: the promise holds, and the gap too."""
    attained = Attained(delta, steps)
    found = attained.search(Steps())
    sizes, base = np.linalg.eigh(found.gram)
    vectors = base * np.sqrt(np.maximum(sizes, 0))  # a row for each vector of the basis
    points = attained.vectors.points @ vectors
    f = Interpolated.through(points, attained.vectors.gradients(found.norms) @ vectors, found.values)
    x, answers = attained.vectors.start @ vectors, attained.vectors.answers @ vectors
    assert np.linalg.norm(x) <= 1 + delta + 1e-5
    for k, answer in enumerate(answers):
        gradient = f(x).gradient
        assert np.linalg.norm(answer) <= 1 + delta + 1e-5
        assert gradient @ answer <= (-(1 - delta) + 1e-4) * np.linalg.norm(gradient) + 1e-4
        x = (1 - 2 / (k + 2)) * x + 2 / (k + 2) * answer
    compared = attained.vectors.compared @ vectors
    assert np.linalg.norm(compared) <= 1 - delta + 1e-5
    assert f(x).value - f(compared).value == pytest.approx(found.value, rel=1e-4)


def test_the_slope_is_that_of_finite_differences() -> None:
    attained, norms, width = Attained(0.5, 3), np.array([0.5, 0.7, 0.9]), 1e-3
    here = attained.at(norms)
    assert here is not None
    for k, slope in enumerate(here.slope):
        sides = [attained.at(norms + width * sign * np.eye(3)[k]) for sign in (1, -1)]
        assert sides[0] is not None and sides[1] is not None
        assert slope == pytest.approx((sides[0].value - sides[1].value) / (2 * width), abs=1e-4)


def test_norms_that_no_function_has_are_none() -> None:
    assert Attained(0.0, 2).at(np.array([1.0, 100.0])) is None


def test_the_command_gives_both_sides_in_the_units_of_the_constants() -> None:
    words = ("delta=0.5", "steps=1", "L=3", "lambda=2", "--norm", "l2", "--seconds", "0.5")
    (row,) = strict_json(lmo("worst-case", "frank-wolfe", *words, "--json").out)
    found = row["searched"]["pep"]
    assert found["status"] == "upper" and row["bound"] == pytest.approx(8 * 3 / 4 * 1.5**2 / 3)
    assert found["value"] == pytest.approx(4 * 3 / 4, rel=1e-6) and found["reached"] == pytest.approx(3, rel=1e-6)
    shown = lmo("worst-case", "frank-wolfe", *words).out
    assert "pep reached" in shown and "run of" not in shown and "γ" not in shown


@pytest.mark.parametrize(
    "other",
    [
        replace(C1, method=replace(C1.method, momentum="ema")),
        replace(C1, method=replace(C1.method, decay=False)),
        replace(C1, metric=LAST_GAP),
        replace(C1, assumes=C1.assumes[:1] + C1.assumes[2:]),  # not convex
        replace(C1, assumes=C1.assumes[:-1]),  # from anywhere
    ],
)
def test_a_statement_about_other_runs_is_refused(other: Theorem) -> None:
    assert Pep().refuses(C1, "l2") is None and "under the assumptions of C1" in str(Pep().refuses(other, "l2"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("frank-wolfe",), "there is one in l2"),
        (("frank-wolfe", "--norm", "l2", "gamma=1"), "unknown constant 'step_size'"),
        (("frank-wolfe", "--norm", "l2", "lambda=0"), "`weight_decay` must be"),
        (("frank-wolfe", "--norm", "l2", "steps=40"), "at most 16 steps"),
        (("hilbert", "--norm", "l2", "lambda=1"), "unknown constant 'weight_decay'"),
    ],
)
def test_bad_requests_are_refused(words: tuple[str, ...], said: str) -> None:
    answer = lmo("worst-case", *words)
    assert answer.status == 2 and said in answer.err

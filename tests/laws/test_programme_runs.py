"""What programmes find for Frank–Wolfe in ℓ2, run: it catches what parabolas miss, and C1 stands."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

import bounds
from experiments.refutation.case import Case, case_of_record, load, save
from experiments.refutation.replay import replay
from experiments.refutation.show import show_case
from experiments.refutation.target import claimed, target

pytest.importorskip("cvxpy")

from experiments.attacks.frank_wolfe_programme import FrankWolfeProgramme, as_data
from experiments.refutation.programme_case import is_about, measure
from experiments.worst_cases.ball_gap import Attained
from experiments.worst_cases.base import Clock, silent
from experiments.worst_cases.interpolated import Interpolated

C1 = bounds.theorems["frank-wolfe"]
BETWEEN = "8*L*b**2/(λ**2*(K+2))*(0.15+0.6/K)"  # three quarters of C1 at K = 1, a fifth at K = 10; parabolas stay below


def test_it_is_about_c1_alone() -> None:
    assert [name for name, one in bounds.theorems.items() if is_about(target(one))] == ["frank-wolfe"]
    assert not is_about(target(replace(C1, assumes=C1.assumes[:1] + C1.assumes[2:])))  # not convex


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_c1_stands(steps: int) -> None:
    found = FrankWolfeProgramme().attempt(target(C1), np.random.default_rng(steps), steps)
    assert found is not None and not found["violates"] and found["ratio"] > 0.3


def test_exact_answers_are_as_exact_as_the_gradients_of_the_run() -> None:
    """They err by what the solver leaves open, which counts; so a claim that speaks of no error is not attacked."""
    attained = Attained(0.0, 3)
    found = attained.search(Clock(1.0, silent))
    found = attained.at(np.maximum(found.norms, 0.05)) or found
    seen = measure(as_data(attained, found), target(C1))
    assert seen["instance"]["answers"] is None and 0.2 < seen["ratio"] < 0.32
    assert not is_about(target(claimed("8*L/(λ**2*(K+2))", "frank-wolfe")))


@pytest.fixture(scope="module")
def case() -> Case:
    aim = target(claimed(BETWEEN, "frank-wolfe"))
    found = FrankWolfeProgramme().attempt(aim, np.random.default_rng(1), 4)
    assert found is not None
    return case_of_record(found | {"attack": FrankWolfeProgramme.name}, aim)


def test_it_refutes_what_parabolas_do_not(case: Case) -> None:
    assert case.ratio > 1.3


def test_its_case_is_found_again_from_a_file(case: Case, tmp_path) -> None:
    again = load(save(case, tmp_path / "case.json"))
    seen = replay(again)
    assert seen.violates and seen.measured == pytest.approx(case.measured, rel=1e-6)
    text = io.StringIO()
    show_case(again, Console(file=text))
    assert "semidefinite programme" in text.getvalue()


def test_answers_that_err_more_are_paid_for(case: Case) -> None:
    """Errors are read off the run, not believed: longer answers raise the bound."""
    longer = case.instance | {"answers": [[1.5 * v for v in row] for row in case.instance["answers"]]}
    again = replay(replace(case, instance=longer))
    assert again.constants["eta"] > case.constants["eta"] + 0.5 and again.bound > 1.5 * case.bound


def test_a_vanishing_gradient_and_damage_are_refused(case: Case) -> None:
    flat = case.instance | {"apart": [case.instance["start"]], "heights": [0.0]}
    with pytest.raises(ValueError, match="no larger than what the solver leaves open"):
        measure(flat, target(C1))
    with pytest.raises(ValueError, match="damaged"):
        replay(replace(case, instance={"steps": 3}))


def test_an_interpolated_function_is_convex_and_smooth_and_knows_its_gradient() -> None:
    """For any points and heights, by its definition; here against differences."""
    source = np.random.default_rng(3)
    f = Interpolated(source.normal(size=(5, 3)), source.normal(size=5))
    for _ in range(20):
        x, y = source.normal(size=(2, 3)) * 2
        one, other = f(x), f(y)
        assert max(one.gap, other.gap) < 1e-9
        apart = one.gradient - other.gradient
        lower = other.value + other.gradient @ (x - y) + apart @ apart / 2
        assert one.value >= lower - 1e-5  # convex and 1-smooth, in one inequality
        width = 1e-3
        slopes = [(f(x + width * e).value - f(x - width * e).value) / (2 * width) for e in np.eye(3)]
        np.testing.assert_allclose(one.gradient, slopes, atol=1e-3)


def test_it_goes_through_what_a_smooth_convex_function_gives() -> None:
    source = np.random.default_rng(4)
    curvature, x = np.array([1.0, 0.3]), source.normal(size=(6, 2))
    f = Interpolated.through(x, curvature * x, (curvature * x**2).sum(-1) / 2)
    for point in x:
        seen = f(point)
        assert seen.value == pytest.approx((curvature * point**2).sum() / 2, abs=1e-8)
        np.testing.assert_allclose(seen.gradient, curvature * point, atol=1e-4)

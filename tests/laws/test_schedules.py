"""Schedules: data with sources, the published tables made again, minimax polynomials against other solvers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from lmo.polynomials import Schedule, names, schedule
from lmo.polynomials.design import designed, minimax
from lmo.polynomials.schedule import evaluate

CUSHION = 0.02407327424182761  # what Polar Express's digits come from; the comment in its code says 0.02


@pytest.mark.parametrize("name", names())
def test_a_schedule_is_data_with_a_source(name: str) -> None:
    one = schedule(name)
    assert one.name == name and len(one.source) > 10
    assert Schedule.from_json(one.to_json()) == one  # interval and source survive
    assert one.products() == sum(len(p) for p in one.table)
    x = np.linspace(0, 1, 101)
    assert one(x, 0) == pytest.approx(x)
    assert one(x, 2) == pytest.approx(evaluate(one.table[1], evaluate(one.table[0], x)))
    assert np.allclose(one(-x), -one(x))  # odd


def test_a_designed_schedule_keeps_the_interval_it_was_made_for() -> None:
    """Saved after the loop has moved the interval, the metadata would say where it ended (a public defect)."""
    one = designed(1e-3, 5, 1.0)
    assert one.interval == (1e-3, 1.0) and Schedule.from_json(one.to_json()).interval == (1e-3, 1.0)


def test_tables_that_end_and_tables_that_go_on() -> None:
    with pytest.raises(ValueError, match="'you' has 5 steps and no more, got steps = 6"):
        schedule("you").polynomials(6)
    assert schedule("polar-express").polynomials(9)[-1] == (1.875, -1.25, 0.375)
    with pytest.raises(ValueError, match="unknown schedule 'jordon'; did you mean 'jordan'"):
        schedule("jordon")


def test_polar_expresss_table_is_the_design_with_its_cushion() -> None:
    made, published = designed(1e-3, 6, cushion=CUSHION), schedule("polar-express")
    for ours, theirs in zip(made.table, published.table[:6], strict=True):
        assert ours == pytest.approx(theirs, abs=1e-9)
    other = designed(1e-3, 1, cushion=0.02)
    assert other.table[0][0] == pytest.approx(8.3197, abs=1e-4) and published.table[0][0] == pytest.approx(
        8.2872, abs=1e-4
    )


def test_cans_is_the_design_without_a_cushion() -> None:
    for ours, theirs in zip(designed(1e-3, 5).table, schedule("cans").table, strict=True):
        assert ours == pytest.approx(theirs, abs=6e-5)


def test_errors_of_the_greedy_composition() -> None:
    x = np.geomspace(1e-3, 1, 200_001)
    errors = [np.abs(designed(1e-3, k)(x) - 1).max() for k in range(1, 7)]
    assert errors == pytest.approx([0.99153, 0.96457, 0.85977, 0.54589, 0.11345, 9.165e-4], rel=1e-3)


@given(st.floats(1e-3, 0.9), st.floats(1.0, 2.0), st.sampled_from([2, 3, 4]))
def test_minimax_polynomials_equioscillate(low: float, high: float, terms: int) -> None:
    polynomial, error = minimax(low, high, terms)
    x = np.concatenate([np.linspace(low, high, 20_001), np.geomspace(low, high, 20_001)])
    off = 1 - evaluate(polynomial, np.sort(x))
    assert np.abs(off).max() == pytest.approx(error, rel=1e-4, abs=1e-9)
    extreme = off[np.abs(off) > error * (1 - 1e-4)]
    assert (
        1 + np.count_nonzero(np.diff(np.sign(extreme))) >= terms + 1
    )  # Chebyshev's criterion: it is the best there is


@pytest.mark.parametrize("low", [0.05, 0.3])
def test_no_other_solver_finds_a_better_quintic(low: float) -> None:
    polynomial, error = minimax(low, 1.0)
    x = np.linspace(low, 1, 2001)
    found = minimize(lambda c: np.abs(1 - evaluate(tuple(c), x)).max(), np.array(polynomial) * 1.01,
                     method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-10, "fatol": 1e-12})  # fmt: skip
    assert found.fun >= error * (1 - 1e-5)


@given(st.floats(1e-3, 0.8), st.floats(1.0, 2.0))
def test_the_closed_form_of_the_best_cubic(low: float, high: float) -> None:
    """α = √(3/(u² + lu + l²)), β = 4/(2 + lu(l + u)α³), p = 1.5αβ s − 0.5α³β s³ (arXiv:2505.16932, its code)."""
    a = np.sqrt(3 / (high**2 + low * high + low**2))
    b = 4 / (2 + low * high * (low + high) * a**3)
    assert minimax(low, high, 2)[0] == pytest.approx((1.5 * a * b, -0.5 * a**3 * b), rel=1e-7)


def test_bad_intervals_are_refused() -> None:
    for arguments, message in (((0.0, 1.0), "`low` must be"), ((1.0, 0.5), "`low` must be below `high`")):
        with pytest.raises(ValueError, match=message):
            minimax(*arguments)
    with pytest.raises(ValueError, match="`steps` must be an integer >= 1"):
        designed(0.1, 0)

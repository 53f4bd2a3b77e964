"""Performance estimation in ℓ2 against PEPit, D1-H, and what runs attain."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from command_line import lmo, strict_json

import bounds
from experiments.worst_cases.base import bound_at, completed
from experiments.worst_cases.constructions import Constructions

pytest.importorskip("cvxpy")
from experiments.worst_cases.smallest_gap import SmallestGap, worst


def in_pepit(delta: float, steps: int, norm: float, equal: bool) -> float:
    """The same programme, modelled by PEPit."""
    package: Any = pytest.importorskip("PEPit")
    functions = pytest.importorskip("PEPit.functions")
    problem = package.PEP()
    f, lowest = problem.declare_function(functions.SmoothFunction, L=1.0), package.Expression()
    x, first = problem.set_initial_point(), None
    for k in range(steps + 1):
        gradient, value = f.oracle(x)
        first = value if first is None else first
        problem.add_constraint(value - gradient**2 / 2 >= lowest)
        if k < steps:
            direction = package.Point()
            problem.add_constraint(gradient**2 == norm**2 if equal else gradient**2 >= norm**2)
            problem.add_constraint(2 * gradient * direction + norm * (direction**2 + 1 - delta**2) <= 0)
            x = x + direction
    problem.set_performance_metric(lowest - first)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return -float(problem.solve(wrapper="cvxpy", solver="CLARABEL", verbose=0))


@pytest.mark.parametrize(("delta", "norm", "equal"), [(0.5, 1.5, True), (0.5, 1.2, False), (0.9, 2.5, False)])
def test_the_programme_is_pepits(delta: float, norm: float, equal: bool) -> None:
    assert SmallestGap(delta, 3, equal)(norm) == pytest.approx(in_pepit(delta, 3, norm, equal), rel=1e-4)


@pytest.mark.parametrize("steps", [2, 5])
@pytest.mark.parametrize("delta", [0.0, 0.5, 0.9])
def test_d1h_is_above_and_nearly_reached(delta: float, steps: int) -> None:
    """At its tuned step D1-H is 1/√(1−δ²) in units of √(2LΔ/K); no first gradient is above √K."""
    factor = 1 / (1 - delta**2) ** 0.5
    claim, found = min(factor, steps**0.5), worst(delta, steps, factor)
    assert found.lower <= found.upper * (1 + 1e-3) and found.upper <= claim * (1 + 1e-3)
    assert found.upper > 0.96 * claim and found.lower > 0.8 * claim


def test_the_search_of_the_command_is_above_the_runs() -> None:
    theorem, constants = bounds.theorems["hilbert"], {"delta": 0.5, "steps": 5}
    (row,) = strict_json(lmo("worst-case", "hilbert", "delta=0.5", "steps=5", "--norm", "l2", "--json").out)
    full = completed(theorem, constants)
    run = Constructions().search(theorem, "l2", constants, budget_seconds=1.0)
    assert row["searched"]["pep"]["status"] == "upper" and row["bound"] == pytest.approx(bound_at(theorem, full))
    assert run.value <= row["searched"]["pep"]["value"] * (1 + 1e-3) and 0.95 < row["searched"]["pep"]["ratio"] <= 1.001
    assert "at most" in lmo("worst-case", "hilbert", "steps=40", "--norm", "l2", "--search", "pep").err

"""Gradient ascent on a function and its adversary: the function is what it says, the run is one of the statement's."""

from __future__ import annotations

import json
import math

import pytest
import torch

import bounds
from experiments.problems.hard.piecewise import Piecewise
from experiments.worst_cases import ascent
from experiments.worst_cases.ascent import Ascent
from experiments.worst_cases.base import Case, replay
from experiments.worst_cases.constructions import Constructions
from lmo.balls import LInf

D1, FINER = bounds.theorems["fixed-step"], bounds.theorems["additive-error"]
CONSTANTS = {"initial_gap": 2.0, "smoothness": 3.0, "steps": 10, "delta": 0.5}
ROUNDS = 60


@pytest.fixture(scope="module")
def case() -> Case:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ascent, "MOST", ROUNDS)  # so that the machine's speed does not matter
        return Ascent().search(D1, "linf", CONSTANTS, budget_seconds=1e9)


def drawn(runs: int = 5) -> Piecewise:
    source = torch.Generator().manual_seed(3)
    curvature, slope, start = (
        torch.randn(runs, 2, *size, generator=source, dtype=torch.float64) for size in ((7,), (), ())
    )
    reach = curvature.abs().amax(-1) * 1.1
    return Piecewise(curvature, reach, slope, 0.4, start, torch.ones(runs, 3, 2, dtype=torch.float64))


def test_slopes_are_those_of_the_values_inside_and_beyond_the_cells() -> None:
    problem = drawn()
    source = torch.Generator().manual_seed(4)
    for _ in range(50):
        x = 6 * torch.rand(5, 2, generator=source, dtype=torch.float64) - 3
        ends = [problem.parts(x + side)[0] for side in (-1e-6, 1e-6)]
        assert torch.allclose((ends[1] - ends[0]) / 2e-6, problem.true_gradient(x), atol=1e-5)


def test_no_point_is_below_the_infimum_and_one_comes_near() -> None:
    problem = drawn()
    at = torch.linspace(-12, 12, 20_001, dtype=torch.float64)
    table = torch.stack([problem.parts(torch.full((5, 2), float(t), dtype=torch.float64))[0] for t in at[::10]])
    lowest = table.amin(0).sum(-1)
    assert (lowest >= problem.least() - 1e-12).all() and torch.allclose(lowest, problem.least(), atol=1e-3)


def test_smoothness_is_the_sum_of_what_the_coordinates_may_bend() -> None:
    problem, ball = drawn(), LInf()
    source = torch.Generator().manual_seed(5)
    for _ in range(200):
        x, y = (4 * torch.rand(5, 2, generator=source, dtype=torch.float64) - 2 for _ in range(2))
        change = ball.dual_norm(problem.true_gradient(x) - problem.true_gradient(y))
        assert (change <= problem.reach.sum(-1) * ball.norm(x - y) * (1 + 1e-9)).all()
    with pytest.raises(ValueError, match="`reach` must be at least"):
        Piecewise(problem.curvature, problem.reach / 2, problem.slopes[..., 0], 0.4, problem._start, problem.factors)


def test_the_run_is_that_of_plain_python(case: Case) -> None:
    tables, step = case.instance, case.constants["step_size"]
    low = -len(tables["curvature"][0]) * tables["width"] / 2

    def slope(i: int, t: float) -> float:
        bends, s, at = tables["curvature"][i], tables["slope"][i], low
        for bend in bends:
            if t <= at + tables["width"]:
                return s + bend * (t - at)
            s, at = s + bend * tables["width"], at + tables["width"]
        return math.copysign(max(abs(s) - tables["reach"][i] * (t - at), 0.0), s)

    x, norms = list(tables["start"]), []
    for k in range(10):
        slopes = [slope(i, t) for i, t in enumerate(x)]
        norms.append(sum(map(abs, slopes)))
        x = [
            t - step * math.copysign(1.0, s) * tables["factors"][k][i]
            for i, (t, s) in enumerate(zip(x, slopes, strict=True))
        ]
    assert sum(norms) / 10 == pytest.approx(case.value, rel=1e-9)


def test_it_finds_more_than_the_constructions_where_steps_are_few_and_less_than_what_is_proved(case: Case) -> None:
    known = Constructions().search(D1, "linf", CONSTANTS)
    assert known.value < case.value < float(FINER.bound(**case.constants)) < case.bound
    assert case.status == "run"


def test_a_record_is_run_again_and_a_changed_one_is_refused(case: Case) -> None:
    record = json.loads(json.dumps(case.record()))
    assert replay(record).value == pytest.approx(case.value, rel=1e-12)
    for name, message in (("reach", "smoothness"), ("slope", "initial_gap"), ("factors", "delta")):
        changed = json.loads(json.dumps(record))
        table = torch.tensor(changed["instance"][name], dtype=torch.float64)
        changed["instance"][name] = (table * 1.3 + (5 if name == "slope" else 0)).tolist()
        with pytest.raises(ValueError, match=f"the instance has {message}"):
            replay(changed)


def test_on_the_diagonal_it_is_the_same_run(case: Case) -> None:
    record = case.record() | {"norm": "spectral", "instance": {**case.instance, "norm": "spectral"}}
    assert replay(record).value == pytest.approx(case.value, rel=1e-9)


def test_the_minimum_can_be_asked_for_and_other_settings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ascent, "MOST", 20)
    hilbert = bounds.theorems["hilbert"]
    found = Ascent().search(hilbert, "linf", {"steps": 4, "delta": 0.3}, budget_seconds=1e9)
    assert found.value > 0  # the minimum over k, in a norm that the statement is not about
    assert "ℓ∞" in (Ascent().refuses(D1, "l2") or "") and "fixed step" in (
        Ascent().refuses(bounds.theorems["adaptive-step"], "linf") or ""
    )
    with pytest.raises(ValueError, match="at most 200 steps"):
        Ascent().search(D1, "linf", {"steps": 201})

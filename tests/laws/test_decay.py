"""C2, weight decay: on runs of the method itself, at the edge of its assumptions and beyond it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import bounds
from bounds import certificate
from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.run import run
from lmo.balls import LInf
from lmo.method import Method
from lmo.momentum import Ema
from lmo.oracles import Exact

C2 = bounds.theorems["decay"]
ROW = dict(initial_gap=12.5, smoothness=1.0, steps=1, step_size=1.0, alpha=1.0, noise_std=0.0, norm_ratio=1.0)


def test_the_columns_of_decay_are_those_of_the_run() -> None:
    problem, ball, decay = DiagonalQuadratic.shipped()[0], LInf(), 0.3
    method = Method(Exact(ball), Ema(), weight_decay=decay)
    data = run(problem, method, steps=6, step_size=0.2, alpha=0.4)
    x, buffer = problem.start(1)[0], None
    for k in range(6):
        gradient = problem.true_gradient(x[None])[0]
        buffer = gradient if buffer is None else 0.6 * buffer + 0.4 * gradient
        net = -torch.sign(buffer) - decay * x
        expected = {"iterate_alignment": gradient @ x, "iterate_norm": x.abs().max(), "net_norm": net.abs().max()}
        for name, value in expected.items():
            assert data[name].values[0, k] == pytest.approx(float(value), abs=1e-12)
        x = x + 0.2 * net
    assert "net_norm" not in run(problem, Method(Exact(ball), Ema()), steps=2, step_size=0.2, alpha=0.4)


def test_it_fails_from_outside_the_ball_and_the_run_says_which_inequality() -> None:
    """f = (x − 5)²/2, λ = b = c = 1, x_0 = 10: 55 at the first step, against a bound of 14.5."""
    x, slope = 10.0, 5.0
    bound = float(C2.bound(**ROW, weight_decay=1.0))
    assert bound == pytest.approx(12.5 / 1 + 2) and slope * x + slope > bound
    columns = {
        name: np.zeros((1, 1)) for name in ("start_norm", "drift_norm", "noise_norm", "noise_norm_2", "error_norm")
    }
    columns |= {
        "noise_std": np.zeros((1, 1)),
        "gradient_norm": np.full((1, 1), slope),
        "fed_norm": np.full((1, 1), slope),
    }
    direction, after = -1.0, 10.0 + (-1.0 - 10.0)
    values = {
        "objective": 12.5, "objective_next": (after - 5) ** 2 / 2, "step_size": 1.0, "fed_alignment": slope * direction,
        "gradient_alignment": slope * direction, "direction_norm": 1.0, "iterate_alignment": slope * x,
        "iterate_norm": x, "net_norm": 11.0,
    }  # fmt: skip
    columns |= {name: np.full((1, 1), value) for name, value in values.items()}
    found = certificate.first_violation(C2, columns, ROW | {"weight_decay": 1.0, "epsilon": 0.0, "eta": 0.0})
    assert found is not None and found.inequality == "inside"


def test_steps_longer_than_the_inverse_decay_are_refused_and_never_tuned() -> None:
    with pytest.raises(ValueError, match=r"`step_size` must be at most 1/lambda, here 0\.5"):
        C2.bound(**ROW, weight_decay=2.0)
    few = dict(initial_gap=1e4, smoothness=1.0, steps=3, noise_std=0.1, norm_ratio=1.0)
    tuned = C2.tune(**few, weight_decay=2.0)
    assert float(tuned.step_size) == 0.5
    values = [float(C2.bound(**few, weight_decay=2.0, step_size=s, alpha=float(tuned.alpha))) for s in (0.3, 0.4, 0.5)]
    assert values == sorted(values, reverse=True) and values[-1] == pytest.approx(float(tuned.value), rel=1e-12)


def test_twice_the_step_of_s1() -> None:
    """λ·C2 is S1's sum with L for 4L in the step's own term and 2L for L in the drift."""
    s1 = bounds.theorems["ema"]
    row = dict(initial_gap=3.0, steps=50, step_size=0.05, alpha=0.2, noise_std=0.4, norm_ratio=2.0, delta=0.0)
    got = 0.5 * float(C2.bound(**row, smoothness=1.0, weight_decay=0.5))
    assert got == pytest.approx(float(s1.bound(**row, smoothness=2.0)) + 0.05, rel=1e-12)

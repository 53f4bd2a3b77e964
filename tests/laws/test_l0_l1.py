"""D3: (L0, L1)-smoothness, on the sum of cosh that no L covers, and wrong forms that must be caught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import bounds
from bounds.chain import Telescope
from bounds.symbols import L1, c
from lmo.balls import LInf
from lmo.step_rules import GradientRatio

D3 = bounds.theorems["l0-l1"]
REACH = np.log(2)  # 1/L1
L0_OF_ONE = 0.75 / REACH


def test_constants_of_cosh_hold_up_to_the_reach_and_are_attained() -> None:
    x, t = np.linspace(-6, 6, 1201)[:, None], np.linspace(1e-4, REACH, 300) * np.array([[1.0], [-1.0]])[:, None]
    ratio = np.abs(np.sinh(x + t) - np.sinh(x)) / np.abs(t) / (L0_OF_ONE + np.abs(np.sinh(x)) / REACH)
    assert ratio.max() <= 1 + 1e-12
    assert ratio.max() > 1 - 1e-6  # at x = 0, t = ln 2
    further = (np.sinh(2 * REACH)) / (2 * REACH) / L0_OF_ONE
    assert further > 1.2  # beyond 1/L1 it fails


@pytest.mark.parametrize(("shrink", "grow"), [(0.0, 0.0), (0.5, 0.5), (0.5, -0.5)])
def test_runs_on_a_sum_of_cosh_stay_below(shrink: float, grow: float) -> None:
    """ℓ∞, d = 3, started where f is e⁵: answers of length 1 + η on one coordinate and 1 − ε on the others."""
    x, steps = np.array([5.0, -3.0, 1.0]), 60
    l0, l1, b_, c_ = 3 * L0_OF_ONE, 1 / REACH, 1 + grow, 1 - shrink
    gap, norms = float(np.cosh(x).sum() - 3), []
    for k in range(steps):
        gradient = np.sinh(x)
        norm = np.abs(gradient).sum()
        norms.append(norm)
        lengths = np.full(3, c_)
        lengths[k % 3] = b_
        x = x - c_ * norm / (b_**2 * (l0 + l1 * norm)) * lengths * np.sign(gradient)
    bound = D3.bound(initial_gap=gap, steps=steps, l0=l0, l1=l1, epsilon=shrink, eta=grow)
    assert min(norms) <= float(bound)


def test_the_rule_takes_the_step_of_the_statement() -> None:
    fed = torch.tensor([[3.0, -1.0], [0.5, 0.0]], dtype=torch.float64)
    gamma, decay = GradientRatio(2.0, 0.25)(0.4, fed, LInf())
    assert torch.equal(gamma, decay) and gamma.tolist() == pytest.approx([0.4 * 4 / 3.0, 0.4 * 0.5 / 2.125], rel=1e-15)
    with pytest.raises(ValueError, match="`l0`"):
        GradientRatio(0.0, 1.0)


def test_wrong_forms_are_caught() -> None:
    for mutant in (
        replace(D3, claim=D3.claim.subs(L1, L1 / 2)),
        replace(D3, claim=D3.claim.subs(c, 1)),
        replace(D3, proof=replace(D3.proof, closing=Telescope(power=2))),
    ):
        assert not mutant.check()[0].passed
    assert float(D3.bound(initial_gap=4.5, steps=400, l0=1, l1=1e-12)) == pytest.approx(0.15, rel=1e-9)  # D2

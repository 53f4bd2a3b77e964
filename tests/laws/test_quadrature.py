"""Gauss's rule for sums: against plain sums, in every way that the start factors use it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from bounds.memory import nesterov_zero_start, zero_start
from bounds.memory.quadrature import NODES, averages, gauss, rule

FACTORS = {
    zero_start: lambda k, keep: np.sqrt((1 + keep ** (k + 1)) / (1 - keep ** (k + 1))),
    nesterov_zero_start: lambda k, keep: (
        np.sqrt(1 - keep ** (2 * k + 4) / (1 + 2 * keep - 2 * keep**3)) / (1 - keep ** (k + 2))
    ),
}


@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 12, 40, 1000])
def test_it_sums_polynomials_exactly(count: int) -> None:
    nodes, weights = gauss(count)
    for degree in range(2 * NODES):
        exact = sum(Fraction(2 * k - count + 1, max(count, 2)) ** degree for k in range(count))
        got = weights @ ((2 * nodes - count + 1) / max(count, 2)) ** degree
        assert got == pytest.approx(float(exact), rel=1e-12, abs=1e-12 * count)
    beyond = 2 * NODES
    if count > NODES:  # no rule with so few nodes sums the next one
        square = weights @ (nodes - (count - 1) / 2) ** beyond
        assert square < (1 - 1e-12) * ((np.arange(count) - (count - 1) / 2) ** beyond).sum()


@pytest.mark.parametrize("factor", FACTORS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 11, 31, 400, 12345])
def test_start_factors_against_plain_sums(factor: Callable[..., np.ndarray], steps: int) -> None:
    keep = 1 - np.geomspace(1e-7, 1.0, 40)
    plain = np.array([FACTORS[factor](np.arange(steps), one).mean() for one in keep])
    off = np.abs(factor(keep, steps) / plain - 1)
    assert (off <= 2e-12 + 4 * np.finfo(float).eps / (1 - keep)).all()  # both round 1 − keep^k


def test_a_point_does_not_depend_on_what_it_is_evaluated_with() -> None:
    source = np.random.default_rng(0)
    keep, steps = source.uniform(0, 1, 5000), source.integers(1, 50, 5000)
    together = zero_start(keep, steps)
    assert together.shape == (5000,)
    alone = [float(zero_start(keep[i], steps[i])) for i in range(0, 5000, 501)]
    assert together[::501] == pytest.approx(alone, rel=1e-14)
    assert zero_start(keep[:6].reshape(2, 3), 7).shape == (2, 3)


def test_weights_sum_to_one_and_long_sums_are_cheap() -> None:
    nodes, weights = rule(10**12)
    assert weights.sum() == pytest.approx(1, rel=1e-13) and nodes.size < 300 and nodes.max() < 10**12
    assert float(averages(0.5, 10**12, lambda k, keep: np.ones_like(k))) == pytest.approx(1, rel=1e-13)

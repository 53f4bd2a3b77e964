"""Exactly one verdict for every interval, prediction and resolution; against a second reading of the four rules."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from experiments.statistics.verdict import APPEARS, OTHER, UNDECIDED, UPPER, VERDICTS, judge

NUMBERS = st.one_of(st.floats(-3, 3), st.sampled_from([-math.inf, math.inf, 0.0, 0.5, -0.5, 0.25]))
inputs = given(NUMBERS, NUMBERS, st.floats(-2, 2), st.one_of(st.floats(0, 2), st.just(math.inf)), st.booleans())


def rules(low: float, high: float, p: float, resolvable: float, holds: bool) -> dict[str, bool]:
    """Each verdict's condition by itself, in words of sets; p is not 0."""
    contains_zero, contains_prediction = low <= 0 <= high, low <= p <= high
    other_side = high < 0 if p > 0 else low > 0
    as_predicted = contains_prediction and not contains_zero
    within = max(abs(low), abs(high)) < abs(p) if contains_zero else True  # no shift of the predicted size either way
    reaches_other_side = contains_zero and (low <= -p if p > 0 else high >= -p)
    coarse = resolvable > abs(p)
    settled = other_side or as_predicted
    wide = (contains_zero and contains_prediction) or reaches_other_side
    return {
        OTHER: other_side,
        APPEARS: as_predicted,
        UNDECIDED: not settled and (wide or coarse or not holds),
        UPPER: not settled and within and not coarse and holds and not (contains_zero and contains_prediction),
    }


@inputs
@example(0.1, 0.2, 0.5, 0.6, True)
@example(-5.0, 0.1, 0.5, 0.1, True)
@example(0.6, 0.9, 0.5, 0.1, True)
@example(0.0, 0.5, 0.5, 0.1, True)
def test_exactly_one(a, b, p, resolvable, holds) -> None:
    low, high = sorted((a, b))
    found = judge(low, high, p, resolvable, holds)
    assert found.verdict in VERDICTS and found.reason
    assume(p != 0)
    told = rules(low, high, p, resolvable, holds)
    assert [name for name, fits in told.items() if fits] == [found.verdict]


@inputs
def test_signs_and_units_do_not_matter(a, b, p, resolvable, holds) -> None:
    low, high = sorted((a, b))
    found = judge(low, high, p, resolvable, holds).verdict
    assert judge(-high, -low, -p, resolvable, holds).verdict == found
    assert judge(4 * low, 4 * high, 4 * p, 4 * resolvable, holds).verdict == found


@inputs
def test_what_cannot_change_a_verdict(a, b, p, resolvable, holds) -> None:
    """A finer resolution never makes a verdict undecided; a bound that holds never does; neither turns a sign."""
    low, high = sorted((a, b))
    found = judge(low, high, p, resolvable, holds).verdict
    assume(p != 0)
    better = judge(low, high, p, 0.0, True).verdict
    assert better == found or (found == UNDECIDED and better == UPPER)


@pytest.mark.parametrize(
    ("low", "high", "p", "resolvable", "holds", "verdict"),
    [
        (-0.30, -0.20, -0.25, 0.1, True, APPEARS),
        (-0.30, -0.20, -0.25, 0.9, False, APPEARS),
        (0.20, 0.30, -0.25, 0.9, False, OTHER),
        (-0.10, 0.05, -0.25, 0.1, True, UPPER),
        (-0.10, 0.05, -0.25, 0.1, False, UNDECIDED),
        (-0.10, -0.05, -0.25, 0.1, True, UPPER),
        (-0.10, 0.05, -0.25, 0.3, True, UNDECIDED),
        (-0.50, -0.40, -0.25, 0.1, True, UPPER),
        (-0.40, 0.10, -0.25, 0.1, True, UNDECIDED),
        (-0.10, 0.90, -0.25, 0.1, True, UNDECIDED),
        (-math.inf, math.inf, -0.25, math.inf, True, UNDECIDED),
        (-0.05, 0.05, 0.0, 0.1, True, APPEARS),
        (-0.20, 0.05, 0.0, 0.1, True, UNDECIDED),
        (0.05, 0.20, 0.0, 0.1, True, UPPER),
        (0.05, 0.20, 0.0, 0.1, False, UNDECIDED),
    ],
)
def test_examples(low, high, p, resolvable, holds, verdict) -> None:
    assert judge(low, high, p, resolvable, holds).verdict == verdict


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((0.2, 0.1, 0.5, 0.1, True), "low"),
        ((math.nan, 0.1, 0.5, 0.1, True), "NaN"),
        ((0.0, 0.1, math.inf, 0.1, True), "finite"),
        ((0.0, 0.1, 0.5, -0.1, True), ">= 0"),
        ((0.0, 0.1, 0.5, math.nan, True), ">= 0"),
        ((0.0, 0.1, 0.5, 0.1, 1.0), "bool"),
        ((None, 0.1, 0.5, 0.1, True), "numbers"),
    ],
)
def test_refusals(given, says) -> None:
    with pytest.raises((TypeError, ValueError), match=says):
        judge(*given)

"""Exactly one verdict for every interval, prediction and resolution; against a second reading of the rules."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from experiments.coupling_study.resolution import Resolvable
from experiments.statistics.verdict import APPEARS, MORE, OTHER, UNDECIDED, UPPER, VERDICTS, judge

NUMBERS = st.one_of(st.floats(-3, 3), st.sampled_from([-math.inf, math.inf, 0.0, 0.5, -0.5, 0.25]))
inputs = given(
    NUMBERS, NUMBERS, st.floats(-2, 2), st.one_of(st.floats(0, 2), st.just(math.inf)), st.booleans(),
    st.one_of(NUMBERS, st.just(math.nan)),
)  # fmt: skip


def rules(low: float, high: float, p: float, r: float, holds: bool, e: float) -> dict[str, bool]:
    """Each verdict's condition by itself, in words of sets; p is not 0."""
    known = math.isfinite(r)
    contains_zero, contains_prediction = low <= 0 <= high, low <= p <= high
    other_side = high < 0 if p > 0 else low > 0
    beyond = low > p if p > 0 else high < p
    within = max(abs(low), abs(high)) < abs(p) or (not contains_zero and not contains_prediction)
    excess = e - p if p > 0 else p - e
    told = {
        OTHER: other_side and known and abs(e) >= r and e * p <= 0,
        MORE: beyond and known and excess >= r,
        APPEARS: contains_prediction and not contains_zero and r <= abs(p) and abs(e) >= r and e * p >= 0,
        UPPER: not other_side and not beyond and not contains_prediction and within and r <= abs(p) and holds,
    }
    return told | {UNDECIDED: not any(told.values())}


@inputs
@example(0.1, 0.2, 0.5, 0.6, True, 0.15)
@example(-5.0, 0.1, 0.5, 0.1, True, 0.0)
@example(0.6, 0.9, 0.5, 0.1, True, 0.7)
@example(0.0, 0.5, 0.5, 0.1, True, 0.2)
def test_exactly_one(a, b, p, resolvable, holds, e) -> None:
    low, high = sorted((a, b))
    found = judge(low, high, p, resolvable, holds, e)
    assert found.verdict in VERDICTS and found.reason
    assume(p != 0)
    told = rules(low, high, p, resolvable, holds, e)
    assert [name for name, fits in told.items() if fits] == [found.verdict]


@inputs
def test_signs_and_units_do_not_matter(a, b, p, resolvable, holds, e) -> None:
    low, high = sorted((a, b))
    found = judge(low, high, p, resolvable, holds, e).verdict
    assert judge(-high, -low, -p, resolvable, holds, -e).verdict == found
    assert judge(4 * low, 4 * high, 4 * p, 4 * resolvable, holds, 4 * e).verdict == found


@inputs
def test_what_cannot_change_a_verdict(a, b, p, resolvable, holds, e) -> None:
    """A finer resolution never makes a verdict undecided; a bound that holds never does; neither turns a sign."""
    low, high = sorted((a, b))
    found = judge(low, high, p, resolvable, holds, e).verdict
    assume(p != 0)
    better = judge(low, high, p, 0.0, True, e).verdict
    assert better == found or found == UNDECIDED


@inputs
def test_no_verdict_rests_on_what_is_not_resolved(a, b, p, resolvable, holds, e) -> None:
    low, high = sorted((a, b))
    found = judge(low, high, p, resolvable, holds, e).verdict
    assume(p != 0)
    if found in (APPEARS, OTHER, MORE):
        assert abs(e) >= resolvable and abs(e - (p if found == MORE else 0)) >= resolvable
    if found in (APPEARS, UPPER):
        assert abs(p) >= resolvable


@pytest.mark.parametrize(
    ("low", "high", "p", "resolvable", "holds", "e", "verdict"),
    [
        (-0.30, -0.20, -0.25, 0.1, True, -0.24, APPEARS),
        (-0.30, -0.20, -0.25, 0.1, False, -0.24, APPEARS),
        (-0.268, -0.061, -0.189, 0.173, True, -0.097, UNDECIDED),  # a third of it is the truth, on dense grids
        (-0.30, -0.20, -0.25, 0.25, True, -0.24, UNDECIDED),
        (-0.40, -0.20, -0.25, 0.28, True, -0.30, UNDECIDED),
        (-0.30, -0.20, -0.25, 0.9, False, -0.24, UNDECIDED),
        (0.20, 0.30, -0.25, 0.1, False, 0.25, OTHER),
        (0.20, 0.30, -0.25, 0.9, True, 0.25, UNDECIDED),
        (0.20, 0.30, -0.25, math.inf, True, math.inf, UNDECIDED),
        (-0.10, 0.05, -0.25, 0.1, True, 0.0, UPPER),
        (-0.10, 0.05, -0.25, 0.1, False, 0.0, UNDECIDED),
        (-0.10, -0.05, -0.25, 0.1, True, -0.07, UPPER),
        (-0.10, 0.05, -0.25, 0.3, True, 0.0, UNDECIDED),
        (-0.50, -0.40, -0.25, 0.1, True, -0.45, MORE),
        (-0.50, -0.40, -0.25, 0.1, False, -0.45, MORE),
        (-0.50, -0.26, -0.25, 0.1, True, -0.30, UNDECIDED),
        (-0.40, 0.10, -0.25, 0.1, True, -0.2, UNDECIDED),
        (-0.10, 0.90, -0.25, 0.1, True, 0.3, UNDECIDED),
        (-math.inf, math.inf, -0.25, math.inf, True, math.nan, UNDECIDED),
        (-0.05, 0.05, 0.0, 0.1, True, 0.0, APPEARS),
        (-0.05, 0.18, 0.0, 0.1, True, 0.06, APPEARS),
        (-0.25, 0.05, 0.0, 0.1, True, -0.1, UNDECIDED),
        (-0.05, 0.05, 0.0, math.inf, True, 0.0, UNDECIDED),
        (0.05, 0.20, 0.0, 0.1, True, 0.12, MORE),
        (0.05, 0.20, 0.0, 0.1, True, 0.09, UNDECIDED),
        (-0.20, -0.05, 0.0, 0.1, False, -0.12, MORE),
    ],
)
def test_examples(low, high, p, resolvable, holds, e, verdict) -> None:
    assert judge(low, high, p, resolvable, holds, e).verdict == verdict


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((0.2, 0.1, 0.5, 0.1, True, 0.05), "low"),
        ((math.nan, 0.1, 0.5, 0.1, True, 0.05), "NaN"),
        ((0.0, 0.1, math.inf, 0.1, True, 0.05), "finite"),
        ((0.0, 0.1, 0.5, -0.1, True, 0.05), ">= 0"),
        ((0.0, 0.1, 0.5, math.nan, True, 0.05), ">= 0"),
        ((0.0, 0.1, 0.5, 0.1, 1.0, 0.05), "bool"),
        ((None, 0.1, 0.5, 0.1, True, 0.05), "numbers"),
        ((0.0, 0.1, 0.5, 0.1, True, None), "numbers"),
    ],
)
def test_refusals(given, says) -> None:
    with pytest.raises((TypeError, ValueError), match=says):
        judge(*given)


def test_where_the_pilot_was_flat_the_measurement_says_what_is_resolved() -> None:
    flat = Resolvable((0.17, 0.18, 0.01), (math.inf, 0.3, math.inf), (math.inf, 1.0, math.inf), 64, 0.5)
    assert flat.afterwards("step size", 0.1, 0.4) == 0.4 and flat.afterwards("step size", 0.1, 0.1) == 0.17
    assert flat.afterwards("alpha", 0.1, 5.0) == flat.of("alpha", 0.1) == 0.4
    assert flat.afterwards("value", 0.1, math.inf) == math.inf

"""Certified ranges against brute force on 4·10⁵ points, and the errors of the shipped tables as they were published."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmo.balls import Spectral
from lmo.oracles import GramNewtonSchulz, NewtonSchulz
from lmo.oracles.scales import AOL
from lmo.polynomials import certify as module
from lmo.polynomials import names, schedule
from lmo.polynomials.certify import Odd, certify
from lmo.polynomials.classical import law
from lmo.polynomials.schedule import evaluate

LOWS = (0.1, 0.01, 0.001)


def brute(function, low: float, high: float = 1.0) -> np.ndarray:
    return function(np.concatenate([np.linspace(low, high, 200_000), np.geomspace(low, high, 200_000)]))


@pytest.mark.parametrize("low", LOWS)
@pytest.mark.parametrize("name", names())
def test_no_point_beats_the_certificate_and_it_is_tight(name: str, low: float) -> None:
    proved, seen = certify(schedule(name).table, low, 1.0), brute(schedule(name), low)
    assert proved.low <= seen.min() + 1e-14 and proved.high >= seen.max() - 1e-14
    assert proved.low == pytest.approx(seen.min(), abs=1e-6) and proved.high == pytest.approx(seen.max(), abs=1e-6)
    for claimed, true in (
        (proved.delta, max(1 - proved.low, proved.high - 1, 0)),
        (proved.epsilon, 1 - proved.low),
        (proved.eta, max(proved.high, -proved.low) - 1),
    ):
        assert true <= claimed <= true + 1e-15  # rounded outwards


# sup |p − 1| on [l, 1] of what is shipped, to the digits of a survey of the field (paper_notes.md, Schedules)
SURVEY = {
    ("jordan", 5): (0.318, 0.318, 0.529),
    ("you", 5): (0.032, 0.032, 0.525),
    ("you-6", 6): (0.004, 0.004, 0.134),
    ("polar-express-1.01", 5): (0.130, 0.130, 0.154),
    ("polar-express-1.02", 5): (0.141, 0.141, 0.141),
    ("polar-express-1.05", 5): (0.154, 0.154, 0.271),
    ("polar-express-1.01", 8): (0.000, 0.000, 0.000),
    ("cans", 5): (0.120, 0.120, 0.120),
    ("cubic5", 5): (0.300, 0.300, 0.881),
    ("classical-2", 5): (0.004, 0.772, 0.977),
    ("aol-broken", 4): (2.084, 2.084, 2.084),
}


@pytest.mark.parametrize(("name", "steps"), SURVEY, ids=str)
def test_the_survey_of_shipped_tables(name: str, steps: int) -> None:
    for low, printed in zip(LOWS, SURVEY[name, steps], strict=True):
        assert certify(schedule(name).polynomials(steps), low, 1.0).delta == pytest.approx(printed, abs=6e-4)


def test_one_name_four_tables() -> None:
    """ "Polar Express" is shipped with four safety factors: the registry keeps them apart, and their errors differ."""
    errors = [
        certify(schedule(n).polynomials(5), 1e-3, 1.0).delta
        for n in ("polar-express", "polar-express-1.01", "polar-express-1.02", "polar-express-1.05")
    ]
    assert len({round(e, 3) for e in errors}) == 4


def test_the_schedule_of_smallest_error_is_not_the_one_that_ships() -> None:
    at = {
        n: certify(schedule(n).polynomials(5), 0.01, 1.0).delta for n in ("jordan", "you", "cans", "polar-express-1.01")
    }
    assert min(at, key=at.__getitem__) == "you" and at["jordan"] > 9 * at["you"]


@given(st.lists(st.tuples(*[st.floats(-6, 6)] * 3), min_size=1, max_size=3), st.floats(0, 0.5), st.floats(0.5, 1.5))
def test_any_composition_also_one_that_changes_sign(table, low: float, high: float) -> None:
    proved = certify(table, low, high)

    def composed(s):
        for polynomial in table:
            s = evaluate(polynomial, s)
        return s

    seen = composed(np.linspace(low, high, 4001))
    scale = 1e-9 * (1 + np.abs(seen).max())
    assert proved.low <= seen.min() + scale and proved.high >= seen.max() - scale


def test_rational_functions() -> None:
    one = Odd((3.0, 1.0), (1.0, 3.0))  # Halley's s(3 + s²)/(1 + 3s²), increasing, fixed at 1
    proved = certify([one, one], 0.2, 1.0)
    s = 0.2
    for _ in range(2):
        s = s * (3 + s * s) / (1 + 3 * s * s)
    assert proved.low == pytest.approx(s, abs=1e-12) and proved.high == pytest.approx(1, abs=1e-12)
    with pytest.raises(ValueError, match="not shown to be positive"):
        certify([Odd((1.0,), (1.0, -1.0))], 0.5, 2.0)


def test_dropping_the_critical_points_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_critical", lambda *a: [])
    with pytest.raises(AssertionError):
        test_no_point_beats_the_certificate_and_it_is_tight("jordan", 0.01)


def test_the_classical_law_lies_above_the_certificate() -> None:
    for order in (1, 2, 3):
        for steps in (1, 4, 8):
            for s_min in (0.01, 0.1, 0.7, 1.0):
                proved = certify(schedule(f"classical-{order}").polynomials(steps), s_min, 1.0)
                assert proved.delta <= law(order, steps, s_min) + 1e-15 and proved.eta <= 1e-15
    assert certify(schedule("jordan").table, 0.01, 1.0).delta == pytest.approx(0.318168537822815287, abs=1e-15)


@pytest.mark.parametrize("s_min", [1e-200, 1e-160, 1e-9, 1e-3, 0.5, 0.999, 1 - 2.0**-53, 1.0])
@pytest.mark.parametrize("order", [1, 2, 12])
def test_the_classical_law_in_450_digits(order: int, s_min: float) -> None:
    with mpmath.workdps(450):  # 1 − s² and 1 − r may need 400
        once = -mpmath.log(1 - mpmath.mpf(s_min) ** 2) if s_min < 1 else mpmath.inf
        for steps in (0, 1, 2, 5, 20, 60, 300, 700, 1100, 2000):
            decay = min(once * (order + 1) ** steps, 10**4)  # e^−10⁴ is 0 in float64
            exact = float(1 - mpmath.sqrt(1 - mpmath.exp(-decay)))
            assert law(order, steps, s_min) == pytest.approx(exact, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0, 1, 0.5), "`order` must be an integer >= 1"), ((1, -1, 0.5), "`steps` must be an integer >= 0"),
     ((1, 1, 0.0), "`s_min` must be a finite number > 0.0"), ((1, 1, 1.1), "`s_min` must be at most 1")],
)  # fmt: skip
def test_the_classical_law_refuses(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        law(*arguments)


@pytest.mark.parametrize("oracle", [NewtonSchulz("you"), GramNewtonSchulz("cans", restarts=(2,))], ids=str)
def test_answers_keep_their_certificate(oracle) -> None:
    source = torch.Generator().manual_seed(0)
    u, _ = torch.linalg.qr(torch.randn(6, 6, generator=source, dtype=torch.float64))
    v, _ = torch.linalg.qr(torch.randn(9, 9, generator=source, dtype=torch.float64))
    s = torch.tensor([0.6, 0.5, 0.4, 0.3, 0.2, 0.05], dtype=torch.float64)
    s = s / s.norm()
    d, _ = oracle((u * s) @ v[:6])
    proved = oracle.certify(float(s[-1]))
    sizes = torch.linalg.svdvals(d)
    assert proved.low - 1e-9 <= float(sizes.min()) and float(sizes.max()) <= proved.high + 1e-9
    assert float(Spectral().norm(d)) - 1 <= proved.eta + 1e-9


def test_a_biased_scale_has_no_certificate() -> None:
    assert NewtonSchulz("turbo-muon", scale=AOL()).certify(0.1) is None


def test_the_norm_sees_negative_values_too() -> None:
    assert certify([(-2.0,)], 0.1, 1.0).eta >= 1

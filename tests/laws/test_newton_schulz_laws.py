"""The error laws of classical Newton–Schulz: proofs, exact rationals, lmo's certificates, planted wrong exponents."""

from __future__ import annotations

import math
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from command_line import lmo, strict_json

import bounds
from bounds.closed_forms import newton_schulz_residual as residual
from lmo.oracles import NewtonSchulz
from lmo.polynomials.classical import law

NAMES = ["newton-schulz-residual", "newton-schulz-delta", "newton-schulz-chi"]
RESIDUAL, DELTA, CHI = (bounds.laws[name] for name in NAMES)
CASES = [(κ, q, s) for κ in (1, 2, 3, 5) for q in (0, 1, 2, 4, 6) for s in (0.003, 0.1, 0.4, 0.9)]


def certified(κ: int, q: int, s: float):
    return NewtonSchulz(f"classical-{κ}", q).certify(s)


@pytest.mark.parametrize("name", NAMES)
def test_every_step_of_the_proof_holds(name: str) -> None:
    assert [one for one in bounds.laws[name].check() if not one.passed] == []
    assert bounds.laws[bounds.laws[name].label] is bounds.laws[name] is bounds.load(name)


@pytest.mark.parametrize("κ", [1, 2, 3, 7])
def test_the_law_in_exact_rationals(κ: int) -> None:
    """s ← s Σ_j C(2j, j)4^−j (1 − s²)^j in fractions, against the law in fractions."""
    for start in (Fraction(1, 50), Fraction(1, 3), Fraction(9, 10), Fraction(1)):
        s = start
        for q in range(3):
            left, right = 1 - s**2, (1 - start**2) ** ((κ + 1) ** q)
            assert 0 <= left <= right and (q == 0) <= (left == right)
            assert float(RESIDUAL.bound(order=κ, iterations=q, s_min=float(start))) == pytest.approx(float(right))
            s = s * sum(Fraction(comb(2 * j, j), 4**j) * (1 - s**2) ** j for j in range(κ + 1))
            s = s.limit_denominator(10**30) if s < 1 else s


@pytest.mark.parametrize(("κ", "q", "s"), [case for case in CASES if case[1] > 0])
def test_the_laws_bound_what_lmo_certifies(κ: int, q: int, s: float) -> None:
    """The certificate is the range of the polynomial itself: the laws lie above, and not far where they matter."""
    proved = certified(κ, q, s)
    at = {"order": κ, "iterations": q, "s_min": s}
    rounding = 1e-13 * κ
    assert proved.delta <= float(DELTA.bound(**at)) + rounding and proved.eta <= rounding
    assert 1 - proved.low**2 <= float(RESIDUAL.bound(**at)) + rounding
    assert 1 / (1 - proved.delta) <= float(CHI.bound(**at)) * (1 + 1e-9)
    assert float(DELTA.bound(**at)) == pytest.approx(law(κ, q, s), rel=1e-8, abs=1e-15)
    assert float(DELTA.bound(**at)) <= float(RESIDUAL.bound(**at))
    if s == 0.003 and q <= 4:  # far from convergence the law loses a constant factor of 1 − δ alone
        assert 1 - float(DELTA.bound(**at)) > 0.3 * (1 - proved.delta)


@pytest.mark.parametrize("wrong", ["κ + 2", "q + 1", "doubled base"])
def test_a_wrong_exponent_is_refuted_by_the_certificates(wrong: str) -> None:
    changed = {
        "κ + 2": lambda κ, q, s: (1 - s * s) ** ((κ + 2) ** q),
        "q + 1": lambda κ, q, s: (1 - s * s) ** ((κ + 1) ** (q + 1)),
        "doubled base": lambda κ, q, s: (1 - 2 * s * s) ** ((κ + 1) ** q) if 2 * s * s < 1 else 0.0,
    }[wrong]
    assert any(1 - certified(κ, q, s).low ** 2 > changed(κ, q, s) + 1e-9 for κ, q, s in CASES if q)


def test_a_wrong_coefficient_is_caught_by_the_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    right = residual.coefficients
    for change in (
        lambda κ: [*right(κ)[:κ], 1, *right(κ)[κ + 1 :]],  # one power too early
        lambda κ: [*right(κ)[:-1], 2 * right(κ)[-1]],  # p_κ(s) > 1 somewhere
        lambda κ: [*right(κ)[: κ + 1], -right(κ)[κ + 1], *right(κ)[κ + 2 :]],
    ):
        monkeypatch.setattr(residual, "coefficients", change)
        assert any(not one.passed for one in RESIDUAL.check())


def test_chi_of_kim_and_oh() -> None:
    """The values of paper_notes.md: 64.2 at σ_min = 10⁻³‖m‖_F and q = 5, 1.92 with 768 equal singular values."""
    got = CHI.bound(order=2, iterations=5, s_min=[1e-3, 1 / 768**0.5])
    assert got == pytest.approx([64.2, 1.92], rel=2e-3)
    assert float(CHI.bound(order=2, iterations=np.array([0, 40]), s_min=0.5)[1]) == 1.0


def test_the_commands() -> None:
    (row,) = strict_json(lmo("bound", "newton-schulz-chi", "order=2", "iterations=5", "s_min=0.001", "--json").out)
    assert row["bound"] == pytest.approx(64.2, rel=2e-3)
    assert "nothing to tune" in lmo("tune", "newton-schulz-delta", "order=2").err
    assert "`s_min` (smallest singular value over the scale) must be" in lmo("bound", "NS", "order=2", "iterations=1",
                                                                             "s_min=2").err  # fmt: skip
    assert all(f"{one.label} {one.name}\n" in lmo("check", one.name).out for one in (RESIDUAL, DELTA, CHI))


@pytest.mark.parametrize(
    ("name", "iterations", "s_min", "truth"),
    [
        ("newton-schulz-delta", 37, 1e-8, 1.3912e-20),
        ("newton-schulz-delta", 40, 1e-9, 2.6240e-6),
        ("newton-schulz-chi", 5, 1e-8, 6.4150e6),
        ("newton-schulz-chi", 5, 1e-9, 6.4150e7),
    ],
)
def test_nothing_cancels_at_tiny_singular_values(name: str, iterations: int, s_min: float, truth: float) -> None:
    """1 − s² is 1 in doubles: they printed 9.7e-23, 1 and 6.09e6, below the truth, and failed for the last."""
    power = 3.0**iterations
    left = math.exp(power * math.log1p(-(s_min**2)))
    by_log = 1 / math.sqrt(-math.expm1(power * math.log1p(-(s_min**2))))
    found = float(bounds.laws[name].bound(order=2, iterations=iterations, s_min=s_min))
    assert found == pytest.approx(truth, rel=1e-4)
    assert found == pytest.approx(by_log if "chi" in name else 1 - 1 / by_log if left > 1e-9 else left / 2, rel=1e-6)

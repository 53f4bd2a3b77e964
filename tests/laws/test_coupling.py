"""Exponents of the tuned parameters: closed forms against finite differences, exact optima against published values."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from command_line import lmo, strict_json

import bounds
from bounds.coupling import ERROR_BASES, LARGER, SMALLER, Coupling, closed_exponents, couplings
from bounds.symbols import CONSTANTS, K, L, alpha, b, gamma

TUNED = [name for name, theorem in bounds.theorems.items() if theorem.tuning]
HALF, THIRD, QUARTER = Fraction(1, 2), Fraction(1, 3), Fraction(1, 4)
# quantity → exponents of 1+δ, 1−δ (additive), K, σ, L, Δ, read off the formulas of paper_notes.md by hand
BY_HAND = {
    "fixed-step": {
        "step_size": (-1, 0, -HALF, 0, -HALF, HALF),
        "value": (1, -1, -HALF, 0, HALF, HALF),
    },
    "hilbert": {
        "step_size": (-HALF, -HALF, -HALF, 0, -HALF, HALF),
        "value": (-HALF, -HALF, -HALF, 0, HALF, HALF),
    },
    "ema": {
        "alpha": (HALF, 0, -HALF, -1, HALF, HALF),
        "step_size": (-QUARTER, 0, -3 * QUARTER, -HALF, -QUARTER, 3 * QUARTER),
        "value": (QUARTER, -1, -QUARTER, HALF, QUARTER, QUARTER),
    },
    "storm": {
        "alpha": (2 * THIRD, 0, -2 * THIRD, -4 * THIRD, 0, 2 * THIRD),
        "step_size": (-THIRD, 0, -2 * THIRD, -THIRD, 0, 2 * THIRD),
        "value": (THIRD, -1, -THIRD, THIRD, 0, THIRD),
    },
}
NAMES = ("steps", "noise_std", "smoothness", "initial_gap")


def of(name: str, quantity: str, **constants: float) -> Coupling:
    return next(row for row in couplings(bounds.theorems[name], **constants) if row.quantity == quantity)


# --- closed forms -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BY_HAND)
def test_the_exponents_are_those_of_the_formulas(name: str) -> None:
    got = closed_exponents(bounds.theorems[name], list(NAMES))
    assert got.keys() == BY_HAND[name].keys()
    for quantity, expected in BY_HAND[name].items():
        powers = [got[quantity][base] for base in (LARGER, SMALLER, *NAMES)]
        assert [Fraction(int(p.p), int(p.q)) for p in powers] == [Fraction(e) for e in expected]


@pytest.mark.parametrize("name", TUNED)
def test_closed_exponents_are_log_slopes_of_the_closed_form(name: str) -> None:
    """The same by numbers alone: what `tune` gives for its leading terms, where α is not cut at 1."""
    theorem = bounds.theorems[name]
    usual = {"initial_gap": 0.7, "smoothness": 1.3, "mean_smoothness": 0.8, "steps": 3e3, "noise_std": 2.0,
             "norm_ratio": 4.0, "weight_decay": 1e-3, "l0": 1.0, "l1": 0.1, "mu": 0.01, "diameter": 3.0}  # fmt: skip
    needed = bounds.coupling.constants_of(theorem, usual)
    closed = closed_exponents(theorem, [n for n in ("steps", "noise_std", "smoothness", "initial_gap") if n in needed])

    def at(**changes: float) -> dict[str, float]:
        tuned = theorem.tune(**{**needed, **changes})
        tuned = tuned.leading or tuned
        known = {"step_size": tuned.step_size, "alpha": tuned.alpha, "value": tuned.value}
        return {n: float(v) for n, v in known.items() if v is not None}

    if "alpha" in closed:
        assert at()["alpha"] < 0.5
    for base in closed["value"]:
        if base == SMALLER:
            continue
        if base in ERROR_BASES:
            size, (up, down) = 0.3, bounds.coupling.ERRORS[ERROR_BASES[base]]
            signed = {"delta": size} if not {"epsilon", "eta"} & set(theorem.constants) else {"epsilon": up * size,
                                                                                "eta": down * size}  # fmt: skip
            low, high = at(), at(**{n: v for n, v in signed.items() if n == "delta" or n in theorem.constants})
            step = np.log1p(size) if base.endswith("1+δ") else np.log1p(-size)
        else:
            low, high = at(**{base: needed[base] * 0.97}), at(**{base: needed[base] * 1.03})
            step = np.log(1.03 / 0.97)
        for quantity, powers in closed.items():
            if powers[base] is None:
                continue
            change = np.log(high[quantity] / low[quantity])
            if base == LARGER:
                change -= float(powers[SMALLER]) * np.log1p(-0.3)
            assert change / step == pytest.approx(float(powers[base]), abs=1e-9), (quantity, base)


def test_what_is_no_power_law_has_no_exponent() -> None:
    value = of("no-momentum", "value")
    assert value.closed[LARGER] is None and value.exact[LARGER] is None and value.closed["noise_std"] is None
    assert value.exact["noise_std"] == pytest.approx(1.0, abs=0.02) and "noise_std" in value.differs()


# --- exact optima -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("noise", "exponent"), [(0.02, 0.38), (0.1, 0.24)])
def test_at_400_steps_alpha_has_other_exponents_than_in_the_limit(noise: float, exponent: float) -> None:
    constants = {"initial_gap": 0.5, "smoothness": 1.0, "steps": 400, "norm_ratio": 20**0.5}
    row = of("ema", "alpha", **constants, noise_std=noise * 20**0.5)
    assert row.exact[LARGER] == pytest.approx(exponent, abs=0.005)
    assert row.closed[LARGER] == sp.Rational(1, 2) and LARGER in row.differs()
    ends = bounds.theorems["S1"].tune(**constants, noise_std=noise * 20**0.5, delta=[0.0, 0.8]).alpha
    assert np.log(ends[1] / ends[0]) / np.log(1.8) == pytest.approx(row.exact[LARGER], rel=1e-9)


def test_the_limits_are_reached_as_steps_grow() -> None:
    for quantity, limit in (("alpha", 0.5), ("step_size", -0.25), ("value", 0.25)):
        away = [abs(float(of("ema", quantity, steps=k).exact[LARGER]) - limit) for k in (1e2, 1e5, 1e8, 1e12)]
        assert away == sorted(away, reverse=True) and away[-1] < 0.003 < away[0]


@pytest.mark.parametrize("name", TUNED)
def test_the_exact_optimum_of_an_exact_closed_form_has_its_exponents(name: str) -> None:
    for row in couplings(bounds.theorems[name]):
        known = [base for base in row.closed if row.closed[base] is not None]
        assert row.limit_only or not set(known) & set(row.differs())


@pytest.mark.parametrize("name", [n for n in TUNED if n not in ("hilbert", "additive-error", "frank-wolfe", "muon")])
def test_a_one_sided_error_moves_the_step_alone(name: str) -> None:
    """ε = ∓δ, η = ±δ rescale the answer: α* stays, γ* undoes the scale, in the closed form and in the optimum.

    Not in D1-H and D1-A, which speak of δ alone, nor in C1, whose step is given, nor in M, where what the decay takes
    away does not scale with the answer.
    """
    for row in couplings(bounds.theorems[name]):
        for base in ("inflate 1+δ", "shrink 1−δ"):
            assert row.exact[base] == pytest.approx(float(row.closed[base]), abs=1e-5)
            if row.quantity == "alpha":
                assert row.closed[base] == 0
            if row.quantity == "step_size" and name != "layer-wise-fixed":  # whose steps are γ/c_i
                assert row.closed[base] == -1


def test_storm_reaches_its_leading_terms_only_where_noise_is_small() -> None:
    """S4's start term has the order of the others in K, so more steps do not help: qρσ² ≪ 3ΔL̄b does."""
    small = {"noise_std": 1e-4, "norm_ratio": 1.0, "initial_gap": 1.0, "steps": 1e12}
    assert of("storm", "alpha", **small).exact[LARGER] == pytest.approx(2 / 3, abs=0.02)
    large = {**small, "noise_std": 30.0}
    row = of("storm", "alpha", **large)
    assert abs(row.exact[LARGER]) < 0.02 and row.exact["steps"] == pytest.approx(-2 / 3, abs=0.01)


# --- planted mistakes -------------------------------------------------------------------------------------------------


def test_a_wrong_tuning_shows_as_a_difference() -> None:
    d1 = bounds.theorems["fixed-step"]
    wrong = replace(d1, tuning={gamma: d1.tuning[gamma] * b**2})
    (row,) = (r for r in couplings(wrong) if r.quantity == "step_size")
    assert row.closed[LARGER] == 1
    s1 = bounds.theorems["ema"]
    for change, base in ((sp.sqrt(b), LARGER), (sp.sqrt(K), "steps"), (L, "smoothness")):
        mutant = replace(s1, tuning={**s1.tuning, alpha: s1.tuning[alpha] * change})
        row = next(r for r in couplings(mutant, steps=1e12, noise_std=0.01) if r.quantity == "alpha")
        right = next(r for r in couplings(s1, steps=1e12, noise_std=0.01) if r.quantity == "alpha")
        assert base in row.differs() and base not in right.differs()


def test_bad_arguments_are_refused() -> None:
    for delta in (0.0, 1.0, -0.5):
        with pytest.raises(ValueError, match=r"`delta` must lie in \(0, 1\)"):
            couplings(bounds.theorems["D1"], delta=delta)
    with pytest.raises(ValueError, match="unknown constant 'stepz'; did you mean 'steps'"):
        couplings(bounds.theorems["D1"], stepz=3)
    with pytest.raises(ValueError, match="`smoothness`"):
        couplings(bounds.theorems["D1"], smoothness=-1.0)
    assert couplings(replace(bounds.theorems["D1"], tuning={})) == []
    assert set(bounds.coupling.USUAL) <= set(CONSTANTS)


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_lists_every_theorem_that_is_tuned() -> None:
    rows = strict_json(lmo("coupling", "--json").out)
    assert [name for name in dict.fromkeys(row["theorem"] for row in rows)] == TUNED
    mine = next(r for r in rows if (r["theorem"], r["quantity"]) == ("ema", "alpha"))
    assert mine["closed"][LARGER] == "1/2" and mine["exact"][LARGER] == pytest.approx(0.238, abs=0.001)
    assert LARGER in mine["differs"] and mine["limit_only"] is True


def test_the_table_shows_both_exponents() -> None:
    out = lmo("coupling", "ema", "noise_std=0.0894427191").out
    line = next(line for line in out.splitlines() if "alpha" in line)
    assert "1/2 (0.38)" in line and "S1 ema" in line and "noise_std=0.0894427" in out
    assert lmo("coupling", "initial_gap=2", "--json").status == 0


def test_a_statement_of_ones_own_is_coupled_too(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from dataclasses import replace\nimport bounds\n"
                                      "mine = replace(bounds.theorems['D1'], name='mine', label='M1')\n")  # fmt: skip
    rows = strict_json(lmo("coupling", str(tmp_path / "mine.py"), "--json").out)
    assert {row["theorem"] for row in rows} == {"mine"} and rows[0]["closed"][LARGER] == "-1"


def test_what_the_command_refuses() -> None:
    assert "one number per constant" in lmo("coupling", "ema", "steps=1:3:3").err
    assert "unknown theorem 'emma'" in lmo("coupling", "emma").err
    assert "unknown constant 'stepz'" in lmo("coupling", "ema", "stepz=3").err


def test_sums_over_a_billion_steps_take_no_time() -> None:
    """A zero start is forgotten: the exponents are those of a start at the first gradient, or nearly."""
    rows = [row for row in couplings(bounds.theorems["ema-zero"], steps=1e9) if row.quantity == "alpha"]
    assert rows[0].exact[LARGER] == pytest.approx(0.5, abs=0.02)

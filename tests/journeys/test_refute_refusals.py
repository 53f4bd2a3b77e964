"""`lmo refute` where a claim is about nothing that can be run, has no positive bound, or is made in a range alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import lmo, strict_json

import bounds
from bounds import statements
from experiments import cli
from experiments.refutation import case as cases
from experiments.refutation.ranges import read_range
from experiments.refutation.ratio import exceeds, ratio_of, shown
from experiments.refutation.replay import replay
from experiments.refutation.target import claimed, target

HALF = "sqrt(2*L*Delta/K)*(1+delta)/(1-2*delta)"  # of δ < ½
CASE = Path("out/refute/case.json")


@pytest.mark.parametrize("setting", ["fixed-step", "hilbert", "additive-error", "adaptive-step"])
@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("sigma", "noise_std"), ("rho", "norm_ratio"), ("Lbar", "mean_smoothness"), ("mu", "mu"), ("nu", "variation"),
        ("peak", "peak"), ("L0", "l0"), ("L1", "l1"), ("weight_decay", "weight_decay"), ("R", "diameter"),
        ("X", "iterate_bound"), ("alpha", "alpha"),
    ],
)  # fmt: skip
def test_a_constant_that_the_setting_does_not_have_is_refused(setting: str, symbol: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"have {name} .*did you mean .*Allowed: .*steps"):
        target(claimed(f"{symbol}*Delta", setting))


@pytest.mark.parametrize("name", list(bounds.theorems))
def test_every_claim_has_the_constants_of_its_own_setting(name: str) -> None:
    assert target(bounds.theorems[name]).theorem is bounds.theorems[name]


@pytest.mark.parametrize(
    ("file", "assumption", "name"),
    [
        ("star_convex", "StarConvex(), ", "diameter"),
        ("polyak_lojasiewicz", "PolyakLojasiewicz(), ", "mu"),
        ("ema", ", UnbiasedNoise()", "noise_std"),
        ("storm", ", MeanSmooth()", "mean_smoothness"),
    ],
)
def test_a_file_without_the_assumption_of_a_constant_is_refused(
    file: str, assumption: str, name: str, home: Path
) -> None:
    text = Path(statements.__path__[0], f"{file}.py").read_text(encoding="utf-8")
    assert assumption in text
    Path("mine.py").write_text(text.replace(assumption, ""), encoding="utf-8")
    said = lmo("refute", "mine.py", "--seconds", "1")
    assert said.status == 2 and f"neither its assumptions nor its method have {name} (" in said.err


@pytest.mark.parametrize("law", ["critical-batch", "newton-schulz-chi", "B1"])
@pytest.mark.parametrize("words", [("refute",), ("worst-case",), ("refute", "--bound", "L*Delta", "--setting")])
def test_a_law_is_refused(law: str, words: tuple[str, ...], home: Path) -> None:
    said = lmo(*words, law)
    assert said.status == 2 and "is a law (" in said.err and "Theorems: " in said.err and "fixed-step" in said.err


def test_a_crash_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash() -> None:
        raise KeyError("noise_std")

    monkeypatch.setattr(cli, "app", crash)
    said = lmo("refute", "fixed-step")
    assert said.status == 3 and "KeyError: 'noise_std'" in said.err


# Bounds that are not positive


@pytest.mark.parametrize("bound", [HALF, "-1", "0*L", "sqrt(L*Delta)*log(1-delta)"])
def test_a_bound_that_is_not_positive_is_shown_as_it_is(bound: str, home: Path) -> None:
    said = lmo("refute", "--bound", bound, "--setting", "fixed-step", "--seconds", "10")
    case = cases.load(CASE)
    assert said.status == 1 and case.bound <= 0 and case.ratio is None and "e-300" not in said.out
    assert f"bound {case.bound:.9g}: above a bound that is not positive" in said.out and "with --where" in said.out
    again = lmo("replay", str(CASE))
    assert again.status == 1 and f"bound {case.bound:.9g}, above a bound" in again.out
    assert strict_json(lmo("replay", str(CASE), "--json").out)["ratio"] is None
    assert float(replay(case).bound) == pytest.approx(case.bound)


def test_json_has_no_ratio_to_a_bound_that_is_not_positive(home: Path) -> None:
    data = strict_json(lmo("refute", "--bound", "-1", "--setting", "fixed-step", "--seconds", "10", "--json").out)
    assert data["refuted"] and data["tightest_ratio"] is None and data["case"]["bound"] == -1


def test_ratios_order_what_exceeds_bounds_of_any_sign() -> None:
    measured, bound = np.array([1.0, 1.0, 0.0, -2.0, -0.5, 3.0]), np.array([2.0, -1.0, 0.0, -1.0, -1.0, np.inf])
    ratios = ratio_of(measured, bound)
    assert ratios[0] == 0.5 and ratios[2] == ratios[5] == 0 and ratios[3] < 0 and np.isfinite(ratios).all()
    assert [shown(float(r)) is None for r in ratios] == [False, True, False, False, True, False]
    assert exceeds(measured, bound).tolist() == [False, True, False, False, True, False]
    assert ratio_of(1e-9, -1e-12, 1e-6) < 1  # hidden by rounding


# Ranges


def test_a_claim_is_attacked_in_its_range_alone(home: Path) -> None:
    half = ("refute", "--bound", HALF, "--setting", "fixed-step")
    said = lmo(*half, "--where", "delta < 1/2", "--seconds", "3")
    assert said.status == 0 and "where delta < 1/2" in said.out and "not refuted" in said.out
    said = lmo(*half, "--where", "delta > 1/2, K >= 2", "--seconds", "10")
    case = cases.load(CASE)
    assert said.status == 1 and case.claim["where"] == "delta > 1/2, K >= 2" and "where delta > 1/2" in said.out
    assert case.constants["delta"] > 0.5 and case.constants["steps"] >= 2 and lmo("replay", str(CASE)).status == 1
    elsewhere = json.loads(CASE.read_text())
    elsewhere["claim"]["where"] = "delta <= 1/2"
    CASE.write_text(json.dumps(elsewhere))
    again = lmo("replay", str(CASE))
    assert again.status == 0 and "NOT FAIR: it is out of the claim's range, delta <= 1/2" in again.out


def test_a_wrong_claim_falls_in_its_range(home: Path) -> None:
    wrong = ("refute", "--bound", "0.9*sqrt(2*L*Delta/K)*(1+delta)/(1-2*delta)", "--setting", "fixed-step")
    assert lmo(*wrong, "--where", "delta < 1/2", "--seconds", "10").status == 1
    case = cases.load(CASE)
    assert case.bound > 0 and case.ratio is not None and case.ratio > 1 and case.constants["delta"] < 0.5


def test_a_tuning_need_be_a_number_in_the_range_alone(home: Path) -> None:
    words = ("--bound", "0.5*sqrt(2*L*Delta/K)*(1+delta)/(1-2*delta)", "--setting", "fixed-step")
    tuned = ("--step-size", "sqrt(2*Delta/(L*K))*sqrt(1-2*delta)", "--where", "delta < 1/2")
    assert lmo("refute", *words, *tuned, "--seconds", "10").status == 1
    assert cases.load(CASE).constants["delta"] < 0.5


def test_a_range_that_no_run_falls_into_is_said(home: Path) -> None:
    said = lmo("refute", "fixed-step", "--where", "steps < 1", "--seconds", "1")
    assert said.status == 0 and "no run fell into the range steps < 1" in said.out


def test_ranges_hold_where_every_comparison_does() -> None:
    made = read_range("0.1 < δ ≤ 1/2, max(K, 3) ≥ L^2", ["delta", "steps", "smoothness"])
    deltas = np.array([0.1, 0.2, 0.5, 0.6])
    assert made.holds({"delta": deltas, "steps": 4.0, "smoothness": 2.0}).tolist() == [False, True, True, False]
    assert not made.holds({"delta": 0.2, "steps": 4.0, "smoothness": 2.1})
    assert not read_range("log(1-2*delta) < 1", ["delta"]).holds({"delta": 0.7})  # no number
    assert made.names == ["smoothness", "steps", "delta"]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("", "it cannot be read"),
        ("delta", "is no comparison"),
        ("delta = 1/2", "it cannot be read"),
        ("delta == 1/2", "compares by another sign"),
        ("1 < 2", "has no constant in it"),
        ("delta < 1/2, L", "is no comparison"),
        ("detla < 1/2", "did you mean 'delta'"),
        ("sigma < 1/2", "unknown constant of the claim in --where 'noise_std'"),
        ("delta < __import__('os')", "not allowed"),
    ],
)
def test_what_is_no_range_is_refused(where: str, said: str, home: Path) -> None:
    answer = lmo("refute", "additive-error", "--where", where, "--seconds", "1")
    assert answer.status == 2 and said in answer.err


def test_layers_have_no_range(home: Path) -> None:
    answer = lmo("refute", "layer-wise", "--where", "L < 1", "--seconds", "1")
    assert answer.status == 2 and "every layer has constants of its own" in answer.err

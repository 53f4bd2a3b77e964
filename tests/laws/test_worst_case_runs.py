"""Worst cases as attacks of `lmo refute`: they catch what small instances miss, and no right theorem falls to them."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

import bounds
from bounds.theorem import Theorem
from experiments.attacks import worst_case_runs
from experiments.attacks.worst_case_runs import WorstCaseRuns
from experiments.refutation.case import Case, case_of_record, load, save
from experiments.refutation.replay import replay
from experiments.refutation.show import show_case, show_replay
from experiments.refutation.target import claimed, target
from experiments.refutation.worst_case import measure, norms_of

ABOUT = [name for name, theorem in bounds.theorems.items() if norms_of(target(theorem))]
BETWEEN = claimed("sqrt(2*L*Delta/K)/(1-delta)**1.1", "fixed-step")  # above every cycle and 1 at δ = 0, yet wrong
METHODS = {"none", "ema", "nesterov"}


def attacked(theorem: Theorem, steps: int, tries: int = 8) -> dict | None:
    """What refutes the claim, or the tightest that was seen."""
    aim, rng, best = target(theorem), np.random.default_rng(5), None
    for _ in range(tries):
        found = WorstCaseRuns().attempt(aim, rng, steps)
        if found is not None and (best is None or found["ratio"] > best["ratio"]):
            best = found
        if best is not None and best["violates"]:
            break
    return best


def test_it_is_about_fixed_steps_without_decay() -> None:
    assert {"fixed-step", "additive-error", "hilbert", "ema", "nesterov"} <= set(ABOUT)
    described = [bounds.theorems[name].method for name in ABOUT]
    assert all(method.step == "fixed" and not method.decay and method.momentum in METHODS for method in described)
    assert norms_of(target(bounds.theorems["hilbert"])) == ["l2"]


@pytest.mark.parametrize("name", ABOUT)
def test_no_right_theorem_falls_to_it(name: str) -> None:
    for steps in (2, 60):
        found = attacked(bounds.theorems[name], steps, tries=2)
        assert found is not None or name == "hilbert"  # what has a margin does not exist in few steps
        assert found is None or (not found["violates"] and 0.2 < found["ratio"] <= 1)


@pytest.fixture(scope="module")
def case() -> Case:
    """At δ = 0.65, K = 400 the claim is 3.17 and the staircase 3.44, in units of √(2LΔ/K); the cycles reach 2.37."""
    found = attacked(BETWEEN, 400)
    assert found is not None
    return case_of_record(found | {"attack": WorstCaseRuns.name}, target(BETWEEN))


def test_it_refutes_what_no_small_instance_does(case: Case) -> None:
    assert case.ratio > 1 and case.instance["found"]["kind"].startswith("staircase")
    assert case.instance["steps"] < 400  # fewer than were attacked with


def test_its_case_is_found_again_from_a_file(case: Case, tmp_path) -> None:
    again = load(save(case, tmp_path / "case.json"))
    seen = replay(again)
    assert seen.violates
    assert (seen.measured, seen.bound) == (pytest.approx(case.measured, rel=1e-12), pytest.approx(case.bound))
    text = io.StringIO()
    show_case(again, Console(file=text))
    show_replay(again, seen, Console(file=text))
    assert "staircase" in text.getvalue() and "it violates the bound" in text.getvalue()


def test_a_case_without_errors_does_not_violate(case: Case) -> None:
    assert not replay(replace(case, instance=case.instance | {"delta": 0.0})).violates


def test_a_damaged_case_is_refused(case: Case) -> None:
    with pytest.raises(ValueError, match="construction"):
        replay(replace(case, instance=case.instance | {"found": {"kind": "stairway"}}))
    with pytest.raises(ValueError, match="damaged"):
        replay(replace(case, instance={"steps": 3}))


def test_the_scale_of_the_answers_is_the_step_turned_over() -> None:
    """Twice the answers at half the step are the same run; D1, in ε and η, is the same too."""
    aim = target(bounds.theorems["fixed-step"])
    about = {"search": "constructions", "found": {"kind": "staircase, margin 0"}, "norm": "linf", "steps": 60}
    one = measure(about | {"delta": 0.5, "scale": 1.0, "step_size": 0.1}, aim)
    other = measure(about | {"delta": 0.5, "scale": 2.0, "step_size": 0.05}, aim)
    assert other["constants"]["eta"] == 2.0 and other["constants"]["epsilon"] == 0.0
    assert (one["measured"], one["bound"]) == (pytest.approx(other["measured"]), pytest.approx(other["bound"]))


def test_ascent_is_a_case_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worst_case_runs, "_ASCENT_SHARE", 1.0)
    aim = target(replace(bounds.theorems["fixed-step"], claim=0.05 * bounds.theorems["fixed-step"].claim))
    found = WorstCaseRuns().attempt(aim, np.random.default_rng(0), 6)
    assert found is not None and found["violates"] and found["instance"]["search"] == "ascent"
    case = case_of_record(found | {"attack": WorstCaseRuns.name}, aim)
    assert replay(case).violates
    with pytest.raises(ValueError, match="the case allows"):  # its answers err by more than that
        replay(replace(case, instance=case.instance | {"delta": 0.5 * case.instance["delta"]}))


def test_a_claim_without_errors_is_attacked_with_exact_answers() -> None:
    found = attacked(claimed("sqrt(2*L*Delta/K)", "fixed-step"), 60, tries=2)
    assert found is not None and found["instance"]["delta"] == 0 and not found["violates"]

"""Attacks on bounds: right theorems survive, lowered ones fall, and every number has a second reading."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from rich.console import Console

import bounds
from bounds.symbols import CONSTANTS, Delta, K, L, alpha, b, c, delta, gamma, rho, sigma
from bounds.theorem import Theorem
from experiments.attacks import catalogue
from experiments.attacks.problem_runs import ProblemRuns
from experiments.expressions import parse, write
from experiments.refutation.candidates import Candidates, complete
from experiments.refutation.case import case_of, case_of_record, load, save, target_of
from experiments.refutation.dress import dressed
from experiments.refutation.fairness import allowed
from experiments.refutation.minimise import minimise
from experiments.refutation.problem_case import measure, problem_of
from experiments.refutation.replay import replay
from experiments.refutation.score import Scored, bernstein, score
from experiments.refutation.search import Found, Search, attacks_on, search
from experiments.refutation.settle import settle
from experiments.refutation.show import show_case
from experiments.refutation.simulate import MOST_PATHS, Outcome, bits_needed
from experiments.refutation.target import claimed, target
from experiments.soundness import attackable
from experiments.verdict import SLACK

NAMES = list(bounds.theorems)


def found_in(proposed: Candidates, i: int, name: str) -> Found:
    one = proposed.rows([i])
    return Found("test", one, score(one, target(bounds.theorems[name]), 32, 5), 32, 5)


LEAST = {"frank-wolfe": 0.74}  # of its bound is reached; all others are attained, most of them by one exact step


# What is attacked


def test_every_shipped_statement_can_be_attacked() -> None:
    targets = {name: target(theorem) for name, theorem in bounds.theorems.items()}
    assert all(aim.balls or aim.rules.step.startswith("layer-") for aim in targets.values())
    assert attackable() == (targets, {})  # what `make soundness` attacks


@pytest.mark.parametrize("name", NAMES)
def test_a_right_theorem_survives(name: str) -> None:
    """LMO_REFUTE_SECONDS: how long each theorem is attacked in the long version, below."""
    aim = target(bounds.theorems[name])
    state = search(aim, 1.0 if aim.balls else 3.0, seed=3)  # networks are run one by one
    assert not state.refuted
    assert LEAST.get(name, 0.9) < state.tightest <= 1 + SLACK  # the search is not asleep
    assert {effort.runs > 0 for effort in state.efforts.values()} == {True}


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_a_right_theorem_survives_for_long(name: str) -> None:
    seconds = float(os.environ.get("LMO_REFUTE_SECONDS", "20"))
    for seed in range(2):
        assert not search(target(bounds.theorems[name]), seconds / 2, seed).refuted


@pytest.mark.parametrize("factor", [0.99, 0.5])
@pytest.mark.parametrize("name", NAMES)
def test_a_lowered_bound_is_refuted(name: str, factor: float) -> None:
    if factor > LEAST.get(name, 1):
        pytest.skip("no run is known to come that near to it")
    theorem = bounds.theorems[name]
    state = search(target(replace(theorem, claim=factor * theorem.claim)), 20.0)
    assert state.violation is not None or state.record is not None


_d1, _h, _s1, _s2, _d2 = (bounds.theorems[n] for n in ("D1", "D1-H", "S1", "S2", "D2"))
WRONG = {
    "D1, step term × 0.9": replace(_d1, claim=Delta / (c * gamma * K) + 0.9 * L * gamma * b**2 / (2 * c)),
    "D1, Δ term × 0.9": replace(_d1, claim=0.9 * Delta / (c * gamma * K) + L * gamma * b**2 / (2 * c)),
    "D1 without the error in its Δ term": replace(_d1, claim=Delta / (gamma * K) + L * gamma * b**2 / (2 * c)),
    "D1-H for the average": replace(_h, metric=bounds.MEAN),
    "D1-H, floor × 0.3": replace(_h, claim=sp.Max(L * gamma * sp.Rational(3, 10), *_h.claim.args[1:])),
    "D2, b/c dropped": replace(_d2, claim=sp.sqrt(2 * L * Delta / K)),
    "S1 without noise": replace(_s1, claim=_s1.claim.subs(rho * sigma * sp.sqrt(alpha / (2 - alpha)), 0)),
    "S1 without ρ": replace(_s1, claim=_s1.claim.subs(rho, sp.Rational(1, 4))),
    "S2 for exact gradients": replace(_s2, claim=_s2.claim.subs(sigma, 0)),
    "S2, noise × 0.4": replace(_s2, claim=_s2.claim.subs(sigma, sp.Rational(2, 5) * sigma)),
}


@pytest.mark.parametrize("theorem", WRONG.values(), ids=WRONG)
def test_a_wrong_term_is_found(theorem: Theorem) -> None:
    state = search(target(theorem), 60.0, seed=6)
    assert state.refuted


# Second readings


@pytest.mark.parametrize("name", [name for name in NAMES if target(bounds.theorems[name]).balls])
def test_the_simulator_is_a_loop_in_plain_python(name: str) -> None:
    aim, rng, seen = target(bounds.theorems[name]), np.random.default_rng(8), 0
    for attack in attacks_on(aim):
        for steps in (1, 2, 3, 5):
            proposed = attack.propose(aim, rng, steps, 6, [])
            if proposed is None:
                continue
            proposed = settle(dressed(proposed, aim, rng), aim, rng)
            if aim.stochastic and 256 < 2 ** bits_needed(proposed, aim.rules) <= MOST_PATHS:
                continue  # that many paths take a while in plain Python
            for i in np.flatnonzero(allowed(proposed, aim))[:3]:
                found = found_in(proposed, int(i), name)
                case = case_of(found, aim)
                again = replay(case)
                assert again.broken == []
                assert again.measured == pytest.approx(case.measured, rel=1e-9, abs=case.uncertainty)
                assert again.bound == pytest.approx(case.bound, rel=1e-9)
                assert again.measured <= again.bound * (1 + SLACK) + again.uncertainty
                seen += 1
    assert seen >= 20


def test_drawn_noise_agrees_with_all_its_outcomes() -> None:
    """The same instance with 8 steps: summed up over 128 paths, and drawn, within Bernstein's width."""
    aim = target(bounds.theorems["S1"])
    ones = np.ones((1, 1))
    one = complete(
        "l-inf", 8, ones, 2 * ones, ones[..., None], ones[0], ones[0],
        spread=0.7 * ones, first_spread=0.4 * ones, odds=0.3 * ones[0], first_odds=0.6 * ones[0], alpha=0.4 * ones[0],
    )  # fmt: skip
    exact = score(one, aim)
    assert exact.exact
    import experiments.refutation.simulate as simulate

    old, simulate.MOST_PATHS = simulate.MOST_PATHS, 1
    try:
        drawn = score(one, aim, 4000, seed=2)
    finally:
        simulate.MOST_PATHS = old
    assert not drawn.exact and 0 < drawn.uncertainty[0] < 0.5
    assert abs(drawn.measured[0] - exact.measured[0]) < drawn.uncertainty[0]


def test_one_step_of_d1_in_exact_rationals() -> None:
    """f = x²/2 from x_0 = 1, γ = 1, K = 1: both sides are 1, so D1 is attained by a single gradient."""
    aim = target(bounds.theorems["D1"])
    ones = np.ones((1, 1))
    seen = score(complete("l2", 1, ones, ones, np.array([[[1.0, 0.0]]]), ones[0], ones[0]), aim)
    exact = Fraction(1, 2) / 1 + Fraction(1, 2)
    assert Fraction(float(seen.bound[0])) == exact == Fraction(float(seen.measured[0]))


def test_bernsteins_width_holds_as_often_as_it_says() -> None:
    source = np.random.default_rng(0)
    draws = (source.random((2000, 200)) < 0.02).astype(float)
    width = bernstein(Outcome(draws, None), np.ones(2000), error=0.05)
    assert (np.abs(draws.mean(-1) - 0.02) > width).mean() < 0.05


@pytest.mark.parametrize("attack", catalogue(), ids=lambda a: a.name)
def test_every_attack_proposes_instances_within_the_rules(attack) -> None:
    assert attack.says and attack.name
    rng, used = np.random.default_rng(1), 0
    for name in NAMES:
        aim = target(bounds.theorems[name])
        if not attack.applies(aim) or not attack.small or not aim.balls:
            continue
        pool = [RANDOM.propose(aim, rng, 3, 5, [])] if attack.name == "evolution" else []
        proposed = attack.propose(aim, rng, 3, 64, pool)
        assert allowed(settle(dressed(proposed, aim, rng), aim, rng), aim).mean() > 0.5
        used += 1
    assert used or not attack.small


RANDOM = next(attack for attack in catalogue() if attack.name == "random instances")


def test_problem_runs_find_a_claim_that_is_wrong_in_matrix_norms_and_are_replayed() -> None:
    wrong = replace(_d1, claim=_d1.claim / 2)
    aim, rng = target(wrong), np.random.default_rng(0)
    records = [ProblemRuns().attempt(aim, rng, 20) for _ in range(60)]
    bad = [r for r in records if r is not None and r["violates"]]
    assert any(len(r["instance"]["shape"]) == 2 for r in bad)
    case = case_of_record(bad[0] | {"attack": "problem runs"}, aim)
    again = replay(case)
    assert again.violates and again.measured == case.measured


def test_a_wrong_claim_about_layers_is_refuted_and_replayed(tmp_path) -> None:
    state = search(target(claimed("sqrt(2*Delta*OverLayers(L*b/c)/K)", "layer-wise")), 60.0)
    assert state.record is not None
    case = load(save(case_of_record(state.record, state.target), tmp_path / "case.json"))
    assert len(case.constants["smoothness"]) == len(case.instance["coupling"])
    again = replay(case)
    assert again.violates and again.measured == case.measured
    show_case(case, Console(file=io.StringIO()))


def test_a_run_of_layers_in_plain_numpy() -> None:
    """One layer with a half as long answer, one exact: Lw-f's γ/c_i is 2γ and γ; both sides by hand at K = 2."""
    aim = target(bounds.theorems["layer-wise-fixed"])
    start = [[[3.0]], [[2.0]]]
    record = {"coupling": [[1.0, 0.5], [0.5, 2.0]], "start": start, "noise_std": None, "steps": 2, "delta": 0.5}
    ball = problem_of(record).balls()[0]
    found = measure(
        record | {"ball": ball.name, "oracle": "other error per layer", "step_size": 0.1, "alpha": 1}, aim, 1, 0
    )
    a, x, radii = np.array(record["coupling"]), np.array([3.0, 2.0]), np.array([1.0, 0.5])
    factor, c = np.array([0.5, 1.25]), np.array([0.5, 1.25])  # shrink by 1/2; inflate by 1/4, which has ε = −1/4
    norms, gap = [], x @ a @ x / 2
    for _ in range(2):
        norms.append((radii * np.abs(a @ x)).sum())
        x = x - 0.1 / c * factor * radii * np.sign(a @ x)
    smooth = radii * (a @ radii)
    assert found["measured"] == pytest.approx(np.mean(norms))
    assert found["bound"] == pytest.approx(gap / 0.2 + 0.05 * (smooth * factor**2 / c**2).sum())


# Counterexamples


def smallest(theorem: Theorem, seconds: float = 10.0) -> tuple[Search, Found]:
    state = search(target(theorem), seconds)
    assert state.violation is not None
    return state, minimise(state, 2.0)


def test_a_counterexample_is_small_and_round(tmp_path) -> None:
    state, found = smallest(replace(_d1, claim=_d1.claim / 2))
    one = found.instance
    assert one.steps == 1 and one.dimensions == 1
    assert all(float(v) == float(f"{float(v):.1e}") for v in (*one.start[0], *one.step_size))
    case = case_of(found, state.target)
    again = replay(load(save(case, tmp_path / "case.json")))
    assert again.violates and again.ratio == pytest.approx(case.ratio)
    assert target_of(case.claim).theorem.claim == parse(write(_d1.claim / 2))


def test_a_case_that_breaks_the_rules_is_no_counterexample() -> None:
    state, found = smallest(replace(_d1, claim=_d1.claim / 2))
    case = case_of(found, state.target)
    longer = [[2.0 + case.instance["high"]] * len(row) for row in case.instance["answers"]]
    unfair = replace(case, instance=case.instance | {"answers": longer})
    again = replay(unfair)
    assert not again.violates and "larger error" in again.broken[0]


def test_a_bound_without_a_step_is_read_at_the_tuned_one() -> None:
    wrong = claimed("sqrt(2*L*Delta/K)*(1+delta)", "fixed-step")
    aim = target(wrong)
    assert aim.free == () and aim.errors == "additive"
    state, found = smallest(wrong)
    case = case_of(found, state.target)
    gap, smooth, steps, error = (case.constants[n] for n in ("initial_gap", "smoothness", "steps", "delta"))
    assert case.instance["step_size"] == pytest.approx((2 * gap / (smooth * steps)) ** 0.5 / (1 + error))
    assert case.bound == pytest.approx((2 * smooth * gap / steps) ** 0.5 * (1 + error))
    untuned = replay(replace(case, instance=case.instance | {"step_size": 2 * case.instance["step_size"]}))
    assert not untuned.violates and "not the tuned one" in untuned.broken[0]


def test_the_right_bound_typed_as_a_formula_survives() -> None:
    for text in ("sqrt(2*L*Delta/K)*(1+delta)/(1-delta)", "Δ/(c*γ*K) + L*γ*b**2/(2*c)"):
        assert not search(target(claimed(text, "fixed-step")), 1.0).refuted
    exact = claimed("sqrt(2*L*Delta/K)", "fixed-step")
    assert target(exact).errors == "none" and not search(target(exact), 1.0).refuted
    assert search(target(claimed("0.999*sqrt(2*L*Delta/K)", "fixed-step")), 20.0).refuted


def test_a_wrong_verdict_needs_more_than_the_noise() -> None:
    row = np.ones(1)
    assert not Scored(1.05 * row, 0.1 * row, row, False).violates()[0]
    assert Scored(1.05 * row, 0.04 * row, row, False).violates()[0]
    assert not Scored((1 + 1e-12) * row, 0 * row, row, True).violates()[0]


# Formulas


def test_formulas_are_read_with_all_three_kinds_of_names() -> None:
    expected = Delta / (gamma * K) + L * gamma / 2
    assert parse("Delta/(gamma*K) + L*gamma/2") == expected
    assert parse("initial_gap/(step_size*steps) + smoothness*step_size/2") == expected
    assert parse("Δ/(γ*K) + 0.5*L*γ") == expected
    assert parse("max(L*gamma, q) - 2**-1") == sp.Max(L * gamma, b + c) - sp.Rational(1, 2)
    assert parse("λ + weight_decay") == 2 * CONSTANTS["weight_decay"].symbol


@pytest.mark.parametrize("name", NAMES)
def test_claims_survive_being_written_and_read(name: str) -> None:
    claim = bounds.theorems[name].claim
    assert sp.simplify(parse(write(claim)) - claim) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("__import__('os').system('true')", "not allowed"),
        ("(1).__class__", "Attribute is not allowed"),
        ("[x for x in (1,)]", "ListComp is not allowed"),
        ("lambda: 1", "Lambda is not allowed"),
        ("lambda*K", "weight decay is called"),
        ("L if K else 1", "IfExp is not allowed"),
        ("'a'", "Constant is not allowed"),
        ("True", "truth value"),
        ("1j*L", "Constant is not allowed"),
        ("deltta", "did you mean 'delta'"),
        ("eval(1)", "unknown function"),
        ("sqrt(1, 2)", "takes 1 argument"),
        ("max(1)", "two or more"),
        ("sqrt(x=1)", "not allowed"),
        ("L/0", "division by zero"),
        ("9**9**9", "exponent"),
        ("L**Delta", "exponent"),
        ("2**2**K", "exponent"),
        ("sqrt(-1)", "not a finite real number"),
        ("1e999", "that large"),
        ("L +", "is no formula"),
        ("", "is no formula"),
        ("(" * 500, "is no formula"),
        ("1+" * 1500, "at most 2000 characters"),
    ],
)
def test_what_is_no_formula_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".*") as refusal:
        parse(text)
    assert said in str(refusal.value)


def test_claims_that_cannot_be_attacked_say_why() -> None:
    for wrong, said in (
        (claimed("B*Delta", "fixed-step"), "no attack knows the constant"),
        (claimed("delta*b", "fixed-step"), "two models"),
        (replace(_d1, metric=replace(bounds.MEAN, over="median")), "knows the metric 'median'"),
        (replace(_d1, method=replace(_d1.method, momentum="adam")), "knows the momentum 'adam'"),
        (replace(_d1, claim=sp.Integer(1), tuning={}), "no tuning"),
        (claimed("sqrt(2*Delta*L/K)", "layer-wise"), "every layer has its own L; write a sum"),
        (claimed("OverLayers(L)*gamma", "fixed-step"), "one step for all of them"),
    ):
        with pytest.raises(ValueError, match=r".*") as refusal:
            target(wrong)
        assert said in str(refusal.value)
    assert delta not in claimed("L*gamma", "fixed-step").claim.free_symbols

"""The mutation engine: it finds every formula, changes it in every small way, and says what notices the change."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from dataclasses import replace
from unittest import mock

import pytest
import sympy as sp

import bounds
from bounds import check as checks
from bounds.assumptions import Describes
from bounds.chain import Chain
from bounds.inequalities import f
from bounds.inequalities import gradient_alignment as a_g
from bounds.memory.start_factors import NesterovZeroStart, ZeroStart
from bounds.scheduled_chain import gamma_k
from bounds.symbols import K, L, alpha, b, c, epsilon, gamma, lam, peak, sigma
from experiments.mutation import engine
from experiments.mutation.command import KILLED, line, main, rate, verdicts
from experiments.mutation.engine import Mutant, Verdict, first_failure, groups, judge, mutants
from experiments.mutation.nodes import changes, positions, replaced
from experiments.mutation.numbers import differ, points
from experiments.mutation.quick import failure, leaves_a_column
from experiments.mutation.sites import put, sites, with_part

NAMES = list(bounds.theorems)
_SAMPLE = 6  # mutants of each theorem in the short version
_d1, _h, _s1, _s2 = (bounds.theorems[name] for name in ("D1", "D1-H", "S1", "S2"))


def sample(name: str, count: int) -> Iterator[Mutant]:
    """One mutant of each of so many fields."""
    source = random.Random(name)
    for group in source.sample(groups(bounds.theorems[name], every=False), count):
        yield source.choice(list(group()))


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_of_mutants_is_killed(name: str) -> None:
    survivors = [v for v in (judge(m, 5.0) for m in sample(name, _SAMPLE)) if v.status == "survived"]
    assert survivors == []


@pytest.mark.parametrize("name", ["D1", "D1-A", "D1-H", "D2", "D3", "S2", "S1-v", "C1", "layer-wise-fixed"])
def test_what_points_kill_is_killed_by_the_checks(name: str) -> None:
    source, killed = random.Random(1), 0
    for group in source.sample(groups(bounds.theorems[name], every=False), 8):
        mutant = source.choice(list(group()))
        if mutant.original is not None and failure(mutant.theorem, mutant.field, mutant.of):
            killed += 1
            assert first_failure(mutant.theorem) is not None, (mutant.where, mutant.what)
    assert killed >= 3


@pytest.mark.parametrize("name", NAMES)
def test_a_right_theorem_is_not_killed_at_points(name: str) -> None:
    theorem = bounds.theorems[name]
    fields = [f.name for f in dataclasses.fields(theorem)] + (["memory"] if theorem.proof.memory else [])
    assert [field for field in fields if failure(theorem, field, theorem)] == []


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_those_of_sympy(name: str) -> None:
    at = points()[0]
    exact = {symbol: sp.Float(value.real, 40) for symbol, value in at.known.items()}
    for site in sites(bounds.theorems[name]):
        if isinstance(site.value, sp.Expr):
            expected = complex(sp.N(site.value.xreplace(exact), 30))
            assert at(site.value) == pytest.approx(expected, rel=1e-11), site


def test_formulas_without_a_number_are_told_from_those_with_one() -> None:
    at = points()[0]
    for bad in (1 / (L - L), sp.zoo, sp.Symbol("unknown"), sp.Max(sp.sqrt(epsilon - 1), L), sp.exp(sp.exp(1000 * L))):
        assert at(bad) != at(bad), bad  # nan
    assert differ(1 / (L - K), 1 / (L - K) + L) and not differ(sp.sqrt(-L), sp.I * sp.sqrt(L))
    assert at.with_({L: 2.0})(L * K) == 2 * at(K) and at(L) != 2


def test_a_change_that_touches_a_cancelled_column_is_seen_without_algebra() -> None:
    def changed(i: int, **change: sp.Expr) -> Chain:
        step = tuple(replace(one, **change) if j == i else one for j, one in enumerate(_d1.proof.step))
        return replace(_d1.proof, step=step)

    smooth, aligned, size = _d1.proof.step
    assert not leaves_a_column(_d1.proof, _d1.proof)
    assert leaves_a_column(_d1.proof, changed(0, slack=smooth.slack + f))
    assert leaves_a_column(_d1.proof, changed(1, weight=2 * aligned.weight))  # ⟨∇f, d̂⟩ stays
    assert leaves_a_column(_d1.proof, changed(2, weight=size.weight / 2))  # ‖d̂‖² stays
    assert not leaves_a_column(_d1.proof, changed(2, slack=size.slack + 1))  # another constant: algebra must tell


@pytest.mark.long
def test_all_mutants_are_killed(tmp_path) -> None:
    assert main(["--out", str(tmp_path / "mutants.json")]) == 0


# What is changed


def test_every_formula_of_a_theorem_is_a_site() -> None:
    found = {str(site): site.value for site in sites(_s1)}
    for wanted in ("claim", "leading", "tuned_value", "tuning.alpha", "limits.0.1", "proof.step.2.weight",
                   "proof.step.0.slack", "proof.memory.keep", "proof.closing.power", "metric.over"):  # fmt: skip
        assert wanted in found
    assert found["claim"] == _s1.claim and found["proof.closing.power"] == 1
    for site in sites(_s1):
        assert put(_s1, site.path, site.value) == _s1
        other = put(_s1, site.path, sp.Symbol("other"))
        assert [str(s) for s in sites(other) if s.value == sp.Symbol("other")] == [str(site)]


def test_every_node_is_changed() -> None:
    formula = L * gamma * b**2 / (2 * c) + sp.sqrt(K)
    made = {change.formula for change in changes(formula, [L, gamma, c])}
    rest = sp.sqrt(K)
    for wanted in (
        L * gamma * b / (2 * c) + rest, L * gamma * b**3 / (2 * c) + rest, L * gamma * b**2 / c + rest,
        L * gamma * b**2 / (2 * c), rest, L * gamma / (2 * c) + rest, c * gamma * b**2 / (2 * c) + rest,
        L * gamma * b**2 / (2 * c) + 1 / rest, L * gamma * b**2 / (2 * c) + K, L * gamma * b**2 / (2 * c) + 2 * rest,
        L**2 * b**2 / (2 * c) + rest,
    ):  # fmt: skip
        assert wanted in made
    assert formula not in made and len(made) == len(changes(formula, [L, gamma, c]))
    assert all(replaced(formula, position, node) == formula for position, node in positions(formula))
    branches = {change.formula for change in changes(sp.Max(L, gamma), [])}
    assert branches == {sp.Min(L, gamma), L, gamma}


def test_wrong_parts_of_the_momentum_error_come_with_the_claim_that_follows() -> None:
    made = [m for m in mutants(_s1, every=False) if m.field == "memory"]
    assert {m.where for m in made} == {"memory part start", "memory part drift", "memory part noise"}
    assert len(made) > 50
    some = random.Random(0).sample(made, 10)
    assert all(m.theorem.proof.derive().value == m.theorem.claim for m in some)


def test_the_whole_table_takes_the_place_of_a_symbol() -> None:
    few, many = (sum(m.where == "claim" for m in mutants(_d1, every)) for every in (False, True))
    assert many > 2 * few


# What notices it


def test_changes_that_change_nothing_are_equivalent() -> None:
    same = Mutant("D1", "claim", "nothing", "limits", (b**2 - 1) / (b - 1), b + 1, lambda: _d1)
    assert judge(same, 1.0).status == "equivalent"
    assert differ(b + c, sp.Integer(2)) and not differ((b + 1) ** 2, b**2 + 2 * b + 1)
    assert differ(sp.Max(L * gamma, K), K) and differ(sp.Max(L * gamma, K), L * gamma)


def test_a_mutant_that_the_checks_miss_is_killed_by_a_run_or_survives() -> None:
    wrong = replace(_d1, claim=_d1.claim / 2)
    loose = replace(_d1, claim=_d1.claim * 2)
    with (
        mock.patch.object(engine, "failure", lambda *_: None),
        mock.patch.object(engine, "first_failure", lambda _: None),
    ):
        assert (
            judge(Mutant("D1", "claim", "halved", "claim", _d1.claim, wrong.claim, lambda: wrong), 20.0).status == "run"
        )
        survivor = judge(Mutant("D1", "claim", "doubled", "claim", _d1.claim, loose.claim, lambda: loose), 0.5)
    assert survivor.status == "survived" and "of the bound" in survivor.by


def test_words_that_leave_a_statement_true_are_told_apart() -> None:
    def status(theorem_name: str, where: str) -> list[tuple[str, str]]:
        made = (next(group()) for group in groups(bounds.theorems[theorem_name], every=False))
        chosen = [m for m in made if m.where == where]
        return [(v.status, v.by) for v in (judge(m, 1.0) for m in chosen)]

    assert status("D1", "metric.over")[0][0] == "true"
    assert status("D1-H", "metric.over") == [("check", "metric")]
    assert status("S2", "expectation") == [("check", "metric")]
    assert status("D1", "method.momentum") == [("check", "momentum error")]


def test_the_rate_counts_neither_the_same_nor_the_true() -> None:
    made = [Verdict("t", "w", "c", status, "") for status in ("check", "run", "equivalent", "true", "survived")]
    assert rate(made) == 2 / 3 and "66.67 % killed" in line("t", made) and rate([]) == 1.0
    assert {v.status for v in verdicts("fixed-step", 0, 40, False, 1.0)} <= {*KILLED, "true", "equivalent"}


# The checks that mutants asked for

_decay, _s4 = bounds.theorems["decay"], bounds.theorems["S4"]


def _noise(name: str, old: sp.Expr, new: sp.Expr) -> tuple[bounds.Theorem, sp.Expr]:
    theorem = bounds.theorems[name]
    assert theorem.proof.memory is not None
    return theorem, dict(theorem.proof.memory.parts())["noise"].subs(old, new)


_start = NesterovZeroStart(1 - alpha, K)
LOOSE = [  # valid, and larger than the sum that they stand for
    _noise("S1-0", ZeroStart(1 - alpha, K), ZeroStart(1 - alpha / 2, K)),
    _noise("S3-0", NesterovZeroStart(1 - alpha, K), NesterovZeroStart(1 - alpha / 2, K)),
    _noise("S3", 2 * alpha**3, 3 * alpha**3),
    _noise("S3-0", 2 * alpha**3, 3 * alpha**3),
    _noise("M", 1 + peak * (_start - 1), 1 + 2 * peak * (_start - 1)),
    _noise("M", 1 + peak * (_start - 1), 1 + peak * (_start - sp.Rational(1, 2))),
]


def _averaged_too_soon(name: str, i: int, **change: sp.Expr) -> bounds.Theorem:
    """γ for γ_k in one inequality of a schedule's chain: equal on average where γ_k stood alone, and in no step."""
    theorem = bounds.theorems[name]
    step = tuple(replace(one, **change) if j == i else one for j, one in enumerate(theorem.proof.step))
    return replace(theorem, proof=replace(theorem.proof, step=step))


_v = {name: bounds.theorems[name].proof.step for name in ("D1-v", "S1-v", "M")}
_slack = {name: step[0].slack.subs(gamma_k * a_g, gamma * a_g) for name, step in _v.items()}
SOON = [
    *(_averaged_too_soon(name, 0, slack=slack) for name, slack in _slack.items() if slack != _v[name][0].slack),
    _averaged_too_soon("S1-v", 1, weight=gamma),
    _averaged_too_soon("M", 1, weight=gamma),
]


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (checks.check_memory, _d1, replace(_d1, method=Describes(momentum="ema"))),
        (checks.check_memory, _s4, replace(_s4, method=replace(_s4.method, start="zero"))),
        *((checks.check_memory, t, with_part(t, "noise", noise)) for t, noise in LOOSE),
        *((checks.check_chain, bounds.theorems[t.name], t) for t in SOON),
        (checks.check_metric, _h, replace(_h, metric=bounds.MEAN)),
        (checks.check_metric, _s2, replace(_s2, expectation=False)),
        (checks.check_metric, _decay, replace(_decay, metric=bounds.MEAN)),
        (checks.check_limits, _d1, replace(_d1, limits=(({b: -1, c: 1}, _d1.limits[0][1]),))),
        (checks.check_limits, _s1, replace(_s1, limits=(({alpha: 0.5, sigma: -1}, sp.Integer(1)),))),
        (checks.check_largest_step, _decay, replace(_decay, step_at_most=2 / lam)),
        (checks.check_largest_step, _decay, replace(_decay, step_at_most=None)),
    ],
    ids=lambda thing: getattr(thing, "name", ""),
)
def test_checks_that_close_what_mutants_found(check, right: bounds.Theorem, wrong: bounds.Theorem) -> None:
    assert checks.guarded(check, right).passed
    assert not checks.guarded(check, wrong).passed

"""The symbolic checks of a statement: does the chain yield the claim, are the tunings optimal, is anything vacuous?"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from bounds import evaluate
from bounds.assumption_check import check_assumptions as check_assumptions
from bounds.chain import BrokenChain, Derived
from bounds.checking import Check as Check
from bounds.checking import guarded as guarded
from bounds.checking import identical as identical
from bounds.checking import sample_points as sample_points
from bounds.inequalities import g
from bounds.memory.method_sums import sums_of_memory
from bounds.scheduled_chain import ScheduledTelescope
from bounds.step_check import check_step as check_step
from bounds.symbols import (
    BY_SYMBOL,
    b,
    c,
    delta,
    epsilon,
    eta,
    gamma,
    lam,
    peak,
    sigma,
)
from bounds.theorem import Theorem
from bounds.tuning_checks import GIVEN as GIVEN
from bounds.tuning_checks import check_tuning as check_tuning
from bounds.tuning_checks import check_value as check_value

UNITS = {(1, -1): "an objective over a length", (1, 0): "an objective"}


def check(theorem: Theorem) -> list[Check]:
    """All checks, in order. A statement is sound when every one passed."""
    checks: list[Callable[[Theorem], Check]] = [
        check_chain,
        check_assumptions,
        check_step,
        check_weights,
        check_memory,
        check_metric,
        check_largest_step,
        check_tuning,
        check_value,
        check_limits,
        check_units,
        check_monotone,
        check_vacuity,
    ]
    return [guarded(run, theorem) for run in checks]


def check_chain(theorem: Theorem) -> Check:
    """The chain's bound equals the claim, symbol for symbol."""
    scheduled = theorem.method.step == "scheduled"
    if scheduled != isinstance(theorem.proof.closing, ScheduledTelescope):
        detail = f"the closing rule is for {'a fixed step' if scheduled else 'a schedule'}, the method is not"
        return Check("chain yields the claim", False, detail)
    try:
        derived = theorem.proof.derive()
    except BrokenChain as error:
        return Check("chain yields the claim", False, str(error))
    if identical(derived.value, theorem.claim):
        return Check("chain yields the claim", True, f"{len(theorem.proof.names())} inequalities add up to it exactly")
    return Check("chain yields the claim", False, blame(theorem, derived))


def blame(theorem: Theorem, derived: Derived) -> str:
    """Which inequality's term would have to change, and by what factor, for the chain to yield the claim."""
    power = theorem.proof.closing.power
    claim = theorem.claim**power
    if theorem.proof.closing.floor is not None and isinstance(claim, sp.Max):
        others = [a for a in claim.args if a != theorem.proof.closing.floor]
        if len(others) != 1:
            return f"the claim's floor is not the chain's, {theorem.proof.closing.floor}, which `alignment` needs"
        claim = others[0]
    total = sp.Add(*derived.contributions.values())
    factors = {"alignment": lowest_terms(claim / total)}
    for name, term in derived.contributions.items():
        rest = sp.Add(*(t for n, t in derived.contributions.items() if n != name))
        factors[name] = factors.get(name) if name == "alignment" else lowest_terms((claim - rest) / term)
    name = min(factors, key=lambda n: (sp.count_ops(factors[n]) + len(factors[n].free_symbols), n != "alignment"))
    term = total if name == "alignment" else derived.contributions[name]
    power_note = "" if power == 1 else f" (of the claim to the power {power})"
    return (
        f"inequality `{name}` fails: the chain proves its term {sp.simplify(term)}{power_note}, "
        f"the claim has {factors[name]} times that"
    )


def lowest_terms(ratio: sp.Expr) -> sp.Expr:
    """The ratio with common factors cancelled: what `simplify` finds here, in a tenth of its time."""
    return sp.factor_terms(sp.cancel(sp.expand_power_base(ratio)))


def check_weights(theorem: Theorem) -> Check:
    """Every multiplier is ≥ 0, or ≥ 0 above the floor that the closing rule carries."""
    excess = sp.Symbol("h", nonnegative=True)
    for i in theorem.proof.step:
        weight = i.weight
        if i.only_above is not None:
            if theorem.proof.closing.floor is None or not identical(i.only_above, theorem.proof.closing.floor):
                detail = f"`{i.name}` needs the floor {i.only_above} in the closing rule"
                return Check("multipliers >= 0", False, detail)
            weight = weight.subs(g, i.only_above + excess)
        if not sp.factor(sp.together(weight)).is_nonnegative:
            return Check("multipliers >= 0", False, f"the multiplier of `{i.name}` is not shown to be >= 0: {weight}")
    return Check("multipliers >= 0", True, f"{len(theorem.proof.step)} multipliers")


def check_memory(theorem: Theorem) -> Check:
    """The momentum's recursion splits as claimed, and the parts dominate (and for long runs reach) its exact sums."""
    memory = theorem.proof.memory
    if memory is None:
        forgotten = theorem.method.momentum != "none"
        detail = "the method has momentum, the chain nothing that bounds its error" if forgotten else "no momentum"
        return Check("momentum error", not forgotten, detail)
    for name, zero in memory.proof():
        if zero != 0:
            return Check("momentum error", False, f"{name}: {zero} should be 0")
    parts = dict(memory.parts())
    for sums in sums_of_memory(theorem.method):
        if set(sums.exact) != set(parts):
            detail = f"its parts are {', '.join(sums.exact)}, the chain has {', '.join(parts)}"
            return Check("momentum error", False, detail)
        for name, exact in sums.exact.items():
            claimed = float((parts[name] / sums.units[name]).subs(sums.point).evalf())
            if claimed < exact * (1 - 1e-9):
                detail = f"`{name}` is {claimed:.4g} {sums.words()}; the exact sum is {exact:.4g}"
                return Check("momentum error", False, f"inequality `{name}` fails: the part {detail}")
            most = sums.most(name)
            if most is not None and claimed > most:
                detail = f"inequality `{name}` is not the sum it stands for: {claimed:.4g}, {exact:.4g}"
                return Check("momentum error", False, detail)
    return Check("momentum error", True, f"{', '.join(parts)}: they bound the momentum's own sums, and reach them")


def check_metric(theorem: Theorem) -> Check:
    """The metric is what the chain bounds: a floor says nothing of the average, an expectation nothing of one run."""
    closing, metric = theorem.proof.closing, theorem.metric
    if closing.floor is not None and metric.over != "minimum":
        detail = f"the closing rule has a floor, {closing.floor}, so it bounds the minimum, not the {metric.over}"
        return Check("metric", False, detail)
    bounded = getattr(closing, "of_step", g)
    if bounded != metric.of_step:
        return Check("metric", False, f"the chain bounds {bounded} at every step, the claim is about {metric.of_step}")
    parts = theorem.proof.memory.parts() if theorem.proof.memory else ()
    if not theorem.expectation and any(sigma in part.free_symbols for _, part in parts):
        return Check("metric", False, "the chain takes an expectation over the noise, the claim does not")
    return Check("metric", True, f"{'E ' if theorem.expectation else ''}{theorem.metric.words()}")


def check_largest_step(theorem: Theorem) -> Check:
    """With decay the iterates stay in a ball of radius b/λ or more exactly while 1 − λγ_k ≥ 0 at the largest step."""
    largest = theorem.step_at_most
    if not theorem.method.decay or theorem.step is not gamma:
        return Check("largest step", True, "none is needed" if largest is None else f"{largest}, as the statement says")
    expected = 1 / (lam * peak) if isinstance(theorem.proof.closing, ScheduledTelescope) else 1 / lam
    if largest is None or not identical(largest, expected):
        detail = f"x⁺ = (1 − λγ_k)x + γ_k·d̂ keeps to its ball for γ <= {expected}, not {largest}"
        return Check("largest step", False, detail)
    return Check("largest step", True, f"{largest}: the iterates stay in a ball of radius b/λ or more")


def check_limits(theorem: Theorem) -> Check:
    """The stated special cases come out of the claim."""
    for substitutions, expected in theorem.limits:
        for symbol, at in substitutions.items():
            if sp.sympify(at).is_number and not _within(symbol, sp.sympify(at)):
                return Check("limits", False, f"{symbol} = {at} is not a value that {symbol} can have")
        value = theorem.claim.subs(substitutions)
        branches = value.args if isinstance(value, sp.Max) else (value,)
        if not all(identical(branch, expected) for branch in branches):
            return Check("limits", False, f"at {dict(substitutions)} the claim is {sp.simplify(value)}, not {expected}")
    return Check("limits", True, f"{len(theorem.limits)} special case(s)")


def _within(symbol: sp.Symbol, value: sp.Expr) -> bool:
    """Whether a number keeps the rule of a constant; b and c are above 0."""
    rule = BY_SYMBOL.get(symbol)
    if rule is None:
        return bool(value > 0)
    limits = ((rule.above, sp.Gt), (rule.at_least, sp.Ge), (rule.below, sp.Lt), (rule.at_most, sp.Le))
    return all(bool(holds(value, limit)) for limit, holds in limits if limit is not None)


def check_units(theorem: Theorem) -> Check:
    """Scaling the objective by F and the norm by X scales the claim as its metric."""
    power_f, power_x = theorem.metric.unit
    scale_f, scale_x = sp.Rational(7, 3), sp.Rational(5, 11)
    for point in sample_points(theorem.claim, 3):
        scaled = {s: v * scale_f ** BY_SYMBOL[s].unit[0] * scale_x ** BY_SYMBOL[s].unit[1] for s, v in point.items()}
        ratio = evaluate.at_rational(theorem.claim, scaled) / evaluate.at_rational(theorem.claim, point)
        if abs(sp.N(ratio / (scale_f**power_f * scale_x**power_x), 30) - 1) > 1e-12:
            return Check("units", False, f"the claim does not scale as {UNITS[theorem.metric.unit]}")
    return Check("units", True, UNITS[theorem.metric.unit])


def check_monotone(theorem: Theorem) -> Check:
    """A larger error of the oracle never lowers the claim."""
    plain = theorem.claim.subs({b: 1 + eta, c: 1 - epsilon})
    in_metric = theorem.metric.of_step.subs({b: 1 + eta, c: 1 - epsilon}).free_symbols
    for symbol in (epsilon, eta, delta):
        if symbol not in plain.free_symbols or symbol in in_metric:  # a metric that itself falls says less, not more
            continue
        for point in sample_points(plain):
            if symbol is delta and isinstance(plain, sp.Max) and theorem.tuned_value is not None:
                slope = sp.diff(theorem.tuned_value, delta)
            else:
                slope = sp.diff(plain, symbol)
            if sp.N(evaluate.at_rational(slope, point)) < 0:
                return Check("monotone in the error", False, f"the claim falls in {symbol} at {point}")
    return Check("monotone in the error", True, "never falls as the oracle gets worse")


def check_vacuity(theorem: Theorem) -> Check:
    """At usual defaults the tuned parameters exist, are allowed, and the claim is finite."""
    usual = {"initial_gap": 1.0, "smoothness": 1.0, "steps": 1000, "noise_std": 0.1, "norm_ratio": 4.0, "delta": 0.3}
    usual |= {"mean_smoothness": 1.0, "weight_decay": 0.1, "l0": 1.0, "l1": 1.0, "mu": 0.1, "diameter": 3.0}
    usual |= {"variation": 4 / 3, "peak": 2.0, "iterate_bound": 5.0}
    needed = set(evaluate.code_names(theorem.claim))
    two_sided = bool(needed & {"epsilon", "eta"})
    for value in theorem.tuning.values():
        needed |= set(evaluate.code_names(value))
    given = {k: v for k, v in usual.items() if k in needed or (k == "delta" and two_sided)}
    tuned = theorem.tune(**given)
    allowed = (tuned.alpha is None or 0 < float(tuned.alpha) <= 1) and (tuned.step_size is None or tuned.step_size > 0)
    if not allowed or not 0 < float(tuned.value) < float("inf"):
        return Check("not vacuous", False, f"no allowed parameters at usual values {given}")
    at = ", ".join(f"{k}={v:g}" for k, v in given.items())
    return Check("not vacuous", True, f"value {float(tuned.value):.4g} at {at}")

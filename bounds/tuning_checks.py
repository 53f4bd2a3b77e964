"""The checks of a statement's tuning: are the tuned parameters optimal, and is the stated value the one there?"""

from __future__ import annotations

import itertools

import sympy as sp

from bounds import evaluate
from bounds.checking import Check, identical, sample_points
from bounds.inequalities import g, gradient_alignment
from bounds.memory import StartFactor
from bounds.symbols import COLUMNS, L0, L1, K, L, b, c, gamma
from bounds.symbols import alpha as alpha_symbol
from bounds.theorem import Theorem

GIVEN = {"open-loop": 2 / (COLUMNS["index"] + 2), "l0-l1": g / (L0 + L1 * g)}  # rule → γ_k over its factor


def check_tuning(theorem: Theorem) -> Check:
    """The tuned parameters minimise what the statement says they minimise."""
    name = f"tuning ({theorem.tuning_is})"
    if theorem.tuning_is == "given":
        return _check_given(theorem, name)
    if not theorem.tuning or theorem.step is not gamma:
        return _check_step(theorem, name)
    target = theorem.leading if theorem.tuning_is == "leading terms" else theorem.claim
    if target is None:
        return Check(name, False, "a tuning of leading terms needs `leading`")
    if theorem.tuning_is == "kink":
        return _check_kink(theorem, name)
    resolved = _resolved(theorem)
    for symbol in theorem.tuning:
        slope = sp.diff(target, symbol).subs(resolved)
        if not identical(slope, sp.Integer(0)):
            return Check(name, False, f"the derivative in {symbol} at the tuned point is {sp.simplify(slope)}, not 0")
        bend = sp.diff(target, symbol, 2).subs(resolved)
        if any(sp.N(evaluate.at_rational(bend, p)) <= 0 for p in sample_points(bend)):
            return Check(name, False, f"the tuned {symbol} is not a minimiser: the second derivative is not positive")
    if theorem.tuning_is == "leading terms":
        return _check_leading(theorem, name)
    return Check(name, True, "stationary, with positive second derivatives")


def _resolved(theorem: Theorem) -> dict[sp.Symbol, sp.Expr]:
    alpha_value = {alpha_symbol: theorem.tuning[alpha_symbol]} if alpha_symbol in theorem.tuning else {}
    return {s: (v if s is alpha_symbol else v.subs(alpha_value)) for s, v in theorem.tuning.items()}


def _check_given(theorem: Theorem, name: str) -> Check:
    """The steps are those of the method's schedule, times the stated factor, and the ones that the chain takes."""
    stated = theorem.tuning.get(gamma, sp.Integer(0)) * GIVEN.get(theorem.method.step, sp.nan)
    taken = next((sp.diff(i.slack, gradient_alignment) for i in theorem.proof.step if i.name == "smoothness"), sp.nan)
    for words, other in (("the chain takes", taken), ("tuning and schedule give", stated)):
        if not identical_step(other, theorem.step):
            return Check(name, False, f"{words} the steps {other}, the statement says {theorem.step}")
    return Check(name, True, f"the steps are given: {theorem.step}")


def _check_step(theorem: Theorem, name: str) -> Check:
    """A step fixed by the proof maximises the guaranteed decrease c·γ·g − Lγ²b²/2 and is the stated factor × g."""
    size = sp.Symbol("s", positive=True)
    decrease = c * size * g - L * size**2 * b**2 / 2
    best = sp.solve(sp.diff(decrease, size), size)[0]
    if not identical_step(best, theorem.step) or not identical_step(theorem.tuning.get(gamma, 0) * g, theorem.step):
        detail = f"the step of the proof is {theorem.step}; the largest guaranteed decrease is at {best}"
        return Check(name, False, detail)
    return Check(name, True, "the step maximises the guaranteed decrease")


def identical_step(left: sp.Expr, right: sp.Expr) -> bool:
    """Equality of rational expressions that may hold run columns."""
    return sp.cancel(left - right) == 0


def _check_kink(theorem: Theorem, name: str) -> Check:
    if not isinstance(theorem.claim, sp.Max) or len(theorem.claim.args) != 2:
        return Check(name, False, "a kink needs a claim that is the maximum of two branches")
    first, second = theorem.claim.args
    at = {gamma: theorem.tuning[gamma]}
    if not identical(first.subs(at), second.subs(at)):
        return Check(name, False, f"the branches differ at the tuned step: {sp.simplify((first - second).subs(at))}")
    slopes = [
        sorted(float(sp.N(evaluate.at_rational(sp.diff(branch, gamma).subs(at), p))) for branch in (first, second))
        for p in sample_points(theorem.tuning[gamma])
    ]
    if any(low > 0 or high < 0 for low, high in slopes):
        return Check(name, False, "one branch does not fall while the other rises at the tuned step")
    return Check(name, True, "the branches meet there, one falling and one rising")


def _check_leading(theorem: Theorem, name: str) -> Check:
    """claim / leading → 1 for small α with α^{3/2}K → ∞, where drift and noise balance: γ = α^{3/2}, or α for STORM."""
    ratio = theorem.claim / theorem.leading
    for point, size in itertools.product(sample_points(ratio, 3), (12, 8)):
        far = {**point, alpha_symbol: sp.Rational(1, 10**8), K: sp.Integer(10) ** 30}
        far[gamma] = sp.Rational(1, 10**size)
        plain = ratio.replace(lambda e: isinstance(e, StartFactor), lambda e: sp.Integer(1))
        value = float(sp.N(evaluate.at_rational(plain, far), 30))
        if abs(value - 1) > 1e-3:
            return Check(name, False, f"the leading terms are not the claim's for small alpha: ratio {value:.6g}")
    return Check(name, True, "stationary for the leading terms, and those are the claim's for small alpha")


def check_value(theorem: Theorem) -> Check:
    """The stated value is the claim (or its leading terms) at the tuned parameters."""
    if theorem.tuned_value is None:
        return Check("value at the tuning", True, "none stated")
    target = theorem.leading if theorem.tuning_is == "leading terms" else theorem.claim
    reached = target.subs(_resolved(theorem)) if theorem.step is gamma else theorem.claim  # type: ignore[union-attr]
    if isinstance(reached, sp.Max):
        reached = reached.args[0]
    if identical(reached, theorem.tuned_value):
        return Check("value at the tuning", True, str(theorem.tuned_value))
    return Check("value at the tuning", False, f"stated {theorem.tuned_value}, reached {sp.simplify(reached)}")

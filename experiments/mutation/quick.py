"""What can be seen at a few rational points: whether a mutant says something else, and whether a check must fail.

The same conditions as in `bounds.check`, numerically and without explanations, so that thousands of mutants take
minutes; `tests/mutants/test_every_constant.py` compares a sample with `Theorem.check`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import sympy as sp

from bounds.chain import BrokenChain, Chain
from bounds.symbols import BY_SYMBOL, K, b, c, epsilon, eta, gamma
from bounds.symbols import alpha as alpha_symbol
from bounds.theorem import Theorem

_POINTS = 6
_FAR = 1e-9  # relative: a difference above this is no rounding
_DIGITS = 30
Point = dict[sp.Symbol, sp.Expr]


@lru_cache(maxsize=64)
def points(symbols: frozenset[sp.Symbol]) -> tuple[Point, ...]:
    """Rational values within every constant's rule, and for columns; b and c follow from ε and η where those occur."""
    source, found = random.Random(1), []
    for _ in range(_POINTS):
        point: Point = {}
        for symbol in sorted(
            symbols | ({epsilon} if c in symbols else set()) | ({eta} if b in symbols else set()), key=str
        ):
            constant = BY_SYMBOL.get(symbol)
            small = symbol is eta or (constant is not None and (constant.at_most == 1 or constant.below == 1))
            point[symbol] = sp.Rational(source.randint(3, 94), 97) if small else sp.Rational(source.randint(5, 400), 37)
            if symbol is K:
                point[symbol] = sp.Integer(source.choice((1, 2, 5, 60)))  # both branches of a maximum come up
        point |= {s: v for s, v in ((b, 1 + point.get(eta, 0)), (c, 1 - point.get(epsilon, 0))) if s in symbols}
        found.append(point)
    return tuple(found)


def differ(left: sp.Expr, right: sp.Expr) -> bool:
    """Whether two formulas differ at a rational point; where one is no number there, the other must be none either."""
    symbols = frozenset(left.free_symbols | right.free_symbols)
    return any(_apart(left, right, point) for point in points(symbols))


def _apart(left: sp.Expr, right: sp.Expr, point: Point) -> bool:
    one, two = value_at(left, point), value_at(right, point)
    if one is None or two is None:
        return one is not two
    return abs(one - two) > _FAR * (abs(one) + abs(two))


def value_at(formula: sp.Expr, point: Mapping[sp.Symbol, sp.Expr]) -> complex | None:
    """The number, None where it is none."""
    try:
        with np.errstate(all="ignore"):  # a mutant may leave the domain of a function of numpy's
            value = complex(sp.N(formula.xreplace(dict(point)), _DIGITS))
    except (TypeError, ValueError, ArithmeticError):
        return None
    return value if abs(value) < 1e300 else None


@lru_cache(maxsize=8)
def _derived(proof: Chain) -> sp.Expr | None:
    try:
        return proof.derive().value
    except BrokenChain:
        return None


def failure(theorem: Theorem, field: str) -> str | None:
    """The check that must fail after a change of `field`, None where rational points do not tell."""
    if field in ("claim", "proof"):
        derived = _derived(theorem.proof)
        if derived is None or differ(derived, theorem.claim):
            return "chain yields the claim"
    if field in ("tuning", "leading") and theorem.step is gamma and _not_stationary(theorem):
        return f"tuning ({theorem.tuning_is})"
    if field in ("tuning", "leading", "tuned_value") and _other_value(theorem):
        return "value at the tuning"
    if field == "limits" and _other_limits(theorem):
        return "limits"
    return None


def _target(theorem: Theorem) -> sp.Expr | None:
    return theorem.leading if theorem.tuning_is == "leading terms" else theorem.claim


def _at_tuning(theorem: Theorem, formula: sp.Expr) -> sp.Expr:
    tuning = dict(theorem.tuning)
    weight = {alpha_symbol: tuning[alpha_symbol]} if alpha_symbol in tuning else {}
    return formula.xreplace({s: v if s is alpha_symbol else v.xreplace(weight) for s, v in tuning.items()})


def _not_stationary(theorem: Theorem) -> bool:
    target = _target(theorem)
    if target is None:
        return False
    if theorem.tuning_is == "kink":
        branches = target.args if isinstance(target, sp.Max) else ()
        return len(branches) == 2 and differ(*(_at_tuning(theorem, branch) for branch in branches))
    return any(differ(_at_tuning(theorem, sp.diff(target, symbol)), sp.Integer(0)) for symbol in theorem.tuning)


def _other_value(theorem: Theorem) -> bool:
    target = _target(theorem)
    if theorem.tuned_value is None or target is None:
        return False
    reached = _at_tuning(theorem, target) if theorem.step is gamma else theorem.claim
    return differ(reached, theorem.tuned_value)


def _other_limits(theorem: Theorem) -> bool:
    for substitutions, expected in theorem.limits:
        value = theorem.claim.subs(substitutions)
        if any(differ(branch, expected) for branch in (value.args if isinstance(value, sp.Max) else (value,))):
            return True
    return False

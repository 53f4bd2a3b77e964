"""What the checks of a statement are made of: the outcome of one, and equality of expressions at points first."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from bounds import evaluate, layers
from bounds.symbols import BY_SYMBOL, K, eta, mu

if TYPE_CHECKING:
    from bounds.theorem import Theorem

_POINTS = 6  # rational sample points that a statement must survive before the full simplification


@dataclass(frozen=True)
class Check:
    """One check of one statement; `detail` says what failed, or what was shown."""

    name: str
    passed: bool
    detail: str


def guarded(run: Callable[[Theorem], Check], theorem: Theorem) -> Check:
    """A check that a broken statement cannot even evaluate has failed."""
    try:
        with np.errstate(all="ignore"):
            return run(theorem)
    except (ArithmeticError, ValueError, TypeError, KeyError, RuntimeWarning) as error:
        name = run.__name__.removeprefix("check_").replace("_", " ")
        return Check(name, False, f"could not be evaluated: {type(error).__name__}: {error}")


def identical(left: sp.Expr, right: sp.Expr) -> bool:
    """Whether two expressions are equal: rational points first (they kill most wrong ones), then simplification."""
    if sp.Tuple(left, right).has(layers.OverLayers):
        return layers.identical(left, right)
    for point in sample_points(sp.Tuple(left, right)):
        difference = evaluate.at_rational(left - right, point)
        if difference == 0:
            continue
        size = 1 + abs(sp.N(evaluate.at_rational(left, point), 20))
        if abs(sp.N(difference, 40)) > sp.Float("1e-30") * size:
            return False
    return sp.simplify(left - right) == 0 or sp.simplify(sp.radsimp(sp.expand(left - right))) == 0


def sample_points(expression: sp.Expr, count: int = _POINTS) -> list[dict[sp.Symbol, sp.Rational]]:
    """Deterministic rational points inside every constant's rule."""
    source = random.Random(0)
    symbols = evaluate.symbols_of(expression)
    points = []
    for _ in range(count):
        point = {}
        for symbol in symbols:
            constant = BY_SYMBOL[symbol]
            unit_interval = constant.at_most == 1 or constant.below == 1
            low = sp.Rational(source.randint(1, 96), 97)
            point[symbol] = low if unit_interval or symbol is eta else sp.Rational(source.randint(5, 400), 37)
            if symbol is mu:
                point[symbol] = low / 8  # below every L above, as mu <= L
            if symbol is K:
                point[symbol] = sp.Integer(source.randint(2, 60))
            elif constant.at_least == 1:
                point[symbol] += 1
        points.append(point)
    return points

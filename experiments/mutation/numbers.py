"""Formulas at a few points in float64: mutants share nearly all their nodes, and each node is worked out once."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import sympy as sp

from bounds.layers import OverLayers
from bounds.memory import StartFactor
from bounds.symbols import BY_SYMBOL, LAYER_COLUMNS, STEP_VARIABLES, K, b, c, epsilon, eta

FAR = 1e-9  # relative: a difference above this is no rounding
_POINTS = 6
_MOST = 1e300
_NODES = 100_000  # values kept at a point
_NAN = complex(math.nan)


class At:
    """Values of formulas at one point; `known` gives those of symbols. A formula that is no number there is nan."""

    def __init__(self, known: Mapping[sp.Basic, complex]) -> None:
        self.known = dict(known)
        self.values: dict[sp.Basic, complex] = dict(known)

    def with_(self, changes: Mapping[sp.Symbol, complex]) -> At:
        """The same point with other values of some symbols."""
        return At({**self.known, **changes})

    def __call__(self, formula: sp.Basic) -> complex:
        found = self.values.get(formula)
        if found is None:
            if len(self.values) > _NODES:
                self.values = dict(self.known)
            with np.errstate(all="ignore"):  # a mutant may leave the domain of a function of numpy's
                found = self._worked_out(formula)
            self.values[formula] = found
        return found

    def _worked_out(self, node: sp.Basic) -> complex:
        try:
            arguments = [self(a) for a in node.args]
            value = _applied(node, arguments)
        except (TypeError, ValueError, ArithmeticError, AttributeError):
            return _NAN
        return value if abs(value) < _MOST else _NAN


def _applied(node: sp.Basic, arguments: list[complex]) -> complex:
    """A node of its arguments' values."""
    if not node.args:
        return complex(node)
    if node.is_Add:
        return sum(arguments)
    if node.is_Mul:
        return math.prod(arguments)
    if node.is_Pow:
        base, exponent = arguments
        return complex(base**exponent)
    if isinstance(node, (sp.Max, sp.Min)):
        if any(a.imag for a in arguments):
            raise ValueError("no order among complex numbers")
        return complex((max if isinstance(node, sp.Max) else min)(a.real for a in arguments))
    if isinstance(node, OverLayers):
        return arguments[0]  # of one layer
    if isinstance(node, StartFactor):
        return complex(type(node).numeric(*(a.real for a in arguments)))
    return complex(sp.N(node.func(*(sp.sympify(a) for a in arguments))))


@lru_cache(maxsize=1)
def points() -> tuple[At, ...]:
    """Values within every constant's rule, and for columns; b and c follow from ε and η."""
    source, found = random.Random(1), []
    for _ in range(_POINTS):
        point: dict[sp.Basic, complex] = {}
        for symbol in sorted({*BY_SYMBOL, *STEP_VARIABLES, *LAYER_COLUMNS.values()}, key=str):
            constant = BY_SYMBOL.get(symbol)
            small = symbol is eta or (constant is not None and (constant.at_most == 1 or constant.below == 1))
            point[symbol] = complex(source.uniform(0.03, 0.97) if small else source.uniform(0.2, 11))
        point[K] = complex(source.choice((1, 2, 5, 60)))  # both branches of a maximum come up
        found.append(At(point | {b: 1 + point[eta], c: 1 - point[epsilon]}))
    return tuple(found)


def apart(one: complex, two: complex, scale: float | None = None) -> bool:
    """Whether two values differ by more than rounding of `scale` (their sizes); where one is none, both must be."""
    if one != one or two != two:  # nan
        return (one == one) != (two == two)
    return abs(one - two) > FAR * (abs(one) + abs(two) if scale is None else scale)


def differ(left: sp.Expr, right: sp.Expr) -> bool:
    """Whether two formulas differ at a point."""
    return any(apart(at(left), at(right)) for at in points())

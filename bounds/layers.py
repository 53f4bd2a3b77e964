"""Sums over the layers of a network, inside formulas: `over_layers`, its numbers and its symbolic checks.

The constants of one layer are those of the table (L, b, c …) inside `OverLayers`; as numbers they are arrays whose LAST
axis is the layer. sympy's own Sum is not used: lambdified it sums the first axis, and it prints invalid JavaScript.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from bounds.symbols import CONSTANTS, LAYER_COLUMNS, L, b, c, delta, epsilon, eta

PER_LAYER = (L, b, c, epsilon, eta, delta)  # the constants that a layer has of its own
_MOST = 3  # symbolic identities are checked for 1 … _MOST layers
_POINTS = 4


class OverLayers(sp.Function):
    """Σ_i of an expression in the constants of layer i. Where its argument is a number there is one layer."""

    nargs = 1

    @classmethod
    def eval(cls, argument: sp.Expr) -> sp.Expr | None:
        return argument if argument.is_number else None

    def _eval_derivative(self, symbol: sp.Symbol) -> sp.Expr:
        return OverLayers(sp.diff(self.args[0], symbol))

    def _eval_is_positive(self) -> bool | None:
        return self.args[0].is_positive

    def _eval_is_nonnegative(self) -> bool | None:
        return self.args[0].is_nonnegative

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        names = {s: sp.Symbol(f"{s.name}_i", positive=s.is_positive) for s in self.args[0].free_symbols}
        body = rf"\sum_i {printer.doprint(self.args[0].subs(names))}"
        return body if exp is None else rf"\left({body}\right)^{{{exp}}}"


def over_layers(expression: sp.Expr) -> sp.Expr:
    """Σ_i of the expression; factors that no layer has of its own are taken out of the sum."""
    outside, inside = sp.factor(expression).as_independent(*PER_LAYER, *LAYER_COLUMNS.values(), as_Add=False)
    return outside * OverLayers(inside)


def summed(values: Any) -> np.ndarray:
    """`OverLayers` of numbers: the sum over the last axis, the layers."""
    return np.sum(np.atleast_1d(values), axis=-1)


def symbols_of_layers(expression: sp.Expr) -> set[sp.Symbol]:
    """The symbols that occur under a sum over layers; `ValueError` where one occurs outside of it too."""
    inside: set[sp.Symbol] = set().union(*(a.free_symbols for a in expression.atoms(OverLayers)))
    mixed = inside & expression.xreplace({a: sp.Dummy() for a in expression.atoms(OverLayers)}).free_symbols
    if mixed:
        names = ", ".join(sorted(map(str, mixed)))
        raise ValueError(f"{names} stands inside over_layers and outside of it in {expression}: one number, or many?")
    return inside


def with_layer_axis(names: set[str], numbers: Mapping[str, Any]) -> dict[str, Any]:
    """The constants `names` with a last axis of layers (length 1 where a number was given); the others as they are.

    Raises `ValueError` where two of them speak of different numbers of layers.
    """
    out = {n: np.atleast_1d(v) if n in names else v for n, v in numbers.items()}
    counts = {n: out[n].shape[-1] for n in out if n in names and out[n].shape[-1] != 1}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{n}: {count}" for n, count in counts.items())
        raise ValueError(f"the last axis of per-layer constants is the layer, as long in each of them; got {listed}")
    return out


def code_names_of_layers(expression: sp.Expr) -> set[str]:
    """The code names of the constants that are per layer in an expression (b and c stand for eta and epsilon)."""
    symbols = symbols_of_layers(expression)
    symbols |= ({eta} if b in symbols else set()) | ({epsilon} if c in symbols else set())
    return {code for code, constant in CONSTANTS.items() if constant.symbol in symbols}


def unrolled(expression: sp.Expr, count: int) -> sp.Expr:
    """The expression for `count` layers, each per-layer constant s written s_1 … s_count, without OverLayers."""

    def one(argument: sp.Expr) -> sp.Expr:
        named = [
            {s: sp.Symbol(f"{s.name}_{i}", positive=True) for s in argument.free_symbols if s in PER_LAYER}
            for i in range(1, count + 1)
        ]
        return sp.Add(*(argument.subs(names) for names in named))

    return expression.replace(OverLayers, one)


def identical(left: sp.Expr, right: sp.Expr) -> bool:
    """Whether two expressions with sums over layers are equal for 1, 2 and 3 layers: at rational points, then as such.

    Positive rational points decide first; the symbolic proof is asked for two layers.
    """
    source = random.Random(0)
    for count in range(1, _MOST + 1):
        difference = unrolled(left - right, count)
        for _ in range(_POINTS):
            symbols = sorted(difference.free_symbols, key=str)
            point = {s: sp.Rational(source.randint(1, 400), 97) for s in symbols}
            if abs(sp.N(difference.subs(point), 40)) > sp.Float("1e-30"):
                return False
    return sp.simplify(unrolled(left - right, 2)) == 0

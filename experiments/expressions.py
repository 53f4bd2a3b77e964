"""Formulas typed by a user: Python's own grammar, read through an allow-list over its syntax tree, never evaluated."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import sympy as sp

from bounds.layers import OverLayers
from bounds.memory import FACTORS
from bounds.symbols import CONSTANTS, K, b, c
from lmo.names import unknown_name

LONGEST = 2000  # characters of one formula
LARGEST_POWER = 64  # of a numerical exponent
_LETTERS = "Delta gamma alpha sigma rho delta epsilon eta mu lambda"
_GREEK = dict(zip("Δγασρδεημλ", _LETTERS.split(" "), strict=True))
_BY_SYMBOL = {str(constant.symbol): constant.symbol for constant in CONSTANTS.values()}
NAMES: dict[str, sp.Expr] = {
    **{code: constant.symbol for code, constant in CONSTANTS.items()},
    **_BY_SYMBOL,
    **{letter: _BY_SYMBOL[name] for letter, name in _GREEK.items()},
    "b": b,
    "c": c,
    "q": b + c,
    "pi": sp.pi,
}
FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {  # name → function, number of arguments (0: two or more)
    "sqrt": (sp.sqrt, 1),
    "exp": (sp.exp, 1),
    "log": (sp.log, 1),
    "max": (sp.Max, 0),
    "min": (sp.Min, 0),
    "Max": (sp.Max, 0),
    "Min": (sp.Min, 0),
    "OverLayers": (OverLayers, 1),  # the sum over layers of what is in brackets
    **{factor.__name__: (factor, 2) for factor in FACTORS},  # of shipped claims
}
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def parse(text: str, more: Mapping[str, sp.Expr] = MappingProxyType({})) -> sp.Expr:
    """The formula as sympy, in the constants of `bounds.symbols` (code names, symbols, Greek letters; b, c, q).

    Allowed: numbers, those names, + − * / **, brackets, sqrt, exp, log, max, min. `ValueError` says what else was used.
    more: further names that are allowed.
    """
    if len(text) > LONGEST:
        raise ValueError(f"a formula may have at most {LONGEST} characters, this one has {len(text)}")
    try:
        tree = ast.parse(text.strip().replace("^", "**"), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        hint = " (weight decay is called λ or weight_decay)" if "lambda" in text else ""
        raise ValueError(f"{text!r} is no formula: {getattr(error, 'msg', error)}{hint}") from None
    try:
        value = sp.sympify(_read(tree.body, {**NAMES, **more}))
    except RecursionError:
        raise ValueError("the formula is nested too deeply") from None
    if value.has(sp.zoo, sp.nan, sp.oo, -sp.oo) or value.has(sp.I):
        raise ValueError(f"{text!r} is not a finite real number for any constants")
    return value


def _read(node: ast.expr, names: Mapping[str, sp.Expr]) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        if isinstance(node.value, bool):
            return _refuse(node, "a truth value")
        return sp.Rational(str(node.value)) if abs(node.value) < 1e300 else _refuse(node, "a number that large")
    if isinstance(node, ast.Name):
        if node.id not in names:
            raise unknown_name("name in a formula", node.id, [*names, *FUNCTIONS])
        return names[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = _read(node.operand, names)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = _read(node.left, names), _read(node.right, names)
        if isinstance(node.op, ast.Div) and right == 0:
            return _refuse(node, "a division by zero")
        if isinstance(node.op, ast.Pow) and not _is_power(sp.sympify(right)):
            return _refuse(node, f"an exponent that is neither a number of size at most {LARGEST_POWER} nor in K alone")
        return _BINARY[type(node.op)](left, right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _call(node.func.id, [_read(argument, names) for argument in node.args])
    return _refuse(node, type(node).__name__)


def _is_power(exponent: sp.Expr) -> bool:
    """A number that is not too large, or a polynomial of the number of steps, as in (1 − μ/L)^K."""
    if exponent.is_number:
        return bool(abs(exponent) <= LARGEST_POWER)
    return exponent.free_symbols == {K} and bool(exponent.is_polynomial(K))


def _call(name: str, arguments: list[Any]) -> Any:
    if name not in FUNCTIONS:
        raise unknown_name("function in a formula", name, FUNCTIONS)
    function, count = FUNCTIONS[name]
    if len(arguments) < 2 if count == 0 else len(arguments) != count:
        raise ValueError(f"{name} takes {count or 'two or more'} argument(s), got {len(arguments)}")
    return function(*arguments)


def _refuse(node: ast.expr, what: str) -> Any:
    raise ValueError(
        f"{ast.unparse(node)!r}: {what} is not allowed in a formula; allowed are numbers, constants, + - * / **, "
        f"brackets and {', '.join(FUNCTIONS)}"
    )


def write(expression: sp.Expr) -> str:
    """The expression as text that `parse` reads back; constants under their code names."""
    names = {constant.symbol: sp.Symbol(code) for code, constant in CONSTANTS.items()}
    return str(expression.xreplace(names))

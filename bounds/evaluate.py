"""From keyword constants to numbers: names, rules, the additive view δ, and vectorised evaluation of expressions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from bounds.layers import code_names_of_layers, summed, with_layer_axis
from bounds.memory import FACTORS
from bounds.symbols import CONSTANTS, b, c, delta, epsilon, eta
from lmo.names import unknown_name

Numbers = dict[str, np.ndarray]
ROUNDING = 1e-9  # of measured ε and η


def code_names(expression: sp.Expr) -> list[str]:
    """The constants that an expression needs, in the order of the table; b and c stand for eta and epsilon."""
    return list(_code_names(expression))


@lru_cache(maxsize=2048)
def _code_names(expression: sp.Expr) -> tuple[str, ...]:
    symbols = set(expression.free_symbols)
    symbols |= ({eta} if b in symbols else set()) | ({epsilon} if c in symbols else set())
    return tuple(code for code, constant in CONSTANTS.items() if constant.symbol in symbols)


def check_constants(given: Mapping[str, Any], needed: Iterable[str], who: str, tunable: bool = False) -> Numbers:
    """The constants as float arrays, ε and η filled in from `delta` (or 0, an exact oracle, where none is given).

    tunable: whether what is missing may be found by `tune`.

    Raises `ValueError`: unknown, missing or contradictory names, NaN, values outside a constant's rule.
    """
    needed = list(needed)
    two_sided = "epsilon" in needed or "eta" in needed
    allowed = needed + (["delta"] if two_sided and "delta" not in needed else [])
    for name in given:
        if name not in allowed:
            if name in CONSTANTS:
                raise ValueError(f"{who} has no constant {name!r}; its constants are {', '.join(allowed)}")
            raise unknown_name(f"constant of {who}", name, allowed)
    numbers = {name: _checked(name, value) for name, value in given.items()}
    if two_sided:
        if "delta" in numbers and ("epsilon" in numbers or "eta" in numbers):
            raise ValueError(f"{who}: give either delta (then epsilon = eta = delta) or epsilon and eta, not both")
        fallback = numbers.pop("delta", np.asarray(0.0))
        for name in ("epsilon", "eta"):
            if name in needed:
                numbers.setdefault(name, fallback)
    elif "delta" in needed:
        numbers.setdefault("delta", np.asarray(0.0))
    missing = [name for name in needed if name not in numbers]
    if missing:
        meaning = "; ".join(f"{name}: {CONSTANTS[name].meaning}" for name in missing)
        hint = ". `tune` finds step_size and alpha" if tunable and {"step_size", "alpha"} & set(missing) else ""
        raise ValueError(f"{who} needs {', '.join(missing)} ({meaning}){hint}")
    if {"epsilon", "eta"} <= set(numbers) and np.any(np.add(numbers["epsilon"], numbers["eta"]) < -ROUNDING):
        raise ValueError(
            f"{who}: `epsilon` + `eta` cannot be negative, as −⟨m, d̂⟩ ≤ ‖m‖_*‖d̂‖: an answer of length 1 + eta has an "
            "alignment 1 − epsilon of at most that. What is not given is 0"
        )
    if {"mu", "smoothness"} <= set(numbers) and np.any(numbers["mu"] > numbers["smoothness"]):
        raise ValueError(f"{who}: `mu` cannot exceed `smoothness`, as ‖∇f‖_*² ≤ 2L(f − inf f); one of them is wrong")
    return numbers


def _checked(name: str, value: Any) -> np.ndarray:
    constant = CONSTANTS[name]
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{name}` must be a number or an array of numbers, got {value!r}") from error
    inside = np.isfinite(array)
    for limit, test in (
        (constant.above, np.greater),
        (constant.at_least, np.greater_equal),
        (constant.below, np.less),
        (constant.at_most, np.less_equal),
    ):
        if limit is not None:
            inside &= test(array, limit)
    if array.size == 0 or not inside.all():
        bad = "an empty array" if array.size == 0 else f"{array[~inside].flat[0]:g}" if array.ndim else f"{value!r}"
        rule = constant.rule or "finite"
        raise ValueError(f"`{name}` ({constant.meaning}) must be finite and {rule}, got {bad}")
    return array


@lru_cache(maxsize=512)
def compiled(expression: sp.Expr) -> tuple[tuple[str, ...], Any]:
    """The code names an expression needs and a numpy function of them."""
    names = tuple(code_names(expression))
    plain = expression.subs({b: 1 + eta, c: 1 - epsilon})
    factors = {factor.__name__: factor.numeric for factor in FACTORS}
    maximum = {"Max": lambda *a: np.maximum.reduce(np.broadcast_arrays(*a))}
    modules = [{**factors, **maximum, "OverLayers": summed}, "numpy"]
    function = sp.lambdify([CONSTANTS[name].symbol for name in names], plain, modules)
    return names, function


@lru_cache(maxsize=32)
def _with_digits(expression: sp.Expr, digits: int) -> tuple[tuple[str, ...], Any]:
    """As `compiled`, in decimal arithmetic; of expressions without layers and factors of memory."""
    names = tuple(code_names(expression))
    exact = sp.lambdify([CONSTANTS[name].symbol for name in names], expression, "mpmath")

    def one(*numbers: float) -> float:
        with mpmath.workdps(digits):
            return float(exact(*map(mpmath.mpf, numbers)))

    return names, np.frompyfunc(one, len(names), 1)


_code_names_of_layers = lru_cache(maxsize=512)(code_names_of_layers)


def value(
    expression: sp.Expr, numbers: Mapping[str, Any], at_most: float = np.inf, digits: int | None = None
) -> np.ndarray:
    """The expression at checked constants, broadcast over their shapes; `ValueError` where it is not a number.

    What is above `at_most`, ∞ too, counts as `at_most`. digits: decimal ones of the arithmetic; None: doubles. The last
    axis of constants under `over_layers` is summed; the axes before it broadcast with the other constants.
    """
    names, function = compiled(expression) if digits is None else _with_digits(expression, digits)
    layered = _code_names_of_layers(expression)
    if layered:
        numbers = with_layer_axis(layered, {name: numbers[name] for name in names})
    shapes = {name: np.shape(numbers[name])[: -1 if name in layered else None] for name in names}
    try:
        shape = np.broadcast_shapes(*shapes.values())
    except ValueError:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items() if shape)
        raise ValueError(f"the shapes of the constants do not broadcast: {listed}") from None
    with np.errstate(all="ignore"):
        result = np.asarray(function(*(numbers[name] for name in names)), dtype=float)
    result = np.minimum(result, at_most)  # a NaN stays one
    if not np.isfinite(result).all():
        raise ValueError(f"{expression} is not a finite number at the constants {', '.join(names)} that were given")
    return np.broadcast_to(result, shape)


def at_rational(expression: sp.Expr, point: Mapping[sp.Symbol, sp.Rational]) -> sp.Expr:
    """The exact value at a rational point given for constants; b and c follow from ε and η."""
    known = dict(point)
    known[b] = 1 + known.get(eta, known.get(delta, sp.Integer(0)))
    known[c] = 1 - known.get(epsilon, known.get(delta, sp.Integer(0)))
    return expression.xreplace(known)


def symbols_of(expression: sp.Expr) -> list[sp.Symbol]:
    """The constants of the table (not b, c) that an expression needs, as symbols."""
    return [CONSTANTS[name].symbol for name in code_names(expression)]

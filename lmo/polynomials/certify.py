"""Rigorous ranges of composed polynomials and rational functions, in interval arithmetic (arb, from python-flint)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from flint import arb, ctx, fmpq, fmpq_poly, fmpz_poly

from lmo.checks import check_number
from lmo.polynomials.schedule import Polynomial

PRECISION = 128  # bits


class Certificate(NamedTuple):
    """What an oracle's answer cannot exceed while the scaled singular values lie in [s_min, s_max].

    delta, epsilon, eta: upper bounds on ‖d̂ − lmo(m)‖, 1 + ⟨m, d̂⟩/‖m‖_* and ‖d̂‖ − 1, in the ball's norm. low, high:
    the proved range of the answer's singular values, in units of the ball's radius. All hold for exact arithmetic on
    the coefficients as stored; rounding of the iteration itself comes on top. how: "interval arithmetic" or a law.
    """

    delta: float
    epsilon: float
    eta: float
    low: float
    high: float
    how: str = "interval arithmetic"


class Odd(NamedTuple):
    """s·N(s²)/D(s²) with coefficient lists, lowest power first; D = (1.0,) for a polynomial. D > 0 on the interval."""

    numerator: Polynomial
    denominator: Polynomial = (1.0,)


def certify(maps: Sequence[Odd | Polynomial], s_min: float, s_max: float) -> Certificate:
    """The certificate of f_n ∘ … ∘ f_1 on [s_min, s_max], every f an odd polynomial or rational function.

    The image of an interval under a continuous map is an interval, so n successive images of ONE map each are exact
    up to the rounding of the arithmetic: its ends are values at the interval's ends and at critical points.

    Raises:
        ValueError: not 0 <= s_min <= s_max, or a denominator that may vanish on an interval.
    """
    check_number("s_min", s_min, at_least=0.0)
    if check_number("s_max", s_max, at_least=0.0) < s_min:
        raise ValueError(f"`s_min` must not exceed `s_max`, got [{s_min}, {s_max}]")
    before, ctx.prec = ctx.prec, PRECISION
    try:
        low, high = arb(s_min), arb(s_max)
        for one in maps:
            low, high = _image(one if isinstance(one, Odd) else Odd(tuple(one)), low, high)
        bottom, top = _down(low), _up(high)
    finally:
        ctx.prec = before
    epsilon, eta = _above(1 - bottom), _above(max(top, -bottom) - 1)  # the norm sees negative values too
    return Certificate(max(epsilon, _above(top - 1), 0.0), epsilon, eta, bottom, top)


def _image(one: Odd, low: arb, high: arb) -> tuple[arb, arb]:
    """The ends of the image of [low, high], outwards."""
    values = [_value(one, x) for x in (low, high, *_critical(one, low, high))]
    bottom, top = values[0], values[0]
    for value in values[1:]:
        bottom, top = bottom.min(value), top.max(value)
    return bottom.lower(), top.upper()


def _value(one: Odd, x: arb) -> arb:
    square = x * x
    below = _horner(one.denominator, square)
    if not below > 0:
        raise ValueError(f"the denominator {one.denominator} is not shown to be positive at {x}")
    return x * _horner(one.numerator, square) / below


def _horner(coefficients: Polynomial, y: arb) -> arb:
    value = arb(coefficients[-1])
    for c in reversed(coefficients[:-1]):
        value = value * y + arb(c)
    return value


def _critical(one: Odd, low: arb, high: arb) -> list[arb]:
    """Enclosures of the s in [low, high] where d/ds sN(s²)/D(s²) = 0; an undecided candidate is kept."""
    return [s for s in _turning(one) if not (s < low or s > high)]


@functools.lru_cache(maxsize=4096)
def _turning(one: Odd) -> tuple[arb, ...]:
    """Enclosures of all real s with d/ds sN(s²)/D(s²) = 0."""
    numerator, denominator, y = _exact(one.numerator), _exact(one.denominator), fmpq_poly([0, 1])
    slope = (numerator + 2 * y * numerator.derivative()) * denominator
    slope -= 2 * y * numerator * denominator.derivative()
    integral = fmpz_poly([int(c * slope.denom()) for c in slope.coeffs()])
    roots: list[Any] = integral.complex_roots() if integral.degree() > 0 else []
    squares = [square.real.max(arb(0)) for square, _ in roots if square.imag.contains(0) and not square.real < 0]
    return tuple(s for square in squares for s in (square.sqrt(), -square.sqrt()))


def _exact(coefficients: Polynomial) -> fmpq_poly:
    fractions = [Fraction(c) for c in coefficients]
    return fmpq_poly([fmpq(f.numerator, f.denominator) for f in fractions])


def _down(x: arb) -> float:
    """A float at most x."""
    return math.nextafter(float(x.lower()), -math.inf)


def _up(x: arb) -> float:
    return _above(float(x.upper()))


def _above(x: float) -> float:
    return math.nextafter(x, math.inf)

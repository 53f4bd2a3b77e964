"""What is shown about expressions over the ranges of their symbols: nonnegative, equal, at exact rational points."""

from __future__ import annotations

import random
from collections.abc import Iterable

import sympy as sp

from bounds.published.symbols import RANGES

Point = dict[sp.Symbol, sp.Rational]


def cover(symbol: sp.Symbol) -> sp.Expr:
    """The symbol as a function of one t ≥ 0 that runs through its whole range (end points at infinity left out)."""
    t = sp.Symbol(f"t_{symbol.name}", nonnegative=True)
    return {"(0, 1]": 1 / (1 + t), "[0, 1)": t / (1 + t), "1, 2, …": 1 + t, "≥ 0": t}.get(
        RANGES.get(symbol, ""), symbol
    )


def nonnegative(expression: sp.Expr) -> bool:
    """Whether it is seen to be ≥ 0 on the ranges of its symbols: sums of products of factors that are."""
    return _shown(expression.subs({symbol: cover(symbol) for symbol in expression.free_symbols}))


def _shown(e: sp.Expr) -> bool:
    if e.is_nonnegative:
        return True
    if e.is_Add:
        joined = sp.factor(sp.together(e))
        if joined.is_nonnegative or (joined.is_Mul and all(_shown(part) for part in joined.args)):
            return True
        numbers, rest = sp.Add(*(a for a in e.args if a.is_number)), [a for a in e.args if not a.is_number]
        return bool(numbers >= 0) and all(_shown(part) for part in rest)
    if e.is_Mul:
        return all(_shown(part) for part in e.args)
    return bool(e.is_Pow and _shown(e.base))


def unfolded(e: sp.Expr) -> sp.Expr:
    """With what stands under square roots factored, so that perfect squares come out."""
    return e.replace(lambda p: p.is_Pow and p.exp.q == 2, lambda p: sp.factor(sp.together(p.base)) ** p.exp)


def equal(left: sp.Expr, right: sp.Expr) -> bool:
    """Whether the two are one expression: exact points first (they kill most wrong ones), then algebra."""
    difference = left - right
    if difference == 0:
        return True
    for point in points(left.free_symbols | right.free_symbols, 4):
        size = 1 + abs(sp.N(left.subs(point), 20))
        if abs(sp.N(difference.subs(point), 60)) > sp.Float("1e-40") * size:
            return False
    rational = _rationalised(difference)
    return sp.cancel(sp.together(rational)) == 0 or sp.simplify(difference) == 0


def _rationalised(e: sp.Expr) -> sp.Expr:
    """Square roots of 2 − α and of single symbols written as new symbols, so that `cancel` decides."""
    roots: dict[sp.Expr, sp.Expr] = {}
    for base in {p.base for p in sp.expand_power_base(e, force=True).atoms(sp.Pow) if p.exp.q == 2}:
        base = 1 / base if base.is_Pow and base.exp == -1 else base
        if len(base.free_symbols) == 1 and sp.degree(base, *base.free_symbols) == 1:
            (symbol,) = base.free_symbols
            root = sp.Symbol(f"root_{len(roots)}", positive=True)
            if symbol not in roots and base != symbol:
                roots[symbol] = sp.solve(base - root**2, symbol)[0]
    return sp.powdenest(sp.expand_power_base(e.subs(roots), force=True), force=True)


def points(symbols: Iterable[sp.Symbol], count: int, seed: int = 0) -> list[Point]:
    """Deterministic rational points inside the ranges of the symbols."""
    source, found = random.Random(seed), []
    ordered = sorted(symbols, key=lambda symbol: symbol.name)
    for _ in range(count):
        point: Point = {}
        for symbol in ordered:
            where = RANGES.get(symbol, "")
            if where == "1, 2, …":
                point[symbol] = sp.Integer(source.randint(1, 60))
            elif where in ("(0, 1]", "[0, 1)"):
                point[symbol] = sp.Rational(source.randint(1, 96), 97)
            else:
                point[symbol] = sp.Rational(source.randint(1, 400), 37)
        found.append(point)
    return found


def at_most(left: sp.Expr, right: sp.Expr, point: Point) -> bool:
    """left ≤ right at a rational point, decided with 60 digits and a slack of 10⁻⁴⁰."""
    low, high = (sp.N(side.subs(point), 60) for side in (left, right))
    return bool(low <= high + sp.Float("1e-40") * (1 + abs(high)))

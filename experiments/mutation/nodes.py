"""All small changes of one formula: numbers, exponents, symbols, factors, terms and branches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sympy as sp

Position = tuple[int, ...]  # which argument of which argument …


@dataclass(frozen=True)
class Change:
    """One changed formula and what was done to it."""

    formula: sp.Expr
    what: str


def changes(formula: sp.Expr, symbols: Iterable[sp.Symbol]) -> list[Change]:
    """Every change, none twice, none that leaves the formula as it prints; `symbols` may take each other's place."""
    found: dict[sp.Expr, str] = {}
    for position, node in positions(formula):
        for new, what in _at(node, list(symbols)):
            try:
                mutant = replaced(formula, position, new)
            except (ValueError, TypeError, ZeroDivisionError):  # no formula any more
                continue
            if mutant != formula:
                found.setdefault(mutant, f"{what} (at {node})" if node != formula else what)
    return [Change(mutant, what) for mutant, what in found.items()]


def positions(formula: sp.Expr, position: Position = ()) -> Iterator[tuple[Position, sp.Expr]]:
    """Every node with its position, the formula itself first."""
    yield position, formula
    for i, argument in enumerate(formula.args):
        yield from positions(argument, (*position, i))


def replaced(formula: sp.Expr, position: Position, new: sp.Expr) -> sp.Expr:
    """The formula with another node at a position."""
    if not position:
        return new
    arguments = list(formula.args)
    arguments[position[0]] = replaced(arguments[position[0]], position[1:], new)
    return formula.func(*arguments)


def _at(node: sp.Expr, symbols: list[sp.Symbol]) -> Iterator[tuple[sp.Expr, str]]:
    """What a node may become."""
    if node.is_Number:
        for new in (node + 1, node - 1, 2 * node, node / 2, -node):
            yield new, f"{node} → {new}"
    elif node.is_Symbol:
        for symbol in symbols:
            yield symbol, f"{node} → {symbol}"
    elif isinstance(node, (sp.Add, sp.Mul)):
        word = "term" if node.is_Add else "factor"
        for i, argument in enumerate(node.args):
            rest = node.args[:i] + node.args[i + 1 :]
            yield node.func(*rest), f"{word} {argument} dropped"
            if node.is_Add:
                yield node.func(*rest, 2 * argument), f"term {argument} doubled"
    elif isinstance(node, (sp.Max, sp.Min)):
        yield (sp.Min if isinstance(node, sp.Max) else sp.Max)(*node.args), "Max ↔ Min"
        for argument in node.args:
            yield argument, f"branch {argument} alone"
    elif node.is_Pow or node.is_Function:
        yield 2 * node, f"{node} doubled"

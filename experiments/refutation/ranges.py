"""The range of constants in which a claim is made: comparisons as a user types them, read as formulas are."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from bounds import evaluate
from experiments.expressions import LONGEST, parse
from lmo.names import unknown_name

_SIGNS: dict[type[ast.cmpop], tuple[str, Callable[..., Any]]] = {
    ast.Lt: ("<", np.less),
    ast.LtE: ("<=", np.less_equal),
    ast.Gt: (">", np.greater),
    ast.GtE: (">=", np.greater_equal),
}


@dataclass(frozen=True)
class Range:
    """text: as it was typed. comparisons: (left, function of two arrays, right); all must hold."""

    text: str
    comparisons: tuple[tuple[sp.Expr, Callable[..., Any], sp.Expr], ...]

    @property
    def names(self) -> list[str]:
        """The code names of its constants."""
        return evaluate.code_names(sp.Tuple(*(side for left, _, right in self.comparisons for side in (left, right))))

    def holds(self, numbers: Mapping[str, Any]) -> np.ndarray:
        """Where every comparison holds; nowhere where a side is no number."""
        inside = np.asarray(True)
        with np.errstate(all="ignore"):
            for left, compare, right in self.comparisons:
                inside = inside & np.asarray(compare(_value(left, numbers), _value(right, numbers)))
        return inside


def read_range(text: str, allowed: Iterable[str]) -> Range:
    """The range in a text like "delta < 1/2, steps >= 10"; `ValueError`: malformed, or in other constants."""
    try:
        plain = text.strip().replace("^", "**").replace("≤", "<=").replace("≥", ">=")
        tree = ast.parse(plain if len(text) <= LONGEST else "", mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _refusal(text, "it cannot be read") from None
    parts = tree.body.elts if isinstance(tree.body, ast.Tuple) else [tree.body]
    found: list[tuple[sp.Expr, Callable[..., Any], sp.Expr]] = []
    for part in parts:
        if not isinstance(part, ast.Compare):
            raise _refusal(text, f"{ast.unparse(part)!r} is no comparison")
        sides = [parse(ast.unparse(side)) for side in (part.left, *part.comparators)]
        for left, sign, right in zip(sides[:-1], part.ops, sides[1:], strict=True):
            if type(sign) not in _SIGNS:
                raise _refusal(text, f"{ast.unparse(part)!r} compares by another sign")
            if not (left.free_symbols | right.free_symbols):
                raise _refusal(text, f"{ast.unparse(part)!r} has no constant in it")
            found.append((left, _SIGNS[type(sign)][1], right))
    made, known = Range(text.strip(), tuple(found)), list(allowed)
    for name in made.names:
        if name not in known:
            raise unknown_name("constant of the claim in --where", name, known)
    return made


def _refusal(text: str, why: str) -> ValueError:
    return ValueError(
        f"--where {text!r}: {why}; give comparisons by <, <=, > or >= over the claim's constants, joined by commas, "
        'as in "delta < 1/2, steps >= 10"'
    )


def _value(expression: sp.Expr, numbers: Mapping[str, Any]) -> np.ndarray:
    names, function = evaluate.compiled(expression)
    return np.asarray(function(*(numbers[name] for name in names)), float)

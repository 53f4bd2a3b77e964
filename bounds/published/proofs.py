"""Proofs by exact numbers and by identities: is a published statement true, false, the same as another?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import sympy as sp

from bounds.check import Check
from bounds.published import domain

if TYPE_CHECKING:
    from bounds.published.base import Published

Exact = tuple[sp.Expr, sp.Expr]  # two exact numbers, left and right of a claimed left ≤ right


class Proof(Protocol):
    """Something that a paper's `check` runs."""

    def check(self, paper: Published) -> Check: ...


@dataclass(frozen=True)
class Counterexample:
    """An instance, in exact numbers, for which the printed left ≤ right is false."""

    what: str
    instance: Callable[[], Exact]

    def check(self, paper: Published) -> Check:
        """left > right."""
        left, right = (sp.sympify(side) for side in self.instance())
        return Check("counterexample", bool(left > right), f"{self.what}: {_short(left)} > {_short(right)}")


@dataclass(frozen=True)
class Holds:
    """left ≤ right in exact numbers for every instance."""

    what: str
    instances: Callable[[], Iterable[Exact]]

    def check(self, paper: Published) -> Check:
        """All of them; the detail gives the first that fails, or the tightest."""
        tightest: tuple[float, Exact] | None = None
        for pair in self.instances():
            left, right = (sp.sympify(side) for side in pair)
            if not left <= right:
                return Check("holds", False, f"{self.what}: {_short(left)} > {_short(right)}")
            gap = float(sp.N(right - left, 20))
            tightest = min(tightest or (gap, (left, right)), (gap, (left, right)), key=lambda t: t[0])
        if tightest is None:
            return Check("holds", False, f"{self.what}: no instance")
        return Check(
            "holds", True, f"{self.what}: at the tightest {_short(tightest[1][0])} <= {_short(tightest[1][1])}"
        )


@dataclass(frozen=True)
class Identity:
    """Expressions that are identically zero."""

    what: str
    zeros: Callable[[], Iterable[sp.Expr]]

    def check(self, paper: Published) -> Check:
        """Each simplifies to 0."""
        left = [e for e in self.zeros() if not domain.equal(sp.sympify(e), sp.Integer(0))]
        return Check("identity", not left, self.what if not left else f"{self.what}: {left[0]} is not 0")


def _short(number: sp.Expr) -> str:
    """An exact number where it is short, else 6 digits of it."""
    text = str(number)
    return text if len(text) <= 24 else f"{float(sp.N(number, 20)):.6g} (exact)"

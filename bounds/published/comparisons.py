"""Comparisons of a published right-hand side, translated, with a theorem of ours: each gives one check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sympy as sp

from bounds.check import Check
from bounds.published import domain
from bounds.symbols import K

if TYPE_CHECKING:
    from bounds.published.base import Published


@dataclass(frozen=True)
class Ours:
    """The right-hand side that a paper is compared with: a theorem's claim, changed.

    at: substituted into the claim. plus: added. derived: the claim as derived in paper_notes.md, used only while
    `bounds.theorems` has no such name. An empty name: the bound derived here, which is no theorem of its own.
    """

    theorem: str
    at: Mapping[sp.Symbol, Any] = field(default_factory=dict)
    plus: sp.Expr = sp.S.Zero
    derived: sp.Expr | None = None

    def stated(self) -> bool:
        """Whether `bounds.theorems` has the theorem."""
        from bounds import theorems

        return self.theorem in theorems

    def claim(self) -> sp.Expr:
        """The expression; `ValueError` where the theorem is missing and nothing was derived in its place."""
        from bounds import theorems

        claim = theorems[self.theorem].claim if self.stated() else self.derived
        if claim is None:
            raise ValueError(f"there is no theorem {self.theorem!r} to compare with, and nothing derived in its place")
        return claim.subs(dict(self.at), simultaneous=True) + self.plus

    def words(self) -> str:
        """What is compared with, for the detail of a check."""
        if not self.theorem:
            return "the bound derived here"
        return (
            f"`{self.theorem}`" if self.stated() else f"`{self.theorem}` as derived in paper_notes.md (not stated yet)"
        )


@dataclass(frozen=True)
class Equals:
    """The translated statement IS ours, symbol for symbol."""

    ours: Ours

    def check(self, paper: Published) -> Check:
        """The two expressions are one."""
        passed = domain.equal(paper.translated(), self.ours.claim())
        difference = "" if passed else f"; difference {sp.simplify(paper.translated() - self.ours.claim())}"
        return Check("equal to ours", passed, f"{self.ours.words()} after the translation{difference}")


@dataclass(frozen=True)
class Reaches:
    """The printed number of steps for a target is the one at which ours equals the target."""

    ours: Ours
    target: sp.Symbol

    def check(self, paper: Published) -> Check:
        """Ours at K = the translated right-hand side equals the target."""
        value = domain.unfolded(self.ours.claim().subs(K, paper.translated()))
        passed = domain.equal(value, self.target)
        shown = f"{self.ours.words()} at the printed number of steps is {self.target}"
        return Check("equal to ours", passed, shown if passed else f"{shown}: no, it is {sp.simplify(value)}")


@dataclass(frozen=True)
class WeakerThan:
    """translated − ours = gap, and the gap is a sum of products of factors ≥ 0 on the ranges of its symbols."""

    ours: Ours
    gap: sp.Expr

    def check(self, paper: Published) -> Check:
        """Rational points, the identity, the signs: in this order, and the detail says which failed."""
        theirs, ours = paper.translated(), self.ours.claim()
        symbols = theirs.free_symbols | ours.free_symbols
        for point in domain.points(symbols, 12):
            if not domain.at_most(ours, theirs, point):
                return Check("ours is at most theirs", False, f"not at the rational point {point}")
        if not domain.equal(theirs, ours + self.gap):
            return Check("ours is at most theirs", False, f"theirs − ours is not the stated gap {self.gap}")
        if not domain.nonnegative(self.gap):
            return Check("ours is at most theirs", False, f"the gap is not seen to be >= 0: {self.gap}")
        return Check("ours is at most theirs", True, f"theirs − {self.ours.words()} = {self.gap} >= 0")


@dataclass(frozen=True)
class Incomparable:
    """Rational points at which theirs is the smaller, and at which ours is."""

    ours: Ours
    theirs_smaller: Mapping[sp.Symbol, Any]
    ours_smaller: Mapping[sp.Symbol, Any]

    def check(self, paper: Published) -> Check:
        """Both inequalities are strict."""
        values = []
        for point in (self.theirs_smaller, self.ours_smaller):
            values.append([float(sp.N(e.subs(point), 30)) for e in (paper.translated(), self.ours.claim())])
        (their_low, our_high), (their_high, our_low) = values
        shown = f"{their_low:.4g} < {our_high:.4g} of {self.ours.words()}; {their_high:.4g} > {our_low:.4g}"
        return Check("neither is the smaller one", their_low < our_high and their_high > our_low, shown)


@dataclass(frozen=True)
class Rate:
    """At a schedule in K ours falls like K^−power: K^power·ours has a finite positive limit."""

    ours: Ours
    schedule: Mapping[sp.Symbol, sp.Expr]
    power: sp.Rational

    def check(self, paper: Published) -> Check:
        """The limit for K → ∞ of the leading coefficient."""
        x = sp.Symbol("x", positive=True)  # K = x^12, so that every power of K is a power of x
        at = {symbol: value.subs(K, x**12) for symbol, value in self.schedule.items()}
        scaled = self.ours.claim().subs(at).subs(K, x**12) * x ** (12 * self.power)
        limit = sp.limit(sp.simplify(scaled), x, sp.oo)
        return Check(
            "rate",
            bool(limit.is_finite and limit.is_positive),
            f"{self.ours.words()} times K^({self.power}) tends to {sp.simplify(limit)}",
        )

"""A law: a closed form with its proof that no run of one method tests.

A consequence of theorems, or what an iteration leaves of an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from bounds import evaluate
from bounds.symbols import b, c, epsilon, eta

if TYPE_CHECKING:
    from bounds.check import Check
    from bounds.theorem import Tuning


@dataclass(frozen=True)
class Fact:
    """One step of a proof: what it says, and a computation that returns True when it is so."""

    says: str
    holds: Callable[[], bool]


@dataclass(frozen=True)
class Law:
    """One closed form: `left` (in words and as LaTeX) is at most, or equals, `claim`.

    facts: its proof, step by step. guard: raises `ValueError` where the claim says nothing at the constants given.
    solve: from checked constants to a `Tuning`, for a law that minimises something; `free` are what it finds.
    """

    name: str
    label: str
    kind: str
    source: str
    says: str
    left: str
    left_latex: str
    relation: str  # "<=" or "="
    assumes: tuple[str, ...]
    claim: sp.Expr
    facts: tuple[Fact, ...]
    guard: Callable[[evaluate.Numbers], None] | None = None
    solve: Callable[[evaluate.Numbers], Tuning] | None = None
    free: tuple[str, ...] = ()
    digits: int | None = None  # of the arithmetic that evaluates the claim, where double precision would cancel

    @property
    def constants(self) -> list[str]:
        """The code names of the claim's constants."""
        return evaluate.code_names(self.claim)

    def bound(self, **constants: Any) -> np.ndarray:
        """The claim's value, broadcast over arrays; errors as `Theorem.bound`, and where the law says nothing."""
        numbers = evaluate.check_constants(constants, self.constants, self.name, tunable=True)
        if self.guard is not None:
            self.guard(numbers)
        return evaluate.value(self.claim, numbers, digits=self.digits)

    def tune(self, **constants: Any) -> Tuning:
        """What minimises the claim, and its value there; `ValueError` for a law that minimises nothing."""
        if self.solve is None:
            raise ValueError(f"{self.name} has nothing to tune; `bound` evaluates it")
        needed = [name for name in self.constants if name not in self.free]
        return self.solve(evaluate.check_constants(constants, needed, f"the tuning of {self.name}"))

    def check(self) -> list[Check]:
        """Every step of the proof, in order."""
        from bounds.check import Check

        found = []
        for fact in self.facts:
            try:
                passed, detail = bool(fact.holds()), "shown"
            except (ArithmeticError, ValueError, TypeError) as error:
                passed, detail = False, f"could not be evaluated: {type(error).__name__}: {error}"
            found.append(Check(fact.says, passed, detail if passed or detail != "shown" else "is false"))
        return found

    def latex(self) -> str:
        """The statement as LaTeX."""
        sign = r"\le" if self.relation == "<=" else "="
        return rf"{self.left_latex} {sign} {sp.latex(self.claim)}"

    def javascript(self) -> str:
        """The claim as a JavaScript expression in its symbols."""
        return sp.jscode(self.claim.subs({b: 1 + eta, c: 1 - epsilon}))

    def explain(self) -> str:
        """The statement, its assumptions and its proof in plain text."""
        lines = [
            f"{self.label} ({self.name}): {self.says}",
            f"  kind: {self.kind}; source: {self.source}",
            "  assumes:",
            *(f"    - {words}" for words in self.assumes),
            f"  claim: {self.left} {self.relation} {self.claim}",
            "    with b = 1 + eta, c = 1 - epsilon" if self.claim.free_symbols & {b, c} else "",
            "  proof, step by step:",
            *(f"    - {fact.says}" for fact in self.facts),
        ]
        return "\n".join(line for line in lines if line)

"""A published convergence theorem: as printed, translated to our conventions, and how it stands to ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from bounds.check import Check
from bounds.published.proofs import Proof
from bounds.published.symbols import RANGES
from bounds.symbols import BY_SYMBOL, b, c

READ = ("full text", "part", "abstract", "note", "recalled")
RELATIONS = ("equal to", "implied by", "weaker than", "incomparable", "false as printed", "vacuous as printed")
TO_COME = ("critical-batch",)  # compared with their derivation until stated


@dataclass(frozen=True)
class Steps:
    """The step sizes that a statement allows: 0 < step ≤ upper. Empty where `upper` is no positive real number."""

    upper: sp.Expr

    def empty_at(self, point: Mapping[sp.Symbol, Any]) -> bool:
        """Whether no step is allowed at this point. `ValueError` where symbols are left without a value."""
        value = sp.simplify(self.upper.subs(point))
        missing = value.free_symbols
        if missing:
            raise ValueError(f"the step sizes also depend on {', '.join(sorted(map(str, missing)))}; give their values")
        return not (value.is_real and value > 0)


@dataclass(frozen=True)
class Published:
    """One theorem of one paper.

    name: `bounds.papers[name]`. read: how far the source was read (`READ`). says: the statement as printed, in words.
    printed: its right-hand side in the paper's own symbols (None where that was not seen). translation: the paper's
    symbol → ours. conventions: what else differs, in words. steps: the step sizes it allows, where it restricts them;
    usual: points at which one would want to use it.
    relation, theorem: how it stands to a theorem of ours, and which. proofs: what shows that.
    derived: what was derived here in its place; unsettled: what could not be checked, and why.
    """

    name: str
    authors: str
    source: str
    read: str
    says: str
    relation: str
    theorem: str
    verdict: str
    proofs: tuple[Proof, ...]
    printed: sp.Expr | None = None
    translation: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)
    conventions: tuple[str, ...] = ()
    steps: Steps | None = None
    usual: tuple[Mapping[sp.Symbol, Any], ...] = ()
    derived: str = ""
    unsettled: str = ""

    def __post_init__(self) -> None:
        for what, value, allowed in (("read", self.read, READ), ("relation", self.relation, RELATIONS)):
            if value not in allowed:
                raise ValueError(f"{self.name}: {what} must be one of {', '.join(allowed)}, got {value!r}")

    @property
    def label(self) -> str:
        """What stands where a theorem has its label."""
        return "paper"

    @property
    def standing(self) -> str:
        """The relation with the theorem it is to, in words."""
        link = {"incomparable": " with", "false as printed": "; compare", "vacuous as printed": "; compare"}
        return f"{self.relation}{link.get(self.relation, '')} {self.theorem}"

    def translated(self) -> sp.Expr:
        """The right-hand side in our symbols; `ValueError` where the paper's formula was not seen."""
        if self.printed is None:
            raise ValueError(f"{self.name}: no formula of it was seen (read: {self.read})")
        return self.printed.subs(dict(self.translation), simultaneous=True)

    def vacuous_at(self) -> list[Mapping[sp.Symbol, Any]]:
        """Those of the usual points at which the statement allows no step size at all."""
        return [point for point in self.usual if self.steps is not None and self.steps.empty_at(point)]

    def check(self) -> list[Check]:
        """The theorem exists; the translation is complete; the step sizes at the usual points; then every proof."""
        own = [*self._check_theorem(), *self._check_translation(), *self._check_steps()]
        return own + [proof.check(self) for proof in self.proofs]

    def _check_theorem(self) -> list[Check]:
        from bounds import theorems

        if self.theorem in theorems or self.theorem not in TO_COME:
            return [Check("the theorem", self.theorem in theorems, self.theorem)]
        return []

    def _check_translation(self) -> list[Check]:
        if self.printed is None:
            return []
        known = set(BY_SYMBOL) | set(RANGES) | {b, c}
        left = {symbol for symbol in self.translated().free_symbols if symbol not in known}
        unused = set(self.translation) - self.printed.free_symbols
        problems = [f"{symbol} has no meaning here" for symbol in sorted(left, key=str)]
        problems += [f"{symbol} is translated and does not occur" for symbol in sorted(unused, key=str)]
        pairs = ", ".join(f"{symbol} is {ours}" for symbol, ours in self.translation.items())
        return [Check("translation", not problems, "; ".join(problems) or pairs or "the symbols are ours")]

    def _check_steps(self) -> list[Check]:
        if self.steps is None:
            return []
        empty = self.vacuous_at()
        expected = self.relation == "vacuous as printed"
        shown = "; ".join(", ".join(f"{s} = {v}" for s, v in point.items()) for point in empty) or "none"
        name = "no step size is allowed at the usual defaults" if expected else "step sizes are allowed"
        return [Check(name, bool(empty) == expected, f"the set is empty at: {shown}")]

    def explain(self) -> str:
        """The statement, its translation, its relation to ours and the checks that show it, in plain text."""
        lines = [
            f"{self.name}: {self.authors}",
            f"  source: {self.source}; read: {self.read}",
            f"  as printed: {self.says}",
        ]
        if self.printed is not None:
            lines.append(f"  right-hand side: {self.printed}")
            lines += [f"    {symbol} -> {ours}" for symbol, ours in self.translation.items()]
            lines.append(f"  in our symbols: {self.translated()}")
        lines += [f"    - {one}" for one in self.conventions]
        if self.steps is not None:
            lines.append(f"  allowed: 0 < step size <= {self.steps.upper}")
        lines.append(f"  relation: {self.standing}. {self.verdict}")
        lines += [f"  derived here: {self.derived}"] if self.derived else []
        lines += [f"  unsettled: {self.unsettled}"] if self.unsettled else []
        return "\n".join(lines)

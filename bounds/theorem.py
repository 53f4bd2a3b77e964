"""A theorem: method, assumptions, metric, claim, tuning and proof, declared once as sympy; the rest is derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from bounds import evaluate
from bounds.assumptions import Assumption, Describes, Setting
from bounds.chain import Chain
from bounds.metric import MEAN as MEAN
from bounds.metric import MEAN_DECAYED as MEAN_DECAYED
from bounds.metric import MINIMUM as MINIMUM
from bounds.metric import Metric as Metric
from bounds.symbols import alpha, b, c, epsilon, eta, gamma

if TYPE_CHECKING:
    from bounds.check import Check


@dataclass(frozen=True)
class Tuning:
    """Tuned parameters and the claim's value there.

    how: "closed form" (the statement's own), "numerical" (the exact optimum of the full claim) or "leading terms"
    (closed form of the claim's leading terms; `value` is then theirs, not the claim's).
    leading: the leading-terms tuning, where the statement has one and this is not it.
    others: what else was tuned, by code name. value_is: what `value` counts, where it is no bound.
    """

    step_size: np.ndarray | None
    alpha: np.ndarray | None
    value: np.ndarray
    how: str
    leading: Tuning | None = None
    others: Mapping[str, np.ndarray] = field(default_factory=dict)
    value_is: str = "value"


@dataclass(frozen=True)
class Theorem:
    """One statement.

    name, label: its names (`bounds.theorems[name]`, alias label). kind: "tight", "upper" or "lower".
    claim: the right-hand side in the constants of `bounds.symbols` (b = 1+η, c = 1−ε).
    tuning: symbol → closed form, for gamma and alpha; tuning_is: "exact", "kink" (the optimum is where the two
        branches of a maximum meet), "leading terms" (it minimises `leading`, the claim for small α and large K) or
        "given" (the factor of the statement's own schedule of steps: nothing is chosen).
    step: the step size that the proof uses where it is not a free γ (D2, C1), in the constants and the columns g, k.
    limits: pairs (substitutions, expected value), checked symbolically.
    step_at_most: the largest γ that the statement allows, where it limits γ.
    """

    name: str
    label: str
    kind: str
    source: str
    says: str
    method: Describes
    assumes: tuple[Assumption, ...]
    metric: Metric
    claim: sp.Expr
    proof: Chain
    expectation: bool = False
    tuning: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)
    tuning_is: str = "exact"
    tuned_value: sp.Expr | None = None
    leading: sp.Expr | None = None
    step: sp.Expr = gamma
    limits: tuple[tuple[Mapping[sp.Symbol, Any], sp.Expr], ...] = ()
    step_at_most: sp.Expr | None = None

    @property
    def constants(self) -> list[str]:
        """The code names of the claim's constants."""
        return evaluate.code_names(self.claim)

    @property
    def proof_constants(self) -> list[str]:
        """The code names of the constants of the claim, of the metric and of the proof's inequalities."""
        inequalities = [expression for i in self.proof.step for expression in (i.slack, i.weight)]
        return evaluate.code_names(sp.Tuple(self.claim, self.metric.of_step, *inequalities))

    def applies_to(self, setting: Setting) -> str | None:
        """None where the statement covers the setting, else the first reason why not."""
        reasons = [self.method.differs_from(setting), *(a.holds_for(setting) for a in self.assumes)]
        return next((reason for reason in reasons if reason), None)

    def bound(self, **constants: Any) -> np.ndarray:
        """The claim's value, broadcast over arrays of constants (named as in `constants`).

        `delta` stands for epsilon = eta = delta; with neither, the oracle is exact. `ValueError` for unknown, missing
        or contradictory constants and for values outside their rule (NaN, δ ≥ 1, negative …).
        """
        numbers = evaluate.check_constants(constants, self.constants, self.name, tunable=True)
        largest = self.largest_step(numbers)
        if np.any(numbers.get("step_size", np.asarray(0.0)) > largest * (1 + 1e-12)):
            raise ValueError(f"{self.name}: `step_size` must be at most {self.step_at_most}, here {largest.min():g}")
        return evaluate.value(self.claim, numbers)

    def largest_step(self, numbers: Mapping[str, Any]) -> np.ndarray:
        """The largest γ that the statement allows at these constants; ∞ where it does not limit γ."""
        if self.step_at_most is None:
            return np.asarray(np.inf)
        with np.errstate(divide="ignore"):
            return 1 / np.asarray(evaluate.value(1 / self.step_at_most, numbers))

    def tune(self, **constants: Any) -> Tuning:
        """The step size and alpha that minimise the claim, and its value there; see `Tuning`."""
        from bounds.tuning import tune

        return tune(self, constants)

    def check(self) -> list[Check]:
        """The symbolic checks of the statement, in order."""
        from bounds.check import check

        return check(self)

    def latex(self) -> str:
        """The statement as LaTeX."""
        left = self.metric.latex()
        if self.expectation:
            left = rf"\mathbb{{E}}\,{left}"
        return rf"{left} \le {sp.latex(self.claim)}"

    def javascript(self) -> str:
        """The claim as a JavaScript expression in its symbols; `ValueError` where JavaScript cannot say it."""
        plain = self.claim.subs({b: 1 + eta, c: 1 - epsilon})
        allowed = (sp.Add, sp.Mul, sp.Pow, sp.Max, sp.Min, sp.Symbol, sp.Number)
        for node in sp.preorder_traversal(plain):
            if not isinstance(node, allowed):
                raise ValueError(f"{self.name}: {type(node).__name__} has no JavaScript form here")
        return sp.jscode(plain)

    def explain(self) -> str:
        """The statement, its assumptions, its tuning and its proof in plain text."""
        lines = [
            f"{self.label} ({self.name}): {self.says}",
            f"  kind: {self.kind}; source: {self.source}",
            "  assumes:",
        ]
        lines += [f"    - {a.words()}" for a in self.assumes]
        left = f"E {self.metric.words()}" if self.expectation else self.metric.words()
        lines += [f"  claim: {left} <= {self.claim}", "    with b = 1 + eta, c = 1 - epsilon"]
        lines += [f"  tuned {symbol} ({self.tuning_is}): {value}" for symbol, value in self.tuning.items()]
        if self.tuned_value is not None:
            lines.append(f"  value there: {self.tuned_value}")
        lines.append("  proof, inequality by inequality (slack >= 0, times its multiplier):")
        lines += [f"    - {i.name}: {i.slack}   times {i.weight}   [{i.because}]" for i in self.proof.step]
        if self.proof.memory:
            lines += [f"    - {name} of the momentum error: at most {part}" for name, part in self.proof.memory.parts()]
        return "\n".join(lines)

    @property
    def has_alpha(self) -> bool:
        """Whether the claim depends on alpha."""
        return alpha in self.claim.free_symbols

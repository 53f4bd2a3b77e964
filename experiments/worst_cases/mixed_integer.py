"""The attack by mixed-integer programming: the best of all patterns, proved, for a few steps in ℓ∞ and ℓ1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from bounds.theorem import Theorem
from experiments.worst_cases.base import Attack, Case, Tick, bound_at, completed, deterministic, silent
from experiments.worst_cases.exact_pattern import exact
from experiments.worst_cases.patterns import Alphabet
from experiments.worst_cases.polyhedral import unit_of
from experiments.worst_cases.relaxation import Relaxation

DIMENSION = 2
MOST_STEPS = 3


class MixedInteger(Attack):
    """All patterns of extreme answers on two coordinates in ℓ∞ or ℓ1; no pattern is above the value, it is no run."""

    name: ClassVar[str] = "mixed-integer"
    says: ClassVar[str] = f"the best of all patterns of extreme answers, up to {MOST_STEPS} steps"

    def refuses(self, theorem: Theorem, norm: str) -> str | None:
        if norm not in ("linf", "l1"):
            return "its conditions are linear in ℓ∞ and ℓ1 only"
        if theorem.metric.over != "mean" or theorem.method.step != "fixed":
            return "it maximises the average gradient of a fixed step"
        return deterministic(theorem)

    def search(
        self,
        theorem: Theorem,
        norm: str,
        constants: Mapping[str, float],
        budget_seconds: float = 5.0,
        seed: int = 0,
        tick: Tick = silent,
    ) -> Case:
        full = completed(theorem, constants)
        steps = int(full["steps"])
        if steps > MOST_STEPS:
            raise ValueError(f"`mixed-integer` takes at most {MOST_STEPS} steps (steps={steps}); use `polyhedral`")
        unit, factor = unit_of(full)
        tick(f"mixed-integer programme · K = {steps}", 0.0)
        relaxation = Relaxation(Alphabet(norm, DIMENSION, full["delta"]), steps, factor)
        try:
            value = exact(relaxation, seconds=max(budget_seconds, 60.0)) * unit
        except RuntimeError as error:
            raise ValueError(f"{error}; fewer steps are easier, and so is more time (--seconds)") from error
        detail = f"no pattern of extreme answers on {DIMENSION} coordinates does worse, by the plain conditions"
        return Case(self.name, theorem.name, norm, full, value, bound_at(theorem, full), "candidate", detail)

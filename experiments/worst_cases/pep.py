"""The attack in ℓ2 by performance estimation: semidefinite programmes over the Gram matrix of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from bounds.theorem import Theorem
from experiments.worst_cases import gram
from experiments.worst_cases.base import Attack, Case, Tick, bound_at, completed, deterministic, silent
from experiments.worst_cases.polyhedral import unit_of

MOST_STEPS = 16  # the programme grows with the square of K: half a minute there


class Pep(Attack):
    """ℓ2, the minimum over k (and for the average a lower bound: runs whose gradient norms are all equal)."""

    name: ClassVar[str] = "pep"
    says: ClassVar[str] = "performance estimation in ℓ2 by semidefinite programmes (extra: pep)"

    def refuses(self, theorem: Theorem, norm: str) -> str | None:
        if norm != "l2":
            return "Gram matrices know the ℓ2 norm only"
        if theorem.method.step != "fixed":
            return "it is written for a fixed step"
        try:
            gram.load()
        except ValueError as error:
            return str(error)
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
        if full["steps"] > MOST_STEPS:
            raise ValueError(f"`pep` takes at most {MOST_STEPS} steps (steps={full['steps']:g})")
        unit, factor = unit_of(full)
        found = gram.worst(full["delta"], int(full["steps"]), factor, tick)
        minimum = theorem.metric.over == "minimum"
        value = (found.upper if minimum else found.lower) * unit
        detail = f"runs whose gradient norms are all equal reach {found.lower * unit:.6g}"
        if minimum:
            detail += f"; no run keeps all above {found.upper * unit:.6g}"
        bound = bound_at(theorem, full)
        return Case(self.name, theorem.name, norm, full, value, bound, "upper" if minimum else "candidate", detail)

"""The attack by linear programmes: searches the pattern of answers whose relaxed worst case is largest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from bounds.theorem import Theorem
from experiments.worst_cases.base import Attack, Case, Clock, Tick, bound_at, completed, deterministic, silent
from experiments.worst_cases.pattern_search import search
from experiments.worst_cases.patterns import Alphabet
from experiments.worst_cases.relaxation import Relaxation


class Polyhedral(Attack):
    """Patterns of extreme answers in ℓ∞ and ℓ1, three coordinates, with the sharp conditions along segments.

    The value of a pattern bounds what any function can do on it from above; the best pattern is a candidate, not a
    run (see paper_notes.md, Worst cases, for how far the runs are below).
    """

    name: ClassVar[str] = "polyhedral"
    says: ClassVar[str] = "searches patterns of extreme answers; each is a linear programme"
    dimension: ClassVar[int] = 3
    sharp: ClassVar[bool] = True

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
        full, clock = completed(theorem, constants), Clock(budget_seconds, tick)
        unit = unit_of(full)
        relaxation = Relaxation(Alphabet(norm, self.dimension, full["delta"]), int(full["steps"]), unit[1], self.sharp)

        def over(tried: int, best: float) -> bool:
            return tried > 0 and clock.over(f"{tried} patterns · best {best * unit[0]:.4g}")

        found = search(relaxation, over, seed)
        instance = {
            "norm": norm,
            "dimension": self.dimension,
            "sharp": self.sharp,
            "faces": found.pattern.faces.tolist(),
            "errors": found.pattern.errors.tolist(),
        }
        detail = f"the best of {found.tried} patterns of extreme answers on {self.dimension} coordinates"
        value = found.solution.value * unit[0]
        return Case(self.name, theorem.name, norm, full, value, bound_at(theorem, full), "candidate", detail, instance)


def unit_of(constants: Mapping[str, float]) -> tuple[float, float]:
    """√(2LΔ/K), and h = γ/√(2Δ/(LK))."""
    gap, smoothness, steps = (constants[n] for n in ("initial_gap", "smoothness", "steps"))
    return math.sqrt(2 * smoothness * gap / steps), constants["step_size"] / math.sqrt(2 * gap / (smoothness * steps))

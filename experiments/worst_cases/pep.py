"""The attack in ℓ2 by performance estimation: semidefinite programmes over the Gram matrix of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from bounds.assumptions import ExactGradients, OracleWithin, Smooth, StartInside
from bounds.metric import LAST_BALL_GAP
from bounds.shape_assumptions import Convex
from bounds.theorem import Theorem
from experiments.worst_cases import ball_gap, gram, smallest_gap
from experiments.worst_cases.base import Attack, Case, Clock, Status, Tick, bound_at, completed, deterministic, silent
from experiments.worst_cases.polyhedral import unit_of

MOST_STEPS = 16  # the programmes grow with the square of K: half a minute there


class Pep(Attack):
    """ℓ2: a fixed step, the minimum over k (for the average a lower bound: runs whose gradient norms are all equal);
    and Frank–Wolfe on convex functions, the last gap in the ball.
    """

    name: ClassVar[str] = "pep"
    says: ClassVar[str] = "performance estimation in ℓ2 by semidefinite programmes (extra: pep)"

    def refuses(self, theorem: Theorem, norm: str) -> str | None:
        if norm != "l2":
            return "Gram matrices know the ℓ2 norm only"
        frank_wolfe = theorem.method.step == "open-loop"
        if frank_wolfe and not is_frank_wolfe(theorem):
            return "of open-loop steps it knows the last gap in the ball of Frank–Wolfe, under the assumptions of C1"
        if theorem.method.step != "fixed" and not frank_wolfe:
            return "it is written for a fixed step, and for Frank–Wolfe's last gap in the ball"
        try:
            gram.load()
        except ValueError as error:
            return str(error)
        return None if frank_wolfe else deterministic(theorem)

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
        if theorem.method.step == "open-loop":
            return self._frank_wolfe(theorem, full, Clock(budget_seconds, tick))
        unit, factor = unit_of(full)
        found = smallest_gap.worst(full["delta"], int(full["steps"]), factor, tick)
        minimum = theorem.metric.over == "minimum"
        value = (found.upper if minimum else found.lower) * unit
        reached, bound = found.lower * unit, bound_at(theorem, full)
        detail = f"runs whose gradient norms are all equal reach {reached:.6g}"
        if minimum:
            detail += f"; no run keeps all above {value:.6g}"
        status: Status = "upper" if minimum else "candidate"
        return Case(self.name, theorem.name, norm, full, value, bound, status, detail, reached=reached)

    def _frank_wolfe(self, theorem: Theorem, full: Mapping[str, float], clock: Clock) -> Case:
        found = ball_gap.worst(full["delta"], int(full["steps"]), clock)
        unit = full["smoothness"] / full["weight_decay"] ** 2
        value, reached, bound = found.upper * unit, found.lower * unit, bound_at(theorem, full)
        detail = f"a run ends at {reached:.6g}; none ends above {value:.6g}"
        return Case(self.name, theorem.name, "l2", full, value, bound, "upper", detail, reached=reached)


def is_frank_wolfe(theorem: Theorem) -> bool:
    """Whether a statement with open-loop steps is about the runs that `ball_gap` knows."""
    method, assumed = theorem.method, {type(one) for one in theorem.assumes}
    plain = method.momentum == "none" and method.decay and not theorem.expectation
    return (
        plain
        and theorem.metric == LAST_BALL_GAP
        and assumed == {Smooth, Convex, OracleWithin, ExactGradients, StartInside}
    )

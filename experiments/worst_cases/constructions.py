"""The constructions of paper_notes.md, run at the constants that are asked about; the best of them is the case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch

from bounds.theorem import Theorem
from experiments.problems.base import Problem
from experiments.problems.hard.cycles import CostsTooMuch, long_cycle, two_cycle
from experiments.problems.hard.diagonal import Diagonal
from experiments.problems.hard.huber import Huber
from experiments.problems.hard.reshaped import BALLS as MATRICES
from experiments.problems.hard.reshaped import Reshaped, ReshapedAnswers
from experiments.problems.hard.saturated import Saturated
from experiments.problems.hard.staircase import Staircase
from experiments.problems.hard.washboard import Washboard
from experiments.run import run
from experiments.worst_cases.base import NORMS, Attack, Case, Clock, Tick, bound_at, completed, deterministic, silent
from lmo.balls import L1, L2, LInf, Lp, NormBall
from lmo.checks import unknown_name
from lmo.method import Method
from lmo.oracles import Exact, Perturbed
from lmo.oracles.base import Oracle
from lmo.oracles.errors import Shrink

MARGINS = (0.0, 1.0, 3.0)
Build = Callable[[torch.Tensor, torch.Tensor, int, float, float], Problem]
PLANE: dict[str, Build] = {  # two coordinates: ℓ∞, and the diagonal of a matrix in the spectral norm
    "two-cycle, Huber": lambda d, g, k, gap, s: Huber(d, g, [two_cycle(float(d))], k, gap, s),
    "two-cycle, saturated": lambda d, g, k, gap, s: Saturated(d, g, [two_cycle(float(d))], k, gap, s),
    "long cycle, Huber": lambda d, g, k, gap, s: Huber(d, g, [long_cycle(float(d))], k, gap, s),
    "long cycle, saturated": lambda d, g, k, gap, s: Saturated(d, g, [long_cycle(float(d))], k, gap, s),
    **{f"staircase, margin {m:g}": partial(Staircase, margin=m) for m in MARGINS},
}
LINE: dict[str, Build] = {  # one coordinate: every norm
    f"washboard, margin {m:g}": partial(Washboard, margin=m) for m in MARGINS
}
BALLS: dict[str, NormBall] = {"linf": LInf(), "l1": L1(), "l2": L2(), "l3": Lp(3.0)}
PLANES = ("linf", "spectral", "max-row", "max-column")  # norms in which two coordinates are ℓ∞


class Constructions(Attack):
    """Cycles, staircase and washboard. The instance is the name of one; everything else follows from the constants."""

    name: ClassVar[str] = "constructions"
    says: ClassVar[str] = "runs the constructions of paper_notes.md (cycles, staircase, washboard)"

    def refuses(self, theorem: Theorem, norm: str) -> str | None:
        if theorem.method.step != "fixed":
            return "the constructions are made for a fixed step"
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
        best: tuple[float, str] | None = None
        for kind in kinds(norm):
            if best is not None and clock.over(f"constructions · {kind}"):
                break
            norms = played(kind, norm, full)
            value = -np.inf if norms is None else float(theorem.metric.of(norms)[0])
            if best is None or value > best[0]:
                best = (value, kind)
        assert best is not None
        value, kind = best
        if value == -np.inf:
            raise ValueError(f"no construction in {norm} exists at these constants: the step is too large for the gap")
        bound = bound_at(theorem, full)
        return Case(self.name, theorem.name, norm, full, value, bound, "run", kind, {"kind": kind, "norm": norm})

    def play(self, instance: Mapping[str, Any], theorem: Theorem, constants: Mapping[str, float]) -> np.ndarray:
        """‖∇f(x_k)‖_* of the construction named in the instance."""
        if instance.get("kind") not in kinds(str(instance.get("norm"))):
            raise unknown_name("construction", str(instance.get("kind")), kinds(str(instance.get("norm"))))
        norms = played(instance["kind"], instance["norm"], constants)
        if norms is None:
            raise ValueError(f"{instance['kind']} does not exist at these constants: it costs more than the gap")
        return norms[0]


def kinds(norm: str) -> list[str]:
    """The names of the constructions that live in a norm; `ValueError` for an unknown norm."""
    if norm not in NORMS:
        raise unknown_name("norm", norm, NORMS)
    on_line = [] if norm == "spectral" else list(LINE)
    return [*PLANE, *on_line] if norm in PLANES else on_line


def setting(kind: str, norm: str, constants: Mapping[str, Any]) -> tuple[Problem, Oracle] | None:
    """Problem and adversary; None where, at so large a step, a cycle or a flat end alone costs more than the gap.

    constants: delta and step_size numbers, or arrays (n,) of one length for n runs, of which each must exist.
    """
    if not exist(kind, constants).all():
        return None
    problem = _built(kind, constants)
    oracle: Oracle
    if kind in LINE:
        oracle = Perturbed(Exact(BALLS.get(norm, L2())), Shrink(_per_run(constants, "delta")))
    else:
        assert isinstance(problem, Huber | Saturated | Staircase)
        if norm == "spectral":
            diagonal = Diagonal(problem)
            return diagonal, diagonal.oracle()
        oracle = problem.oracle()
    if norm in MATRICES:
        return Reshaped(problem, norm), ReshapedAnswers(oracle, norm)
    return problem, oracle


def exist(kind: str, constants: Mapping[str, Any]) -> np.ndarray:
    """Which of the runs of `setting` there are, bool (n,)."""
    try:
        start = _built(kind, constants).start(len(_per_run(constants, "delta")))
    except CostsTooMuch as error:
        return np.asarray(~error.runs)
    assert isinstance(start, torch.Tensor)  # not finite: no slope solves the construction's equation
    return np.asarray(torch.isfinite(start).all(-1))


def _built(kind: str, constants: Mapping[str, Any]) -> Problem:
    delta, step = (_per_run(constants, name) for name in ("delta", "step_size"))
    return (PLANE | LINE)[kind](delta, step, int(constants["steps"]), constants["initial_gap"], constants["smoothness"])


def _per_run(constants: Mapping[str, Any], name: str) -> torch.Tensor:
    return torch.tensor(np.atleast_1d(constants[name]), dtype=torch.float64)


def played(kind: str, norm: str, constants: Mapping[str, Any]) -> np.ndarray | None:
    """‖∇f(x_k)‖_* of the n runs of a `setting`, (n, steps); None where there is no such setting."""
    made = setting(kind, norm, constants)
    if made is None:
        return None
    problem, oracle = made
    sizes = _per_run(constants, "step_size")
    data = run(
        problem, Method(oracle), steps=int(constants["steps"]), step_size=sizes, seeds=[0] * len(sizes), record="metric"
    )
    return np.asarray(data["gradient_norm"].values)

"""The attack by gradient ascent, on a function and an adversary together: differentiates through the whole run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from bounds.theorem import Theorem
from experiments.problems.hard.diagonal import Diagonal
from experiments.problems.hard.piecewise import Piecewise
from experiments.run import run
from experiments.worst_cases.base import Attack, Case, Clock, Tick, bound_at, completed, deterministic, silent
from lmo.method import Method

RESTARTS, DIMENSIONS, CELLS = 48, 3, 4  # starts at once; coordinates; cells for one step of the largest size
RATE, MOST = 0.1, 400  # of Adam, falling to 0 over so many rounds
MOST_STEPS = 200  # the cells are as many as the way is long


class Ascent(Attack):
    """Piecewise quadratics in ℓ∞ (spectral: on the diagonal), all answers 1 ± δ and between; the instance is all of it.

    The metric times min(1, Δ/gap) is what is raised: f scaled down to the gap that is allowed stays L-smooth. The sign
    of a gradient is taken for constant, so steps see no change of sign coming; restarts make up for that.
    """

    name: ClassVar[str] = "ascent"
    says: ClassVar[str] = "gradient ascent on a piecewise quadratic and its adversary"

    def refuses(self, theorem: Theorem, norm: str) -> str | None:
        if norm not in ("linf", "spectral"):
            return "its functions are smooth in ℓ∞, and on the diagonal in the spectral norm"
        if theorem.method.step != "fixed":
            return "it is written for a fixed step"
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
            raise ValueError(f"`ascent` takes at most {MOST_STEPS} steps (steps={full['steps']:g})")
        best = climb(full, theorem.metric.over == "minimum", Clock(budget_seconds, tick), seed)
        instance = {"norm": norm, **best}
        value = float(theorem.metric.of(self.play(instance, theorem, full)[None])[0])
        detail = f"ascent from {RESTARTS} starts in {DIMENSIONS} coordinates"
        return Case(self.name, theorem.name, norm, full, value, bound_at(theorem, full), "run", detail, instance)

    def play(self, instance: Mapping[str, Any], theorem: Theorem, constants: Mapping[str, float]) -> np.ndarray:
        """‖∇f(x_k)‖_* of the function and script in the instance; `ValueError` where they are none of the statement's.

        Smoothness, gap and δ are read off the instance, not believed.
        """
        inside = _problem({name: torch.tensor(instance[name], dtype=torch.float64)[None] for name in _TABLES}, instance)
        problem = Diagonal(inside) if instance["norm"] == "spectral" else inside
        allowed = {"smoothness": float(inside.reach.sum()), "initial_gap": inside.initial_gap().value}
        allowed["delta"] = float(inside.oracle().promise().delta)
        for name, value in allowed.items():
            if value > constants[name] * (1 + 1e-9) + 1e-15:
                raise ValueError(f"the instance has {name} {value:.10g}, the case allows {constants[name]:.10g}")
        data = run(
            problem,
            Method(problem.oracle()),
            steps=int(constants["steps"]),
            step_size=constants["step_size"],
            record="metric",
        )
        return np.asarray(data["gradient_norm"].values[0])


_TABLES = ("curvature", "reach", "slope", "start", "factors")


def _problem(tables: Mapping[str, Tensor], about: Mapping[str, Any]) -> Piecewise:
    return Piecewise(**tables, width=about["width"])


def climb(full: Mapping[str, float], minimum: bool, clock: Clock, seed: int) -> dict[str, Any]:
    """The best instance seen, its tables as lists; `full` as `completed` has it; minimum: that over k is raised."""
    steps, step = int(full["steps"]), full["step_size"]
    width = step * (1 + full["delta"]) / CELLS
    raw = _start(steps, seed)
    adam, best = torch.optim.Adam(raw.values(), lr=RATE), (-math.inf, dict[str, Tensor]())
    for i in range(MOST):
        if best[1] and clock.over("gradient ascent"):
            break
        tables = _tables(raw, full)
        problem = Piecewise(**tables, width=width)
        norms, first = _norms(problem, step, steps)
        share = (full["initial_gap"] / (first - problem.least())).clamp(max=1.0)
        score = share * (norms.amin(-1) if minimum else norms.mean(-1))
        top = int(score.argmax())
        reached = float(score[top].detach())
        if reached > best[0]:
            scale = share[top].detach() * (1 - 1e-12)
            best = (reached, {name: _scaled(name, t[top].detach(), scale) for name, t in tables.items()})
        adam.zero_grad()
        (-score.clamp(min=1e-12).log().sum()).backward()
        adam.step()
        used = max(i / MOST, min(clock.used, 1.0))
        adam.param_groups[0]["lr"] = RATE * (0.5 + 0.5 * math.cos(math.pi * used))
    return {"width": width, **{name: table.tolist() for name, table in best[1].items()}}


def _scaled(name: str, table: Tensor, scale: Tensor) -> Tensor:
    return table * scale if name in ("curvature", "reach", "slope") else table


def _start(steps: int, seed: int) -> dict[str, Tensor]:
    source = torch.Generator().manual_seed(seed)
    sizes = {"curvature": (CELLS * (steps + 4),), "reach": (), "slope": (), "start": (), "errors": (steps,)}
    return {
        name: torch.randn(RESTARTS, DIMENSIONS, *size, generator=source, dtype=torch.float64).requires_grad_()
        for name, size in sizes.items()
    }


def _tables(raw: Mapping[str, Tensor], full: Mapping[str, float]) -> dict[str, Tensor]:
    """From numbers without constraints to what `Piecewise` takes: |f_i''| ≤ L_i, Σ L_i = L, answers within δ."""
    reach = full["smoothness"] * torch.softmax(raw["reach"], -1)
    unit = full["step_size"] * (1 + full["delta"])
    return {
        "curvature": reach[..., None] * torch.tanh(raw["curvature"]),
        "reach": reach,
        "slope": raw["slope"] * unit * full["smoothness"],
        "start": raw["start"] * unit,
        "factors": 1 + full["delta"] * torch.tanh(1.5 * raw["errors"]).transpose(-1, -2),
    }


def _norms(problem: Piecewise, step: float, steps: int) -> tuple[Tensor, Tensor]:
    """‖∇f(x_k)‖₁ (runs, steps) and f(x_0), with gradients."""
    x, norms = problem.start(len(problem.factors)), []
    first = problem.value(x)
    for k in range(steps):
        slope = problem.true_gradient(x)
        norms.append(slope.abs().sum(-1))
        x = x - step * slope.detach().sign() * problem.factors[:, k]
    return torch.stack(norms, -1), first

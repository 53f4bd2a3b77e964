"""How much of D1's factor (1+δ)/(1−δ) can an adversary really make a fixed step pay?"""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr

import bounds
from experiments.problems.hard.cycles import Cycle, CycleProblem, long_cycle, two_cycle
from experiments.problems.hard.huber import Huber
from experiments.problems.hard.saturated import Saturated
from experiments.run import run
from experiments.studies.base import Finding, Result, Tick, silent
from lmo.method import Method

QUESTION = __doc__
KINDS = {"two-cycle": two_cycle, "long cycle": long_cycle}  # (a) and (b) of paper_notes.md
FUNCTIONS = {"Huber": Huber, "saturated": Saturated}
STEPS = 20_000
GRID = 2.0 ** (np.arange(-3, 4) / 8)  # around the step that the construction's own formula calls best


def predicted(cycle: Cycle, delta: float) -> tuple[float, float]:
    """(best step, value) in units of √(2Δ/(LK)) and √(2LΔ/K), as K → ∞: value(h) = 1/(2(1−δ)h) + hā."""
    step = 1 / np.sqrt(2 * (1 - delta) * cycle.mean)
    return float(step), float(np.sqrt(2 * cycle.mean / (1 - delta)))


def study(
    deltas: tuple[float, ...] = (0.0, 0.5, 0.75, 0.9), tick: Tick = silent, device: str = "cpu", steps: int = STEPS
) -> Result:
    """Runs both cycles in ℓ∞ on a grid of steps, on both functions; δ = 0 is the tight instance of D1.

    The data hold, for each function, cycle, δ and step (in units of √(2Δ/(LK))), the average and the minimum dual
    gradient norm in units of √(2LΔ/K), beside what the cycle predicts for K → ∞ and D1.
    """
    cells = [(make(delta), delta, factor) for make in KINDS.values() for delta in deltas for factor in GRID]
    cycles = [cycle for cycle, _, _ in cells]
    per_run = torch.tensor([delta for _, delta, _ in cells], dtype=torch.float64)
    unit = np.sqrt(2 / steps)
    sizes = torch.tensor([predicted(c, d)[0] * unit * factor for c, d, factor in cells], dtype=torch.float64)
    shape = (len(FUNCTIONS), len(KINDS), len(deltas), len(GRID))
    norms = [
        _gradient_norms(make(per_run, sizes, cycles, steps), i / len(FUNCTIONS), tick, device)
        for i, make in enumerate(FUNCTIONS.values())
    ]
    curve = tuple(np.linspace(0, 0.92, 93))
    dims = ("function", "kind", "delta", "factor")
    table = xr.Dataset(
        {
            "average": (dims, np.stack([n.mean(-1) for n in norms]).reshape(shape) / unit),
            "minimum": (dims, np.stack([n.min(-1) for n in norms]).reshape(shape) / unit),
            "step_size": (dims[1:], sizes.numpy().reshape(shape[1:]) / unit),
            "predicted": (("kind", "delta"), [[predicted(make(d), d)[1] for d in deltas] for make in KINDS.values()]),
            "d1": ("delta", _d1_in_units(deltas)),
            "d1_at_step": (dims[1:], _d1_at(per_run.numpy(), sizes.numpy(), steps).reshape(shape[1:]) / unit),
            "d1_curve": ("delta_curve", _d1_in_units(curve)),
            "two_cycle_curve": ("delta_curve", [predicted(two_cycle(d), d)[1] for d in curve]),
        },
        {
            "delta_curve": list(curve),
            "function": list(FUNCTIONS),
            "kind": list(KINDS),
            "delta": list(deltas),
            "factor": GRID,
        },
        {"steps": steps},
    )
    return Result(
        "lower-bounds", QUESTION or "", {"lower_bounds": table}, _findings(table), {"lower_bounds": "lower_bounds"}
    )


def _gradient_norms(problem: CycleProblem, done: float, tick: Tick, device: str) -> np.ndarray:
    count = [0]

    def step() -> None:
        count[0] += 1
        if count[0] % 1000 == 0:
            tick(f"lower bounds · {problem.name}", done + count[0] / problem.steps / len(FUNCTIONS))

    data = run(
        problem,
        Method(problem.oracle()),
        steps=problem.steps,
        step_size=problem.step_size,
        seeds=np.zeros(len(problem.cycles), dtype=int),
        record="metric",
        device=device,
        tick=step,
    )
    return data["gradient_norm"].values


def _d1_in_units(deltas: tuple[float, ...]) -> np.ndarray:
    tuned = bounds.theorems["fixed-step"].tune(initial_gap=1.0, smoothness=1.0, steps=2.0, delta=np.array(deltas))
    return tuned.value  # √(2LΔ/K) = 1 at these constants


def _d1_at(deltas: np.ndarray, step_sizes: np.ndarray, steps: int) -> np.ndarray:
    constants = {"initial_gap": 1.0, "smoothness": 1.0, "steps": steps}
    return bounds.theorems["fixed-step"].bound(**constants, delta=deltas, step_size=step_sizes)


def _findings(table: xr.Dataset) -> list[Finding]:
    best = table["average"].max("function").min("factor")
    huber = table["average"].sel(function="Huber").min("factor")
    tight = float(best.sel(kind="two-cycle", delta=0.0))
    findings = [
        Finding("tight instance of D1 (δ = 0): best average in √(2LΔ/K)", 1.0, tight, 0.998 <= tight <= 1 + 1e-9)
    ]
    for kind in table["kind"].values:
        for delta in table["delta"].values[1:]:
            expected, got = (
                float(table["predicted"].sel(kind=kind, delta=delta)),
                float(huber.sel(kind=kind, delta=delta)),
            )
            text = f"lower bound, {kind}, δ = {delta:g}: best average in √(2LΔ/K)"
            findings.append(Finding(text, expected, got, bool(abs(got / expected - 1) <= 0.03)))
    worst = float((table["average"] / table["d1_at_step"]).max())
    findings.append(Finding("largest average over D1 at the same step", 1.0, worst, worst <= 1 + 1e-9))
    return findings

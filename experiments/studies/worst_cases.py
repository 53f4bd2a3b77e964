"""How much of D1's (1+δ)/(1−δ), and of the shrinking step that it predicts, is attained in ℓ∞, spectral norm and ℓ2?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import xarray as xr
from torch import Tensor

import bounds
from experiments.problems.base import Problem
from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.problems.hard.cycles import long_cycle, two_cycle
from experiments.problems.hard.diagonal import Diagonal
from experiments.problems.hard.saturated import Saturated
from experiments.problems.hard.staircase import Staircase
from experiments.problems.hard.washboard import Washboard
from experiments.run import run
from experiments.studies.base import Finding, Result, Tick, silent
from experiments.worst_cases.pattern_search import search
from experiments.worst_cases.patterns import Alphabet
from experiments.worst_cases.relaxation import Relaxation
from lmo.balls import LInf
from lmo.method import Method
from lmo.oracles import Scripted
from lmo.oracles.base import Oracle

QUESTION = __doc__
STEPS, SEARCH_STEPS, PATTERNS, SEARCH_DELTA = 3000, 10, 25, 0.5
DELTAS = (0.0, 0.25, 0.5, 0.75, 0.9)
FACTORS = 2.0 ** (np.arange(-12, 9) / 8)  # steps in units of √(2Δ/(LK)): 0.35 to 2
SEARCH_FACTORS = (0.5, 0.6, 0.71, 0.84, 1.0, 1.2)
CURVE = np.linspace(0, 0.95, 96)
ON_ONE_COORDINATE = ("washboard", "one-coordinate cycle")  # in every norm
Setting = tuple[Problem, Oracle]


def in_units(name: str, delta: np.ndarray, factor: np.ndarray, steps: int) -> np.ndarray:
    """A statement about a fixed step in units of √(2LΔ/K) at γ = factor·√(2Δ/(LK))."""
    step_size = factor * (2 / steps) ** 0.5
    constants = dict(initial_gap=1.0, smoothness=1.0, steps=steps, step_size=step_size, delta=delta)
    return bounds.theorems[name].bound(**constants) / (2 / steps) ** 0.5


def gain(delta: float, steps: int) -> float:
    """The tuned value of D1-A over that of D1."""
    constants = dict(initial_gap=1.0, smoothness=1.0, steps=steps, delta=delta)
    finer, plain = (float(bounds.theorems[name].tune(**constants).value) for name in ("additive-error", "fixed-step"))
    return finer / plain


def study(
    deltas: tuple[float, ...] = DELTAS,
    tick: Tick = silent,
    device: str = "cpu",
    steps: int = STEPS,
    patterns: int = PATTERNS,
) -> Result:
    """Runs every construction at every step on a grid, beside what patterns reach in the relaxation and D1, D1-A.

    attained (norm, construction, delta, factor): average gradient norm of a run over √(2LΔ/K); NaN where the
    construction does not live in the norm. candidate (delta, search_factor): the best pattern of a linear programme in
    ℓ∞ with few steps, no run. The spectral norm has the values of ℓ∞, on the diagonal; one run of it is compared.
    """
    runs = _runs(deltas, tick, device, steps)
    everywhere = np.array([name in ON_ONE_COORDINATE for name in runs])[:, None, None]
    plane = np.stack(list(runs.values()))
    delta, factor = np.array(deltas)[:, None], FACTORS[None]
    table = xr.Dataset(
        {
            "attained": (
                ("norm", "construction", "delta", "factor"),
                np.stack([plane, np.where(everywhere, plane, np.nan)]),
            ),
            "d1": (("delta", "factor"), in_units("fixed-step", delta, factor, steps)),
            "d1_a": (("delta", "factor"), in_units("additive-error", delta, factor, steps)),
            "candidate": (("delta", "search_factor"), _candidates(deltas, tick, patterns)),
            "d1_a_curve": ("delta_curve", ((2 + CURVE) / (2 + 2 * CURVE)) ** 0.5),
            "hilbert_curve": ("delta_curve", (1 - CURVE) ** 0.5 / (1 + CURVE) ** 1.5),
        },
        {
            "norm": ["linf", "l2"],
            "construction": list(runs),
            "delta": list(deltas),
            "factor": FACTORS,
            "search_factor": list(SEARCH_FACTORS),
            "delta_curve": CURVE,
        },
        {"steps": steps, "search_steps": SEARCH_STEPS, "patterns": patterns, "search_delta": SEARCH_DELTA},
    )
    findings = _findings(table, _spectral_over_linf())
    return Result("worst-cases", QUESTION or "", {"worst_cases": table}, findings, {"worst_cases": "worst_cases"})


def best(table: xr.Dataset) -> xr.DataArray:
    """(norm, delta): what the constructions make the step pay that is best against all of them together."""
    return table["attained"].max("construction").min("factor")


def _cycling(make: Callable, delta: Tensor, step: Tensor, steps: int) -> Setting:
    problem = Saturated(delta, step, [make(float(d)) for d in delta], steps)
    return problem, problem.oracle()


def _climbing(delta: Tensor, step: Tensor, steps: int) -> Setting:
    problem = Staircase(delta, step, steps)
    return problem, problem.oracle()


def _sliding(delta: Tensor, step: Tensor, steps: int) -> Setting:
    short = (1 - delta).reshape(-1, 1, 1)
    return Washboard(delta, step, steps), Scripted(LInf(), short, torch.ones(len(delta), dtype=torch.int64))


_BUILDERS: dict[str, Callable[[Tensor, Tensor, int], Setting]] = {
    "two-cycle": lambda d, g, k: _cycling(two_cycle, d, g, k),
    "long cycle": lambda d, g, k: _cycling(long_cycle, d, g, k),
    "staircase": _climbing,
    "washboard": _sliding,
}


def _runs(deltas: tuple[float, ...], tick: Tick, device: str, steps: int) -> dict[str, np.ndarray]:
    """Per construction (delta, factor): the average over √(2LΔ/K), one run per cell."""
    delta, factor = (torch.as_tensor(a.ravel()) for a in np.meshgrid(deltas, FACTORS, indexing="ij"))
    made = {}
    for i, (name, build) in enumerate(_BUILDERS.items()):
        tick(f"worst cases · {name}", 0.15 * i)
        step = factor * (2 / steps) ** 0.5
        norms = _norms(*build(delta, step, steps), steps, step, device)
        made[name] = norms.mean(-1).reshape(len(deltas), -1) / (2 / steps) ** 0.5
    made["one-coordinate cycle"] = np.stack([_one_coordinate(d) for d in deltas])[:, None] * FACTORS
    return made


def _norms(problem: Problem, oracle: Oracle, steps: int, step_size: Tensor, device: str = "cpu") -> np.ndarray:
    seeds = np.zeros(len(step_size), dtype=int)
    data = run(problem, Method(oracle), steps=steps, step_size=step_size, seeds=seeds, record="metric", device=device)
    return data["gradient_norm"].values


def _one_coordinate(delta: float, steps: int = 600) -> float:
    """The average of the long cycle on x²/2 with γ = 1; with another step everything is γ times as large."""
    cycle, one = long_cycle(delta), torch.ones(1, dtype=torch.float64)
    answers = torch.tensor(cycle.factors, dtype=torch.float64).reshape(1, -1, 1)
    oracle = Scripted(LInf(), answers, torch.tensor([len(cycle.factors)]))
    whole = steps // len(cycle.factors) * len(cycle.factors)
    return float(_norms(DiagonalQuadratic(one, cycle.start * one), oracle, whole, one).mean())


def _candidates(deltas: tuple[float, ...], tick: Tick, patterns: int) -> np.ndarray:
    """(delta, search_factor): the best of so many patterns on three coordinates, over √(2LΔ/K)."""
    values = np.empty((len(deltas), len(SEARCH_FACTORS)))
    for i, place in enumerate(np.ndindex(values.shape)):
        delta, factor = deltas[place[0]], SEARCH_FACTORS[place[1]]
        tick(f"worst cases · patterns at δ = {delta:g}, h = {factor:g}", 0.6 + 0.4 * i / values.size)
        relaxation = Relaxation(Alphabet("linf", 3, delta), SEARCH_STEPS, factor, sharp=True)
        values[place] = search(relaxation, lambda tried, best: tried >= patterns).solution.value
    return values


def _spectral_over_linf(delta: float = 0.5, steps: int = 50) -> float:
    step = torch.tensor([(2 / steps) ** 0.5], dtype=torch.float64)
    inside = Staircase(torch.tensor([delta], dtype=torch.float64), step, steps)
    shown = Diagonal(inside)
    seen = _norms(shown, shown.oracle(), steps, step).mean()
    return float(seen / _norms(inside, inside.oracle(), steps, step).mean())


def _findings(table: xr.Dataset, spectral: float) -> list[Finding]:
    stairs = table["attained"].sel(norm="linf", construction="staircase").min("factor")
    findings = []
    for delta in table["delta"].values:
        expected, got = (1 + delta) / (1 - delta) / 2**0.5, float(stairs.sel(delta=delta))
        lost = 20 / table.attrs["steps"] * (1 + delta) / (1 - delta)  # the flat end: a few steps' worth, G²/L
        text = f"staircase, δ = {delta:g}: best average in √(2LΔ/K), against r/√2"
        findings.append(Finding(text, float(expected), got, bool(1 - lost <= got / expected <= 1.01)))
    above = float((table["attained"] / table["d1_a"]).max())
    findings.append(
        Finding("largest average of a construction over D1-A at the same step", 1.0, above, bool(above <= 1))
    )
    for delta in table["delta"].values:
        expected, got = ((2 + delta) / (2 + 2 * delta)) ** 0.5, gain(float(delta), table.attrs["steps"])
        text = f"δ = {delta:g}: tuned value of D1-A over that of D1, against √((2 + δ)/(2 + 2δ))"
        findings.append(Finding(text, float(expected), got, bool(abs(got - expected) <= 1 / table.attrs["steps"])))
    text = "staircase on the diagonal, spectral norm: average over that in ℓ∞"
    return [*findings, Finding(text, 1.0, spectral, bool(abs(spectral - 1) <= 1e-9))]

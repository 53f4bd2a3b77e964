"""What do Kim & Oh (arXiv:2601.19156) prove for Newton–Schulz, and what does their χ_q say at decaying spectra?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

import bounds
from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.problems.noisy import Noisy
from experiments.run import run
from experiments.studies.base import Finding, Result, Tick, silent
from lmo.method import Method
from lmo.momentum import HeavyBall
from lmo.oracles import NewtonSchulz
from lmo.polynomials.classical import classical, law

QUESTION = __doc__
RANK = 768  # singular values, as in their NanoGPT
ORDER = 2  # their κ: quintics
STEPS = (3, 5, 8, 10)
FLAT = RANK**-0.5  # σ_min/‖m‖_F where all singular values are equal, the largest there is
CASES = ((FLAT, 3), (FLAT, 5), (1e-2, 5), (1e-3, 5), (1e-3, 10))  # (σ_min/‖m‖_F, q)
LOWS = np.geomspace(1e-5, FLAT, 200)
NOISE, RUN_STEPS = 0.3, 200


def study(seeds: int = 8, tick: Tick = silent) -> Result:
    """Theorem 2 on points; χ_q against the alignment that ANY spectrum can lose; Theorem 1 on `seeds` runs."""
    tick("Kim & Oh · Newton–Schulz", 0.0)
    data = chi()
    findings = [_law(), *_chi(data), *_alignment(data), _small_matrices()]
    tick("Kim & Oh · runs", 0.3)
    findings += runs(seeds)
    return Result("kim-oh", QUESTION or "", {"kim_oh": data}, findings, {"kim_oh": "kim_oh"})


def chi() -> xr.Dataset:
    """chi = 1/(1 − δ) and chi_bound, their bound on it, (steps, s_min); lost, lost_bound (steps).

    lost_bound: 1/(1 − ε) is at most that for every matrix of at most 768 singular values; lost: a spectrum attains it.
    """
    rows = {q: (_chi_of(q, LOWS), [1 / (1 - law(ORDER, q, s)) for s in LOWS]) for q in STEPS}
    return xr.Dataset(
        {
            "chi": (("steps", "s_min"), [rows[q][0] for q in STEPS]),
            "chi_bound": (("steps", "s_min"), [rows[q][1] for q in STEPS]),
            "lost": ("steps", [attained(q)[0] for q in STEPS]),
            "lost_at": ("steps", [attained(q)[1] for q in STEPS]),
            "lost_bound": ("steps", [lost_bound(q) for q in STEPS]),
        },
        {"steps": list(STEPS), "s_min": LOWS},
        {"rank": RANK, "order": ORDER},
    )


def _chi_of(q: int, s: Any) -> Any:
    """1/(1 − δ) = 1/p_q(s) at σ_min/‖m‖_F = s, as p_q rises on [0, 1]."""
    return 1 / classical(ORDER)(s, q)


def lost_bound(q: int, n: int = RANK) -> float:
    """An upper bound on 1/(1 − ε) = Σσ/Σσp_q(σ) over all spectra of n values σ ≥ 0 with Σσ² = 1.

    If p(s) + ν(1/(ns) − s) ≥ c on (0, 1] for one ν > 0, then sp(s) + ν(1/n − s²) ≥ cs on [0, 1], and the sum over the
    spectrum is Σσp(σ) ≥ cΣσ. p rises and 1/(ns) − s falls, so on a cell of the grid the left side is at least its
    value with p at the left end and the rest at the right end; below the grid the rest alone is above 1 ≥ c.
    """
    grid = np.geomspace(1e-6, 1, 40_001)
    p, falling = classical(ORDER)(grid[:-1], q), 1 / (n * grid[1:]) - grid[1:]
    return float(1 / max((p + nu * falling).min() for nu in np.linspace(0.005, 1, 200)))


def attained(q: int, n: int = RANK) -> tuple[float, float]:
    """(1/(1 − ε), a) of the worst spectrum of the form √(1 − (n−1)a²), a, …, a."""
    a = np.geomspace(1e-6, n**-0.5, 20_001)
    first = np.sqrt(np.maximum(1 - (n - 1) * a**2, 0))
    p = classical(ORDER)
    lost = (first + (n - 1) * a) / (first * p(first, q) + (n - 1) * a * p(a, q))
    return float(lost.max()), float(a[lost.argmax()])


def _law() -> Finding:
    """Theorem 2: 1 − p_q(s)² ≤ (1 − s²)^{(κ+1)^q}, where the right side is above the rounding of the left."""
    s, worst = np.linspace(1e-3, 0.999, 4000), 0.0
    for order in (1, 2, 3):
        for q in range(1, 7):
            right = np.exp((order + 1) ** q * np.log1p(-(s**2)))
            told = right > 1e-9
            worst = max(worst, float(((1 - classical(order)(s[told], q) ** 2) / right[told]).max()))
    text = "Kim & Oh, Theorem 2: largest (1 − p_q(s)²)/(1 − s²)^((κ+1)^q), κ ≤ 3, q ≤ 6"
    return Finding(text, 1.0, worst, worst <= 1 + 1e-6)


def _chi(data: xr.Dataset) -> list[Finding]:
    found = []
    for s, q in CASES:
        true, bound = float(_chi_of(q, s)), 1 / (1 - law(ORDER, q, s))
        where = f"1/√{RANK}" if s == FLAT else f"{s:g}"
        text = f"Kim & Oh, χ_q = 1/(1 − δ) at σ_min/‖m‖_F = {where}, κ = {ORDER}, q = {q}, against their bound"
        found.append(Finding(text, bound, true, true <= bound * (1 + 1e-9), "only an upper bound"))
    return found


def _alignment(data: xr.Dataset) -> list[Finding]:
    found = []
    for q in STEPS:
        bound, lost = (float(data[name].sel(steps=q)) for name in ("lost_bound", "lost"))
        text = f"classical-{ORDER}, q = {q}: 1/(1 − ε) over all spectra of {RANK} values, bound and worst found"
        found.append(Finding(text, bound, lost, 0.95 * bound <= lost <= bound))
    return found


def _small_matrices(size: float = 0.01) -> Finding:
    """Their scale max{1, ‖M‖_F}: below 1 the start is p's slope at 0 away from 0, whatever the spectrum."""
    slope = math.prod(p[0] for p in classical(ORDER).polynomials(5))
    expected, got = 1 / (slope * size * FLAT), float(_chi_of(5, size * FLAT))
    usual = float(_chi_of(5, FLAT))
    text = f"Kim & Oh, scale max(1, ‖m‖_F), equal σ, ‖m‖_F = {size:g}: χ_5 by p's slope at 0 (from 1 on: {usual:.3g})"
    return Finding(text, expected, got, abs(got / expected - 1) <= 0.01)


def explicit(
    gap: float, smoothness: float, steps: int, step_size: float, beta: float, noise: float, rank: int, error: float
) -> float:
    """Their bound on the average of ‖∇f‖_*, appendix B, before it is tuned; error = e_q < 1, batch 1; ∞ from 1 on."""
    if error >= 1:
        return math.inf
    memory = 2 * beta * smoothness * step_size * (1 + error) / (1 - beta)
    start = 2 * beta * math.sqrt(2 * rank * smoothness * gap) / (steps * (1 - beta))
    spread = 2 * noise * math.sqrt(rank * (1 - beta) / (1 + beta))
    descent = gap / (steps * step_size) + smoothness * step_size * (1 + error) ** 2 / 2
    return (descent + memory + spread + start) / (1 - error)


def runs(seeds: int) -> list[Finding]:
    """Their Theorem 1 on ‖X‖²/24 with noise, at its own β and step; e_q and ε: the largest of the run."""
    problem = Noisy(MatrixQuadratic.of_the_table(), NOISE)
    rank, gap = 12, 4.5
    alpha = min(math.sqrt(gap / (rank * RUN_STEPS)) / NOISE, 1.0)
    step_size, found = math.sqrt(alpha * gap / RUN_STEPS), []
    for q in (5, 10):
        method = Method(NewtonSchulz(f"classical-{ORDER}", q), HeavyBall())
        parameters: dict[str, Any] = {"step_size": step_size, "alpha": alpha}
        data = run(problem, method, steps=RUN_STEPS, seeds=range(seeds), delta_every=1, **parameters)
        average = float(data["gradient_norm"].mean())
        error, epsilon = float(data["delta"].max()), float(data["epsilon"].max())
        bound = explicit(gap, 1.0, RUN_STEPS, step_size, 1 - alpha, NOISE, rank, error)
        text = f"Kim & Oh, Theorem 1 on a run, q = {q}: average ‖∇f‖_*, e_q = {error:.4g} = the largest δ of the run"
        found.append(Finding(text, bound, average, average <= bound, "only an upper bound"))
        known = {"initial_gap": gap, "smoothness": 1.0, "noise_std": NOISE, "norm_ratio": math.sqrt(rank)}
        errors = {"epsilon": epsilon, "eta": float(data["eta"].max())}
        signed = float(bounds.theorems["ema-zero"].bound(**known, **parameters, **errors, steps=RUN_STEPS))
        text = f"S1-0 on the same run, q = {q}: average ‖∇f‖_*, ε = {epsilon:.4g} = the largest ε of the run"
        found.append(Finding(text, signed, average, average <= signed, "only an upper bound"))
    return found

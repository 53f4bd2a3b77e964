"""How do tuned step size and α move with the oracle's error, and when do the closed forms' exponents apply?"""

from __future__ import annotations

import numpy as np
import xarray as xr

import bounds
from bounds.coupling import (
    DELTA,
    ERROR_BASES,
    LARGER,
    SMALLER,
    USUAL,
    Coupling,
    closed_exponents,
    constants_of,
    couplings,
    error_exponents,
)
from experiments.studies.base import Finding, Result, Tick, silent

QUESTION = __doc__
QUANTITIES = ("step_size", "alpha", "value")
NOISE = {0.02: 0.38, 0.1: 0.24}  # per coordinate of the ℓ∞ quadratic → α*'s exponent in 1+δ at K = 400 (paper_notes.md)
STEPS = np.geomspace(1e2, 1e14, 13)


def study(tick: Tick = silent) -> Result:
    """The table of `lmo coupling`, and the exponents of S1's exact optimum from K = 10² on."""
    names = [name for name, theorem in bounds.theorems.items() if theorem.tuning]
    rows: list[Coupling] = []
    for i, name in enumerate(names):
        tick(f"coupling · {name}", 0.8 * i / len(names))
        rows += couplings(bounds.theorems[name])
    along = exponents_along_steps()
    table = xr.merge([exponents(rows), along], combine_attrs="drop_conflicts")
    table.attrs = {"delta": DELTA, "steps": USUAL["steps"], "noise": USUAL["noise_std"] / 20**0.5}
    return Result("coupling", QUESTION or "", {"coupling": table}, _findings(rows, along), {"coupling": "coupling"})


def exponents(rows: list[Coupling]) -> xr.Dataset:
    """closed, exact (theorem, quantity): exponents of 1+δ under an additive error; NaN where there is none."""
    names = list(dict.fromkeys(row.theorem for row in rows))
    closed, exact = (np.full((len(names), len(QUANTITIES)), np.nan) for _ in range(2))
    for row in rows:
        at = names.index(row.theorem), QUANTITIES.index(row.quantity)
        power, slope = row.closed[LARGER], row.exact[LARGER]
        closed[at] = np.nan if power is None else float(power)
        exact[at] = np.nan if slope is None else slope
    labels = [bounds.theorems[name].label for name in names]
    return xr.Dataset(
        {"closed": (("theorem", "quantity"), closed), "exact": (("theorem", "quantity"), exact)},
        {"theorem": names, "label": ("theorem", labels), "quantity": list(QUANTITIES)},
    )


def exponents_along_steps() -> xr.Dataset:
    """S1's exponents of 1+δ: along (noise, quantity, steps), exact, and limit (quantity), of its leading terms."""
    s1 = bounds.theorems["ema"]
    closed = closed_exponents(s1, [])
    steps = np.sort([*STEPS, USUAL["steps"]])
    table = []
    for noise in NOISE:
        for k in steps:
            slopes = error_exponents(s1, closed, DELTA, constants_of(s1, {"steps": k, "noise_std": noise * 20**0.5}))
            table.append([slopes[quantity][LARGER] for quantity in QUANTITIES])
    shaped = np.array(table, float).reshape(len(NOISE), len(steps), len(QUANTITIES)).transpose(0, 2, 1)
    return xr.Dataset(
        {
            "along": (("noise", "quantity", "steps"), shaped),
            "limit": ("quantity", [float(closed[q][LARGER] or 0) for q in QUANTITIES]),
        },
        {"noise": list(NOISE), "quantity": list(QUANTITIES), "steps": steps},
    )


def _findings(rows: list[Coupling], along: xr.Dataset) -> list[Finding]:
    findings = []
    for noise, expected in NOISE.items():
        got = float(along["along"].sel(noise=noise, quantity="alpha", steps=USUAL["steps"]))
        text = f"coupling, noise {noise:g}, K = 400: exponent of S1's exact α* in 1+δ, where the leading terms say 0.5"
        findings.append(Finding(text, expected, got, abs(got - expected) < 0.01, "only a limit"))
    last = along.isel(steps=-1)
    for quantity in QUANTITIES:
        limit = float(last["limit"].sel(quantity=quantity))
        got = float(last["along"].sel(quantity=quantity, noise=0.02))
        text = f"coupling, K = {float(last['steps']):.0e}: exponent of S1's exact {quantity} in 1+δ"
        findings.append(Finding(text, limit, got, abs(got - limit) < 0.01))
    one_sided = [base for base in ERROR_BASES if base not in (LARGER, SMALLER)]
    known = [(row.closed.get(base), row.exact.get(base)) for row in rows for base in one_sided]
    off = max(abs(float(power) - slope) for power, slope in known if power is not None and slope is not None)
    text = "coupling, one-sided errors: largest distance of an exact exponent from the closed form's, all theorems"
    findings.append(Finding(text, 0.0, off, off < 1e-3))
    return findings

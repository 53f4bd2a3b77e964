"""Where singular values decay, δ is near 1 and says nothing; ε and η go on saying what the answer is worth."""

from __future__ import annotations

import numpy as np
import xarray as xr

from experiments.oracles.spectra import matrix
from experiments.studies.base import Finding
from lmo.oracles import NewtonSchulz, measure
from lmo.polynomials import schedule

SCHEDULES = ("jordan", "polar-express-1.02", "classical-2")
STEPS = 5
VALUES = 128  # singular values
EXPONENTS = np.linspace(0, 2.5, 201)
SOME = (0.5, 1.0, 1.5, 2.0)  # exponents of the matrices that are measured
ERRORS = ("delta", "epsilon", "eta")


def data() -> xr.Dataset:
    """δ, ε, η of schedules on σ_i = i^−exponent, by formula, and measured by an SVD on matrices of some exponents.

    Variables delta, epsilon, eta (schedule, exponent); s_min (exponent): σ_min/‖m‖_F; measured (schedule, some, error).
    """
    sigma = np.arange(1, VALUES + 1) ** -EXPONENTS[:, None]
    scaled = sigma / np.linalg.norm(sigma, axis=-1, keepdims=True)
    table = np.stack([_errors(schedule(name)(scaled, STEPS), sigma) for name in SCHEDULES], 1)
    matrices = [matrix(f"power-law={a}", (VALUES, 2 * VALUES), 0) for a in SOME]
    oracles = [NewtonSchulz(name, STEPS) for name in SCHEDULES]
    seen = [[[float(e) for e in measure(o.ball, m, o(m)[0])[:3]] for m in matrices] for o in oracles]
    return xr.Dataset(
        {
            **{name: (("schedule", "exponent"), table[i]) for i, name in enumerate(ERRORS)},
            "s_min": ("exponent", scaled[:, -1]),
            "measured": (("schedule", "some", "error"), seen),
        },
        {"schedule": list(SCHEDULES), "exponent": EXPONENTS, "some": list(SOME), "error": list(ERRORS)},
        {"steps": STEPS, "values": VALUES},
    )


def _errors(p: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """δ, ε, η (3, exponent) of answers with singular values p to matrices with singular values σ > 0."""
    return np.stack([np.abs(1 - p).max(-1), 1 - (sigma * p).sum(-1) / sigma.sum(-1), p.max(-1) - 1])


def factors(table: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """What D1 multiplies its value by: (1+δ)/(1−δ) from δ alone, (1+η)/(1−ε) from the signed pair."""
    return (1 + table["delta"]) / (1 - table["delta"]), (1 + table["eta"]) / (1 - table["epsilon"])


def findings(table: xr.Dataset) -> list[Finding]:
    """The formulas against the measurement; D1's factor by δ against the one by ε and η."""
    some = table.sel(exponent=list(SOME), method="nearest")
    formulas = np.stack([some[name].values for name in ERRORS], -1)
    off = float(np.abs(formulas - table["measured"].values).max())
    found = [Finding("δ, ε, η of schedules: largest |formula − measured by an SVD|", 0.0, off, off <= 1e-9)]
    by_delta, by_pair = factors(table.sel(exponent=2.0, method="nearest"))
    for name in SCHEDULES:
        delta, pair = float(by_delta.sel(schedule=name)), float(by_pair.sel(schedule=name))
        text = f"σ_i = 1/i², {name}, {STEPS} steps: D1's factor (1+η)/(1−ε), where δ alone gives (1+δ)/(1−δ)"
        found.append(Finding(text, delta, pair, pair <= delta, "only an upper bound"))
    return found

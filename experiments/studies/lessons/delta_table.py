"""The δ of every published schedule, by steps and interval: the smallest is not the one that ships."""

from __future__ import annotations

import itertools

import numpy as np
import xarray as xr

from experiments.studies.base import Finding
from lmo.polynomials import names, schedule
from lmo.polynomials.certify import certify
from lmo.polynomials.design import designed

LEAST = "minimax"  # quintics designed for the interval of the cell: no other composition of quintics does better
SHIPPED = "jordan"  # in torch.optim.Muon, Scion and Muon itself, with five steps
STEPS = tuple(range(3, 11))
LOWS = (0.1, 0.01, 0.001)
CONVERGED = 1e-12  # below it designed quintics are all rounding


def data() -> xr.Dataset:
    """delta (schedule, steps, s_min): certified δ on [s_min, 1]; NaN where a table has no such step.

    brute: the same on points. tabulated, degree (schedule): how many polynomials are published, and of which degree.
    """
    known = [*names(), LEAST]
    table = np.full((2, len(known), len(STEPS), len(LOWS)), np.nan)
    cells = itertools.product(enumerate(known), enumerate(STEPS), enumerate(LOWS))
    for (i, name), (j, steps), (k, low) in cells:
        one = designed(low, steps) if name == LEAST else schedule(name)
        if one.tail is None and steps > len(one.table):
            continue
        points = np.concatenate([np.linspace(low, 1, 4000), np.geomspace(low, 1, 4000)])
        table[:, i, j, k] = certify(one.polynomials(steps), low, 1.0).delta, np.abs(one(points, steps) - 1).max()
    dims = ("schedule", "steps", "s_min")
    return xr.Dataset(
        {
            "delta": (dims, table[0]),
            "brute": (dims, table[1]),
            "tabulated": ("schedule", [0 if name == LEAST else len(schedule(name).table) for name in known]),
            "degree": ("schedule", [5 if name == LEAST else _degree(name) for name in known]),
        },
        {"schedule": known, "steps": list(STEPS), "s_min": list(LOWS)},
    )


def _degree(name: str) -> int:
    return 2 * max(map(len, schedule(name).table)) - 1


def findings(table: xr.Dataset) -> list[Finding]:
    """The certificates against points; the schedule that ships, and the designed one, against all others."""
    off = float(np.abs(table["delta"] - table["brute"]).max())
    found = [Finding("delta table: largest |certified δ − δ on 8000 points|", 0.0, off, off <= 1e-4)]
    for low in (0.01, 0.001):
        column = table["delta"].sel(steps=5, s_min=low).drop_sel(schedule=LEAST).dropna("schedule")
        best = str(column["schedule"].values[column.values.argmin()])
        ratio = float(column.sel(schedule=SHIPPED) / column.min())
        text = f"5 steps on [{low:g}, 1]: δ of {SHIPPED}, which ships with torch, over the smallest one ({best})"
        found.append(Finding(text, 1.0, ratio, ratio > 1, "points the other way"))
    quintics = [name for name in names() if _degree(name) <= 5]
    least = table["delta"].sel(schedule=LEAST)
    ratio = float((table["delta"].sel(schedule=quintics) / least).where(least > CONVERGED).min())
    text = "least δ of published cubics and quintics over that of the designed quintics, same steps and interval"
    return [*found, Finding(text, 1.0, ratio, ratio >= 1 - 1e-9)]

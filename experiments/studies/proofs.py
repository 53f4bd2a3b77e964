"""How far below its bound does each theorem's own run stay, and which inequality of the proof is loose?"""

from __future__ import annotations

import numpy as np
import xarray as xr

import bounds
from bounds import certificate

TITLES = {
    "fixed-step": "fixed step",
    "varying-step": "any schedule",
    "hilbert": "fixed step, ℓ2",
    "adaptive-step": "adaptive step",
    "star-convex": "adaptive step, convex",
    "polyak-lojasiewicz": "adaptive step, PL",
    "l0-l1": "step by (L0, L1)",
    "frank-wolfe": "Frank–Wolfe, convex",
    "ema": "momentum",
    "ema-zero": "momentum, zero start",
    "ema-varying": "momentum, any schedule",
    "decay": "momentum and decay",
    "nesterov": "Nesterov momentum",
    "nesterov-zero": "Nesterov, zero start",
    "storm": "momentum, variance reduced",
    "muon": "torch.optim.Muon as shipped",
    "no-momentum": "noise, no momentum",
    "layer-wise": "adaptive step, by layer",
    "layer-wise-fixed": "fixed step, by layer",
}


def _tables(example: xr.Dataset) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    columns = {str(name): example[name].values for name in example.data_vars if name != "objective_last"}
    names = {
        *bounds.theorems[example.attrs["theorem"]].proof_constants,
        "smoothness",
        "initial_gap",
        "ball_gap",
        "noise_std",
        "norm_ratio",
    }
    return columns, {name: example.attrs[name] for name in names if name in example.attrs}


def convergence(examples: dict[str, xr.Dataset]) -> xr.Dataset:
    """The metric up to every horizon K, its range over seeds, and the bound at that K with the same parameters."""
    parts = []
    for name, example in examples.items():
        theorem = bounds.theorems[name]
        columns, constants = _tables(example)
        running = theorem.metric.running(certificate.on_run(theorem.metric.of_step, columns, constants))
        horizon = np.arange(1, running.shape[-1] + 1)
        given = {n: v for n, v in constants.items() if n in theorem.constants and n != "steps"}
        low, high = running.min(0), running.max(0)
        parts.append(
            xr.Dataset(
                {
                    "measured": ("step", running.mean(0).clip(low, high)),  # a mean of equal numbers is rounded
                    "low": ("step", low),
                    "high": ("step", high),
                    "bound": ("step", theorem.bound(**given, steps=horizon)),
                },
                {"step": horizon, "label": theorem.label, "title": TITLES.get(name, name)},
            )
        )
    return xr.concat(
        parts, xr.DataArray(list(examples), dims="theorem", name="theorem"), coords="different", compat="equals"
    )


def slack_budget(examples: dict[str, xr.Dataset]) -> xr.Dataset:
    """measured and every inequality's share, as fractions of bound^p (p: the power that the proof telescopes)."""
    rows, names = [], []
    for name, example in examples.items():
        theorem = bounds.theorems[name]
        columns, constants = _tables(example)
        shares = certificate.budget(theorem, columns, constants, example["objective_last"].values)
        power = theorem.proof.closing.power
        bound = float(theorem.bound(**{n: constants[n] for n in theorem.constants})) ** power
        rows.append({key: float(value.mean()) / bound for key, value in shares.items()})
        measured = theorem.metric.of(certificate.on_run(theorem.metric.of_step, columns, constants))
        rows[-1]["measured"] = float((measured**power).mean()) / bound
        names += [key for key in shares if key not in names]
    table = [[row.get(key, np.nan) for key in names] for row in rows]
    return xr.Dataset(
        {"share": (("theorem", "inequality"), table), "measured": ("theorem", [row["measured"] for row in rows])},
        {
            "theorem": list(examples),
            "inequality": names,
            "label": ("theorem", [bounds.theorems[n].label for n in examples]),
            "power": ("theorem", [bounds.theorems[n].proof.closing.power for n in examples]),
        },
    )

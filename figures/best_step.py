"""The best step size against the oracle's error, measured and predicted, per error structure."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from figures.style import BLACK, BLUE, GREEN, ORANGE, PURPLE, VERMILION, figure, headline, styled

COLOURS = {"inflate": BLUE, "shrink": GREEN, "mixed": ORANGE, "greedy worst": PURPLE}
MARKERS = {"inflate": "v", "shrink": "^", "mixed": "s", "greedy worst": "D"}


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables best_step, signed_step (error, delta), additive_step (delta), additive_step_curve (delta_curve).

    Attribute: ratio of the step grid.
    """
    drawn, (axis,) = figure(width=8.4, height=5.2)
    delta = dataset["delta"].values
    start = float(dataset["additive_step"][0])
    for name in dataset["error"].values:
        one = dataset.sel(error=name)
        grid = float(dataset.attrs["ratio"])
        shift = one["best_step"] / start
        axis.errorbar(
            delta, shift, yerr=[shift * (1 - 1 / grid), shift * (grid - 1)], color=COLOURS[name], marker=MARKERS[name],
            lw=1.2, capsize=2, label=f"measured, error “{name}”",
        )  # fmt: skip
        if one["signed_step"].notnull().any():
            axis.plot(delta, one["signed_step"] / start, color=COLOURS[name], ls=":", lw=2)
    axis.plot(
        dataset["delta_curve"],
        dataset["additive_step_curve"] / start,
        color=VERMILION,
        lw=2.4,
        label="predicted by D1 for any error of size δ: 1/(1+δ)",
    )
    axis.plot([], [], color=BLACK, ls=":", lw=2, label="predicted by D1 with signed ε, η (one-sided errors)")
    axis.axhline(1, color=BLACK, lw=0.8)
    axis.set(yscale="log", xlabel="size δ of the oracle's error", ylabel="best step / best step without error")
    axis.set_yticks([0.5, 1, 2, 4, 8], ["½", "1", "2", "4", "8"])
    axis.minorticks_off()
    axis.legend(loc="upper left")
    headline(
        drawn,
        _headline(dataset),
        "‖X‖²/24 on 12×12 matrices, spectral norm, K = 400. Bars: one step of the search grid.",
    )
    return drawn


def _headline(dataset: xr.Dataset) -> str:
    """Which errors shift the best step as D1 says, to one step of the grid, at the largest δ."""
    last = dataset.isel(delta=-1)
    off = np.abs(np.log((last["best_step"] / last["additive_step"]).values))
    near = 1.05 * np.log(dataset.attrs["ratio"])
    follow = [str(e) for e, o in zip(dataset["error"].values, off, strict=True) if o <= near]
    if not follow:
        return "“Less precise oracle, smaller step”: none of these errors follows it"
    if len(follow) == len(off):
        return "“Less precise oracle, smaller step” holds for every error tried"
    return f"“Less precise oracle, smaller step” holds for {', '.join(follow)} only"

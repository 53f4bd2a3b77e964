"""What an adversary can really make a fixed step pay, between the constructions that were run and D1."""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure

from figures.style import BLUE, GREEN, VERMILION, figure, headline, styled


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables average (function, kind, delta, factor), predicted (kind, delta), d1 (delta).

    Curves: d1_curve, two_cycle_curve (delta_curve).
    """
    drawn, (axis,) = figure(width=8.4, height=5.0)
    delta = dataset["delta_curve"]
    axis.plot(delta, dataset["d1_curve"], color=VERMILION, lw=2.4, label="D1: no run is above r = (1+δ)/(1−δ)")
    axis.plot(delta, dataset["two_cycle_curve"], color=GREEN, lw=1.5, label="two-cycle, formula: √r")
    best = dataset["average"].max("function").min("factor")
    colours = {"two-cycle": GREEN, "long cycle": BLUE}
    for kind in dataset["kind"].values:
        axis.plot(
            dataset["delta"],
            best.sel(kind=kind),
            "o",
            color=colours[str(kind)],
            ms=7,
            label=f"{kind}: best run, tuned step",
        )
        axis.plot(dataset["delta"], dataset["predicted"].sel(kind=kind), "_", color="black", ms=16)
    axis.plot([], [], "_", color="black", ms=12, label="what the cycle's formula says for K → ∞")
    axis.set(
        yscale="log", xlabel="size δ of the oracle's error", ylabel="average gradient / √(2LΔ/K), at the best step"
    )
    axis.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    axis.minorticks_off()
    axis.legend(loc="upper left")
    tight = float(best.sel(delta=0.0).max())
    headline(
        drawn,
        f"Without error D1 is attained to {100 * tight:.1f} %; with error these two cycles stay below it",
        f"Two-coordinate adversaries in the ℓ∞ norm, K = {dataset.attrs['steps']} steps, each with its best step size.",
    )
    return drawn

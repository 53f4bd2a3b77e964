"""The value reached at the best step against the oracle's error, measured and bounded."""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure

from figures.best_step import COLOURS, MARKERS
from figures.style import BLACK, VERMILION, figure, headline, styled


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables best_value, signed_value (error, delta), additive_value (delta), additive_value_curve (delta_curve)."""
    drawn, (axis,) = figure(width=8.4, height=5.2)
    delta = dataset["delta"].values
    start = float(dataset["additive_value"][0])
    axis.plot(
        dataset["delta_curve"],
        dataset["additive_value_curve"] / start,
        color=VERMILION,
        lw=2.4,
        label="D1: never above (1+δ)/(1−δ)",
    )
    for name in dataset["error"].values:
        one = dataset.sel(error=name)
        axis.plot(
            delta,
            one["best_value"] / start,
            color=COLOURS[name],
            marker=MARKERS[name],
            lw=1.2,
            label=f"measured, error “{name}”",
        )
    axis.plot(
        delta,
        dataset["signed_value"].mean("error") / start,
        color=BLACK,
        ls=":",
        lw=2,
        label="D1 with signed ε, η (inflate, shrink): no loss",
    )
    axis.set(yscale="log", xlabel="size δ of the oracle's error", ylabel="average gradient / √(2LΔ/K)")
    axis.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    axis.minorticks_off()
    axis.legend(loc="upper left")
    worst, bound = float(dataset["best_value"][:, -1].max()), float(dataset["additive_value"][-1])
    headline(
        drawn,
        f"At its best step the worst of these errors costs {worst / start:.3g}×, the bound allows {bound / start:.3g}×",
        f"At δ = {delta[-1]:g}; same runs as the best-step figure. "
        "Dotted: what D1 says of one-sided errors, once the step is tuned for them.",
    )
    return drawn

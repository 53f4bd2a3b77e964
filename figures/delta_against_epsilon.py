"""δ and ε of three schedules as the smallest singular value falls, and what D1 charges for either."""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure

from figures.style import BLACK, BLUE, GREEN, VERMILION, figure, headline, styled

COLOURS = (VERMILION, BLUE, GREEN)


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables delta, epsilon, eta (schedule, exponent), s_min (exponent), measured (schedule, some, error)."""
    drawn, (errors, factors) = figure(1, 2, width=11.0, height=5.4)
    low = dataset["s_min"].values
    some = dataset["s_min"].sel(exponent=dataset["some"].values, method="nearest").values
    for name, colour in zip(dataset["schedule"].values, COLOURS, strict=False):
        one = dataset.sel(schedule=name)
        errors.plot(low, one["delta"], color=colour, lw=2.2, label=str(name))
        errors.plot(low, one["epsilon"], color=colour, lw=1.4, ls="--")
        for error in ("delta", "epsilon"):
            errors.plot(some, one["measured"].sel(error=error), "o", color=colour, ms=4.5)
        by_delta, by_pair = (1 + one["delta"]) / (1 - one["delta"]), (1 + one["eta"]) / (1 - one["epsilon"])
        factors.plot(low, by_delta, color=colour, lw=2.2)
        factors.plot(low, by_pair, color=colour, lw=1.4, ls="--")
    errors.plot([], [], color=BLACK, lw=2.2, label="δ: distance to the exact answer")
    errors.plot([], [], color=BLACK, lw=1.4, ls="--", label="ε: alignment lost")
    errors.plot([], [], "o", color=BLACK, ms=4.5, label="measured by an SVD")
    factors.plot([], [], color=BLACK, lw=2.2, label="from δ alone: (1+δ)/(1−δ)")
    factors.plot([], [], color=BLACK, lw=1.4, ls="--", label="from ε and η: (1+η)/(1−ε)")
    errors.set(title="the two errors of one answer", ylabel="error", ylim=(-0.15, 1.05))
    factors.set(title="what they make D1 charge", ylabel="factor on D1's value", yscale="log")
    factors.legend(loc="upper right")
    for axis in (errors, factors):
        axis.set(xscale="log", xlabel="smallest singular value over ‖m‖_F")
    drawn.legend(*errors.get_legend_handles_labels(), loc="lower center", ncols=6, columnspacing=1.4)
    last = dataset.isel(exponent=-1)
    headline(
        drawn,
        f"Where σ_min falls, δ goes to 1 and says nothing, while ε stays below {float(dataset['epsilon'].max()):.2f}",
        f"σ_i = i^−a, {dataset.attrs['values']} of them, a from 0 to {float(last['exponent']):g}; "
        f"{dataset.attrs['steps']} steps. A tiny singular value is missed, and carries no weight in ⟨m, d̂⟩.",
        foot=0.35,
    )
    return drawn

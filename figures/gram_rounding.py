"""Rounding errors of Newton–Schulz in half precision: direct, and on the Gram matrix with and without a restart."""

from __future__ import annotations

import math

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import BLACK, BLUE, GREEN, GREY, VERMILION, decades, figure, headline, styled

COLOURS = (BLUE, GREEN, VERMILION)
MARKERS = ("o", "s", "D")
STYLES = ("-", "--")
BROKEN = 1.0  # an error as large as the answer


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables error (spectrum, schedule, precision, form, steps), growth (schedule, steps), roundoff (precision)."""
    rows, columns = dataset.sizes["spectrum"], dataset.sizes["schedule"]
    drawn, axes = figure(rows, columns, width=10.5, height=3.1 * rows + 1.6)
    for i, spectrum in enumerate(dataset["spectrum"].values):
        for j, schedule in enumerate(dataset["schedule"].values):
            axis = axes[i * columns + j]
            _panel(axis, dataset.sel(spectrum=spectrum, schedule=schedule))
            axis.set(title=f"{schedule}, {spectrum}", xlabel="steps")
            if j == 0:
                axis.set_ylabel("‖d̂ − d̂₆₄‖ / ‖d̂₆₄‖, Frobenius")
    for axis in axes:
        decades(axis, float(dataset["error"].min()), float(dataset["error"].max()))
    drawn.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncols=3)
    worst = dataset["error"].sel(form="Gram, no restart").isel(steps=-1)
    kept = dataset["error"].drop_sel(form="Gram, no restart").isel(steps=-1)
    headline(
        drawn,
        _headline(float(worst.max()), float(kept.max())),
        f"{dataset.attrs['shape']}; d̂₆₄: the same steps in float64. Dotted: unit roundoff × S², S the slope at 0 of "
        "the steps before the last: what the recursion makes of one rounding.",
        foot=0.55,
    )
    return drawn


def _panel(axis: Axes, one: xr.Dataset) -> None:
    steps = one["steps"].values
    for precision, style in zip(one["precision"].values, STYLES, strict=False):
        for form, colour, marker in zip(one["form"].values, COLOURS, MARKERS, strict=False):
            values = one["error"].sel(precision=precision, form=form)
            label = f"{precision}, {form}"
            axis.plot(steps, values, color=colour, marker=marker, ms=5, ls=style, lw=1.4, label=label)
        unit = float(one["roundoff"].sel(precision=precision))
        axis.plot(steps, unit * one["growth"], color=GREY, ls=":", lw=1.3)
    axis.axhline(BROKEN, color=BLACK, lw=0.8)
    axis.set_xticks(steps)


def _headline(worst: float, kept: float) -> str:
    if worst < BROKEN:
        return f"Without a restart the Gram form keeps its error below {worst:.2g} here"
    power = math.floor(math.log10(worst))
    times = f"{worst / 10**power:.1g}·$\\bf{{10^{power}}}$"
    return (
        f"Without a restart the Gram form is off by {times} times the answer's size, the others by at most {kept:.2g}"
    )

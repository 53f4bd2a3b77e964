"""The error δ of every published schedule: steps × interval."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from figures.style import BLACK, GREY, figure, headline, styled

LEAST, SHIPPED = "minimax", "jordan"  # rows: designed for each interval; what ships with torch
COLOURS = "YlOrRd"
SCALE = LogNorm(1e-3, 1.0)


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables delta (schedule, steps, s_min), NaN where a table ends; tabulated, degree (schedule), as published."""
    panels = dataset.sizes["s_min"]
    height = 0.3 * dataset.sizes["schedule"] + 1.9
    drawn, axes = figure(1, panels, width=13.0, height=height)
    for i, axis in enumerate(axes):
        _panel(axis, dataset.isel(s_min=i), named=i == 0)
    marks = [
        Rectangle((0, 0), 1, 1, fill=False, ec=BLACK, lw=1.6, label="as many steps as are published"),
        Patch(fc="none", ec="none", label="bold: the smallest of the published ones; 0: below 0.0005"),
        Patch(fc="white", ec=GREY, hatch="///", label="the table ends before"),
    ]
    drawn.legend(handles=marks, loc="lower center", ncols=3)
    headline(
        drawn,
        _headline(dataset),
        "δ = max |p(s) − 1| on [s_min, 1] of the singular values over ‖m‖_F, certified. Above 1 the answer may ascend. "
        f"{LEAST}: quintics designed for that very interval; no others are below.",
        foot=0.35,
    )
    return drawn


def _panel(axis: Axes, one: xr.Dataset, named: bool) -> None:
    names, steps = [str(n) for n in one["schedule"].values], one["steps"].values
    delta = one["delta"].transpose("schedule", "steps").values
    axis.set_facecolor("white")
    axis.pcolormesh(np.clip(delta, SCALE.vmin, SCALE.vmax), cmap=COLOURS, norm=SCALE, ec="white", lw=1)
    published = [i for i, name in enumerate(names) if name != LEAST]
    best = np.nanmin(delta[published], axis=0)
    for (i, j), value in np.ndenumerate(delta):
        if np.isnan(value):
            axis.add_patch(Rectangle((j, i), 1, 1, fc="white", ec="#dddddd", hatch="////", lw=0))
            continue
        shade = colormaps[COLOURS](SCALE(np.clip(value, SCALE.vmin, SCALE.vmax)))
        dark = np.dot(shade[:3], (0.3, 0.6, 0.1)) < 0.5
        bold = "bold" if value == best[j] and i in published else "normal"
        colour = "white" if dark else BLACK
        axis.text(j + 0.5, i + 0.5, _number(value), ha="center", va="center", fontsize=7.5, color=colour, weight=bold)
    for i, count in enumerate(one["tabulated"].values):
        for j in np.flatnonzero(steps == count):
            axis.add_patch(Rectangle((float(j), i), 1, 1, fill=False, ec=BLACK, lw=1.6, zorder=3))
    axis.set_xticks(np.arange(len(steps)) + 0.5, [str(k) for k in steps])
    odd = {int(degree): f"  (degree {degree})" for degree in one["degree"].values if degree != 5}
    labels = [name + odd.get(int(degree), "") for name, degree in zip(names, one["degree"].values, strict=True)]
    axis.set_yticks(np.arange(len(names)) + 0.5, labels if named else [""] * len(names))
    axis.tick_params(length=0)
    axis.grid(False)
    axis.set(title=f"singular values from {float(one['s_min']):g}", xlabel="steps", ylim=(len(names), 0))


def _number(value: float) -> str:
    """Two digits below 0.1, as many as fit above; what is below 0.0005 is 0 to the eye."""
    if value < 5e-4:
        return "0"
    return f"{value:.3f}"[1:] if value < 0.9995 else f"{value:.2f}"


def _headline(dataset: xr.Dataset) -> str:
    """Which schedule has the smallest δ at five steps, and whether it is the one that ships."""
    five = dataset["delta"].sel(steps=5).drop_sel(schedule=LEAST)
    lows = five["s_min"].values
    best = [str(five["schedule"].values[np.nanargmin(five.sel(s_min=low).values)]) for low in lows]
    if SHIPPED in best:
        return f"With five steps, {SHIPPED}, which ships, has the smallest δ on one of these intervals"
    where = f"{', '.join(best)} (from {', '.join(f'{low:g}' for low in lows)})"
    return f"At five steps the smallest δ is that of {where}, nowhere that of {SHIPPED}, which ships"

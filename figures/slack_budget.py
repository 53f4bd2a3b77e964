"""Which inequality of each proof gives away how much."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.figure import Figure

from figures.style import MEASURED, figure, headline, styled


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables share (theorem, inequality), as fractions of the bound, measured and power (theorem): of what the
    proof adds up."""
    names = [str(t) for t in dataset["theorem"].values]
    drawn, (axis,) = figure(width=10.5, height=0.62 * len(names) + 2.6)
    rows = np.arange(len(names))[::-1]
    measured = dataset["measured"].values
    left, below = np.maximum(measured, 0), np.minimum(measured, 0)  # below 0: lower than the best point of the ball
    axis.barh(rows, left - below, left=below, color=MEASURED, height=0.66, label="measured")
    many = [colour for name in ("tab20", "tab20b") for colour in colormaps[name].colors]  # type: ignore[attr-defined]
    colours = iter(many[2:])  # the first pair is the blue of what was measured
    for name in dataset["inequality"].values:
        share = np.nan_to_num(dataset["share"].sel(inequality=name).values)
        if np.abs(share).max() < 0.005:
            continue
        start = np.where(share >= 0, left, below + share)
        bars = axis.barh(rows, np.abs(share), left=start, color=next(colours), height=0.66, label=str(name))
        for bar, value in zip(bars, share, strict=True):
            if value > 0.06:
                middle = bar.get_x() + bar.get_width() / 2
                axis.text(
                    middle,
                    bar.get_y() + bar.get_height() / 2,
                    f"{100 * value:.0f}",
                    ha="center",
                    va="center",
                    fontsize=8.5,
                )
        left += np.maximum(share, 0)
        below += np.minimum(share, 0)
    axis.axvline(1, color="black", lw=1.4)
    axis.set_ylim(-0.6, len(names) - 0.1)
    axis.text(1.005, len(names) - 0.45, "bound", fontsize=9.5, va="bottom")
    squared = [" (squares)" if power == 2 else "" for power in dataset["power"].values]
    axis.set_yticks(rows, [f"{a}  {b}{c}" for a, b, c in zip(dataset["label"].values, names, squared, strict=True)])
    axis.set(
        xlabel="fraction of the bound (numbers: per cent)",
        xlim=(min(0.0, below.min() * 1.1), max(1.08, left.max() * 1.02)),
    )
    axis.grid(axis="y", visible=False)
    drawn.legend(ncols=5, loc="outside lower center")
    headline(
        drawn,
        "Where each proof is loose",
        "Bound = measured value + the slack of every inequality of the proof, exactly. "
        "Left of 0: a negative weight or value. Squares: of norms.",
    )
    return drawn

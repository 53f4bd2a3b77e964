"""Which inequality of each proof gives away how much."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.figure import Figure

from figures.style import MEASURED, figure, headline, styled


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables share (theorem, inequality), as fractions of the bound, and measured (theorem)."""
    names = [str(t) for t in dataset["theorem"].values]
    drawn, (axis,) = figure(width=10.5, height=0.62 * len(names) + 2.6)
    rows = np.arange(len(names))[::-1]
    measured = dataset["measured"].values
    axis.barh(rows, measured, color=MEASURED, height=0.66, label="measured")
    left, below = measured.copy(), np.zeros_like(measured)
    colours = colormaps["tab20"].colors  # type: ignore[attr-defined]
    for i, name in enumerate(dataset["inequality"].values):
        share = np.nan_to_num(dataset["share"].sel(inequality=name).values)
        if np.abs(share).max() < 0.005:
            continue
        start = np.where(share >= 0, left, below + share)
        bars = axis.barh(rows, np.abs(share), left=start, color=colours[(i + 2) % 20], height=0.66, label=str(name))
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
    axis.text(1.005, len(names) - 0.45, "bound", fontsize=9.5, va="bottom")
    axis.set_yticks(rows, [f"{label}  {name}" for label, name in zip(dataset["label"].values, names, strict=True)])
    axis.set(
        xlabel="fraction of the bound (numbers: per cent)",
        xlim=(min(0.0, below.min() * 1.1), max(1.08, left.max() * 1.02)),
    )
    axis.grid(axis="y", visible=False)
    axis.legend(ncols=5, loc="upper center", bbox_to_anchor=(0.45, -0.16 - 0.3 / len(names)))
    headline(
        drawn,
        "Where each proof is loose",
        "Bound = measured value + the slack of every inequality that the proof uses, exactly. "
        "Left of 0: an inequality used with negative weight.",
    )
    return drawn

"""A unit ball in the plane, the oracle's answer to a gradient, and the answers of error at most δ."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import BLUE, GREY, ORANGE, VERMILION, figure, headline, styled


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables boundary, tolerance (ball, point, xy), answer (ball, xy), gradient (xy); attribute delta."""
    names = [str(b) for b in dataset["ball"].values]
    drawn, axes = figure(1, len(names), width=3.3 * len(names), height=4.3)
    gradient = dataset["gradient"].values
    for axis, name in zip(axes, names, strict=True):
        one = dataset.sel(ball=name)
        edge = np.vstack([one["boundary"].values, one["boundary"].values[:1]])
        axis.fill(*edge.T, color=BLUE, alpha=0.12, lw=0)
        axis.plot(*edge.T, color=BLUE, lw=1.8)
        near = np.vstack([one["tolerance"].values, one["tolerance"].values[:1]])
        axis.fill(*near.T, color=ORANGE, alpha=0.35, lw=0, label=f"answers of error ≤ {dataset.attrs['delta']:g}")
        _arrow(axis, gradient * 0.9, GREY, 1.6)
        x, y = gradient * 0.98
        axis.text(x, y, "gradient", color=GREY, fontsize=9, ha="center", va="bottom")
        _arrow(axis, one["answer"].values, VERMILION, 2.2)
        axis.set(title=name, aspect="equal", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    axes[0].plot([], [], color=VERMILION, lw=2.2, label="the oracle's answer")
    drawn.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncols=2)
    headline(
        drawn,
        "The same gradient, a different step in every geometry",
        "A linear minimisation oracle goes to the point of the unit ball that is furthest against the gradient.",
        foot=0.3,
    )
    return drawn


def _arrow(axis: Axes, tip: np.ndarray, colour: str, width: float) -> None:
    x, y = tip
    axis.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": width})

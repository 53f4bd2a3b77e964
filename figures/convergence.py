"""Convergence against the bound, one panel per theorem."""

from __future__ import annotations

import math

import xarray as xr
from matplotlib.figure import Figure

from figures.style import MEASURED, PREDICTED, figure, headline, styled


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables (theorem, step): measured, low, high, bound; theorem coordinates label, title."""
    count = dataset.sizes["theorem"]
    columns = min(3, count)
    drawn, axes = figure(math.ceil(count / columns), columns, width=10.5, height=3.1 * math.ceil(count / columns) + 0.9)
    steps = dataset["step"].values
    for axis, name in zip(axes, dataset["theorem"].values, strict=False):
        one = dataset.sel(theorem=name)
        axis.plot(steps, one["bound"], color=PREDICTED, lw=2, label="proved: never above this")
        mean = "measured (mean over seeds)"
        axis.plot(steps, one["measured"], color=MEASURED, lw=2, marker=".", ms=4, label=mean)
        axis.fill_between(steps, one["low"], one["high"], color=MEASURED, alpha=0.2, lw=0, label="all seeds")
        axis.set_yscale("log", nonpositive="mask")  # a gap to the best point of a ball may be negative
        axis.set(xscale="log", title=f"{one['label'].item()}  {one['title'].item()}", xlabel="steps K")
        last, top = float(one["measured"][-1]), float(one["bound"].max())
        bottom = max(float(one["low"].where(one["low"] > 0).min()), 1e-12 * top) * 0.5
        axis.set_ylim(bottom, top * 1.5)
        lowest = bottom * (1.5 * top / bottom) ** 0.13  # where the words below still stand above the axis
        axis.annotate(
            f"{100 * last / float(one['bound'][-1]):.0f} % of the bound".replace("-", "−"),
            (steps[-1], max(last, lowest)),
            xytext=(-4, -14), textcoords="offset points", ha="right", fontsize=9, color=MEASURED,
        )  # fmt: skip
    for axis in axes[count:]:
        axis.set_visible(False)
    for axis in axes[::columns]:
        axis.set_ylabel("what the statement bounds")
    kept = bool((dataset["measured"] <= dataset["bound"] * (1 + 1e-9)).all())
    drawn.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncols=3)
    headline(
        drawn,
        "Every average over seeds stays below its proved bound"
        if kept
        else "An average is above its bound: the statement is refuted",
        "A wrong oracle (error δ) drives each method; "
        "the bound is evaluated for the same step size at every horizon K.",
        foot=0.35,
    )
    return drawn

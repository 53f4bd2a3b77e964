"""Exponents of the tuned parameters in 1+δ: what closed forms say, what the exact optimum does, and from which K on."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from figures.style import BLUE, GREEN, GREY, PURPLE, figure, headline, styled

LOOK = {"step_size": ("step size γ*", BLUE, "s"), "alpha": ("α*", PURPLE, "o"), "value": ("value", GREEN, "D")}
LINES = ("-", "--", ":", "-.")


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables closed, exact (theorem, quantity), along (noise, quantity, steps), limit (quantity).

    Attributes: delta, the end of the averages; steps and noise, those of the left panel.
    """
    count = dataset.sizes["theorem"]
    drawn, (left, right) = figure(1, 2, width=11.5, height=0.36 * count + 2.4)
    rows = np.arange(count)[::-1]
    for i, (quantity, (words, colour, marker)) in enumerate(LOOK.items()):
        one = dataset.sel(quantity=quantity)
        at = rows + 0.22 * (1 - i)
        left.hlines(at, one["closed"], one["exact"], color=colour, lw=1.6, alpha=0.6)
        left.plot(one["closed"], at, marker, color=colour, mfc="white", ms=6, ls="none", label=f"{words}, closed form")
        left.plot(one["exact"], at, marker, color=colour, ms=6, ls="none", label=f"{words}, exact")
        for noise, line in zip(dataset["noise"].values, LINES, strict=False):
            label = f"{words}, noise {noise:g}"
            right.plot(dataset["steps"], one["along"].sel(noise=noise), color=colour, ls=line, lw=1.8, label=label)
        right.axhline(float(one["limit"]), color=colour, lw=0.9, alpha=0.7)
    labels = [f"{a}  {b}" for a, b in zip(dataset["label"].values, dataset["theorem"].values, strict=True)]
    left.set_yticks(rows, labels)
    left.axvline(0, color=GREY, lw=0.8)
    left.grid(axis="y", visible=False)
    left.set(
        xlabel="exponent of 1+δ",
        title=f"all, K = {dataset.attrs['steps']:g}, noise {dataset.attrs['noise']:g}",
        ylim=(-0.6, count - 0.4),
    )
    right.set(xscale="log", xlabel="steps K", ylabel="exponent of 1+δ, exact optimum", title="S1 as K grows")
    handles, names = left.get_legend_handles_labels()
    more, others = right.get_legend_handles_labels()
    drawn.legend(handles + more, names + others, loc="lower center", ncols=6, fontsize=8.5)
    alpha = dataset.sel(quantity="alpha", theorem="ema")
    headline(
        drawn,
        f"At K = {dataset.attrs['steps']:g} the tuned α grows like (1+δ)^{float(alpha['exact']):.2f} "
        f"under momentum, not like (1+δ)^{float(alpha['closed']):g}",
        f"Additive errors, averages over δ from 0 to {dataset.attrs['delta']:g}, powers of 1−δ divided out. "
        "Thin lines: the exponents of S1's leading terms, its limits for K → ∞.",
        foot=0.6,
    )
    return drawn

"""Kim & Oh's factor χ_q against the smallest singular value, and the alignment that can be lost at all."""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure

from figures.style import BLUE, GREEN, GREY, ORANGE, PURPLE, figure, headline, styled

COLOURS = (PURPLE, BLUE, GREEN, ORANGE)
AT = 1e-3  # σ_min/‖m‖_F of the headline


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables chi, chi_bound (steps, s_min), lost_bound (steps)."""
    drawn, (axis,) = figure(width=8.4, height=5.6)
    low = dataset["s_min"].values
    for q, colour in zip(dataset["steps"].values, COLOURS, strict=False):
        one = dataset.sel(steps=q)
        axis.plot(low, one["chi"], color=colour, lw=1.8, label=f"{q} steps")
        axis.plot(low, one["chi_bound"], color=colour, lw=1.2, ls=":")
        axis.hlines(float(one["lost_bound"]), low[0], low[-1], color=colour, ls="--", lw=1.4)
    axis.plot([], [], color=GREY, lw=1.8, label="χ_q = 1/(1 − δ)")
    axis.plot([], [], color=GREY, ls=":", lw=1.2, label="their bound on it")
    axis.plot([], [], color=GREY, ls="--", lw=1.4, label="1/(1 − ε): no spectrum is above")
    axis.set(xscale="log", yscale="log", ylim=(0.9, 1e4))
    axis.set(xlabel="smallest singular value over ‖m‖_F", ylabel="factor on the convergence bound")
    axis.legend(loc="upper right", ncols=2)
    five = dataset.sel(steps=5)
    headline(
        drawn,
        f"At σ_min = 10⁻³‖m‖_F five steps have χ = {float(five['chi'].interp(s_min=AT)):.0f}, "
        f"but lose at most a factor {float(five['lost_bound']):.2f}",
        f"Newton–Schulz of order {dataset.attrs['order']} on {dataset.attrs['rank']} singular values. χ grows without "
        "bound as σ_min falls; the alignment does not.",
    )
    return drawn

"""How much of r = (1+δ)/(1−δ), and of the shrinking step, is attained: runs from below, theorems from above."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import BLACK, BLUE, GREEN, ORANGE, VERMILION, figure, headline, styled


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables attained (norm, construction, delta, factor), d1, d1_a (delta, factor).

    Of no run: candidate (delta, search_factor). Curves as parts of r: d1_a_curve, hilbert_curve (delta_curve).
    """
    drawn, (plane, hilbert, steps) = figure(1, 3, width=12.6, height=4.8)
    _share(plane, dataset, "linf", named=True)
    plane.plot([0, 0.95], [0.5**0.5] * 2, color=BLUE, ls=":", lw=1.6, label="staircase for K → ∞: 0.707")
    searched = dataset["candidate"].min("search_factor") / _r(dataset)
    label = f"best pattern found, K = {dataset.attrs['search_steps']}: no run"
    plane.plot(dataset["delta"], searched, "x", color=BLACK, ms=7, label=label)
    plane.set_title("ℓ∞, and spectral on the diagonal")
    plane.set_ylabel("average gradient / (r·√(2LΔ/K)), best step")
    plane.legend(loc="lower left")
    _share(hilbert, dataset, "l2", named=False)
    label = "D1-H: the minimum over k is below"
    hilbert.plot(dataset["delta_curve"], dataset["hilbert_curve"], color=GREEN, ls="--", lw=1.6, label=label)
    hilbert.set_title("ℓ2: one coordinate only")
    hilbert.legend(loc="lower left")
    _along_steps(steps, dataset)
    least = float((_envelope(dataset, "linf").min("factor") / _r(dataset)).min())
    headline(
        drawn,
        f"ℓ∞: an adversary gets at least {least:.2f} of r = (1+δ)/(1−δ), and never all of it; ℓ2: most is open",
        f"Explicit functions with their adversaries, run for K = {dataset.attrs['steps']} steps. Above the orange "
        "lines nothing is possible (δ > 0): a pattern there is not real; at large δ its few steps are too few.",
    )
    return drawn


def _r(dataset: xr.Dataset) -> xr.DataArray:
    return (1 + dataset["delta"]) / (1 - dataset["delta"])


def _envelope(dataset: xr.Dataset, norm: str) -> xr.DataArray:
    return dataset["attained"].sel(norm=norm).max("construction")


def _share(axis: Axes, dataset: xr.Dataset, norm: str, named: bool) -> None:
    curve, above = dataset["delta_curve"], dataset["d1_a_curve"]
    axis.plot(curve, np.ones(len(curve)), color=VERMILION, lw=2.2, label="D1" if named else None)
    says = "D1-A: no run is above" if named else None
    axis.plot(curve, above, color=ORANGE, lw=2.2, label=says)
    runs = _envelope(dataset, norm).min("factor") / _r(dataset)
    axis.fill_between(dataset["delta"], runs, np.interp(dataset["delta"], curve, above), color=BLACK, alpha=0.07, lw=0)
    says = "runs: the best step against all" if named else None
    axis.plot(dataset["delta"], runs, "o-", color=BLUE, lw=1.2, ms=6, label=says)
    height = float(np.interp(0.62, dataset["delta"], runs)) + 0.07
    axis.text(0.62, height, "open", fontsize=10, color="#666666", style="italic")
    axis.set_xticks([0, 0.2, 0.4, 0.6, 0.8])
    axis.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axis.set(xlabel="size δ of the oracle's error", ylim=(0, 1.06), xlim=(-0.02, 0.97))


def _along_steps(axis: Axes, dataset: xr.Dataset) -> None:
    delta = dataset.attrs["search_delta"]
    one = dataset.sel(delta=delta)
    runs = one["attained"].sel(norm="linf").max("construction")
    for values, colour, label in (
        (one["d1"], VERMILION, None),
        (one["d1_a"], ORANGE, None),
        (runs, BLUE, "runs: worst construction"),
    ):
        axis.plot(dataset["factor"], values, color=colour, lw=2, label=label)
        at = int(np.argmin(values.values))
        axis.plot(dataset["factor"][at], values[at], "v", color=colour, ms=9)
    label = f"the same patterns, K = {dataset.attrs['search_steps']}"
    axis.plot(dataset["search_factor"], one["candidate"], "x", color=BLACK, ms=7, label=label)
    axis.set(xscale="log", ylim=(0, float(one["d1"].max()) * 1.05))
    axis.set(xlabel="step γ / √(2Δ/(LK))", ylabel="average gradient / √(2LΔ/K)")
    axis.set_xticks([0.5, 1, 2], ["0.5", "1", "2"])
    axis.set_yticks(range(int(float(one["d1"].max())) + 1))
    axis.minorticks_off()
    axis.set_title(f"Every step at δ = {delta:g}; ▾ the best one")
    axis.legend(loc="lower left")

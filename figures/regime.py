"""Where α* couples with the oracle's error: S1 over noise and horizon, and what was measured, in the same colours."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, figure, headline, styled

COLOURS = "PuOr"
EDGE = 0.5  # of the colours: exponents of ±1/2 and beyond
# error → words, colour, marker, and where the words stand beside the mark in the plane, in points
LOOK = {
    "two lengths": ("exact while sliding,\ntoo long while hovering", BLUE, "o", (12, -4)),
    "short and long": ("too short while sliding,\ntoo long while hovering", SKY, "^", (-14, 22)),
    "worst": ("worst", VERMILION, "X", (10, 6)),
    "worst while hovering": ("exact while sliding,\nworst while hovering", ORANGE, "D", (-4, 20)),
    "too long": ("all too long", GREEN, "v", (10, -10)),
    "too short": ("all too short", GREY, "^", (10, -3)),
}


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables bound (noise, steps, quantity), built (cell, end, quantity), usual, exponent (…, delta, end, quantity).

    Also bound_curve (delta, quantity). Coordinates of the cells: cell_noise, cell_steps, usual_noise, usual_steps.
    """
    drawn, (where, plane, curve) = figure(1, 3, width=14.2, height=5.0)
    _map(drawn, where, dataset)
    _plane(plane, dataset)
    _curves(curve, dataset)
    alpha, low, _ = _last(dataset, "two lengths")[:, 0]
    worst = float(_last(dataset, "worst")[0, 0])
    says = "is real" if low > 0 else "is not resolved by so few seeds"
    headline(
        drawn,
        f"The coupling {says} on a problem built for it: α* ∝ (1+δ)^{alpha:.2f}; the worst error there gives "
        f"{worst:.2f}".replace("-", "−"),
        "S1's limits for K → ∞ are 1/2 for α* and −1/4 for γ*. Best α and γ on fine grids, δ from 0 to "
        f"{dataset.attrs['delta']:g}; bars: 95 % over {dataset.attrs['seeds']} seeds.",
    )
    return drawn


def _last(dataset: xr.Dataset, name: str) -> np.ndarray:
    """(end, quantity) of an error at the last δ."""
    return np.asarray(dataset["exponent"].sel(error=name).isel(delta=-1).values)


def _map(drawn: Figure, axis: Axes, dataset: xr.Dataset) -> None:
    steps, noise = dataset["steps"].values, dataset["noise"].values
    shown = dataset["bound"].sel(quantity="alpha").values
    mesh = axis.pcolormesh(steps, noise, shown, cmap=COLOURS, vmin=-EDGE, vmax=EDGE, shading="gouraud", rasterized=True)
    for level, width in ((0.25, 1.0), (0.45, 1.8)):
        axis.contour(steps, noise, shown, levels=[level], colors=BLACK, linewidths=width)
        axis.plot([], [], color=BLACK, lw=width, label=f"S1 at {level:g}")
    for kind, marker, label in (("built", "o", "built problem"), ("usual", "s", "usual problem")):
        values = dataset[kind] if kind == "built" else dataset[kind].isel(delta=-1)
        x, y = (dataset[f"{'cell' if kind == 'built' else 'usual_cell'}".replace("usual_cell", "usual") + f"_{of}"]
                for of in ("steps", "noise"))  # fmt: skip
        colour = values.isel(end=0).sel(quantity="alpha").values
        axis.scatter(x, y, c=colour, cmap=COLOURS, vmin=-EDGE, vmax=EDGE, marker=marker, s=62, edgecolors=BLACK,
                     linewidths=0.9, zorder=3)  # fmt: skip
        axis.plot([], [], marker, color="white", mec=BLACK, ms=8, label=label)
    axis.set(xscale="log", yscale="log", xlabel="steps K", ylabel="noise n = ρσ/√(LΔ)")
    axis.grid(visible=False)
    axis.set_title("Exponent of α*: S1 (ground), runs (marks)")
    axis.legend(loc="lower right", frameon=True, framealpha=0.85, edgecolor="none")
    beside = axis.inset_axes((1.02, 0.0, 0.035, 1.0))
    bar = drawn.colorbar(mesh, cax=beside, extend="both", ticks=[-0.5, -0.25, 0, 0.25, 0.5])
    bar.outline.set_visible(False)


def _plane(axis: Axes, dataset: xr.Dataset) -> None:
    delta = dataset.attrs["delta"]
    most = np.log((1 + delta) / (1 - delta)) / np.log1p(delta) / 2
    law = np.array([0, most])
    axis.plot(law, 1.5 * law - 1, color=GREY, lw=1.4, zorder=1, label="law of two lengths")
    for name, (words, colour, marker, beside) in LOOK.items():
        _cross(axis, _last(dataset, name), words, colour, marker, beside)
    usual = dataset["usual"].isel(delta=-1, usual_cell=0).values
    _cross(axis, usual, "usual problem,\nmixed errors", PURPLE, "s", (-22, -34))
    axis.plot(0.5, -0.25, "*", color=BLACK, ms=16, mfc="none", mew=1.4, ls="none", label="S1, K → ∞")
    axis.axhline(0, color=GREY, lw=0.7)
    axis.axvline(0, color=GREY, lw=0.7)
    axis.set(xlabel="exponent of α* in 1+δ", ylabel="exponent of γ* in 1+δ", ylim=(-1.4, 2.3), xlim=(-2, 2.1))
    axis.set_title("Errors on the built problem")
    axis.legend(loc="upper left")


def _cross(axis: Axes, values: np.ndarray, words: str, colour: str, marker: str, beside: tuple[float, float]) -> None:
    """A mark with its two intervals and its name, from (end, quantity)."""
    (x, y), low, high = values[0, :2], values[1, :2], values[2, :2]
    axis.errorbar(x, y, xerr=[[x - low[0]], [high[0] - x]], yerr=[[y - low[1]], [high[1] - y]], color=colour,
                  marker=marker, ms=7.5, ls="none", lw=1.3)  # fmt: skip
    axis.annotate(words, (x, y), beside, textcoords="offset points", color=colour, fontsize=8.5, va="center")


def _curves(axis: Axes, dataset: xr.Dataset) -> None:
    delta = dataset["delta"].values
    fine = np.linspace(0, delta[-1], 60)
    from_zero = np.concatenate([[0.0], delta])
    axis.plot(fine, (1 + fine) ** 0.5, color=BLACK, lw=1, ls=":", label="S1, its limit")
    exact = dataset["bound_curve"].sel(quantity="alpha").values
    axis.plot(from_zero, (1 + from_zero) ** np.concatenate([[0.0], exact]), color=BLACK, lw=1.4, label="S1, this K")
    rows = {name: dataset["exponent"].sel(error=name, quantity="alpha").values for name in ("two lengths", "worst")}
    rows["usual"] = dataset["usual"].isel(usual_cell=0).sel(quantity="alpha").values
    look = {
        "two lengths": ("built: exact, too long", BLUE, "o"),
        "worst": ("built: worst", VERMILION, "X"),
        "usual": ("usual problem, mixed", PURPLE, "s"),
    }
    for name, powers in rows.items():
        words, colour, marker = look[name]
        ratio = (1 + delta[:, None]) ** powers  # (delta, end)
        axis.plot([0, delta[0]], [1, ratio[0, 0]], color=colour, lw=1.6)
        axis.errorbar(delta, ratio[:, 0], yerr=[ratio[:, 0] - ratio[:, 1], ratio[:, 2] - ratio[:, 0]], color=colour,
                      marker=marker, ms=7, lw=1.6, elinewidth=1.1, label=words)  # fmt: skip
    axis.set(xlabel="size δ of the oracle's error", ylabel="α*(δ) / α*(0)", yscale="log")
    ticks = [0.5, 0.7, 1.0, 1.4]
    axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.set_title(f"n = {dataset.attrs['noise']:g}, K = {dataset.attrs['steps']}")
    axis.legend(loc="lower left")

"""AOL scaling: the bias of its answer, the alignment that this loses, and what the scaling gains."""

from __future__ import annotations

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import BLACK, BLUE, ORANGE, decades, figure, headline, styled

COLOURS = {"scaled rows": BLUE, "dense power law": ORANGE}
SAYS = {"scaled rows": "Gaussian rows, row i × i^−a", "dense power law": "σ_i = i^−a, random vectors"}
NUMBERS = (("relative", "-", "Frobenius, relative"), ("delta", ":", "spectral, δ"))
NOTHING = 1e-12  # orthonormal rows have no bias but rounding, and are not drawn on a logarithmic axis


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables by (family, exponent): bias (…, number), median (…, scale), shipped (…, oracle)."""
    drawn, (bias, lost, gain) = figure(1, 3, width=13.0, height=5.2)
    exponent = dataset["exponent"].values
    for family in dataset["family"].values:
        colour, says, one = COLOURS[str(family)], SAYS[str(family)], dataset.sel(family=family)
        for number, style, words in NUMBERS:
            label = f"{says}: {words}"
            bias.plot(exponent, one["bias"].sel(number=number), color=colour, ls=style, lw=1.8, label=label)
        own = one["bias"].sel(number="epsilon")
        lost.plot(exponent, own.where(own > NOTHING), color=colour, lw=1.8)
        for oracle, style in zip(dataset["oracle"].values, ("--", ":"), strict=True):
            lost.plot(exponent, one["shipped"].sel(oracle=oracle), color=colour, ls=style, lw=1.4)
        for scale, style in zip(dataset["scale"].values, ("-", ":"), strict=True):
            gain.plot(exponent, one["median"].sel(scale=scale), color=colour, ls=style, lw=1.8)
    _legend(lost, ["bias alone, exact but for s", *map(str, dataset["oracle"].values)], ("-", "--", ":"))
    _legend(gain, [f"{name} scale" for name in dataset["scale"].values], ("-", ":"))
    bias.set(title="distance of the polar factors", ylabel="change of the polar factor", ylim=(0, 1.1))
    bias.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    lost.set(title="alignment lost, in the ball", ylabel="ε of the answer, scaled into the ball")
    gain.set(title="what the scaling gains", ylabel="median singular value after scaling")
    biased = dataset["bias"].sel(number="epsilon")
    decades(lost, float(biased.where(biased > NOTHING).min()), float(dataset["shipped"].max()))
    decades(gain, float(dataset["median"].min()), float(dataset["median"].max()))
    bias.legend(loc="upper left", fontsize=8.5)
    for axis in (bias, lost, gain):
        axis.set_xlabel("exponent a of the decay")
        axis.set_xticks([0, 0.5, 1, 1.5, 2])
    at = dataset["bias"].sel(family="dense power law", exponent=1.0)
    headline(
        drawn,
        f"AOL turns the polar factor by {100 * float(at.sel(number='relative')):.0f} % on a power law (a = 1), "
        f"but loses {100 * float(at.sel(number='epsilon')):.1f} % of the alignment",
        f"{dataset.attrs['shape']}; s_i = (Σ_j |m mᵀ|_ij)^−½. Rows that are orthogonal have no bias; the gain: larger "
        "singular values to start from.",
    )
    return drawn


def _legend(axis: Axes, labels: list[str], styles: tuple[str, ...]) -> None:
    """What the line styles mean; the colours are those of the first panel."""
    for label, style in zip(labels, styles, strict=True):
        axis.plot([], [], color=BLACK, ls=style, lw=1.5, label=label)
    axis.legend(fontsize=8.5, loc="best")

"""One look for every figure: colour-blind safe colours, sizes, and the helpers that all of them use."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import matplotlib
import xarray as xr

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

# Okabe–Ito: told apart with any colour vision
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE, GREY = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#8A8A8A",
)
MEASURED, PREDICTED = BLUE, VERMILION

_SETTINGS: dict[RcKeyType, Any] = {
    "font.size": 10.5,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "lmo-lab",
}


class Styled(Figure):
    """A figure that is drawn in the common style however late: ticks and their sizes are made at every drawing."""

    def draw(self, renderer: RendererBase) -> None:
        with plt.rc_context(_SETTINGS):
            super().draw(renderer)


def styled(draw: Callable[[xr.Dataset], Figure]) -> Callable[[xr.Dataset], Figure]:
    """Draws in the common style and leaves matplotlib's settings as they were."""

    @functools.wraps(draw)
    def inside(dataset: xr.Dataset) -> Figure:
        with plt.rc_context(_SETTINGS):
            drawn = draw(dataset)
            drawn.canvas.draw()  # lays out, once: a layout takes longer than the drawing itself
            drawn.set_layout_engine("none")
        plt.close(drawn)
        return drawn

    return inside


def figure(rows: int = 1, columns: int = 1, width: float = 7.2, height: float = 4.2) -> tuple[Figure, list[Axes]]:
    """A figure and its axes, row by row; for use inside a `styled` draw."""
    drawn, axes = plt.subplots(rows, columns, figsize=(width, height), squeeze=False, FigureClass=Styled)
    return drawn, list(axes.ravel())


def decades(axis: Axes, low: float, high: float) -> None:
    """A logarithmic y axis over [low, high] with powers of ten, at most about eight, whatever the user's settings."""
    bottom, top = math.floor(math.log10(low) - 0.1), math.ceil(math.log10(high) + 0.1)
    powers = range(bottom, top + 1, math.ceil((top - bottom) / 8))
    axis.set(yscale="log", ylim=(10.0**bottom, 10.0**top))
    axis.set_yticks([10.0**power for power in powers], [f"$10^{{{power}}}$" for power in powers])
    axis.minorticks_off()


def headline(drawn: Figure, says: str, detail: str, foot: float = 0.0) -> None:
    """What the figure shows, in a sentence, and how to read it, in smaller type below; `foot` inches stay free."""
    height = drawn.get_figheight()
    drawn.text(0.01, 1 - 0.08 / height, says, ha="left", va="top", fontsize=12.5, fontweight="bold")
    drawn.text(0.01, 1 - 0.34 / height, detail, ha="left", va="top", fontsize=9.5, color="#444444")
    engine = drawn.get_layout_engine()
    if engine is not None:
        engine.set(rect=(0, foot / height, 1, 1 - (0.62 + foot) / height))  # type: ignore[call-arg]

"""What accuracy costs: ε of every oracle against the time of its answer, one panel per matrix."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, figure, headline, styled

MOST = 4  # panels
COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
ROUNDING = 1e-16  # what is smaller is drawn there
MEASURED = 1e-12  # rounding of the measurement: below it no oracle is better than another
TELLING = -4.0  # log₁₀ of ε below which the axis is compressed: training does not tell such errors apart
COMPRESSED = 0.15
DECADES = (1.0, 0.1, 1e-2, 1e-3, 1e-4, 1e-8, 1e-12, 1e-16)
CROWDED = 10  # oracles from which the panels are taller
GOOD = 0.01  # the headline names the fastest oracle that reaches it
KEYS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("measured", {"marker": "o"}),
    ("certified, where rounding is far below", {"marker": "o", "mfc": "white"}),
    ("none is faster and better", {"ls": "--", "lw": 1.2}),
)


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables scaled_epsilon, certified_scaled_epsilon, milliseconds (tensor, oracle), NaN: none; shape (tensor)."""
    panels = min(MOST, dataset.sizes["tensor"])
    columns = min(2, panels)
    rows, foot = math.ceil(panels / columns), 0.22 * math.ceil((dataset.sizes["oracle"] + len(KEYS)) / 5) + 0.15
    tall = 3.6 if dataset.sizes["oracle"] < CROWDED else 5.0
    drawn, axes = figure(rows, columns, width=10.5 if columns > 1 else 8.4, height=tall * rows + 1.0 + foot)
    looks = {str(name): _look(i) for i, name in enumerate(dataset["oracle"].values)}
    for label, style in (*KEYS, *looks.items()):
        axes[0].plot([], [], **{"color": GREY, "ls": "none", **style}, label=label)
    for i, axis in enumerate(axes):
        axis.set_visible(i < panels)
        if i < panels:
            _panel(axis, dataset.isel(tensor=i), looks)
    for axis in axes[::columns]:
        axis.set_ylabel("ε of the answer, scaled into the ball")
    drawn.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncols=5, columnspacing=1.2)
    more = dataset.sizes["tensor"] - panels
    headline(
        drawn,
        _headline(dataset.isel(tensor=slice(panels))),
        "ε is the share of the dual norm that the answer misses; of an answer longer than 1, after it is scaled to 1. "
        "Compressed below 10⁻⁴." + (f" {more} further matrices are not drawn." if more else ""),
        foot=foot,
    )
    return drawn


def _look(i: int) -> dict[str, Any]:
    """Colour and marker of oracle number i, no two alike among the first 63."""
    return {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}


def _panel(axis: Axes, one: xr.Dataset, looks: dict[str, dict[str, Any]]) -> None:
    one = one.isel(oracle=np.flatnonzero(one["milliseconds"].notnull()))  # those that answered
    axis.set(title=f"{one['tensor'].item()}  {one['shape'].item()}", xlabel="time of one answer, ms")
    if not one.sizes["oracle"]:
        return
    time = one["milliseconds"].values
    shown, proved = (np.fmax(one[f"{kind}scaled_epsilon"].values, ROUNDING) for kind in ("", "certified_"))
    proved = np.where(one["certified_scaled_epsilon"].isnull(), np.nan, proved)
    front = _front(time, np.fmax(shown, MEASURED))
    axis.plot(time[front], shown[front], color=GREY, ls="--", lw=1.2, zorder=1)
    for i, name in enumerate(one["oracle"].values):
        look = looks[str(name)]
        axis.plot([time[i]] * 2, [shown[i], proved[i]], color=look["color"], lw=0.8, alpha=0.6, zorder=2)
        axis.plot(time[i], proved[i], mfc="white", ms=8, zorder=3, **look)
        axis.plot(time[i], shown[i], ms=6, zorder=4, **look)
    for i in front:  # to the left and below, where no other oracle is
        axis.annotate(
            str(one["oracle"].values[i]), (time[i], shown[i]), (-5, -4), textcoords="offset points",
            ha="right", va="top", fontsize=8, color="#444444",
        )  # fmt: skip
    axis.set(xscale="log")
    axis.set_yscale("function", functions=(_height, _epsilon))
    ends = float(time.min()) / 4, float(time.max()) * 1.5
    ticks = _ticks(*ends)
    axis.set(xlim=ends)
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    _decades(axis, np.concatenate([shown, proved[np.isfinite(proved)]]))
    axis.minorticks_off()


def _height(epsilon: np.ndarray) -> np.ndarray:
    """log₁₀ ε, compressed below `TELLING`."""
    power = np.log10(np.maximum(epsilon, 1e-300))
    return np.where(power < TELLING, TELLING + COMPRESSED * (power - TELLING), power)


def _epsilon(height: np.ndarray) -> np.ndarray:
    return 10.0 ** np.where(height < TELLING, TELLING + (height - TELLING) / COMPRESSED, height)


def _decades(axis: Axes, values: np.ndarray) -> None:
    """The `DECADES` from one below all values to one above."""
    low, high = (round(math.log10(v)) for v in (values.min() / 3, values.max() * 3))
    powers = [round(math.log10(decade)) for decade in DECADES]
    bottom, top = max([p for p in powers if p <= low], default=low), min([p for p in powers if p >= high], default=high)
    shown = [p for p in powers if bottom <= p <= top]
    axis.set_yticks([10.0**p for p in shown], [f"$10^{{{p}}}$" for p in shown])
    axis.set_ylim(10.0**bottom / (2 if bottom > TELLING else 10), 10.0**top)


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten in [low, high]; powers alone over many decades."""
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [c * 10.0**k for k in powers for c in steps if low <= c * 10.0**k <= high]


def _front(time: np.ndarray, epsilon: np.ndarray) -> list[int]:
    """Indices, by time, of the oracles that no other beats in both."""
    best, kept = math.inf, []
    for i in np.lexsort((epsilon, time)):
        if epsilon[i] < best:
            best = epsilon[i]
            kept.append(int(i))
    return kept


def _headline(dataset: xr.Dataset) -> str:
    """The fastest oracle with ε ≤ `GOOD` on each matrix that is drawn."""
    good = dataset["milliseconds"].where(dataset["scaled_epsilon"] <= GOOD)
    reached = good.notnull().any("oracle")
    if not reached.any():
        return f"None of these oracles reaches ε ≤ {GOOD:g}"
    fastest = good.isel(tensor=np.flatnonzero(reached)).fillna(math.inf).argmin("oracle").values
    names = list(dict.fromkeys(str(dataset["oracle"].values[i]) for i in fastest))
    if len(names) == 1:
        return f"The fastest answer with ε ≤ {GOOD:g} is that of {names[0]}"
    return f"The fastest answer with ε ≤ {GOOD:g} depends on the matrix: {', '.join(names)}"

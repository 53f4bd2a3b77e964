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
GOOD = 0.01  # the headline names the fastest oracle that reaches it
KEYS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("measured", {"marker": "o"}),
    ("certified, in exact arithmetic", {"marker": "o", "mfc": "white"}),
    ("none is faster and better", {"ls": "--", "lw": 1.2}),
)


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables scaled_epsilon, certified_scaled_epsilon, milliseconds (tensor, oracle), NaN: none; shape (tensor)."""
    panels = min(MOST, dataset.sizes["tensor"])
    columns = min(2, panels)
    rows, foot = math.ceil(panels / columns), 0.22 * math.ceil((dataset.sizes["oracle"] + len(KEYS)) / 5) + 0.15
    drawn, axes = figure(rows, columns, width=10.5 if columns > 1 else 8.4, height=3.6 * rows + 1.0 + foot)
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
        "ε is the share of the dual norm that the answer misses; of an answer longer than 1, after it is scaled to 1."
        + (f" {more} further matrices are not drawn." if more else ""),
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
    front = _front(time, shown)
    axis.plot(time[front], shown[front], color=GREY, ls="--", lw=1.2, zorder=1)
    for i, name in enumerate(one["oracle"].values):
        look = looks[str(name)]
        axis.plot([time[i]] * 2, [shown[i], proved[i]], color=look["color"], lw=0.8, alpha=0.6, zorder=2)
        axis.plot(time[i], proved[i], mfc="white", ms=8, zorder=3, **look)
        axis.plot(time[i], shown[i], ms=6, zorder=4, **look)
    axis.set(xscale="log", yscale="log")
    ends = float(time.min()) / 1.5, float(time.max()) * 1.5
    ticks = _ticks(*ends)
    axis.set(xlim=ends)
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    _decades(axis, np.concatenate([shown, proved[np.isfinite(proved)]]))
    axis.minorticks_off()


def _decades(axis: Axes, values: np.ndarray) -> None:
    """Powers of ten, at most about eight, from one below all values to one above."""
    low, high = math.floor(math.log10(values.min()) - 0.1), math.ceil(math.log10(values.max()) + 0.1)
    stride = math.ceil((high - low) / 8)
    powers = range(high, low - 1, -stride)
    axis.set_ylim(10.0 ** (low - 0.3), 10.0**high)
    axis.set_yticks([10.0**k for k in powers], [f"$10^{{{k}}}$" for k in powers])


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

"""What a sweep costs by the number of its runs: time beside a line that is proportional to it, and memory."""

from __future__ import annotations

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import GREY, MEASURED, decades, figure, headline, styled


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables seconds, peak_memory (runs); attributes steps, dimension, device."""
    drawn, (left, right) = figure(columns=2, width=9.6, height=4.6)
    runs, seconds, memory = (dataset[name].values for name in ("runs", "seconds", "peak_memory"))
    proportional = seconds[-1] * runs / runs[-1]
    left.plot(runs, seconds, "o-", color=MEASURED, lw=1.8, label="measured")
    left.plot(runs, proportional, "--", color=GREY, lw=1.4, label="in proportion to the largest")
    decades(left, min(seconds.min(), proportional.min()), max(seconds.max(), proportional.max()))
    left.set_title("time", loc="left")
    left.set_ylabel("seconds")
    left.legend(loc="upper left")
    right.plot(runs, memory, "o-", color=MEASURED, lw=1.8)
    right.axhline(memory[0], ls="--", color=GREY, lw=1.4)
    right.set_title("memory", loc="left")
    right.set(ylabel="peak of the process, MiB", ylim=(0, 1.35 * memory.max()))
    for axis in (left, right):
        _counts(axis, runs[0], runs[-1])
    headline(
        drawn,
        f"{runs[-1] / runs[0]:.0f} times the runs take {_rounded(seconds[-1] / seconds[0])} times as long and "
        f"{memory[-1] / memory[0]:.2f} times the memory",
        f"Whole sweeps of {dataset.attrs['steps']} steps on vectors of {dataset.attrs['dimension']} "
        f"({dataset.attrs['device']}, one thread): sign steps with momentum and noise.",
    )
    return drawn


def _counts(axis: Axes, low: float, high: float) -> None:
    axis.set(xscale="log", xlabel="runs", xlim=(low / 1.5, high * 1.5))
    axis.minorticks_off()


def _rounded(ratio: float) -> str:
    return f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}"

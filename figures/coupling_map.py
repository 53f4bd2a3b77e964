"""The map of the coupling study: in which settings, for which errors, does the shift that theory predicts appear?"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Polygon, Rectangle

from figures.style import BLACK, BLUE, SKY, VERMILION, figure, headline, styled

# verdict → colour, sign, ink: told apart by colour, by lightness and by the sign
LOOK = {
    "appears as predicted": (BLUE, "✓", "white"),
    "upper bound only": ("#F2D98B", "≤", BLACK),
    "more than predicted": (SKY, ">", BLACK),
    "points the other way": (VERMILION, "↔", "white"),
    "undecided": ("#E4E4E4", "?", "#555555"),
}
TITLES = {
    "step size": "best step size\npredicted: smaller",
    "alpha": "best α\npredicted: larger (less memory)",
    "value": "gradient norm that is reached\npredicted: worse",
}
LEAST = 15.0  # inches, which the headline takes
FEW = 4  # rows, below which the name of the axis is higher than they are
NO_SHIFT = 0.005  # a logarithm: what is called no predicted shift
LARGE, FULL = 0.2, (0.42, 0.18, 0.45)  # a regret from which the shade is full; that shade, of no verdict


@styled
def draw(dataset: xr.Dataset) -> Figure:
    """Variables verdict, predicted (line, quantity, model), shift (line, quantity), regret with its ends (line).

    Coordinates setting and error of every line. Attributes: form, level, together (1: of all intervals, 0: of each).
    """
    settings, errors = (list(dict.fromkeys(dataset[name].values.tolist())) for name in ("setting", "error"))
    judged = [name for name in TITLES if (dataset["verdict"].sel(quantity=name) != "").any()]  # none: nothing tunes α
    panels = ["regret", *judged]
    wide = 0.62 * len(errors) + 0.35
    drawn, axes = figure(1, len(panels), width=max(3.6 + wide * len(panels), LEAST), height=0.5 * len(settings) + 2.6)
    for axis, panel in zip(axes, panels, strict=True):
        _frame(axis, settings, errors, named=panel == panels[0])
        axis.set_title(TITLES.get(panel, "lost by whoever keeps\nthe exact oracle’s tuning"), fontsize=10.5)
        for i in range(dataset.sizes["line"]):
            one = dataset.isel(line=i)
            at = errors.index(str(one["error"].item())), settings.index(str(one["setting"].item()))
            if panel == "regret":
                _regret(axis, at, *(float(one[name]) for name in ("regret", "regret_low", "regret_high")))
            else:
                _cell(axis, at, one.sel(quantity=panel))
    handles = [Patch(facecolor=colour, label=f"{sign}  {name}") for name, (colour, sign, _) in LOOK.items()]
    drawn.legend(handles=handles, loc="lower left", ncols=5, fontsize=10, bbox_to_anchor=(0.0, 0.0))
    headline(drawn, _says(dataset), _detail(dataset), foot=0.4)
    return drawn


def _frame(axis: Axes, settings: list[str], errors: list[str], named: bool) -> None:
    axis.set(xlim=(-0.5, len(errors) - 0.5), ylim=(len(settings) - 0.5, -0.5), xlabel="error of the oracle")
    axis.set_xticks(range(len(errors)), errors, rotation=45, ha="right", fontsize=9, rotation_mode="anchor")
    axis.set_yticks(range(len(settings)), settings if named else [], fontsize=9)
    axis.set_ylabel("ball, problem, noise, momentum" if named and len(settings) >= FEW else "")
    axis.tick_params(length=0)
    axis.grid(visible=False)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _cell(axis: Axes, at: tuple[int, int], one: xr.Dataset) -> None:
    x, y = at
    additive, signed = (str(one["verdict"].sel(model=model).item()) for model in ("additive", "signed"))
    if not additive:
        return
    colour, sign, ink = LOOK[additive]
    axis.add_patch(Rectangle((x - 0.47, y - 0.45), 0.94, 0.9, facecolor=colour, lw=0))
    corner = [(x + 0.47, y + 0.45), (x + 0.17, y + 0.45), (x + 0.47, y + 0.12)]
    axis.add_patch(Polygon(corner, facecolor=LOOK[signed][0], edgecolor="white", lw=1))
    shift = float(one["shift"])
    says = f"×{np.exp(shift):.2f}" if np.isfinite(shift) and abs(shift) < 4 else "off"
    axis.text(x, y, f"{sign}\n{says}", ha="center", va="center", color=ink, fontsize=8.5, linespacing=1.0)


def _regret(axis: Axes, at: tuple[int, int], regret: float, low: float, high: float) -> None:
    """The regret, in bold, and its interval; the shade is that of the regret."""
    x, y = at
    part = float(np.clip(np.expm1(regret) / LARGE, 0, 1)) if np.isfinite(regret) else 0.0
    shade = tuple(1 - part * (1 - level) for level in FULL)
    axis.add_patch(Rectangle((x - 0.47, y - 0.45), 0.94, 0.9, facecolor=shade, edgecolor="#CCCCCC", lw=0.5))
    ink = "white" if part > 0.6 else BLACK
    axis.text(x, y - 0.12, _percent(regret), ha="center", va="center", fontsize=8.5, color=ink, weight="bold")
    ends = f"{_percent(low, unit='')} – {_percent(high, unit='')}"
    axis.text(x, y + 0.22, ends, ha="center", va="center", fontsize=6.5, color=ink)


def _percent(regret: float, unit: str = " %") -> str:
    """What is lost, of a regret in logarithms; a factor where it is more than ten times."""
    lost = np.expm1(regret) if np.isfinite(regret) else np.nan
    if not np.isfinite(lost):
        return "lost" if unit else "∞" if regret > 0 else "?"
    if lost >= 9.995:
        return f"×{1 + lost:.0f}"
    return f"{100 * lost:.1f}{unit}" if 0 < lost < 0.0095 else f"{100 * lost:.0f}{unit}"


def _says(dataset: xr.Dataset) -> str:
    step, alpha = (_counts(dataset, quantity) for quantity in ("step size", "alpha"))
    median = float(np.median(dataset["regret"].fillna(np.inf)))
    lost = (
        f"{_percent(median)} lost in the median cell" if np.isfinite(median) else "runs are lost in half of the cells"
    )
    says = [
        f"Smaller step as predicted in {step[0]} of {step[3]}, by more in {step[1]}, larger in {step[2]}"
        if step[3]
        else "",
        f"larger α in {alpha[0] + alpha[1]} of {alpha[3]}, smaller in {alpha[2]}" if alpha[3] else "",
    ]
    return f"A worse oracle, not retuned: {lost}. {'; '.join(filter(None, says)) or 'No shift is predicted'}"


def _counts(dataset: xr.Dataset, quantity: str) -> tuple[int, int, int, int]:
    """Of the cells where a shift is predicted, how many have it, more than it, the other way; and their number."""
    of_model = dataset.sel(quantity=quantity, model="additive")
    told = of_model["verdict"].values[np.abs(of_model["predicted"].values) > NO_SHIFT]
    return (
        int((told == "appears as predicted").sum()),
        int((told == "more than predicted").sum()),
        int((told == "points the other way").sum()),
        int((told != "").sum()),
    )


def _detail(dataset: xr.Dataset) -> str:
    together = f"{100 * dataset.attrs['level']:g} % {'together' if dataset.attrs['together'] else 'each'}, nominally"
    return (
        "Purple: the regret and its interval. Colour: the additive model (δ). Corner: the signed model (ε, η). "
        f"×: measured at the largest error, over an exact oracle. Intervals: {together}."
    )

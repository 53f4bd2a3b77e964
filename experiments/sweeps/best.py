"""The best step size and alpha of every combination, and what a reader must know before believing them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from experiments.sweeps import catalogue
from experiments.sweeps.collect import collect
from experiments.sweeps.specification import Sweep
from experiments.sweeps.store import Store

CELL = ("problem", "ball", "oracle", "momentum", "noise", "steps", "delta")
SEARCHED = ("step_size", "alpha")


class Comparison(NamedTuple):
    """What `compare` found.

    rows: one per combination that has a complete point (a step size and alpha with all their seeds): its labels; the
        best step size and alpha and their mean gradient norm, None where some seed diverged at every point; runs
        compared, and diverged ones among them; at_end, which of step size and alpha is the last of its grid.
    runs, diverged: of all that is stored. points, incomplete: of all combinations, and those that lack seeds.
    """

    rows: list[dict[str, Any]]
    runs: int
    diverged: int
    points: int
    incomplete: int


def compare(store: Store) -> Comparison:
    """The smallest mean gradient norm (mean over seeds) of every combination of labels, among complete points.

    Means over different seeds do not compare, so a point of a partial sweep counts only once all its seeds are there.
    """
    groups = dict.fromkeys(chunk.group for chunk in store.plan().chunks)
    expected = sum(group.runs // len(group.seeds) for group in groups)
    frame: Any = collect(store, partial=True).to_dataframe() if store.scan().finished else None
    if frame is None:
        return Comparison([], 0, 0, expected, expected)
    frame["lost"] = frame["lost_at"] >= 0
    points = frame.groupby([*CELL, *SEARCHED], as_index=False, sort=False).agg(
        mean_gradient_norm=("mean_gradient_norm", "mean"), runs=("lost", "size"), diverged=("lost", "sum")
    )
    whole = points[points["runs"] == len(store.sweep.seeds)]
    rows = [_row(cell, store.sweep) for _, cell in whole.groupby(list(CELL), sort=False)]
    return Comparison(rows, len(frame), int(frame["lost"].sum()), expected, expected - len(whole))


def _row(cell: Any, sweep: Sweep) -> dict[str, Any]:
    """One combination: `cell` has its complete points."""
    finite = cell[np.isfinite(cell["mean_gradient_norm"])]
    chosen = (finite if len(finite) else cell).to_dict("records")
    best = min(chosen, key=lambda point: point["mean_gradient_norm"])
    if not len(finite):
        best |= dict.fromkeys((*SEARCHED, "mean_gradient_norm"))
    counts = {name: int(cell[name].sum()) for name in ("runs", "diverged")}
    return best | counts | {"at_end": [axis for axis in SEARCHED if _at_end(axis, best, cell, sweep)]}


def _at_end(axis: str, best: dict[str, Any], cell: Any, sweep: Sweep) -> bool:
    """Whether a better value may lie beyond the grid; a diverged neighbour counts as the grid going on."""
    value = best[axis]
    if value is None or len(getattr(sweep, axis)) == 1:
        return False
    if axis == "alpha" and not catalogue.MOMENTA[best["momentum"]].needs_alpha:
        return False
    return bool(value == cell[axis].min() or (value == cell[axis].max() and not (axis == "alpha" and value == 1)))

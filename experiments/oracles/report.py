"""What `lmo oracle` shows and writes: a table per matrix, rows as JSON, a dataset and its figure."""

from __future__ import annotations

import json
import math
from itertools import groupby
from pathlib import Path

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table

from experiments.oracles import measured
from experiments.oracles.measured import Row

NONE = "–"
PLAIN = ("delta", "epsilon", "eta", "products", "milliseconds")
HEADS = ("δ", "ε", "η", "δ ≤", "ε ≤", "η ≤", "ε ≤ by σ", "products", "ms")
LEGEND = (
    "δ, ε, η: measured by an SVD in float64. ≤: certified, in exact arithmetic, for every matrix whose σ/scale lie in "
    "the range of this one's; for adaptive oracles what they proved of this answer. By σ: Σσ(1 − p(σ/scale))⁺/Σσ. "
    "products: flops over those of one product with a square matrix; ms: median."
)
ROUNDED = (
    "†: certified in exact arithmetic, no bound on the answer as computed: rounding comes on top, and is visible, in "
    "half precision, or may be as large as a certified number."
)
FACTORED = "*: with the flops of an SVD, which run at a slower rate than products."


def show(rows: list[Row], console: Console) -> None:
    """One table per matrix, the legend below; a narrower console would cut digits, so the tables may be wider."""
    for tensor, group in groupby(rows, lambda row: row.tensor):
        found = list(group)
        table = Table(box=None, header_style="bold", title_justify="left", title_style="bold")
        first = found[0]
        table.title = f"{tensor}, {first.shape[0]}×{first.shape[1]}, σ_max/σ_min = {number(first.condition)}"
        table.add_column("oracle", no_wrap=True)
        for head in HEADS:
            table.add_column(head, justify="right", no_wrap=True)
        for row in found:
            table.add_row(*cells(row))
        needed = Console(width=10_000).measure(table).maximum
        Console(width=max(console.width, needed)).print(table)
        console.print()
    notes = [
        LEGEND,
        *([ROUNDED] if any(r.rounded for r in rows) else []),
        *([FACTORED] if any(r.answer and r.answer.svd for r in rows) else []),
        *(f"no answer of {r.oracle} to {r.tensor}: {r.failed}" for r in rows if r.failed),
    ]
    for note in notes:
        console.print(note, style="dim", highlight=False, markup=False)


def cells(row: Row) -> list[str]:
    """The printed row of an oracle."""
    proved, answer, mark = row.certified, row.answer, "†" if row.rounded else ""
    bounds = (proved.delta, proved.epsilon, proved.eta) if proved else (None, None, None)
    return [
        row.oracle,
        *((number(x) for x in (answer.delta, answer.epsilon, answer.eta)) if answer else ("no answer", NONE, NONE)),
        *(NONE if bound is None else number(bound) + mark for bound in bounds),
        number(row.by_spectrum.epsilon) + mark if row.by_spectrum else NONE,
        f"{answer.products:.2f}{'*' if answer.svd else ''}" if answer else NONE,
        f"{answer.milliseconds:.3g}" if answer else NONE,
    ]


def number(value: float) -> str:
    """Three digits, or ∞."""
    return "∞" if math.isinf(value) else f"{value:.3g}"


def dataset(rows: list[Row]) -> xr.Dataset:
    """Variables (tensor, oracle): what was measured, and ε of the answer scaled into the ball, measured and certified.

    scaled_epsilon = 1 − (1 − ε)/max(1, 1 + η), which no answer lowers by being longer; certified_scaled_epsilon is the
    least that is proved, NaN where nothing is, or where rounding can exceed it; the others are NaN where there is no
    answer.
    """
    tensors, oracles = list(dict.fromkeys(r.tensor for r in rows)), list(dict.fromkeys(r.oracle for r in rows))
    names = (*PLAIN, "scaled_epsilon", "certified_scaled_epsilon")
    table = {name: np.full((len(tensors), len(oracles)), np.nan) for name in names}
    for row in rows:
        at = tensors.index(row.tensor), oracles.index(row.oracle)
        if row.answer is not None:
            for name in PLAIN:
                table[name][at] = getattr(row.answer, name)
            table["scaled_epsilon"][at] = scaled(row.answer.epsilon, row.answer.eta)
        certified = () if row.rounded else (row.certified, row.by_spectrum)
        proved = [scaled(one.epsilon, one.eta) for one in certified if one is not None]
        table["certified_scaled_epsilon"][at] = min(proved, default=math.nan)
    shapes = {r.tensor: f"{r.shape[0]}×{r.shape[1]}" for r in rows}
    coordinates = {"tensor": tensors, "oracle": oracles, "shape": ("tensor", [shapes[name] for name in tensors])}
    return xr.Dataset({name: (("tensor", "oracle"), values) for name, values in table.items()}, coordinates)


def usual(repeats: int = 3, shape: str | None = None) -> xr.Dataset:
    """`dataset` of all oracles of the gallery on the matrices, of that shape, that `lmo oracle` takes by default."""
    from experiments.oracles import gallery
    from experiments.oracles.commands import load

    return dataset(measured.rows(load(None, shape, 0, None, None), gallery.specs(), repeats))


def scaled(epsilon: float, eta: float) -> float:
    """ε of the answer after division by its norm, if that is above 1."""
    return 1 - (1 - epsilon) / max(1.0, 1 + eta)


def write(rows: list[Row], out: Path) -> Path:
    """rows.json, the data of the figure and the figure, into the folder `out`; returns the path of the figure."""
    import figures
    from experiments import store

    out.mkdir(parents=True, exist_ok=True)
    (out / "rows.json").write_text(as_json(rows), encoding="utf-8")
    data = dataset(rows)
    store.save(data, out / "data" / "oracle_pareto.zarr")
    return figures.save("oracle_pareto", data, out)


def as_json(rows: list[Row]) -> str:
    """A list with one object per oracle and matrix."""
    return json.dumps([row.record() for row in rows], ensure_ascii=False, allow_nan=False)

"""Stored chunks as one labelled dataset, and as files for other programs."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from experiments.sweeps import disk
from experiments.sweeps.plan import LABELS, NUMBERS, Plan
from experiments.sweeps.simulate import RESULTS
from experiments.sweeps.store import Store
from lmo.names import unknown_name

FORMATS = {".nc": "NetCDF", ".parquet": "Parquet", ".csv": "CSV"}
MEANING = {
    "problem": "spec of the problem", "ball": "spec of the ball", "oracle": "spec of the oracle",
    "momentum": "what the oracle is fed", "noise": "σ of the Gaussian noise that was added", "steps": "K",
    "seed": "runs with one seed saw the same noise", "delta": "δ of the controlled error (0 for other oracles)",
    "step_size": "γ", "alpha": "α, the weight of the new gradient (1 without momentum)",
}  # fmt: skip


def collect(store: Store, partial: bool = False) -> xr.Dataset:
    """All results of a store, dimension `run`, with the labels of each run as coordinates.

    Args:
        partial: give what is there; without it an unfinished sweep is refused.

    Raises:
        ValueError: chunks that are missing or damaged (says how many).
    """
    the_plan, scan = store.plan(), store.scan()
    missing = len(the_plan.chunks) - len(scan.finished)
    if (missing and not partial) or not scan.finished:
        raise ValueError(
            f"{str(store.folder)!r} has {len(scan.finished)} of {len(the_plan.chunks)} chunks, "
            f"{len(scan.damaged)} more are damaged; `lmo sweep --resume` computes the rest"
        )
    tables = {index: store.read(index, path) for index, path in sorted(scan.finished.items())}
    whole = np.concatenate(list(tables.values()))
    variables = {name: ("run", whole[name], {"meaning": RESULTS[name]}) for name in whole.dtype.names or ()}
    coordinates = {
        name: ("run", values, {"meaning": MEANING[name]}) for name, values in labels(the_plan, list(tables)).items()
    }
    about = {"sweep": store.sweep.name, "hash": store.hash, "missing_chunks": missing}
    return xr.Dataset(variables, coordinates, about)


def labels(the_plan: Plan, chunks: list[int]) -> dict[str, np.ndarray]:
    """The coordinates of the runs of these chunks, in their order."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in (*LABELS, *NUMBERS)}
    for index in chunks:
        chunk = the_plan.chunks[index]
        for name, value in chunk.labels().items():
            found[name].append(np.full(chunk.stop - chunk.start, value) if np.ndim(value) == 0 else value)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def grid(dataset: xr.Dataset) -> xr.Dataset:
    """The same with one dimension per axis of the sweep instead of `run`; NaN where the grid has no run."""
    varying = [name for name in (*LABELS, *NUMBERS) if np.unique(dataset[name].values).size > 1]
    fixed = {name: dataset[name].values[0] for name in (*LABELS, *NUMBERS) if name not in varying}
    flat = dataset.drop_vars(list(fixed))
    if not varying:
        return flat.isel(run=0).assign_coords(fixed)
    return flat.set_index(run=varying).unstack("run").assign_coords(fixed)


def export(dataset: xr.Dataset, path: Path) -> Path:
    """Writes the dataset as NetCDF (.nc), Parquet (.parquet) or CSV (.csv), by the ending of `path`; returns it.

    Raises:
        ValueError: another ending, or Parquet without pyarrow.
        OSError: it cannot be written; what was at `path` before is still there.
    """
    check_format(path)
    temporary = path.with_name(f"{path.name}.tmp")
    with disk.writing(path, "The results of the sweep are intact, and so is what was at that path before"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(dataset, temporary, path.suffix)
            temporary.replace(path)
        finally:
            with contextlib.suppress(OSError):  # it would hide why nothing was written
                temporary.unlink(missing_ok=True)
    return path


def check_format(path: Path) -> None:
    """Refuses (`ValueError`) an ending that no format has."""
    if path.suffix not in FORMATS:
        raise unknown_name("format of an export (the ending of its file)", path.suffix, FORMATS)


def _write(dataset: xr.Dataset, path: Path, suffix: str) -> None:
    if suffix == ".nc":
        dataset.to_netcdf(path, engine="scipy")
        return
    frame: Any = dataset.to_dataframe().reset_index(drop=True)
    frame = frame[[name for name in (*LABELS, *NUMBERS) if name in dataset.coords] + list(dataset.data_vars)]
    if suffix == ".csv":
        frame.to_csv(path, index=False)
        return
    try:
        frame.to_parquet(path, index=False)
    except ImportError:
        raise ValueError("Parquet needs pyarrow: pip install 'lmo-lab[parquet]'; .csv and .nc need nothing") from None

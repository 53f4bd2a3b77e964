"""Datasets on disk: zarr folders that xarray opens again."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import xarray as xr


def save(dataset: xr.Dataset, path: Path) -> Path:
    """Writes `dataset` to the folder `path` (replaced if it is there); returns it."""
    if path.exists():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Zarr V3 specification.*")  # labels are plain strings
        dataset.to_zarr(path, consolidated=False)
    return path


def load(path: Path) -> xr.Dataset:
    """The dataset in the folder `path`, in memory; `ValueError` if there is none."""
    if not Path(path).is_dir():
        raise ValueError(f"there is no data folder {str(path)!r}; run `lmo verify` first")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Zarr V3 specification.*")
        return xr.open_zarr(path, consolidated=False, chunks=None).load()

"""The tables of a finished study, from the JSON that it leaves, as labelled data for `lmo results export`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from lmo.names import unknown_name

FILE = "coupling.json"
TABLES = {
    "verdicts": "one row a line, quantity and model: measured ratio, interval, prediction, verdict",
    "arms": "one row an oracle in a setting: best step size, alpha and value, intervals, errors, predictions, regret",
    "exponents": "one row a line or scaling and quantity: the exponent, its interval, those predicted",
}


def holds_study(folder: Path) -> bool:
    """Whether a finished study left its results there."""
    return (folder / FILE).is_file()


def load(folder: Path, table: str) -> xr.Dataset:
    """A table of a study, dimension `row`, one variable a column; numbers that there are not are NaN.

    Raises:
        ValueError: no such table, nothing in it, or a damaged file.
    """
    if table not in TABLES:
        raise unknown_name("table", table, TABLES)
    try:
        told = json.loads((folder / FILE).read_text(encoding="utf-8"))
        rows, form, level = told[table], told["form"], told["level_of_each_interval"]
        columns = {name: _column([row[name] for row in rows]) for name in rows[0]} if rows else {}
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{folder / FILE} is damaged: {error!r}; the study with --resume writes it anew") from None
    if not columns:
        raise ValueError(f"the study in {str(folder)!r} has no {table}")
    about = {"study": form, "question": told.get("question", ""), "level_of_each_interval": level, "table": table}
    return xr.Dataset({name: ("row", values) for name, values in columns.items()}, attrs=about)


def _column(values: list[Any]) -> np.ndarray:
    """Words as they are, lists as words, everything else as numbers."""
    if any(isinstance(value, str) for value in values):
        return np.array(["" if value is None else value for value in values])
    if any(isinstance(value, list) for value in values):
        return np.array([" ".join("nan" if one is None else f"{one:.12g}" for one in value) for value in values])
    return np.array([math.nan if value is None else float(value) for value in values])

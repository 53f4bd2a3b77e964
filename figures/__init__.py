"""Figures: one figure = one file with `draw(dataset) -> matplotlib Figure`. Bound curves are dataset variables."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path


def names() -> list[str]:
    """The figures there are, found by walking this folder."""
    return sorted(i.name for i in pkgutil.iter_modules(__path__) if i.name != "style")


def draw(name: str, dataset: object) -> object:
    """The figure called `name` of a dataset; `ValueError` for an unknown name."""
    if name not in names():
        from lmo.checks import unknown_name

        raise unknown_name("figure", name, names())
    return importlib.import_module(f"figures.{name}").draw(dataset)


def save(name: str, dataset: object, folder: Path) -> Path:
    """Draws a figure into `folder` (made if it is not there) as PNG; returns its path."""
    drawn = draw(name, dataset)
    folder.mkdir(parents=True, exist_ok=True)
    drawn.savefig(folder / f"{name}.png", dpi=140)  # type: ignore[attr-defined]
    return folder / f"{name}.png"

"""Figures: one figure = one file with `draw(dataset) -> matplotlib Figure`. Bound curves are dataset variables."""

from __future__ import annotations

import importlib
import pkgutil


def names() -> list[str]:
    """The figures there are, found by walking this folder."""
    return sorted(i.name for i in pkgutil.iter_modules(__path__) if i.name != "style")


def draw(name: str, dataset: object) -> object:
    """The figure called `name` of a dataset; `ValueError` for an unknown name."""
    if name not in names():
        raise ValueError(f"unknown figure {name!r}. Allowed: {', '.join(names())}.")
    return importlib.import_module(f"figures.{name}").draw(dataset)

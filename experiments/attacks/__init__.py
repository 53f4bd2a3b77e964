"""Attacks on bounds: one attack = one file. `catalogue()` finds them by walking this folder."""

from __future__ import annotations

import importlib
import pkgutil

from experiments.attacks.base import Attack as Attack


def catalogue() -> list[Attack]:
    """One of every attack, in the order of the files."""
    found: list[Attack] = []
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        kinds = [thing for thing in vars(module).values() if isinstance(thing, type) and issubclass(thing, Attack)]
        found += [kind() for kind in kinds if kind.__module__ == module.__name__ and kind is not Attack]
    return found

"""Registries by walking a folder: what a file defines is found, nothing is listed by hand."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType


def modules_of(package: ModuleType) -> list[ModuleType]:
    """The public modules directly inside a package, in name order, imported."""
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__) if not info.name.startswith("_"))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names]


def subclasses_in(package: ModuleType, base: type) -> dict[str, type]:
    """The concrete subclasses of `base` that the modules of `package` define, by their `name`."""
    found = {}
    for module in modules_of(package):
        for _, thing in sorted(vars(module).items()):
            defined_here = inspect.isclass(thing) and issubclass(thing, base) and thing.__module__ == module.__name__
            if defined_here and not inspect.isabstract(thing):
                found[thing.name] = thing
    return found

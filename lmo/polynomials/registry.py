"""Schedules by name: those of `published/`, found by walking, and the two families with a number in their name."""

from __future__ import annotations

import functools
import re

from lmo.checks import unknown_name
from lmo.discover import modules_of
from lmo.polynomials import published
from lmo.polynomials.classical import classical
from lmo.polynomials.schedule import Schedule


@functools.cache
def _published() -> dict[str, Schedule]:
    found = [
        thing for module in modules_of(published) for thing in vars(module).values() if isinstance(thing, Schedule)
    ]
    return {one.name: one for one in found}


def names() -> list[str]:
    """The names of the published schedules, and the first members of the family classical-κ."""
    return sorted(_published()) + [f"classical-{order}" for order in (1, 2, 3)]


def schedule(name: str | Schedule) -> Schedule:
    """The schedule called `name` (a schedule is returned as it is); `ValueError` with the nearest name for any other.

    "classical-κ", κ = 1, 2, …, is Newton–Schulz of order κ; `lmo.polynomials.design` makes schedules for an interval.
    """
    if isinstance(name, Schedule):
        return name
    if match := re.fullmatch(r"classical-([1-9]\d?)", str(name)):
        return classical(int(match.group(1)))
    if name not in _published():
        raise unknown_name("schedule", name, names())
    return _published()[name]

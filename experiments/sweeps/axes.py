"""The axes of a grid as a user writes them: a value, a list, or a range; checked one by one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from lmo.checks import check_integer, check_number
from lmo.names import unknown_name

MOST = 1_000_000  # points of one axis
RANGE_KEYS = ("from", "to", "count", "spacing")
SPACINGS = ("geometric", "linear")


def numbers(name: str, value: Any, *, at_most: float | None = None, **limits: float) -> tuple[float, ...]:
    """Distinct finite numbers within limits, in the order given.

    Args:
        value: a number, a list of them, or a table with `from`, `to`, `count` and `spacing` ("geometric" if left out).
        limits: `above`, `at_least`, `below` of `lmo.checks.check_number`; at_most: an upper end that is allowed.

    Raises:
        TypeError, ValueError: what is wrong, with the axis and the entry.
    """
    entries = _spread(name, value) if isinstance(value, dict) else listed(name, value)
    found = []
    for i, entry in enumerate(entries):
        if isinstance(entry, bool):
            raise TypeError(f"`{name}`[{i}] must be a number, got {entry!r}")
        number = check_number(f"{name}[{i}]", entry, **limits)
        if at_most is not None and number > at_most:
            raise ValueError(f"`{name}`[{i}] must be <= {at_most:g}, got {entry!r}")
        found.append(number)
    return _distinct(name, found)


def integers(name: str, value: Any, at_least: int) -> tuple[int, ...]:
    """Distinct whole numbers of at least `at_least`: one, or a list."""
    entries = enumerate(listed(name, value))
    return _distinct(name, [check_integer(f"{name}[{i}]", entry, at_least) for i, entry in entries])


def seeds(value: Any) -> tuple[int, ...]:
    """A count n for the seeds 0 … n − 1, or a list of seeds."""
    if isinstance(value, (list, tuple)):
        return integers("seeds", value, 0)
    return tuple(range(check_integer("seeds", value, at_least=1)))


def words(name: str, value: Any, allowed: Iterable[str] | None = None) -> tuple[str, ...]:
    """Distinct texts: one, or a list; each one of `allowed`, where that is given."""
    found = listed(name, value)
    names = None if allowed is None else list(allowed)
    for i, word in enumerate(found):
        if not isinstance(word, str) or not word:
            raise TypeError(f"`{name}`[{i}] must be a name in quotes, got {word!r}")
        if names is not None and word not in names:
            raise unknown_name(name, word, names)
    return _distinct(name, found)


def listed(name: str, value: Any) -> list[Any]:
    """`value` as a list of at least one and at most `MOST` entries."""
    entries = list(value) if isinstance(value, (list, tuple)) else [value]
    if not 1 <= len(entries) <= MOST:
        raise ValueError(f"`{name}` must have from 1 to {MOST} entries, got {len(entries)}")
    return entries


def _spread(name: str, table: dict[str, Any]) -> list[float]:
    for key in table:
        if key not in RANGE_KEYS:
            raise unknown_name(f"key of the range `{name}`", key, RANGE_KEYS)
    missing = [key for key in RANGE_KEYS[:3] if key not in table]
    if missing:
        raise ValueError(f"the range `{name}` needs {', '.join(missing)}: {{from = 0.01, to = 1.0, count = 9}}")
    spacing = table.get("spacing", "geometric")
    if spacing not in SPACINGS:
        raise unknown_name(f"spacing of the range `{name}`", spacing, SPACINGS)
    first, last = (check_number(f"{name}.{key}", table[key]) for key in ("from", "to"))
    count = check_integer(f"{name}.count", table["count"], at_least=1)
    if count > MOST:
        raise ValueError(f"`{name}.count` must be at most {MOST}, got {count}")
    if spacing == "geometric" and not (first > 0 and last > 0):
        raise ValueError(f'the ends of the geometric range `{name}` must be > 0; spacing = "linear" allows others')
    if count == 1:
        return [first]
    parts = [i / (count - 1) for i in range(count)]
    if spacing == "linear":
        return [first + (last - first) * t for t in parts[:-1]] + [last]
    return [first * math.exp(math.log(last / first) * t) for t in parts[:-1]] + [last]


def _distinct(name: str, found: list[Any]) -> tuple[Any, ...]:
    for i, entry in enumerate(found):
        if entry in found[:i] and len(found) <= 10_000:
            raise ValueError(f"`{name}` has {entry!r} twice; every run of a sweep is computed once")
    if len(set(found)) != len(found):
        raise ValueError(f"`{name}` has entries twice; every run of a sweep is computed once")
    return tuple(found)

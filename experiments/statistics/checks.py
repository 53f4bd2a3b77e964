"""Refusals of bad input to statistics, and their random source."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from lmo.checks import check_integer

LogPoints = np.ndarray | Sequence[np.ndarray] | Sequence[float]


def check_costs(name: str, values: Any, least_dimensions: int) -> np.ndarray:
    """`values` as a float64 array of at least `least_dimensions` dimensions, none of them empty."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"`{name}` must be an array of real numbers, got dtype {array.dtype}")
    if array.ndim < least_dimensions or array.size == 0:
        raise ValueError(
            f"`{name}` must have at least {least_dimensions} dimensions, none of them empty; got shape {array.shape}"
        )
    return array.astype(float, copy=False)


def check_fraction(name: str, value: Any) -> float:
    """`value` as a float, refused unless strictly between 0 and 1."""
    try:
        number = float("" if isinstance(value, str) else value)
    except (TypeError, ValueError):
        raise TypeError(f"`{name}` must be a number between 0 and 1, got {value!r}") from None
    if not 0 < number < 1:
        raise ValueError(f"`{name}` must be between 0 and 1, got {value!r}")
    return number


def check_positive(name: str, value: Any) -> float:
    """`value` as a float, refused unless finite and > 0."""
    try:
        number = float("" if isinstance(value, str) else value)
    except (TypeError, ValueError):
        raise TypeError(f"`{name}` must be a finite number > 0, got {value!r}") from None
    if not 0 < number < np.inf:
        raise ValueError(f"`{name}` must be a finite number > 0, got {value!r}")
    return number


def check_log_points(log_points: LogPoints) -> tuple[np.ndarray, ...]:
    """One array (cells… or nothing, points) per axis: an array is one axis, a tuple or list of arrays one each.

    Raises:
        ValueError: logarithms that do not increase along the points; NaN is allowed at the end (padding) only.
    """
    axes = tuple(log_points) if isinstance(log_points, (tuple, list)) and np.ndim(log_points[0]) else (log_points,)
    if len(axes) not in (1, 2):
        raise ValueError(f"`log_points` must have 1 axis (step size) or 2 (step size, alpha), got {len(axes)}")
    found = []
    for i, axis in enumerate(axes):
        array = check_costs(f"log_points[{i}]", axis, 1)
        bad = np.isinf(array).any() or not np.isfinite(array[..., 0]).all()
        late = np.isnan(array[..., :-1]) & ~np.isnan(array[..., 1:])
        if bad or late.any() or (np.diff(array, axis=-1) <= 0).any():
            raise ValueError(
                f"`log_points[{i}]` must be finite and increase along its last dimension (NaN only as padding at its "
                f"end); logarithms of the points, not the points: got {array.reshape(-1, array.shape[-1])[0]}"
            )
        found.append(array)
    return tuple(found)


def source(seed: int, purpose: str) -> np.random.Generator:
    """The generator of (seed, purpose): the same numbers in any process, whatever was drawn before."""
    key = np.array([check_integer("seed", seed, 0), zlib.crc32(purpose.encode())], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))

"""Constants from the command line: key=value, and ranges that make tables."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from bounds.symbols import CONSTANTS
from lmo.names import unknown_name

MOST = 100_000  # rows of one range
_BY_SYMBOL = {str(constant.symbol): code for code, constant in CONSTANTS.items()}


def rows(arguments: list[str]) -> list[dict[str, Any]]:
    """One dict of constants per combination of the ranges; `ValueError` says what is wrong with an argument.

    Keys are code names or the symbols of `paper_notes.md` (Delta, L, K, gamma, …); values are numbers,
    ranges a:b:n, or lists a,b,c with one number per layer.
    """
    axes: dict[str, list[Any]] = {}
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if not equals or not key or not text:
            raise ValueError(f"{argument!r} is not key=value, for example steps=400 or delta=0:0.9:10")
        code = _BY_SYMBOL.get(key, key)
        if code not in CONSTANTS:
            raise unknown_name("constant", key, CONSTANTS)
        if code in axes:
            raise ValueError(f"`{code}` is given twice")
        axes[code] = _values(code, text)
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def _values(code: str, text: str) -> list[Any]:
    if "," in text:
        try:
            return [[float(part) for part in text.split(",")]]
        except ValueError:
            raise ValueError(f"`{code}` must be a number or a list with one number per layer, got {text!r}") from None
    parts = text.split(":")
    try:
        if len(parts) == 1:
            return [float(text)]
        first, last, count = float(parts[0]), float(parts[1]), int(parts[2])
        if len(parts) == 3 and math.isfinite(first) and math.isfinite(last) and 1 <= count <= MOST:
            return [float(v) for v in np.linspace(first, last, count)]
    except (ValueError, IndexError):
        pass
    raise ValueError(
        f"`{code}` must be a number or a range first:last:count (finite numbers, count from 1 to {MOST}), got {text!r}"
    )

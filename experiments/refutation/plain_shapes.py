"""The objective of a small instance and its oracle's answers in plain Python: a second reading of `shapes`."""

from __future__ import annotations

import math
from typing import Any

One = dict[str, Any]  # an instance as lists and numbers, None for ∞ and for what is not there


def objective(one: One, x: list[float]) -> float:
    """f(x)."""
    parts = (one["centre"], one["curvature"], one["slope"])
    return math.fsum(_height(abs(v - p), a, s, one["bend"]) for v, p, a, s in zip(x, *parts, strict=True))


def _height(size: float, a: float, s: float | None, bend: float) -> float:
    """The integral of `_slope`, piece by piece."""
    total, at, rate = 0.0, 0.0, a
    while True:
        length = math.inf if bend == 0 or rate > 1e300 else 1 / bend
        here = _slope(at, a, s, bend)
        until = math.inf if s is None else max(s - here, 0.0) / rate
        way = min(length, size - at, until)
        total += here * way + rate * way**2 / 2
        if at + way >= size or way == until:
            return total + (0.0 if at + way >= size else float(s or 0.0) * (size - at - way))
        at, rate = at + length, 2 * rate


def _slope(size: float, a: float, s: float | None, bend: float) -> float:
    """h′ at distance `size`, before its sign: at rate a, doubled after each 1/L1."""
    pieces = min(math.floor(bend * size), 900)
    grown = size if bend == 0 else (2.0**pieces - 1 + 2.0**pieces * (bend * size - pieces)) / bend
    return a * grown if s is None else min(s, a * grown)


def slopes(one: One, x: list[float]) -> list[float]:
    """∇f(x)."""
    parts = (one["centre"], one["curvature"], one["slope"])
    return [math.copysign(_slope(abs(v - p), a, s, one["bend"]), v - p) for v, p, a, s in zip(x, *parts, strict=True)]


def low_point(one: One) -> list[float]:
    """The point of the ball ‖v‖ ≤ c/λ that gaps are taken to."""
    reach = one["low"] / one["weight_decay"]
    if one["ball"] == "l-inf":
        return [max(-reach, min(reach, p)) for p in one["centre"]]
    size = math.hypot(*one["centre"])
    return [p if size <= reach else p * reach / size for p in one["centre"]]


def dual(v: list[float], linf: bool) -> float:
    """‖v‖_*."""
    return math.fsum(abs(t) for t in v) if linf else math.sqrt(math.fsum(t * t for t in v))


def answer(row: list[float], wrong: float | None, fed: list[float], gradient: list[float], linf: bool) -> list[float]:
    """d̂: the row of the script, to what the oracle is fed."""
    if linf or len(fed) == 1:
        factors = row if linf else row[:1]
        uphill = [m * g < 0 and wrong is not None for m, g in zip(fed, gradient, strict=True)]
        sizes = [wrong if up else factor for up, factor in zip(uphill, factors, strict=True)]
        return [
            0.0 if m == 0 else -math.copysign(1.0, m) * float(size or 0.0) for m, size in zip(fed, sizes, strict=True)
        ]
    norm = math.sqrt(math.fsum(v * v for v in fed))
    unit = [v / norm if norm else 0.0 for v in fed]
    aside = [-unit[1], unit[0], *[0.0] * (len(fed) - 2)]
    return [-row[0] * u + row[1] * a for u, a in zip(unit, aside, strict=True)]

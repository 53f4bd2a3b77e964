"""Schedules designed for an interval: greedy minimax composition by the Remez exchange."""

from __future__ import annotations

import functools

import numpy as np

from lmo.checks import check_number
from lmo.polynomials.classical import classical
from lmo.polynomials.schedule import Polynomial, Schedule, divided, evaluate

_ROUNDING = 2.0**-53  # an error below which the exchange is all rounding, and the Taylor polynomial is as good


@functools.lru_cache(maxsize=4096)
def minimax(low: float, high: float, terms: int = 3) -> tuple[Polynomial, float]:
    """The odd polynomial with `terms` coefficients of least max |1 − p(s)| on [low, high], and that error.

    It equioscillates at terms + 1 points, the ends among them: Remez exchange from Chebyshev points, in float64.

    Args:
        low, high: 0 < low < high. terms: 2 (cubic), 3 (quintic), 4, …

    Raises:
        ValueError: numbers out of range, or an exchange that does not settle (low far too small for float64).
    """
    if check_number("low", low, above=0.0) >= check_number("high", high, above=0.0):
        raise ValueError(f"`low` must be below `high`, got [{low:g}, {high:g}]")
    if not isinstance(terms, int) or not 1 < terms < 9:
        raise ValueError(f"`terms` must be an integer from 2 to 8, got {terms!r}")
    if 2 * ((1 - low / high) / 4) ** terms < _ROUNDING:
        return _taylor(low, high, terms)
    points = low + (high - low) * (1 - np.cos(np.pi * np.arange(terms + 1) / terms)) / 2
    for _ in range(100):
        polynomial, error = _alternating(points, terms)
        moved = np.concatenate([[low], _turning_points(polynomial, low, high), [high]])
        if moved.size != terms + 1:
            raise ValueError(f"no minimax polynomial of {terms} terms was found on [{low:g}, {high:g}]")
        if np.abs(moved - points).max() <= 1e-13 * high:
            return polynomial, error
        points = moved
    return polynomial, error


def _taylor(low: float, high: float, terms: int) -> tuple[Polynomial, float]:
    """The Taylor polynomial about the middle of a narrow interval, and its error."""
    polynomial = divided(classical(terms - 1).table[0], (low + high) / 2)
    return polynomial, max(abs(1 - float(evaluate(polynomial, s))) for s in (low, high))


def _alternating(points: np.ndarray, terms: int) -> tuple[Polynomial, float]:
    """p with 1 − p(x_i) = (−1)^i E at the points, and |E|."""
    matrix = np.stack([points ** (2 * j + 1) for j in range(terms)] + [(-1.0) ** np.arange(terms + 1)], -1)
    *polynomial, error = np.linalg.solve(matrix, np.ones(terms + 1))
    return tuple(float(c) for c in polynomial), abs(float(error))


def _turning_points(polynomial: Polynomial, low: float, high: float) -> np.ndarray:
    derivative = [(2 * j + 1) * c for j, c in enumerate(polynomial)]
    squares = np.roots(derivative[::-1])
    real = np.sqrt(squares[(np.abs(squares.imag) < 1e-12 * np.abs(squares)) & (squares.real > 0)].real)
    return np.sort(real[(real > low) & (real < high)])


@functools.lru_cache(maxsize=1024)
def designed(
    low: float,
    steps: int,
    high: float = 1.0,
    terms: int | tuple[int, ...] = 3,
    cushion: float = 0.0,
    margin: float = 0.0,
) -> Schedule:
    """`steps` polynomials that bring [low, high] as close to 1 as any composition of their degrees can.

    Greedy: each is the minimax polynomial of the interval [1 − E, 1 + E] that the one before leaves; the greedy
    composition is the optimal one (Polar Express, arXiv:2505.16932). `certify` proves what it does.

    Args:
        low, high: the singular values in units of the scale. terms: coefficients a step, 3 for quintics; or one
            number per step.
        cushion: each step is fitted on [max(l, cushion·u), u] instead and rescaled to be centred on what it does to
            [l, u]: less gain at 0, but no coefficients so large that half precision loses them. Polar Express's table:
            cushion = 0.02407327424182761 from low = 10⁻³.
        margin: every step but the first is fitted on an interval wider by this fraction at both ends, so that rounding
            errors of that size between the steps are not amplified (bfloat16: 0.02).

    Raises:
        ValueError: numbers out of range.
    """
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise ValueError(f"`steps` must be an integer >= 1, got {steps!r}")
    check_number("cushion", cushion, at_least=0.0, below=1.0)
    check_number("margin", margin, at_least=0.0, below=1.0)
    if check_number("low", low, above=0.0) >= check_number("high", high, above=0.0):
        raise ValueError(f"`low` must be below `high`, got [{low:g}, {high:g}]")
    counts = (terms,) * steps if isinstance(terms, int) else terms
    if len(counts) != steps:
        raise ValueError(f"`terms` must be one integer, or one per step: {steps}, got {terms!r}")
    table, (bottom, top) = [], (float(low), float(high))
    for count in counts:
        fitted = max(bottom, cushion * top)
        polynomial, _ = minimax(fitted, top, count) if fitted < top else _taylor(top, top, count)
        peak = float(max(evaluate(polynomial, x) for x in (*_turning_points(polynomial, bottom, top), top)))
        least = float(evaluate(polynomial, bottom))
        centre = 2 / (least + peak)
        table.append(tuple(c * centre for c in polynomial))
        bottom, top = least * centre * (1 - margin), peak * centre * (1 + margin)
    name = f"minimax-{steps}[{low:g}, {high:g}]" + (f" cushion {cushion:g}" if cushion else "")
    name += f" margin {margin:g}" if margin else ""
    source = "designed here by Remez exchange; arXiv:2505.16932 proves the greedy composition optimal"
    tail = divided((1.875, -1.25, 0.375), top)
    return Schedule(name, tuple(table), tail, True, source, (float(low), float(high)))

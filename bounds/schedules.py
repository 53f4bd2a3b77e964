"""Step-size schedules: the shape of γ_0 … γ_{K−1}, and the two numbers through which statements see it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def constant(steps: int) -> np.ndarray:
    """1 at every step."""
    return np.ones(steps)


def linear(steps: int) -> np.ndarray:
    """1 − k/K: variation → 4/3, peak → 2."""
    return 1 - np.arange(steps) / steps


def cosine(steps: int) -> np.ndarray:
    """(1 + cos(πk/K))/2, torch's CosineAnnealingLR: variation → 3/2, peak → 2."""
    return (1 + np.cos(np.pi * np.arange(steps) / steps)) / 2


def trapezoid(steps: int) -> np.ndarray:
    """Up in a straight line for a tenth of the steps, level, and down for the last fifth (warmup, stable, decay)."""
    k = np.arange(steps)
    up, down = (k + 1) / max(round(0.1 * steps), 1), (steps - k) / max(round(0.2 * steps), 1)
    return np.minimum(1.0, np.minimum(up, down))


SCHEDULES: dict[str, Callable[[int], np.ndarray]] = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
    "trapezoid": trapezoid,
}
FALLING = ("constant", "linear", "cosine")  # largest at the first step


def variation(step_sizes: np.ndarray) -> np.ndarray:
    """avg γ_k²/γ² over the last axis, γ the mean: at least 1, and 1 for equal steps only."""
    return (step_sizes**2).mean(-1) / step_sizes.mean(-1) ** 2


def peak(step_sizes: np.ndarray) -> np.ndarray:
    """max γ_k/γ over the last axis, γ the mean."""
    return step_sizes.max(-1) / step_sizes.mean(-1)


def shape_constants(step_sizes: np.ndarray) -> dict[str, float]:
    """What statements need of a schedule (steps,): its `variation` and its `peak`.

    `ValueError` for steps that are negative, not finite, or all 0.
    """
    sizes = np.asarray(step_sizes, float)
    if sizes.ndim != 1 or sizes.size == 0 or not np.isfinite(sizes).all() or (sizes < 0).any() or not sizes.any():
        raise ValueError(f"a schedule must be a list of finite numbers >= 0 that are not all 0, got {step_sizes!r}")
    # rounding may leave either an ulp below 1, which the constants' rule refuses
    return {"variation": max(float(variation(sizes)), 1.0), "peak": max(float(peak(sizes)), 1.0)}

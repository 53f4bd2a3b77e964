"""The parts of the momentum error a second time: from the weights that the method itself gives, without any series."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp

from bounds.symbols import L, Lbar, X, b, gamma, lam, rho, sigma

Sums = dict[str, float]


def units(momentum: str, decay: bool = False, scheduled: bool = False) -> dict[str, sp.Expr]:
    """What `finite_sums` counts in: ρσ, and the largest change of the gradient between two steps (ζ in ‖·‖₂: STORM).

    A step has length γb, with weight decay at most γ(b + λX), which is 2γb inside the ball of radius X = b/λ.
    """
    length = gamma * (b + lam * X if decay and scheduled else (2 if decay else 1) * b)
    change = rho * Lbar * length if momentum == "storm" else L * length
    return {"start": rho * sigma, "noise": rho * sigma, "drift": change}


def finite_sums(momentum: str, start: str, alpha_value: float, steps: int, schedule: np.ndarray | None = None) -> Sums:
    """The parts of avg_k E‖m_k − ∇f(x_k)‖_* for the method itself, by summing its weights: no geometric series.

    schedule: the γ_k (steps,), for "ema" and "nesterov": the average then has the weights γ_k; only ratios count.
    In the `units` of the momentum, γ the mean step, with Jensen at every step. These are what a memory's parts must
    dominate, and reach for long runs. `ValueError` for a momentum that has no sums here.
    """
    sizes = np.ones(steps) if schedule is None else np.asarray(schedule, float) / np.mean(schedule)
    known: dict[str, Callable[[str, float, np.ndarray], Sums]] = {
        "none": lambda *_: {"noise": 1.0},
        "ema": _ema,
        "nesterov": _nesterov,
        "storm": _storm,
    }
    if momentum not in known:
        raise ValueError(f"no sums are known for the momentum {momentum!r}; known: {', '.join(known)}")
    if schedule is not None and momentum == "storm":
        raise ValueError("no sums under a schedule are known for the momentum 'storm'")
    return known[momentum](start, alpha_value, sizes)


def _collect(start: str, sizes: np.ndarray, feed: Callable[[int], tuple[np.ndarray, float]]) -> Sums:
    """Sums of the weights that `feed(k)` gives to g_0 … g_k, and of how much of g_0's counts as start."""
    steps = len(sizes)
    totals = {"start": 0.0, "drift": 0.0, "noise": 0.0}
    for k in range(steps):
        now, from_start = feed(k)
        scale = now.sum()
        now, from_start = now / scale, from_start / scale
        totals["start"] += sizes[k] * from_start
        # gradient j lacks the increments of the steps j … k − 1
        totals["drift"] += sizes[k] * float((now[:-1].cumsum() * sizes[:k]).sum())
        squares = float((now**2).sum()) - now[0] ** 2 + (now[0] - from_start) ** 2
        totals["noise"] += sizes[k] * float(np.sqrt(max(squares, 0.0)))
    return {name: total / steps for name, total in totals.items() if name != "start" or start == "first gradient"}


def _buffer(start: str, alpha_value: float, steps: int) -> Callable[[int], np.ndarray]:
    """The weights of g_0 … g_k in the buffer m_k, one step after the other."""
    weights = np.zeros(steps)

    def step(k: int) -> np.ndarray:
        weights[:k] *= 1 - alpha_value
        weights[k] = 1.0 if k == 0 and start == "first gradient" else alpha_value
        return weights[: k + 1].copy()

    return step


def _ema(start: str, alpha_value: float, sizes: np.ndarray) -> Sums:
    buffer = _buffer(start, alpha_value, len(sizes))

    def feed(k: int) -> tuple[np.ndarray, float]:
        now = buffer(k)
        return now, float(now[0]) if start == "first gradient" else 0.0

    return _collect(start, sizes, feed)


def _nesterov(start: str, alpha_value: float, sizes: np.ndarray) -> Sums:
    buffer = _buffer(start, alpha_value, len(sizes))

    def feed(k: int) -> tuple[np.ndarray, float]:
        now = (1 - alpha_value) * buffer(k)
        from_start = float(now[0]) if start == "first gradient" else 0.0
        now[k] += alpha_value
        return now, from_start

    return _collect(start, sizes, feed)


def _storm(start: str, alpha_value: float, sizes: np.ndarray) -> Sums:
    """m fed with unit vectors: one of their own for the noise of every sample, and for the change that it sees."""
    if start != "first gradient":
        raise ValueError(f"STORM starts at the first gradient, no sums are known from {start!r}")
    steps = len(sizes)
    noise, change = np.zeros(steps), np.zeros(steps)  # the weights of ξ_j and of ζ_j in m_k
    totals = {"start": 0.0, "drift": 0.0, "noise": 0.0}
    for k in range(steps):
        if k == 0:
            noise[0] = 1.0  # m_0 = g_0
        else:
            fresh, same_sample_before = np.zeros((2, steps)), np.zeros((2, steps))
            fresh[0, k] = same_sample_before[0, k] = 1.0  # g(x, ξ) has ξ_k; g(x⁻, ξ) has ξ_k − ζ_k
            same_sample_before[1, k] = -1.0
            corrected = (1 - alpha_value) * (np.stack([noise, change]) + fresh - same_sample_before)
            noise, change = corrected + alpha_value * fresh
        totals["start"] += float(noise[0])
        totals["noise"] += float(np.sqrt((noise[1:] ** 2).sum()))
        totals["drift"] += float(np.sqrt((change**2).sum()))
    return {name: total / steps for name, total in totals.items()}

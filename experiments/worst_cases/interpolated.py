"""The function that a programme in ℓ2 has found, made explicit: convex and smooth through given points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from experiments.worst_cases.gram import load, solve


class Read(NamedTuple):
    """f(y) lies in [value − gap, value], and ∇f(y) within √(2·gap) of `gradient`: the quadratic programme's own gap."""

    value: float
    gap: float
    gradient: np.ndarray

    @property
    def off(self) -> float:
        """What the gradient may be off by, in ℓ2: the programme is 1-strongly convex in it."""
        return float((2 * self.gap) ** 0.5)


class Interpolated:
    """f(y) = min over weights a ≥ 0, Σa_i = 1, of ½‖y − Σa_i z_i‖² + Σa_i h_i: convex and 1-smooth for any z_i, h_i.

    With z_i = x_i − g_i, h_i = f_i − ½‖g_i‖² it goes through points x_i, gradients g_i and values f_i wherever a convex
    1-smooth function does. Source: Taylor, Hendrickx & Glineur, Mathematical Programming 2017, Theorem 4.

    Args:
        apart: z (n, d). heights: h (n,).
    """

    def __init__(self, apart: np.ndarray, heights: np.ndarray) -> None:
        cp = load()
        self.apart, self.heights = apart, heights
        self._at, self._weights = cp.Parameter(apart.shape[1]), cp.Variable(len(heights), nonneg=True)
        value = cp.sum_squares(self._at - apart.T @ self._weights) / 2 + heights @ self._weights
        self._problem = cp.Problem(cp.Minimize(value), [cp.sum(self._weights) == 1])

    @classmethod
    def through(cls, x: np.ndarray, g: np.ndarray, f: np.ndarray) -> Interpolated:
        """The one of points (n, d), gradients (n, d) and values (n,)."""
        return cls(x - g, f - (g**2).sum(-1) / 2)

    def __call__(self, y: np.ndarray) -> Read:
        """Value and gradient at y (d,); `RuntimeError` if the solver fails."""
        self._at.value = y
        if not np.isfinite(solve(self._problem)):
            raise RuntimeError("the quadratic programme of an interpolated function was not solved")
        weights = np.maximum(self._weights.value, 0)
        reads = [self._read(y, weights / weights.sum()), self._read(y, self._polished(y, weights))]
        return min(reads, key=lambda one: one.gap)

    def _read(self, y: np.ndarray, weights: np.ndarray) -> Read:
        gradient = y - self.apart.T @ weights
        slopes = self.heights - self.apart @ gradient  # of the programme, by the weights
        gap = max(float(slopes @ weights - slopes.min()), 0.0) + 1e-15 * float(np.abs(slopes).max())
        return Read(float(gradient @ gradient / 2 + self.heights @ weights), gap, gradient)

    def _polished(self, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The weights that are not nearly 0, from the linear system of their optimality."""
        active = weights > 1e-6 * weights.max()
        z, h, count = self.apart[active], self.heights[active], int(active.sum())
        system = np.block([[z @ z.T, np.ones((count, 1))], [np.ones((1, count)), np.zeros((1, 1))]])
        solved = np.linalg.lstsq(system, np.append(z @ y - h, 1.0), rcond=None)[0][:-1]
        polished = np.zeros_like(weights)
        polished[active] = np.maximum(solved, 0)
        return polished / polished.sum() if polished.sum() > 0 else weights / weights.sum()

"""D1-H by performance estimation: the least cost of keeping gradients large, a semidefinite programme in ℓ2.

Units: L = γ = 1. Written without a modelling package for the sake of speed; tests compare it with PEPit.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from experiments.worst_cases.gram import forms, load, solve
from lmo.checks import check_integer, check_number


class SmallestGap:
    """The least f(x_0) − inf f of K steps whose gradient norms are all `norm` (`equal`) or at least that.

    The Gram matrix is that of g_0 … g_K, d̂_0 … d̂_{K−1}; a nonconvex smooth function through f_i, g_i, x_i exists if and
    only if f_i ≥ f_j + ⟨g_j, x_i − x_j⟩ + ¼‖g_i − g_j‖² − ¼‖x_i − x_j‖² + ½⟨g_i − g_j, x_i − x_j⟩ for all i, j.
    Closeness ‖d̂ + g/‖g‖‖ ≤ δ is ⟨2g, d̂⟩ + ‖g‖(‖d̂‖² + 1 − δ²) ≤ 0. With ‖g‖ replaced by the smaller `norm` it is
    linear in the Gram matrix and still necessary; where all norms are equal it is exact. inf f ≤ f_k − ‖g_k‖²/2.
    """

    def __init__(self, delta: float, steps: int, equal: bool) -> None:
        cp = load()
        self.delta = check_number("delta", delta, at_least=0.0, below=1.0)
        self.steps, self.equal = check_integer("steps", steps, 1), equal
        size = 2 * steps + 1
        rows = np.eye(size)
        g, d = rows[: steps + 1], rows[steps + 1 :]
        x = np.concatenate([np.zeros((1, size)), np.cumsum(d, 0)])
        gram, f = cp.Variable((size, size), PSD=True), cp.Variable(steps + 1)
        self.norm, self.square = cp.Parameter(nonneg=True), cp.Parameter(nonneg=True)
        flat = cp.vec(gram, order="C")
        lowest, constraints = self._smooth(cp, flat, f, x, g)
        squares = forms(g[:-1], g[:-1]) @ flat
        constraints.append(squares == self.square if equal else squares >= self.square)
        lengths = forms(d, d) @ flat + (1 - self.delta**2)
        constraints.append(2 * (forms(g[:-1], d) @ flat) + self.norm * lengths <= 0)
        self.problem = cp.Problem(cp.Minimize(f[0] - lowest), constraints)

    @staticmethod
    def _smooth(cp: Any, flat: Any, f: Any, x: np.ndarray, g: np.ndarray) -> tuple[Any, list[Any]]:
        lowest = cp.Variable()
        pairs = np.array(list(itertools.permutations(range(len(x)), 2)))
        i, j = pairs.T
        dx, dg = x[i] - x[j], g[i] - g[j]
        quadratic = forms(g[j], dx) + forms(dg, dg) / 4 - forms(dx, dx) / 4 + forms(dg, dx) / 2
        return lowest, [f[i] - f[j] >= quadratic @ flat, f - (forms(g, g) @ flat) / 2 >= lowest]

    def __call__(self, norm: float) -> float:
        """The gap at one norm; `RuntimeError` if the solver does not find it."""
        self.norm.value, self.square.value = norm, norm**2
        found = solve(self.problem)
        if not math.isfinite(found):
            raise RuntimeError(f"the semidefinite programme at δ = {self.delta:g}, K = {self.steps} was not solved")
        return found


class Worst(NamedTuple):
    """The smallest gradient norm that K steps can be kept at, in units of √(2LΔ/K).

    lower: attained by an L-smooth function whose K gradients all have this norm (Hilbert interpolation is exact, so
    there is one; its average is the same). upper: no function and oracle keep the minimum over k above it. Both to the
    accuracy of the solver.
    """

    lower: float
    upper: float


def worst(
    delta: float, steps: int, factor: float, tick: Callable[[str, float], None] | None = None, accuracy: float = 1e-4
) -> Worst:
    """The worst minimum over k of a fixed step γ = factor·√(2Δ/(LK)) with an oracle of error δ, in ℓ2."""
    gap = steps / (2 * check_number("factor", factor, above=0.0) ** 2)
    sides = []
    for equal in (True, False):
        smallest = SmallestGap(delta, steps, equal)

        def excess(norm: float, smallest: SmallestGap = smallest, equal: bool = equal) -> float:
            if tick:
                tick(f"semidefinite programmes · K = {steps}", 0.5 * (not equal))
            return smallest(norm) - gap

        sides.append(_root(excess, math.sqrt(2 * gap), accuracy) * factor)
    return Worst(*sides)


def _root(excess: Callable[[float], float], most: float, accuracy: float) -> float:
    """Where an increasing function on (0, most] crosses 0 from below."""
    from scipy.optimize import brentq

    return float(brentq(excess, 1e-3 * most, most * (1 + 1e-6), rtol=accuracy)) if excess(most) > 0 else most

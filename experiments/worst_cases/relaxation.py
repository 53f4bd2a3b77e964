"""Performance estimation in ℓ∞ and ℓ1: the worst case of one pattern of answers is a linear programme.

Units: L = γ = 1, so Δ = K/(2h²) with h = γ/√(2Δ/(LK)), and √(2LΔ/K) = 1/h.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array, vstack

from experiments.worst_cases.patterns import Alphabet, Pattern
from lmo.checks import check_integer, check_number


class Solution(NamedTuple):
    """value: avg ‖g_k‖_* in units of √(2LΔ/K). objective: f_k (K+1,). gradients: g_k (K+1, d); units L = γ = 1."""

    value: float
    objective: np.ndarray
    gradients: np.ndarray


class Relaxation:
    """Maximises avg ‖g_k‖_* over f_k, g_k at the K + 1 points of a pattern, subject to what L-smoothness implies:

        ‖g_i − g_j‖_* ≤ ‖x_i − x_j‖,   |f_j − f_i − ⟨g_i, x_j − x_i⟩| ≤ ‖x_i − x_j‖²/2,   f_k ≥ ‖g_k‖_*²/2   (f* = 0),
        f_0 = Δ, and g_k on the face that the pattern says.

    The third is a parabola, replaced by tangents (below it, so the value is from above). With `sharp` also what holds
    along a segment of length r: |f_j − f_i − ½⟨g_i + g_j, x_j − x_i⟩| ≤ r²/4 − ⟨g_j − g_i, x_j − x_i⟩²/(4r²), again by
    tangents. All are necessary, none is known to be enough: the value bounds from above every function on which the
    oracle plays this pattern.
    """

    def __init__(self, alphabet: Alphabet, steps: int, factor: float, sharp: bool = False, tangents: int = 16) -> None:
        self.alphabet, self.steps = alphabet, check_integer("steps", steps, 1)
        self.factor, self.sharp = check_number("factor", factor, above=0.0), sharp
        self.gap = steps / (2 * factor**2)
        self.touching = np.linspace(0, np.sqrt(2 * self.gap), check_integer("tangents", tangents, 2))[1:]

    @property
    def columns(self) -> int:
        """f_0 … f_K, then g_0 … g_K."""
        return (self.steps + 1) * (1 + self.alphabet.dimension)

    def gradient_columns(self) -> np.ndarray:
        """(K + 1, d): where g_k is."""
        d = self.alphabet.dimension
        return self.steps + 1 + np.arange((self.steps + 1) * d).reshape(-1, d)

    @cached_property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """i < j."""
        return np.triu_indices(self.steps + 1, 1)

    @cached_property
    def lipschitz(self) -> csr_array:
        """Rows ⟨v, g_i − g_j⟩ for every pair and vertex v of the ball; the pattern is in the right side alone."""
        i, j = self.pairs
        where, vertices = self.gradient_columns(), self.alphabet.faces
        rows = np.arange(len(i) * len(vertices)).reshape(len(i), -1, 1)
        shape = (len(i), *vertices.shape)
        columns = np.stack([np.broadcast_to(where[k][:, None, :], shape) for k in (i, j)])
        values = np.stack([np.broadcast_to(sign * vertices, shape) for sign in (1.0, -1.0)])
        return self._sparse(np.broadcast_to(rows, columns.shape), columns, values, rows.size)

    @cached_property
    def floors(self) -> csr_array:
        """Rows t⟨v, g_k⟩ − f_k ≤ t²/2 for every k, vertex v and tangent t."""
        where, vertices = self.gradient_columns(), self.alphabet.faces
        k, v, t = (
            a.ravel()
            for a in np.meshgrid(
                np.arange(self.steps + 1), np.arange(len(vertices)), np.arange(len(self.touching)), indexing="ij"
            )
        )
        rows = np.arange(len(k))
        slope = self._sparse(
            np.repeat(rows, vertices.shape[1]), where[k], self.touching[t][:, None] * vertices[v], len(k)
        )
        return slope - self._sparse(rows, k, np.ones(len(k)), len(k))

    def _sparse(self, rows: np.ndarray, columns: np.ndarray, values: np.ndarray, height: int) -> csr_array:
        flat = (values.ravel(), (rows.ravel(), columns.ravel()))
        return coo_array(flat, shape=(height, self.columns)).tocsr()

    def interpolation(self, points: np.ndarray) -> tuple[csr_array, np.ndarray]:
        """Rows that must lie in [−right, right]: values against slopes at both ends (and, `sharp`, their mean)."""
        i, j = self.pairs
        where, change = self.gradient_columns(), points[j] - points[i]
        reach = self.alphabet.primal(change) ** 2
        count, d = change.shape
        rows = np.arange(count)
        rise = self._sparse(np.stack([rows, rows]), np.stack([j, i]), np.stack([rows * 0 + 1.0, rows * 0 - 1.0]), count)
        at_i = self._sparse(np.repeat(rows, d), where[i], change, count)
        at_j = self._sparse(np.repeat(rows, d), where[j], change, count)
        if not self.sharp:
            return vstack([rise - at_i, rise - at_j]), np.concatenate([reach / 2, reach / 2])
        # a tangent at slope t of the square: ½ ± ½t of each end; t = ±1 are the two rows above
        slopes = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
        rows_of = [rise - (1 + t) / 2 * at_i - (1 - t) / 2 * at_j for t in slopes]
        return vstack(rows_of), np.concatenate([reach / 4 * (1 + t**2) for t in slopes])

    def solve(self, pattern: Pattern) -> Solution:
        """The linear programme of one pattern."""
        if pattern.alphabet != self.alphabet or pattern.steps != self.steps:
            raise ValueError("the pattern has another alphabet or another number of steps than the relaxation")
        i, j = self.pairs
        distance = self.alphabet.primal(pattern.points[i] - pattern.points[j])
        matrix, right = self.interpolation(pattern.points)
        floor = np.tile(self.touching**2 / 2, (self.steps + 1) * len(self.alphabet.faces))
        cone = self.cone(pattern)
        constraints = [
            LinearConstraint(self.lipschitz, ub=np.repeat(distance, len(self.alphabet.faces))),
            LinearConstraint(matrix, -right, right),
            LinearConstraint(self.floors, ub=floor),
            LinearConstraint(cone, ub=0.0),
        ]
        objective = np.zeros(self.columns)
        objective[self.gradient_columns()[:-1]] = -self.alphabet.faces[pattern.faces]
        low, high = np.full(self.columns, -np.inf), np.full(self.columns, np.inf)
        low[: self.steps + 1] = 0
        low[0] = high[0] = self.gap
        found = milp(objective, constraints=constraints, bounds=Bounds(low, high))
        if found.x is None:
            raise RuntimeError(f"the solver gave no answer: {found.message}")
        value = -found.fun / self.steps * self.factor
        return Solution(value, found.x[: self.steps + 1], found.x[self.gradient_columns()])

    def cone(self, pattern: Pattern) -> csr_array:
        """Rows ≤ 0 that put g_k on its face: ⟨v − face, g_k⟩ ≤ 0 for every vertex v (for ℓ∞, every entry's sign)."""
        where, faces = self.gradient_columns()[:-1], self.alphabet.faces[pattern.faces]
        if self.alphabet.norm == "linf":
            return self._sparse(np.arange(faces.size), where, -faces, faces.size)
        vertices = self.alphabet.faces
        values = vertices[None] - faces[:, None, :]
        rows = np.arange(values.shape[0] * values.shape[1]).reshape(*values.shape[:2], 1)
        columns = np.broadcast_to(where[:, None, :], values.shape)
        return self._sparse(np.broadcast_to(rows, values.shape), columns, values, rows.size)

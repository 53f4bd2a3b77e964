"""The best pattern in ℓ∞ by mixed-integer programming: exact, for a few steps and coordinates."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from experiments.worst_cases.relaxation import Relaxation


class Model:
    """A mixed-integer programme, written row by row."""

    def __init__(self) -> None:
        self.low: list[float] = []
        self.high: list[float] = []
        self.whole: list[int] = []
        self.rows: list[dict[int, float]] = []
        self.right: list[float] = []

    def variable(self, low: float = -np.inf, high: float = np.inf, whole: bool = False) -> int:
        """A new column."""
        self.low.append(low)
        self.high.append(high)
        self.whole.append(int(whole))
        return len(self.low) - 1

    def choice(self, count: int) -> list[int]:
        """Binaries of which exactly one is 1."""
        chosen = [self.variable(0, 1, True) for _ in range(count)]
        self.at_most({column: 1.0 for column in chosen}, 1.0)
        self.at_most({column: -1.0 for column in chosen}, -1.0)
        return chosen

    def at_most(self, row: dict[int, float], right: float) -> None:
        """Σ row·x ≤ right."""
        self.rows.append(row)
        self.right.append(right)

    def maximise(self, objective: dict[int, float], seconds: float) -> float:
        """The optimum; `RuntimeError` if it is not proved within `seconds`."""
        where = np.repeat(np.arange(len(self.rows)), [len(row) for row in self.rows])
        columns = np.concatenate([list(row) for row in self.rows]).astype(int)
        values = np.concatenate([list(row.values()) for row in self.rows])
        matrix = csr_array((values, (where, columns)), shape=(len(self.rows), len(self.low)))
        cost = np.zeros(len(self.low))
        cost[list(objective)] = -np.array(list(objective.values()))
        found = milp(
            cost,
            integrality=self.whole,
            bounds=Bounds(self.low, self.high),
            constraints=LinearConstraint(matrix, ub=self.right),
            options={"time_limit": seconds, "mip_rel_gap": 1e-7},
        )
        if found.status != 0:
            raise RuntimeError(f"the mixed-integer programme was not solved: {found.message}")
        return -float(found.fun)


def exact(relaxation: Relaxation, seconds: float = 60.0) -> float:
    """The largest value of any pattern, in units of √(2LΔ/K): what the local search cannot exceed.

    Made for `Relaxation(Alphabet("linf", …), sharp=False)` with up to three steps and two coordinates; the number of
    binaries grows with the number of possible distances.

    Raises:
        ValueError: another norm, or the sharp conditions. RuntimeError: not solved in `seconds`.
    """
    if relaxation.alphabet.norm != "linf" or relaxation.sharp:
        raise ValueError("the mixed-integer programme is written for ℓ∞ and the plain conditions (sharp=False)")
    return _Exact(relaxation).solve(seconds)


class _Exact:
    """Binary y_{k,m,a}: coordinate m answers step k with a ∈ {±b, ±c}; products with g by bounds on |g|."""

    def __init__(self, relaxation: Relaxation) -> None:
        self.r, self.model = relaxation, Model()
        steps, d = relaxation.steps, relaxation.alphabet.dimension
        b, c = 1 + relaxation.alphabet.delta, 1 - relaxation.alphabet.delta
        self.answers = sorted({b, c, -b, -c})
        self.most = float(np.sqrt(2 * relaxation.gap)) + (b * steps)  # |g| along any run: ‖g_0‖ and what L allows
        self.f = [self.model.variable(0.0) for _ in range(steps + 1)]
        self.model.low[self.f[0]] = self.model.high[self.f[0]] = relaxation.gap
        self.g = [[self.model.variable(-self.most, self.most) for _ in range(d)] for _ in range(steps + 1)]
        self.y = [[self.model.choice(len(self.answers)) for _ in range(d)] for _ in range(steps)]
        self.size = [[self._size(k, m) for m in range(d)] for k in range(steps)]

    def _size(self, k: int, m: int) -> int:
        """|g_km| for k < K: g_km·sign ≥ 0, the sign opposite to the answer's."""
        size, g = self.model.variable(0.0, self.most), self.g[k][m]
        positive = {self.y[k][m][i]: 1.0 for i, a in enumerate(self.answers) if a < 0}  # 1 if g ≥ 0
        self.model.at_most({g: 1.0} | {y: -self.most for y in positive}, 0.0)
        self.model.at_most({g: -1.0} | {y: self.most for y in positive}, self.most)
        self.model.at_most({size: 1.0, g: -1.0} | {y: 2 * self.most for y in positive}, 2 * self.most)
        self.model.at_most({size: 1.0, g: 1.0} | {y: -2 * self.most for y in positive}, 0.0)
        self.model.at_most({size: -1.0, g: 1.0}, 0.0)
        self.model.at_most({size: -1.0, g: -1.0}, 0.0)
        return size

    def solve(self, seconds: float) -> float:
        """All conditions, then the optimum."""
        steps = self.r.steps
        self.products = {
            (i, k, m): self._product(i, k, m)
            for i in range(steps + 1)
            for k in range(steps)
            for m in range(self.r.alphabet.dimension)
        }
        for k in range(steps + 1):
            for signs, t in itertools.product(self.r.alphabet.faces, self.r.touching):
                row = {g: float(t * s) for g, s in zip(self.g[k], signs, strict=True)}
                self.model.at_most(row | {self.f[k]: -1.0}, float(t**2 / 2))
        for i, j in itertools.combinations(range(steps + 1), 2):
            self._pair(i, j)
        objective = {size: self.r.factor / steps for row in self.size for size in row}
        return self.model.maximise(objective, seconds)

    def _product(self, i: int, k: int, m: int) -> int:
        """g_im · (answer of step k on coordinate m)."""
        reach = self.most * max(self.answers)
        product, g = self.model.variable(-reach, reach), self.g[i][m]
        for y, a in zip(self.y[k][m], self.answers, strict=True):
            for sign in (1.0, -1.0):
                self.model.at_most({product: sign, g: -sign * a, y: 2 * reach}, 2 * reach)
        return product

    def _pair(self, i: int, j: int) -> None:
        """Both inequalities between x_i and x_j, whose distance is one of finitely many."""
        distances = self._distances(j - i)
        chosen = self.model.choice(len(distances))
        self._at_most_the_distance(i, j, dict(zip(chosen, distances, strict=True)))
        for signs in self.r.alphabet.faces:
            row = {g: float(s) for g, s in zip(self.g[i], signs, strict=True)}
            row |= {g: -float(s) for g, s in zip(self.g[j], signs, strict=True)}
            self.model.at_most(row | {y: -r for y, r in zip(chosen, distances, strict=True)}, 0.0)
        square = {y: -(r**2) / 2 for y, r in zip(chosen, distances, strict=True)}
        for point in (i, j):
            slope = {self.products[point, k, m]: -1.0 for k in range(i, j) for m in range(len(self.g[0]))}
            row = slope | {self.f[j]: 1.0, self.f[i]: -1.0}
            self.model.at_most(row | square, 0.0)
            self.model.at_most({column: -v for column, v in row.items()} | square, 0.0)

    def _distances(self, steps: int) -> list[float]:
        sums = {0.0}
        for _ in range(steps):
            sums = {round(s + a, 12) for s in sums for a in self.answers}
        return sorted({abs(s) for s in sums})

    def _at_most_the_distance(self, i: int, j: int, chosen: dict[int, float]) -> None:
        """The chosen distance is at most ‖x_j − x_i‖_∞: some coordinate, up or down, has moved so far."""
        d, far = self.r.alphabet.dimension, 2 * (j - i) * max(self.answers)
        which = self.model.choice(2 * d)
        for (m, sign), y in zip(itertools.product(range(d), (1.0, -1.0)), which, strict=True):
            moved = {self.y[k][m][n]: -sign * a for k in range(i, j) for n, a in enumerate(self.answers)}
            self.model.at_most(chosen | moved | {y: far}, far)

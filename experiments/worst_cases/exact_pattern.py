"""The best pattern in ℓ∞ or ℓ1 by mixed-integer programming: exact, for a few steps and coordinates."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from experiments.worst_cases.patterns import Alphabet
from experiments.worst_cases.relaxation import Relaxation

SOLVE_ERROR = 4
SCALES = (1.0, 3.0, 1000.0, 0.37)  # of the objective: where HiGHS fails with one, for no visible reason, another works


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """HiGHS prints some lines whatever it is told, and standard output may be JSON."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


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
        self.rows.append({column: value for column, value in row.items() if value})
        self.right.append(right)

    def maximise(self, objective: dict[int, float], seconds: float) -> float:
        """The optimum; `RuntimeError` if it is not proved within `seconds`."""
        where = np.repeat(np.arange(len(self.rows)), [len(row) for row in self.rows])
        columns = np.concatenate([list(row) for row in self.rows]).astype(int)
        values = np.concatenate([list(row.values()) for row in self.rows])
        matrix = csr_array((values, (where, columns)), shape=(len(self.rows), len(self.low)))
        cost = np.zeros(len(self.low))
        cost[list(objective)] = -np.array(list(objective.values()))
        for scale in SCALES:
            with _silent():
                found = milp(
                    scale * cost,
                    integrality=self.whole,
                    bounds=Bounds(self.low, self.high),
                    constraints=LinearConstraint(matrix, ub=self.right),
                    # presolve takes coefficients of size δ or 1 − δ below 1e-6 for 0
                    options={"time_limit": seconds, "mip_rel_gap": 1e-7, "presolve": False},
                )
            if found.status != SOLVE_ERROR:
                break
        if found.status != 0:
            raise RuntimeError(f"the mixed-integer programme was not solved: {found.message}")
        return -float(found.fun) / scale


class Part(NamedTuple):
    """What is chosen by itself in an answer: one row of `moves` (options, d); the answer is the sum over all parts.

    `faces` (options, d) is what the choice says of g: ⟨face, g⟩ is this part of ‖g‖_*. None where it says nothing.
    """

    moves: np.ndarray
    faces: np.ndarray | None


def parts(alphabet: Alphabet) -> list[Part]:
    """In ℓ∞ every coordinate is answered by itself, in ℓ1 the face and the error are."""
    if alphabet.norm == "l1":
        faces = Part(-alphabet.faces, alphabet.faces)
        return [faces, Part(alphabet.errors, None)] if alphabet.delta > 0 else [faces]
    b, c = 1 + alphabet.delta, 1 - alphabet.delta
    answers = np.array(sorted({b, c, -b, -c}))[:, None]
    return [Part(answers * e, -np.sign(answers) * e) for e in np.eye(alphabet.dimension)]


def exact(relaxation: Relaxation, seconds: float = 60.0) -> float:
    """The largest value of any pattern, in units of √(2LΔ/K): what the local search cannot exceed.

    Made for the plain conditions (sharp=False) with up to three steps and two coordinates; the number of binaries grows
    with the number of possible distances.

    Raises:
        ValueError: the sharp conditions. RuntimeError: not solved in `seconds`.
    """
    if relaxation.sharp:
        raise ValueError("the mixed-integer programme is written for the plain conditions (sharp=False)")
    return _Exact(relaxation).solve(seconds)


class _Exact:
    """Binary y_{k,part,option}; products of what is chosen with g by bounds on ‖g‖_*."""

    def __init__(self, relaxation: Relaxation) -> None:
        self.r, self.model = relaxation, Model()
        steps, alphabet = relaxation.steps, relaxation.alphabet
        self.parts = parts(alphabet)
        # ‖g‖_* along any run: ‖g_0‖_* and what L allows. Every part of an answer has a norm of at most 1 + δ.
        self.most = float(np.sqrt(2 * relaxation.gap)) + (1 + alphabet.delta) * steps
        self.f = [self.model.variable(0.0) for _ in range(steps + 1)]
        self.model.low[self.f[0]] = self.model.high[self.f[0]] = relaxation.gap
        self.g = [
            [self.model.variable(-self.most, self.most) for _ in range(alphabet.dimension)] for _ in range(steps + 1)
        ]
        self.y = [[self.model.choice(len(part.moves)) for part in self.parts] for _ in range(steps)]

    def solve(self, seconds: float) -> float:
        """All conditions, then the optimum."""
        steps = self.r.steps
        sizes = [self._size(k, p) for k in range(steps) for p, part in enumerate(self.parts) if part.faces is not None]
        self.products = {
            (i, k): [self._product(i, k, p) for p in range(len(self.parts))]
            for i in range(steps + 1)
            for k in range(steps)
        }
        for k in range(steps + 1):
            for face, t in itertools.product(self.r.alphabet.faces, self.r.touching):
                self.model.at_most(self._along(t * face, k) | {self.f[k]: -1.0}, float(t**2 / 2))
        for i, j in itertools.combinations(range(steps + 1), 2):
            self._pair(i, j)
        return self.model.maximise({size: self.r.factor / steps for size in sizes}, seconds)

    def _along(self, vector: np.ndarray, k: int) -> dict[int, float]:
        """The row ⟨vector, g_k⟩."""
        return {g: float(v) for g, v in zip(self.g[k], vector, strict=True) if v}

    def _size(self, k: int, p: int) -> int:
        """⟨face, g_k⟩ of the face that the choice says, which no other face of this part exceeds."""
        size, faces = self.model.variable(0.0, self.most), self.parts[p].faces
        assert faces is not None
        for face in np.unique(faces, axis=0):
            inside = self._along(face, k)
            self.model.at_most(inside | {size: -1.0}, 0.0)
            said = {y: 2 * self.most for y, own in zip(self.y[k][p], faces, strict=True) if (own == face).all()}
            self.model.at_most({g: -v for g, v in inside.items()} | {size: 1.0} | said, 2 * self.most)
        return size

    def _product(self, i: int, k: int, p: int) -> int:
        """⟨g_i, what part p of the answer of step k is⟩."""
        reach = self.most * (1 + self.r.alphabet.delta)
        product = self.model.variable(-reach, reach)
        for y, move in zip(self.y[k][p], self.parts[p].moves, strict=True):
            for sign in (1.0, -1.0):
                self.model.at_most(self._along(-sign * move, i) | {product: sign, y: 2 * reach}, 2 * reach)
        return product

    def _pair(self, i: int, j: int) -> None:
        """Both inequalities between x_i and x_j, whose distance is one of finitely many."""
        distances = self._distances(j - i)
        chosen = self.model.choice(len(distances))
        self._at_most_the_distance(i, j, dict(zip(chosen, distances, strict=True)))
        for face in self.r.alphabet.faces:
            row = self._along(face, i) | self._along(-face, j)
            self.model.at_most(row | {y: -r for y, r in zip(chosen, distances, strict=True)}, 0.0)
        square = {y: -(r**2) / 2 for y, r in zip(chosen, distances, strict=True)}
        for point in (i, j):
            slope = {product: -1.0 for k in range(i, j) for product in self.products[point, k]}
            row = slope | {self.f[j]: 1.0, self.f[i]: -1.0}
            self.model.at_most(row | square, 0.0)
            self.model.at_most({column: -v for column, v in row.items()} | square, 0.0)

    def _distances(self, steps: int) -> list[float]:
        """Every ‖x_j − x_i‖ of j − i answers."""
        moved = np.zeros((1, self.r.alphabet.dimension))
        for moves in [part.moves for part in self.parts] * steps:
            moved = np.unique((moved[:, None] + moves).reshape(-1, moved.shape[-1]).round(12), axis=0)
        return sorted(set(self.r.alphabet.primal(moved).round(12).tolist()))

    def _at_most_the_distance(self, i: int, j: int, chosen: dict[int, float]) -> None:
        """The chosen distance is at most ‖x_j − x_i‖ = max ⟨v, x_j − x_i⟩: some vertex v of the dual ball gives it."""
        vertices, far = self.r.alphabet.dual_vertices, 2 * (j - i) * (1 + self.r.alphabet.delta)
        for vertex, which in zip(vertices, self.model.choice(len(vertices)), strict=True):
            moved = {
                y: -float(move @ vertex)
                for k in range(i, j)
                for part, chosen_part in zip(self.parts, self.y[k], strict=True)
                for y, move in zip(chosen_part, part.moves, strict=True)
            }
            self.model.at_most(chosen | moved | {which: far}, far)

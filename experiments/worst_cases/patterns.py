"""Patterns: what the oracle answers at every step in a polyhedral norm, letter by letter from a finite alphabet."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lmo.checks import check_integer, check_number, unknown_name


@dataclass(frozen=True)
class Alphabet:
    """All letters of a norm. A letter is a face, a vertex of the ball with ‖g‖_* = ⟨face, g⟩, and an error, which
    makes the answer an extreme point of lmo(g) + δ·ball.

    "linf": the face holds the signs of g; the answer is −face with a length 1±δ for every coordinate.
    "l1": the face is ±e_j, j the largest entry of g; the answer is −face ± δe_i.

    Interior errors and zero entries of g are not in it: see paper_notes.md, Worst cases.
    """

    norm: str
    dimension: int
    delta: float

    def __post_init__(self) -> None:
        if self.norm not in ("linf", "l1"):
            raise unknown_name("polyhedral norm", self.norm, ("linf", "l1"))
        check_integer("dimension", self.dimension, 1)
        check_number("delta", self.delta, at_least=0.0, below=1.0)

    @cached_property
    def faces(self) -> np.ndarray:
        """(faces, d): the vertices of the ball, so ‖y‖_* = max faces @ y."""
        return self._sign_vectors() if self.norm == "linf" else self._unit_vectors()

    @property
    def dual_vertices(self) -> np.ndarray:
        """(vertices, d): those of the dual ball, so ‖x‖ = max dual_vertices @ x."""
        return self._unit_vectors() if self.norm == "linf" else self._sign_vectors()

    def _sign_vectors(self) -> np.ndarray:
        return np.array(list(itertools.product((1.0, -1.0), repeat=self.dimension)))

    def _unit_vectors(self) -> np.ndarray:
        return np.concatenate([np.eye(self.dimension), -np.eye(self.dimension)])

    @cached_property
    def errors(self) -> np.ndarray:
        """(errors, d): for "linf" the lengths, factors 1±δ; for "l1" the vertices of the ball of errors."""
        if self.norm == "linf":
            lengths = (1 + self.delta, 1 - self.delta)
            return np.array(list(itertools.product(lengths, repeat=self.dimension)))
        return self.delta * self._unit_vectors()

    def size(self) -> tuple[int, int]:
        """How many faces and errors there are."""
        return len(self.faces), len(self.errors)

    def moves(self, faces: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """The answers d̂ of a pattern, (steps, d), from the indices (steps,) of its faces and errors."""
        if self.norm == "linf":
            return -self.faces[faces] * self.errors[errors]
        return -self.faces[faces] + self.errors[errors]

    def primal(self, x: np.ndarray) -> np.ndarray:
        """‖x‖ over the last axis."""
        return np.abs(x).max(-1) if self.norm == "linf" else np.abs(x).sum(-1)


@dataclass(frozen=True)
class Pattern:
    """A face and an error for every step: indices of shape (steps,) into `alphabet`."""

    alphabet: Alphabet
    faces: np.ndarray
    errors: np.ndarray

    @property
    def steps(self) -> int:
        """K."""
        return len(self.faces)

    @cached_property
    def points(self) -> np.ndarray:
        """x_0 … x_K in units of the step size, from 0: (K + 1, d)."""
        moves = self.alphabet.moves(self.faces, self.errors)
        return np.concatenate([np.zeros((1, self.alphabet.dimension)), np.cumsum(moves, 0)])

    def key(self) -> bytes:
        """The same for equal patterns."""
        return np.stack([self.faces, self.errors]).astype(np.int16).tobytes()

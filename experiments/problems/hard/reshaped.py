"""From vectors to matrices of one column, one row or one entry: a construction in the norms that it has there."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from experiments.problems.base import Known, Problem
from lmo.balls import MaxColumn, MaxRow, NormBall, Nuclear
from lmo.oracles.base import Harm, Oracle, Promise
from lmo.randomness import Draw

BALLS: dict[str, NormBall] = {"max-row": MaxRow(), "max-column": MaxColumn(), "nuclear": Nuclear()}


class Reshaped(Problem):
    """X ↦ f(X as a vector), f a construction with constant L in ℓ∞, or on one coordinate.

    The rows of a matrix of one column are its entries, so max_i ‖X_i‖₂ is ℓ∞ there and its dual norm ℓ1; likewise the
    columns of one row. On one entry all norms are |x|, the nuclear one too.
    """

    core_ndim = 2

    def __init__(self, inside: Any, norm: str) -> None:
        (size,) = inside.shape
        if norm == "nuclear" and size != 1:
            raise ValueError("in the nuclear norm a construction has one coordinate")
        self.inside, self.infimum, self.norm = inside, inside.infimum, norm
        self.shape = (1, size) if norm == "max-column" else (size, 1)
        self.name = f"{inside.name} in {norm}"

    def value(self, x: Any) -> Tensor:
        found: Tensor = self.inside.value(x.flatten(-2))
        return found

    def true_gradient(self, x: Any) -> Any:
        return self.inside.true_gradient(x.flatten(-2)).reshape(x.shape)

    def start(self, runs: int) -> Tensor:
        found: Tensor = self.inside.start(runs).reshape(runs, *self.shape)
        return found

    def initial_gap(self) -> Known:
        found: Known = self.inside.initial_gap()
        return found

    def euclidean_smoothness(self) -> Known:
        found: Known = self.inside.euclidean_smoothness()
        return found

    def special_smoothness(self, ball: NormBall) -> Known | None:
        if type(ball) is not type(BALLS[self.norm]):
            return None
        inner = next(iter(self.inside.balls()))
        found: Known = self.inside.smoothness(inner)
        return found

    def balls(self) -> list[NormBall]:
        return [BALLS[self.norm]]


class ReshapedAnswers(Oracle):
    """Answers matrices of one column, one row or one entry with what an oracle answers to their entries."""

    name: ClassVar[str] = "reshaped"

    def __init__(self, oracle: Oracle, norm: str) -> None:
        self.oracle, self.ball = oracle, BALLS[norm]

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return []  # it refuses what has more rows and columns; tests/truths/test_worst_cases.py is its test

    def promise(self) -> Promise | None:
        return self.oracle.promise()

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        if min(m.shape[-2:]) != 1:
            raise ValueError("this adversary answers matrices of one column or one row only")
        answer, memory = self.oracle(m.flatten(-2), memory, draw, harm)
        assert isinstance(answer, torch.Tensor)
        return answer.reshape(m.shape), memory

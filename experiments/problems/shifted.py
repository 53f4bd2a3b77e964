"""A problem seen from its start: f(x) = inner(x + s), so that runs start at 0, the centre of every ball."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from experiments.problems.base import Known, Problem, repeated
from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.problems.placed import like
from lmo.balls import NormBall
from lmo.checks import check_kind, check_number


class Shifted(Problem):
    """`problem`, whose minimiser is 0 and start is s, as f(x) = problem(x + s), started at 0: its minimiser is −s.

    share: constrained statements run in the ball of radius share·‖s‖, which for share < 1 has no minimiser inside.
    """

    def __init__(self, problem: Problem, share: float = 0.8, name: str | None = None) -> None:
        check_kind("problem", problem, Problem)
        check_number("share", share, above=0.0)
        if problem.noise_std is not None or isinstance(problem.core_ndim, tuple):
            raise ValueError("Shifted wraps a problem with exact gradients on single tensors")
        self.problem, self.share = problem, share
        self.name = f"{problem.name}, shifted" if name is None else name
        self.shape, self.core_ndim, self.infimum = problem.shape, problem.core_ndim, problem.infimum
        self.convex, self.heavy = problem.convex, problem.heavy
        self._shift: Tensor = problem.start(1)[0]

    @classmethod
    def shipped(cls) -> list[Problem]:
        table = MatrixQuadratic.of_the_table(6)  # L is small there, so that bounds are not vacuous
        return [cls(DiagonalQuadratic.shipped()[0]), cls(table, name="matrix quadratic, shifted")]

    def value(self, x: Any) -> Tensor:
        return self.problem.value(x + like(self._shift, x))

    def true_gradient(self, x: Any) -> Any:
        return self.problem.true_gradient(x + like(self._shift, x))

    def start(self, runs: int) -> Tensor:
        return repeated(torch.zeros_like(self._shift), runs)

    def euclidean_smoothness(self) -> Known:
        return self.problem.euclidean_smoothness()

    def special_smoothness(self, ball: NormBall) -> Known | None:
        return self.problem.special_smoothness(ball)

    def mu(self, ball: NormBall) -> Known | None:
        return self.problem.mu(ball)

    def diameter(self, ball: NormBall) -> Known | None:
        return self.problem.diameter(ball)

    def domain(self, ball: NormBall) -> float:
        return self.share * float(ball.norm(self._shift[None])[0])

    def low_point(self, ball: NormBall, radius: float) -> Tensor:
        """The minimiser where the ball holds it, else the point on the way to it from 0."""
        return -self._shift * min(1.0, radius / float(ball.norm(self._shift[None])[0]))

    def balls(self) -> list[NormBall]:
        return self.problem.balls()

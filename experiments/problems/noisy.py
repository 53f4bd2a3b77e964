"""Gaussian noise on the gradients of any problem."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from experiments.problems.base import Known, Problem
from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.problems.ridge import Ridge
from lmo.balls import NormBall
from lmo.checks import check_kind, check_number
from lmo.elements import batch_shape
from lmo.randomness import Draw


class Noisy(Problem):
    """`problem` with g = ∇f + ξ, ξ Gaussian with independent entries and E‖ξ‖₂² = std², anew each step."""

    def __init__(self, problem: Problem, std: float) -> None:
        check_kind("problem", problem, Problem)
        if problem.noise_std is not None or isinstance(problem.core_ndim, tuple):
            raise ValueError("Noisy wraps a problem with exact gradients on single tensors")
        self.problem = problem
        self.name = f"{problem.name} + noise"
        self.shape, self.core_ndim, self.infimum = problem.shape, problem.core_ndim, problem.infimum
        self.heavy = problem.heavy
        self.noise_std = Known(check_number("std", std, above=0.0), "exact", "Gaussian, std/√d per entry")

    @classmethod
    def shipped(cls) -> list[Problem]:
        inside = DiagonalQuadratic.shipped() + MatrixQuadratic.shipped() + Ridge.shipped()
        return [cls(problem, std) for problem, std in zip(inside, (0.3, 0.06, 0.15, 0.1), strict=True)]

    def value(self, x: Any) -> Tensor:
        return self.problem.value(x)

    def true_gradient(self, x: Any) -> Any:
        return self.problem.true_gradient(x)

    def sample(self, draw: Draw) -> Any:
        assert self.noise_std is not None
        return draw.normal("gradient noise", self.shape, std=self.noise_std.value / math.sqrt(math.prod(self.shape)))

    def gradient(self, x: Any, sample: Any = None) -> Any:
        gradient = self.problem.true_gradient(x)
        return gradient if sample is None else gradient + sample.to(x)

    def noise_std_at(self, x: Any) -> Tensor:
        assert self.noise_std is not None
        return torch.full(batch_shape(x, self.core_ndim), self.noise_std.value, dtype=torch.float64)

    def start(self, runs: int) -> Any:
        return self.problem.start(runs)

    def euclidean_smoothness(self) -> Known:
        return self.problem.euclidean_smoothness()

    def euclidean_mean_smoothness(self) -> Known:
        """L₂: the noise of a sample is the same at x and at y."""
        return self.problem.euclidean_smoothness()

    def special_smoothness(self, ball: NormBall) -> Known | None:
        return self.problem.special_smoothness(ball)

    def balls(self) -> list[NormBall]:
        return self.problem.balls()

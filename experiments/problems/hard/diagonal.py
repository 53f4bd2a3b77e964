"""From ℓ∞ to the spectral norm: a construction on the diagonal of a matrix, with its adversary."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from experiments.problems.base import Known, Problem
from experiments.problems.hard.cycles import CycleProblem
from experiments.problems.hard.piecewise import Piecewise
from lmo.balls import LInf, NormBall, Spectral
from lmo.oracles.base import Harm, Oracle, Promise
from lmo.randomness import Draw


class OnDiagonal(Oracle):
    """Answers diagonal matrices with what an ℓ∞ oracle answers to their diagonal.

    A diagonal m without zeros on its diagonal has the one minimiser −diag(sign m_ii), and the spectral norm of a
    diagonal matrix is the largest |entry|: the errors are those of the ℓ∞ oracle.
    """

    name: ClassVar[str] = "on the diagonal"

    def __init__(self, oracle: Oracle) -> None:
        if not isinstance(oracle.ball, LInf):
            raise ValueError(f"`oracle` must be one of the ℓ∞ ball, got one of {oracle.ball}")
        self.oracle, self.ball = oracle, Spectral()

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return []  # it refuses what is not diagonal; tests/truths/test_worst_cases.py is its test

    def promise(self) -> Promise | None:
        return self.oracle.promise()

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        inside = m.diagonal(dim1=-2, dim2=-1)
        if m.shape[-1] != m.shape[-2] or not torch.equal(torch.diag_embed(inside), m):
            raise ValueError("this adversary answers square diagonal matrices only")
        answer, memory = self.oracle(inside, memory, draw, harm)
        assert isinstance(answer, torch.Tensor)
        return torch.diag_embed(answer), memory


class Diagonal(Problem):
    """X ↦ f(diag X) for a construction f in ℓ∞: |X_ii| ≤ ‖X‖, and the nuclear norm of a diagonal is its ℓ1 norm, so the
    constant L of f in ℓ∞ is that of this function in the spectral norm.
    """

    core_ndim = 2

    def __init__(self, inside: CycleProblem | Piecewise) -> None:
        self.inside, self.infimum = inside, inside.infimum
        self.shape = (*inside.shape, *inside.shape)
        self.name = f"{inside.name} on the diagonal"

    def oracle(self) -> OnDiagonal:
        """The adversary of the construction."""
        return OnDiagonal(self.inside.oracle())

    def value(self, x: Any) -> Tensor:
        return self.inside.value(x.diagonal(dim1=-2, dim2=-1))

    def true_gradient(self, x: Any) -> Any:
        return torch.diag_embed(self.inside.true_gradient(x.diagonal(dim1=-2, dim2=-1)))

    def start(self, runs: int) -> Tensor:
        return torch.diag_embed(self.inside.start(runs))

    def initial_gap(self) -> Known:
        return self.inside.initial_gap()

    def euclidean_smoothness(self) -> Known:
        return self.inside.euclidean_smoothness()

    def special_smoothness(self, ball: NormBall) -> Known | None:
        return self.inside.special_smoothness(LInf()) if isinstance(ball, Spectral) else None

    def balls(self) -> list[NormBall]:
        return [Spectral()]

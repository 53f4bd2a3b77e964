"""The contract of a controlled error: what is added to an answer, of size exactly δ in the ball's norm."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from lmo.balls import NormBall
from lmo.checks import check_numbers
from lmo.elements import Element
from lmo.oracles.base import Harm, Promise
from lmo.randomness import Draw


@dataclass(frozen=True, eq=False)
class ErrorModel(ABC):
    """An error e(m) with ‖e‖ = δ wherever m ≠ 0; δ in [0, 1) is a number or a tensor with one number per run."""

    delta: float | Tensor
    name: ClassVar[str]

    def __post_init__(self) -> None:
        check_numbers("delta", self.delta, at_least=0.0, below=1.0)

    @abstractmethod
    def error(self, ball: NormBall, m: Any, direction: Any, draw: Draw | None, harm: Harm | None) -> Element:
        """e with the shape of `m`; `direction` is the answer that it will be added to."""

    def promise(self) -> Promise:
        """(δ, ε, η) of the perturbed exact answer; ε = η = δ unless the model is one-sided."""
        return Promise(self.delta, self.delta, self.delta)

    def needs_parts(self) -> bool:
        """Whether the ball must be able to scale its answer part by part."""
        return False

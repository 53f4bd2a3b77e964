"""The scale that most implementations use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lmo.oracles.scales.base import Prepared, Scale, divide, squares


@dataclass(frozen=True)
class FrobeniusNorm(Scale):
    """x / ‖x‖_F: one pass, no constant in the denominator. Loose by up to √rank: 16 times for a 1024² Gaussian."""

    name: ClassVar[str] = "frobenius"

    def __call__(self, x: Tensor) -> Prepared:
        return divide(x, None, squares(x).sqrt())

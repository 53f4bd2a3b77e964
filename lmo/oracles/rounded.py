"""Answers rounded to a lower precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from lmo.balls import NormBall, Spectral
from lmo.checks import check_kind
from lmo.elements import map_layers
from lmo.oracles.base import Harm, Oracle
from lmo.oracles.exact import Exact
from lmo.oracles.proof import without_proof
from lmo.randomness import Draw


@dataclass(frozen=True)
class Rounded(Oracle):
    """d̂ = oracle(m) rounded to `dtype` (bfloat16, float16, float32) and returned in the dtype of m. No promise."""

    oracle: Oracle
    dtype: torch.dtype = torch.bfloat16
    name: ClassVar[str] = "rounded"

    def __post_init__(self) -> None:
        check_kind("oracle", self.oracle, Oracle)
        if not isinstance(self.dtype, torch.dtype) or not self.dtype.is_floating_point:
            raise TypeError(f"`dtype` must be a floating-point torch.dtype such as torch.bfloat16, got {self.dtype!r}")

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [(cls(Exact(Spectral()), torch.bfloat16), (3, 4))]

    @property
    def ball(self) -> NormBall:  # type: ignore[override]
        """The ball of the oracle inside."""
        return self.oracle.ball

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        direction, memory = self.oracle._direction(m, memory, draw, harm)
        return map_layers(lambda d: d.to(self.dtype).to(d.dtype), direction), without_proof(memory)

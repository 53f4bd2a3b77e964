"""Answers that are computed every k-th call, and repeated in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from lmo.balls import NormBall, Spectral
from lmo.checks import check_integer, check_kind
from lmo.elements import map_layers
from lmo.oracles.base import Harm, Oracle, Promise
from lmo.oracles.exact import Exact
from lmo.oracles.proof import without_proof
from lmo.randomness import Draw


@dataclass(frozen=True)
class Stale(Oracle):
    """d̂ = oracle(m) at calls 0, k, 2k, …, and the same d̂ again at the k − 1 calls after each: the error of delay.

    How far a repeated answer is off depends on how far m has moved, up to 2 in δ and ε; it is promised what the oracle
    promises for k = 1 only. η stays that of the oracle. All runs of a batch have one age. The memory is a dict with the
    last answer (`direction`), how many calls ago it was computed (`age`) and the `memory` of the oracle that computed
    it: `torch.load` reads it without running code.

    Args:
        oracle: asked at every k-th call; its own memory and randomness are those of these calls.
        every: k ≥ 1.

    Raises:
        ValueError: a memory that is not of this oracle, or of questions of another shape.
    """

    oracle: Oracle
    every: int = 2
    name: ClassVar[str] = "stale"

    def __post_init__(self) -> None:
        check_kind("oracle", self.oracle, Oracle)
        check_integer("every", self.every, at_least=1)

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [(cls(Exact(Spectral()), 3), (3, 4)), (cls(Exact(Spectral()), 1), (3, 3))]

    @property
    def ball(self) -> NormBall:  # type: ignore[override]
        """The ball of the oracle inside."""
        return self.oracle.ball

    def promise(self) -> Promise | None:
        return self.oracle.promise() if self.every == 1 else None

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        if memory is None:
            memory = {"age": self.every, "memory": None}
        elif not isinstance(memory, dict) or memory.keys() != {"direction", "age", "memory"}:
            raise ValueError(f"the memory of Stale must be what its previous call returned, got {memory!r}")
        if memory["age"] + 1 < self.every:
            # a copy: the caller may scale its answer in place
            repeated = map_layers(lambda a, kept: kept.to(a, copy=True), m, memory["direction"])
            return repeated, memory | {"age": memory["age"] + 1}
        direction, inner = self.oracle._direction(m, memory["memory"], draw, harm)
        kept = map_layers(torch.clone, direction)
        return direction, {"direction": kept, "age": 0, "memory": without_proof(inner)}

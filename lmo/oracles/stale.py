"""Answers that are computed every k-th call, and repeated in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from lmo.balls import NormBall, Spectral
from lmo.checks import check_integer, check_kind
from lmo.elements import Element
from lmo.oracles.base import Harm, Oracle, Promise
from lmo.oracles.exact import Exact
from lmo.randomness import Draw


class Kept(NamedTuple):
    """The last answer, how many calls ago it was computed, and the memory of the oracle that computed it."""

    direction: Element
    age: int
    memory: Any


@dataclass(frozen=True)
class Stale(Oracle):
    """d̂ = oracle(m) at calls 0, k, 2k, …, and the same d̂ again at the k − 1 calls after each: the error of delay.

    How far a repeated answer is off depends on how far m has moved, up to 2 in δ and ε; it is promised what the oracle
    promises for k = 1 only. η stays that of the oracle. All runs of a batch have one age.

    Args:
        oracle: asked at every k-th call; its own memory and randomness are those of these calls.
        every: k ≥ 1.
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
        if memory is not None and memory.age + 1 < self.every:
            return memory.direction, memory._replace(age=memory.age + 1)
        direction, inner = self.oracle._direction(m, None if memory is None else memory.memory, draw, harm)
        return direction, Kept(direction, 0, inner)

"""The contract of a memory, and the two helpers that its derivations use."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import sympy as sp

from bounds.assumptions import OracleWithin, RestsOn, Smooth, UnbiasedNoise

Part = tuple[str, sp.Expr]  # name of the inequality, its share of the bound on avg E‖m − ∇f‖_*


OF_AVERAGES: dict[str, RestsOn] = {  # start and noise: E‖ξ‖_* ≤ ρσ; drift: the gradient moves by at most Lγb a step
    "start": (UnbiasedNoise,),
    "noise": (UnbiasedNoise,),
    "drift": (Smooth, OracleWithin),
}


class Memory(ABC):
    """The parts of a bound on (1/K)Σ E‖m_k − ∇f(x_k)‖_* and the proof that they are right.

    in_mean: the parts that are bounded in expectation only; the others hold at every step of every run.
    """

    in_mean: ClassVar[tuple[str, ...]] = ("start", "noise")

    def rests_on(self, part: str) -> RestsOn | None:
        """The assumptions that a part needs, as an `Inequality` has them; None where that is not said."""
        return None

    @abstractmethod
    def parts(self) -> tuple[Part, ...]:
        """The named parts; their sum is the bound."""

    @abstractmethod
    def proof(self) -> tuple[tuple[str, sp.Expr], ...]:
        """Named expressions that are identically zero when the derivation is right."""

    def total(self) -> sp.Expr:
        """The bound on the average of E‖m − ∇f‖_*."""
        return sp.Add(*(value for _, value in self.parts()))


def geometric(ratio: sp.Expr) -> sp.Expr:
    """Σ_{i≥0} ratio^i for |ratio| < 1."""
    return 1 / (1 - ratio)


def root(expression: sp.Expr) -> sp.Expr:
    """√expression with its argument in lowest terms, so that two derivations of one root print alike."""
    numerator, denominator = sp.fraction(sp.factor(sp.cancel(expression)))
    if denominator.could_extract_minus_sign():
        numerator, denominator = -numerator, -denominator
    return sp.sqrt(sp.factor(numerator) / sp.factor(denominator))


def vanishing(checks: list[tuple[str, sp.Expr]]) -> tuple[tuple[str, sp.Expr], ...]:
    """The named expressions simplified, so that those that are 0 show it."""
    return tuple((name, sp.simplify(value)) for name, value in checks)

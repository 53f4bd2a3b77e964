"""The problem built for the coupling: one coordinate slides, the other hovers in the noise; ℓ∞, L = Δ = 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from lmo.checks import check_number
from lmo.names import unknown_name

LAWS = ("greedy", "gaussian", "skewed")
START = 0.2  # |∇₂f(x_0)| in units of σ: about where the hovering coordinate stays


@dataclass(frozen=True)
class Hovering:
    """f(x) = ½(a x₁² + (1 − a)x₂²) on R² with the ball of ℓ∞, noise on coordinate 2 alone.

    L = a + (1 − a) = 1 and Δ = 1 exactly, ρ = √2, σ the noise's standard deviation. Coordinate 1 has exact gradients
    and far to go; it pays Δ/(γK). Coordinate 2 starts where the noise keeps it; it pays S1's drift and noise terms.

    noise: n = ρσ/√(LΔ), in which S1 depends on σ, L and Δ. slide: a in (0, 1). law: "greedy" (`unlucky.greedy`, knows
    the momentum: S1 asks for mean 0 and variance ≤ σ² given the past), "gaussian", or "skewed" with its `odds`.

    Raises:
        TypeError, ValueError: numbers outside of their ranges, a law that is not there, noise so large that
            coordinate 2 alone would start above Δ.
    """

    noise: float = 0.25
    slide: float = 0.1
    law: str = "greedy"
    odds: float = 0.05

    def __post_init__(self) -> None:
        check_number("noise", self.noise, above=0.0)
        check_number("slide", self.slide, above=0.0, below=1.0)
        check_number("odds", self.odds, above=0.0, below=1.0)
        if self.law not in LAWS:
            raise unknown_name("noise law", self.law, LAWS)
        if self._hovering_gap >= 1:
            raise ValueError(f"`noise` = {self.noise:g} is so large that coordinate 2 starts above the gap 1; lower it")

    @property
    def spread(self) -> float:
        """σ, all of it on coordinate 2."""
        return self.noise / math.sqrt(2)

    @property
    def curvatures(self) -> tuple[float, float]:
        """a and 1 − a."""
        return self.slide, 1 - self.slide

    @property
    def start(self) -> tuple[float, float]:
        """x_0, such that f(x_0) = 1 exactly."""
        return math.sqrt(2 * (1 - self._hovering_gap) / self.slide), START * self.spread / (1 - self.slide)

    @property
    def _hovering_gap(self) -> float:
        return (START * self.spread) ** 2 / (2 * (1 - self.slide))

    def constants(self) -> dict[str, float]:
        """Δ, L, σ, ρ under their code names."""
        return {"initial_gap": 1.0, "smoothness": 1.0, "noise_std": self.spread, "norm_ratio": math.sqrt(2)}


@dataclass(frozen=True)
class Errors:
    """How long the oracle's answers are, as 1 + δ·(a number in [−1, 1]): on coordinate 1, and on coordinate 2 where the
    answer goes down (`right`) or up (`wrong`). The distance to the exact answer −sign(m) is at most δ in ℓ∞."""

    slide: float = 0.0
    right: float = 0.0
    wrong: float = 0.0

    def __post_init__(self) -> None:
        for name in ("slide", "right", "wrong"):
            if not -1 <= check_number(name, getattr(self, name)) <= 1:
                raise ValueError(f"`{name}` must lie in [-1, 1], in units of delta; got {getattr(self, name)!r}")

    def lengths(self, delta: float) -> tuple[float, float, float]:
        """The three lengths at a δ in [0, 1)."""
        check_number("delta", delta, at_least=0.0, below=1.0)
        return 1 + delta * self.slide, 1 + delta * self.right, 1 + delta * self.wrong


PATTERNS = {
    "two lengths": Errors(0, 1, 1),  # right where it slides, too long where it hovers
    "short and long": Errors(-1, 1, 1),
    "worst": Errors(-1, -1, 1),  # the largest gradients of all: every answer as bad as δ allows
    "worst while hovering": Errors(0, -1, 1),
    "too long": Errors(1, 1, 1),
    "too short": Errors(-1, -1, -1),
}


@dataclass(frozen=True)
class Case:
    """One problem under one error; what is tuned for it is γ and α."""

    problem: Hovering
    errors: Errors
    delta: float

    def record(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self.problem), **vars(self.errors), "delta": self.delta}

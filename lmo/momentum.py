"""Momentum: what the oracle is fed, m, as a function of the stochastic gradients g_0, g_1, …

Conventions that silently change results, each pinned by a test (tests/laws/test_momentum.py):

- α (`alpha`) is the weight of the NEW gradient, in (0, 1]; the usual "momentum β" is 1 − α. Larger α is less memory.
- The buffer starts at the first gradient (m_0 = g_0) or at zero (torch.optim.Muon). With a 0-homogeneous oracle the
  zero start acts like its bias-corrected form, which is NOT the first-gradient start.
- `HeavyBall` m ← (1 − α)m + g (torch.optim.SGD) is `Ema` from zero divided by α: the same directions.
- Nesterov feeds (1 − α)m + αg of the buffer m after its own update.
- `Storm` also needs the gradient of the SAME sample at the previous point, from its second step on.

Every class is linear in the gradients, so a run can split m into signal and noise by feeding the parts separately.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from lmo.checks import unknown_name
from lmo.elements import CoreNdim, Element, PerRun, add_scaled, lerp, scaled, subtract, zeros_like

STARTS = ("first gradient", "zero")


class Momentum(ABC):
    """A rule (buffer, gradient, alpha) → (buffer, fed); `buffer` is None before the first step.

    name, start: how theorems name it (`bounds.Describes`). needs_before: whether `step` takes a further argument
    `before`, the same sample's gradient at the previous point.
    """

    name: ClassVar[str]
    needs_before: ClassVar[bool] = False
    start: str = "first gradient"

    @abstractmethod
    def step(self, buffer: Any, gradient: Any, alpha: PerRun | None, core_ndim: CoreNdim) -> tuple[Any, Element]:
        """The new buffer and the element that the oracle is fed."""

    @property
    def needs_alpha(self) -> bool:
        """Whether a step needs `alpha`."""
        return True


@dataclass(frozen=True)
class NoMomentum(Momentum):
    """The oracle is fed the gradient itself: α = 1."""

    name: ClassVar[str] = "none"

    def step(self, buffer: Any, gradient: Any, alpha: PerRun | None, core_ndim: CoreNdim) -> tuple[Any, Element]:
        return None, gradient

    @property
    def needs_alpha(self) -> bool:
        return False


@dataclass(frozen=True)
class _Averaging(Momentum):
    start: str = "first gradient"

    def __post_init__(self) -> None:
        if self.start not in STARTS:
            raise unknown_name("momentum start", self.start, STARTS)

    def average(self, buffer: Any, gradient: Any, alpha: PerRun, core_ndim: CoreNdim) -> Any:
        """m ← m + α(g − m); before the first step m = g or, from zero, αg."""
        if buffer is None:
            if self.start == "first gradient":
                return gradient
            buffer = zeros_like(gradient)
        return lerp(buffer, gradient, alpha, core_ndim)


@dataclass(frozen=True)
class Ema(_Averaging):
    """m = (1 − α)m + αg; fed m. Theorems S1 (`start="first gradient"`) and S1-0 (`start="zero"`)."""

    name: ClassVar[str] = "ema"

    def step(self, buffer: Any, gradient: Any, alpha: PerRun | None, core_ndim: CoreNdim) -> tuple[Any, Element]:
        buffer = self.average(buffer, gradient, alpha, core_ndim)  # type: ignore[arg-type]
        return buffer, buffer


@dataclass(frozen=True)
class Nesterov(_Averaging):
    """m = (1 − α)m + αg; fed (1 − α)m + αg with the new m. torch.optim.Muon: `start="zero"`."""

    name: ClassVar[str] = "nesterov"

    def step(self, buffer: Any, gradient: Any, alpha: PerRun | None, core_ndim: CoreNdim) -> tuple[Any, Element]:
        buffer = self.average(buffer, gradient, alpha, core_ndim)  # type: ignore[arg-type]
        return buffer, lerp(gradient, buffer, complement(alpha), core_ndim)  # type: ignore[arg-type]


@dataclass(frozen=True)
class HeavyBall(Momentum):
    """m = (1 − α)m + g from zero, fed m: `Ema("zero")` divided by α, which a 0-homogeneous oracle does not see."""

    name: ClassVar[str] = "heavy-ball"
    start = "zero"

    def step(self, buffer: Any, gradient: Any, alpha: PerRun | None, core_ndim: CoreNdim) -> tuple[Any, Element]:
        if buffer is None:
            return gradient, gradient
        kept = scaled(buffer, complement(alpha), core_ndim)  # type: ignore[arg-type]
        buffer = add_scaled(gradient, kept, 1.0, core_ndim)
        return buffer, buffer


@dataclass(frozen=True)
class Storm(Momentum):
    """m = (1 − α)(m + g(x, ξ) − g(x⁻, ξ)) + αg(x, ξ), m_0 = g_0; fed m. STORM, momentum variance reduction. Theorem S4.

    `before` is g(x⁻, ξ): this step's sample at the previous point. The old gradients in m are moved along with x, so
    what is left of their drift has zero mean.
    """

    name: ClassVar[str] = "storm"
    needs_before: ClassVar[bool] = True

    def step(
        self, buffer: Any, gradient: Any, alpha: PerRun | None, core_ndim: CoreNdim, before: Element | None = None
    ) -> tuple[Any, Element]:
        if buffer is None:
            return gradient, gradient
        if before is None:
            raise ValueError("the momentum 'storm' needs `before`, the same sample's gradient at the previous point")
        buffer = add_scaled(gradient, subtract(buffer, before), complement(alpha), core_ndim)  # type: ignore[arg-type]
        return buffer, buffer


def complement(alpha: PerRun) -> PerRun:
    """1 − α: the usual β."""
    return tuple(1 - a for a in alpha) if isinstance(alpha, tuple) else 1 - alpha

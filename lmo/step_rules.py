"""Step rules: how far a run moves along the oracle's direction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lmo.balls import NormBall, Product
from lmo.checks import check_number, check_numbers
from lmo.elements import Element, PerRun


class StepRule(ABC):
    """From the `step_size` that the user gives: the γ of x + γd̂, and the size that weight decay is multiplied with."""

    name: ClassVar[str]

    @abstractmethod
    def __call__(self, step_size: PerRun, fed: Element, ball: NormBall) -> tuple[PerRun, PerRun]:
        """(γ, decay size): the iterate becomes (1 − weight_decay · decay size) x + γ d̂."""


@dataclass(frozen=True)
class Fixed(StepRule):
    """γ = step_size."""

    name: ClassVar[str] = "fixed"

    def __call__(self, step_size: PerRun, fed: Element, ball: NormBall) -> tuple[PerRun, PerRun]:
        return step_size, step_size


@dataclass(frozen=True)
class Adaptive(StepRule):
    """γ_k = step_size · ‖m_k‖_*: `step_size` is then c/(Lb²) of theorem `adaptive-step` (D2), not a length."""

    name: ClassVar[str] = "adaptive"

    def __call__(self, step_size: PerRun, fed: Element, ball: NormBall) -> tuple[PerRun, PerRun]:
        size: Tensor = ball.dual_norm(fed)
        if isinstance(step_size, tuple):
            gamma: PerRun = tuple(s * size for s in step_size)
        else:
            gamma = step_size * size
        for one in gamma if isinstance(gamma, tuple) else (gamma,):
            check_numbers("step_size · ‖m‖_*", one, at_least=0.0)
        return gamma, gamma


@dataclass(frozen=True)
class GradientRatio(StepRule):
    """γ_k = step_size · ‖m_k‖_*/(l0 + l1‖m_k‖_*): `step_size` is then c/b² of theorem `l0-l1` (D3), not a length."""

    l0: float
    l1: float
    name: ClassVar[str] = "l0-l1"

    def __post_init__(self) -> None:
        check_number("l0", self.l0, above=0.0)
        check_number("l1", self.l1, at_least=0.0)

    def __call__(self, step_size: PerRun, fed: Element, ball: NormBall) -> tuple[PerRun, PerRun]:
        size: Tensor = ball.dual_norm(fed)
        ratio = size / (self.l0 + self.l1 * size)
        gamma: PerRun = tuple(s * ratio for s in step_size) if isinstance(step_size, tuple) else step_size * ratio
        return gamma, gamma


@dataclass(frozen=True)
class LayerAdaptive(StepRule):
    """γ_{k,i} = step_size_i · r_i‖m_{k,i}‖_{i,*} in each layer of a `Product`; another ball is one layer.

    For combine="max", step_size_i is c_i/(L_i b_i²) of theorem `layer-wise` (Lw), L_i in the norm ‖·‖_i/r_i.
    """

    name: ClassVar[str] = "layer-adaptive"

    def __call__(self, step_size: PerRun, fed: Element, ball: NormBall) -> tuple[PerRun, PerRun]:
        if not isinstance(ball, Product):
            return Adaptive()(step_size, fed, ball)
        duals = ball.layer_dual_norms(fed)
        sizes = step_size if isinstance(step_size, tuple) else (step_size,) * len(ball.balls)
        gamma = tuple(s * duals[..., i] for i, s in enumerate(sizes))
        for one in gamma:
            check_numbers("step_size · ‖m_i‖_*", one, at_least=0.0)
        return gamma, gamma


@dataclass(frozen=True)
class ShapeScaled(StepRule):
    """γ = factor · step_size, weight decay with the unadjusted step_size (torch.optim.Muon).

    Theory's γ is this product, the effective step size; so τ = step_size · weight_decay, and the ball that decay
    keeps the iterates in has radius factor/weight_decay.
    """

    factor: float
    name: ClassVar[str] = "fixed"

    def __post_init__(self) -> None:
        check_number("factor", self.factor, above=0.0)

    def __call__(self, step_size: PerRun, fed: Element, ball: NormBall) -> tuple[PerRun, PerRun]:
        if isinstance(step_size, tuple):
            return tuple(self.factor * s for s in step_size), step_size
        return self.factor * step_size, step_size

"""The contract of a norm ball: norm, dual norm, linear minimisation oracle, and how far an answer is off."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from lmo.checks import check_integer, check_same_shape, check_tensor
from lmo.elements import AnyElement, CoreNdim, Element


class Distance(NamedTuple):
    """δ = ‖d − z‖ to a nearest minimiser z found, and whether it is the exact distance to the set of minimisers.

    Where `exact` is False the value is an upper bound (the distance to an explicit minimiser). Both have batch shape.
    """

    value: Tensor
    exact: Tensor


class Parts(NamedTuple):
    """A split of the LMO's answer into parts that a maximum-type norm lets scale one by one.

    weights: shape (*batch, p), ≥ 0, what each part contributes to ‖m‖_* = Σ weights.
    build: takes factors (*batch, p) and returns Σ_i factors_i · part_i, so build(1) = lmo(m),
        ⟨m, build(φ)⟩ = −Σ φ_i weights_i and ‖build(φ)‖ = max |φ_i| over the parts of non-zero weight.
    """

    weights: Tensor
    build: Callable[[Tensor], Tensor]


class NormBall(ABC):
    """The unit ball {x : ‖x‖ ≤ 1} of a norm on elements with `core_ndim` trailing dimensions; the rest is batch.

    Laws (checked by `lmo.testing.check_ball` for every ball):
        ‖lmo(m)‖ ≤ 1 and ⟨m, lmo(m)⟩ = −‖m‖_*; lmo(c m) = lmo(m) for c > 0; lmo(−m) = −lmo(m) where the minimiser is
        unique; lmo(0) = 0; ⟨m, x⟩ ≤ ‖m‖_* ‖x‖; a batch gives what a loop over its elements gives;
        ‖x‖₂ ≤ norm_ratio · ‖x‖ and ‖m‖_* ≤ norm_ratio · ‖m‖₂.

    The sign is that of minimisation: a method steps x + γ · lmo(m). A new ball fills in `_norm`, `_dual_norm`, `_lmo`,
    `_distance` and `norm_ratio`; the public methods check their input (`TypeError`, `ValueError`) and call those.
    """

    core_ndim: CoreNdim
    name: ClassVar[str]
    is_hilbert: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.core_ndim, tuple):
            check_integer("core_ndim", self.core_ndim, at_least=1)

    @classmethod
    def examples(cls) -> list[tuple[NormBall, tuple]]:
        """Pairs (ball, core shape) that the laws are tested on."""
        raise NotImplementedError(f"{cls.__name__} must give examples() for the tests")

    def norm(self, x: Element) -> Tensor:
        """‖x‖, shape = batch."""
        return self._norm(self.check("x", x))

    def dual_norm(self, m: Element) -> Tensor:
        """‖m‖_* = max of ⟨m, x⟩ over the ball, shape = batch."""
        return self._dual_norm(self.check("m", m))

    def lmo(self, m: AnyElement) -> AnyElement:
        """A minimiser of ⟨m, ·⟩ over the ball, same shape and dtype as `m`; 0 where m = 0."""
        return self._lmo(self.check("m", m))

    def distance_to_minimisers(self, m: Element, d: Element) -> Distance:
        """δ: the distance, in this norm, from `d` to the set of minimisers of ⟨m, ·⟩ (the whole ball where m = 0)."""
        self.check("m", m)
        self.check("d", d)
        self.check_pair(m, d)
        return self._distance(m, d)

    def parts(self, m: Any) -> Parts:
        """The split of lmo(m) for norms that are a maximum over parts; `ValueError` for the others."""
        raise ValueError(
            f"the norm of {self} is not a maximum over parts, so its answer cannot be scaled part by part; "
            "balls that can: LInf, Spectral, RmsToRms, MaxRow, MaxColumn, and Scaled of those"
        )

    @property
    def has_parts(self) -> bool:
        """Whether `parts` is there."""
        return type(self).parts is not NormBall.parts

    @abstractmethod
    def norm_ratio(self, shape: tuple) -> float:
        """ρ = max ‖x‖₂ over the ball = max of ‖m‖_*/‖m‖₂, for elements of core shape `shape`."""

    @abstractmethod
    def _norm(self, x: Any) -> Tensor: ...

    @abstractmethod
    def _dual_norm(self, m: Any) -> Tensor: ...

    @abstractmethod
    def _lmo(self, m: Any) -> Any: ...

    @abstractmethod
    def _distance(self, m: Any, d: Any) -> Distance: ...

    def check(self, name: str, x: Any) -> Any:
        """`x` itself, refused (`TypeError`, `ValueError`) unless it is a finite floating-point element of this ball."""
        return check_tensor(name, x, self.core_ndim)  # type: ignore[arg-type]

    def check_pair(self, m: Any, d: Any) -> None:
        """Refuses two elements of different shapes."""
        check_same_shape("m", m, "d", d)


def exactly(value: Tensor) -> Distance:
    """A distance that is exact for every run."""
    return Distance(value, torch.ones_like(value, dtype=torch.bool))


def safe_divide(x: Tensor, by: Tensor) -> Tensor:
    """x / by, and 0 where `by` is 0."""
    return torch.where(by > 0, x / torch.where(by > 0, by, torch.ones_like(by)), torch.zeros_like(x))


def to_unit_peak(x: Tensor, core_ndim: int) -> Tensor:
    """`x` divided by its largest entry in absolute value (0 stays 0), so that squares neither overflow nor vanish."""
    dims = tuple(range(-core_ndim, 0))
    peak = torch.maximum(x.amax(dims, keepdim=True), -x.amin(dims, keepdim=True))  # faster than the ∞-norm
    return x / torch.where(peak > 0, peak, 1)

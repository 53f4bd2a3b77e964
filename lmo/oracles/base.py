"""The contract of an oracle: how a direction is computed, what error it promises, and how its error is measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from lmo.balls.base import NormBall
from lmo.elements import Element, check_batch, inner, map_layers
from lmo.randomness import Draw

if TYPE_CHECKING:
    from lmo.polynomials.certify import Certificate

Harm = Callable[[Element], Tensor]  # direction -> how bad it is, one number per run; larger is worse


class OracleError(NamedTuple):
    """What an answer d is off by, one number per run.

    delta: ‖d − z‖ to the nearest minimiser z found, in the ball's own norm; `delta_exact` False: an upper bound.
    epsilon: alignment deficit, ⟨m, d⟩ = −(1 − epsilon)‖m‖_*; 0 where m = 0. Negative: better than the unit ball allows.
    eta: norm excess, ‖d‖ = 1 + eta. Negative: inside the ball.
    """

    delta: Tensor
    epsilon: Tensor
    eta: Tensor
    delta_exact: Tensor


class Promise(NamedTuple):
    """Errors that an oracle cannot exceed on any input: numbers, or tensors with one number per run."""

    delta: float | Tensor
    epsilon: float | Tensor
    eta: float | Tensor


def alignment_deficit(alignment: Tensor, dual_norm: Tensor) -> Tensor:
    """ε from ⟨m, d⟩ and ‖m‖_*; 0 where m = 0."""
    positive = dual_norm > 0
    return torch.where(positive, 1 + alignment / torch.where(positive, dual_norm, 1), 0)


def measure(ball: NormBall, m: Element, d: Element) -> OracleError:
    """δ, ε, η of the answer `d` to the question `m`, by the definitions in `paper_notes.md` (signed, per run).

    Of half precisions, and of two precisions, in float64: products and sums of halves are off by more than an
    oracle may be, or overflow.

    Args:
        ball: the ball whose LMO `d` should be.
        m: shape (*batch, *core), a tuple of those for `Product`.
        d: the same shape.

    Raises:
        TypeError, ValueError: entries that are not finite, wrong dtype, different shapes.
    """
    m, d = _in_one_precision(m, d)
    distance = ball.distance_to_minimisers(m, d)
    epsilon = alignment_deficit(inner(m, d, ball.core_ndim), ball.dual_norm(m))
    error = OracleError(distance.value, epsilon, ball.norm(d) - 1, distance.exact)
    if not all(torch.isfinite(number).all() for number in error[:3]):
        raise ValueError("`m` or `d` is so large that ⟨m, d⟩ or a norm overflows; divide it by its largest entry")
    return error


def _in_one_precision(*elements: Any) -> tuple[Any, ...]:
    """As they came if all have one precision of at least 4 bytes, else in float64; what is no element is left alone."""
    layers = [layer for one in elements for layer in (one if isinstance(one, tuple) else (one,))]
    dtypes = {layer.dtype for layer in layers if _is_real(layer)}
    if len(dtypes) < 2 and all(dtype.itemsize >= 4 for dtype in dtypes):
        return elements
    return tuple(map_layers(lambda x: x.double() if _is_real(x) else x, one) for one in elements)


def _is_real(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point()


class Oracle(ABC):
    """Computes a direction d̂ ≈ argmin ⟨m, d⟩ over a ball.

    Laws (checked by `lmo.testing.check_oracle`): finite, same shape and dtype as m; 0-homogeneous in m; 0 at m = 0;
    ⟨m, d̂⟩ < 0 where it claims a promise with ε < 1; the promise is kept; a batch gives what a loop gives.
    A new oracle fills in `_direction`. Oracles without memory return their `memory` argument as it came.
    """

    ball: NormBall
    name: ClassVar[str]

    def __call__(
        self, m: Element, memory: Any = None, draw: Draw | None = None, harm: Harm | None = None
    ) -> tuple[Element, Any]:
        """The direction for `m`, same shape, and the memory for the next call.

        Args:
            m: shape (*batch, *core).
            memory: what the previous call returned; None at the start.
            draw: randomness of this step, one seed per run, for oracles that need it (`ValueError` if it is missing).
            harm: how bad a direction would be, for oracles that play against the objective (`Worst`).
        """
        self._refuse("m", m)
        if draw is not None:
            check_batch("`draw`", draw.batch_shape, m, self.ball.core_ndim)
        direction, memory = self._direction(m, memory, draw, harm)
        self._refuse("direction", direction)
        self.ball.check_pair(m, direction)
        return direction, memory

    def _refuse(self, name: str, x: Any) -> None:
        """Refuses what is no finite element; less where `_direction` reads all entries anyway, and refuses them."""
        self.ball.check(name, x)

    def check_shape(self, shape: tuple) -> None:
        """`ValueError` where it answers for no element of this core shape (of a product: a tuple of those)."""
        return None  # most answer for all of them

    @abstractmethod
    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]: ...

    def promise(self) -> Promise | None:
        """The errors that hold for every input, or None where nothing is promised."""
        return None

    def certify(self, s_min: float, s_max: float = 1.0) -> Certificate | None:
        """Proved δ, ε, η while all singular values of the scaled input lie in [s_min, s_max]; None: not known.

        For oracles that act on singular values. In exact arithmetic: rounding of the iteration comes on top.
        """
        return None

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        """Pairs (oracle, core shape) that the laws are tested on."""
        raise NotImplementedError(f"{cls.__name__} must give examples() for the tests")

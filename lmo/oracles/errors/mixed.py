"""The error that a one-sided rescaling cannot undo: long where it does not help, short where it would."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from lmo.balls import NormBall
from lmo.elements import Element
from lmo.oracles.base import Harm
from lmo.oracles.errors.base import ErrorModel
from lmo.randomness import Draw


def shrink_largest(weights: Tensor, count: int | Tensor) -> Tensor:
    """Signs (*batch, p): −1 on the `count` parts of largest weight, +1 on the rest; ties go to the earlier part."""
    rank = weights.argsort(dim=-1, descending=True, stable=True).argsort(-1)
    limit = count.unsqueeze(-1) if isinstance(count, Tensor) else count
    one = torch.ones((), dtype=weights.dtype, device=weights.device)
    return torch.where(rank < limit, -one, one)


class Mixed(ErrorModel):
    """Factor 1 − δ on the larger half of the parts (singular values, entries, rows), 1 + δ on the rest.

    With p parts the half is ⌈p/2⌉. It attains η = δ, and ε → δ as the larger half carries all of ‖m‖_*. Needs a ball
    that has parts (`NormBall.parts`: its norm is a maximum over them); `ValueError` for the others, `Product` too.
    """

    name: ClassVar[str] = "mixed"

    def needs_parts(self) -> bool:
        return True

    def error(self, ball: NormBall, m: Any, direction: Any, draw: Draw | None, harm: Harm | None) -> Element:
        weights, build = ball.parts(m)
        signs = shrink_largest(weights, (weights.shape[-1] + 1) // 2)
        delta = self.delta.to(weights.dtype).unsqueeze(-1) if isinstance(self.delta, Tensor) else self.delta
        return build(signs * delta)

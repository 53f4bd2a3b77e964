"""An error in a random direction."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from lmo.balls import NormBall
from lmo.balls.base import safe_divide
from lmo.elements import Element, core_shape, scaled
from lmo.oracles.base import Harm
from lmo.oracles.errors.base import ErrorModel
from lmo.randomness import Draw


def random_on_sphere(ball: NormBall, m: Any, draw: Draw, purpose: str) -> Element:
    """A Gaussian element scaled to ‖e‖ = 1 in the ball's norm, shaped like `m`; 0 where m = 0."""
    shapes = core_shape(m, ball.core_ndim)
    if isinstance(m, tuple):
        noise: Any = tuple(
            draw.normal(f"{purpose} {i}", s, a.dtype) for i, (s, a) in enumerate(zip(shapes, m, strict=True))
        )
    else:
        noise = draw.normal(purpose, shapes, m.dtype)
    size, there = ball._norm(noise), ball._dual_norm(m) > 0
    return scaled(noise, torch.where(there, safe_divide(torch.ones_like(size), size), 0), ball.core_ndim)


class Random(ErrorModel):
    """d̂ = d + δ·e, e a Gaussian scaled to ‖e‖ = 1; a new one each step from `draw` (purpose "oracle error")."""

    name: ClassVar[str] = "random"

    def error(self, ball: NormBall, m: Any, direction: Any, draw: Draw | None, harm: Harm | None) -> Element:
        if draw is None:
            raise ValueError("the error Random needs `draw`, the randomness of the step: lmo.Draw(seeds, step)")
        return scaled(random_on_sphere(ball, m, draw, "oracle error"), self.delta, ball.core_ndim)

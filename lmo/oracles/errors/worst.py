"""The error that is worst for the gradient at hand, chosen among the controlled ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor

from lmo.balls import NormBall
from lmo.balls.base import safe_divide
from lmo.balls.spectral import working
from lmo.elements import Element, add_scaled, expand, flat, inner, scaled
from lmo.oracles.base import Harm
from lmo.oracles.errors.base import ErrorModel
from lmo.oracles.errors.mixed import shrink_largest
from lmo.oracles.errors.random import random_on_sphere
from lmo.randomness import Draw


class Worst(ErrorModel):
    """Tries every controlled error of size δ and keeps, per run, the one with the largest `harm`.

    Candidates: factor 1 − δ on the j largest parts and 1 + δ on the rest, j from `counts(p)` (all of 0 … p for p ≤ 16;
    inflate, mixed and shrink are always among them), for balls that scale part by part; shrink and inflate for the
    others; a random error too where `draw` is given. `harm(direction)` is what the run passes in (the objective after
    the step, say); without it the harm is −alignment/size = ⟨m, d̂⟩/‖d̂‖, the factor c/b that no choice of step size
    can repair. Ties keep the earlier.
    """

    name: ClassVar[str] = "worst"

    def error(self, ball: NormBall, m: Any, direction: Any, draw: Draw | None, harm: Harm | None) -> Element:
        unit = _with_peak_one(m, ball)

        def misalignment(d: Element) -> Tensor:
            return safe_divide(inner(unit, d, ball.core_ndim), ball._norm(d))

        judge = harm or misalignment
        worst: Any = None
        for candidate in self._candidates(ball, m, direction, draw):
            value = judge(add_scaled(direction, candidate, 1.0, ball.core_ndim))
            if worst is None:
                worst, largest = candidate, value
                continue
            better = value > largest
            largest = torch.where(better, value, largest)
            worst = _choose(better, candidate, worst, ball)
        return worst

    def _candidates(self, ball: NormBall, m: Any, direction: Any, draw: Draw | None) -> Iterator[Element]:
        if ball.has_parts:
            weights, build = ball.parts(m)
            delta = self.delta.to(weights.dtype).unsqueeze(-1) if isinstance(self.delta, Tensor) else self.delta
            for count in counts(weights.shape[-1]):
                yield build(shrink_largest(weights, count) * delta)
        else:
            yield scaled(direction, -self.delta, ball.core_ndim)
            yield scaled(direction, self.delta, ball.core_ndim)
        if draw is not None:
            yield scaled(random_on_sphere(ball, m, draw, "worst error"), self.delta, ball.core_ndim)


def counts(parts: int, most: int = 16) -> list[int]:
    """How many parts to shrink: every number from 0 to `parts`, or about `most` spread over them, with ⌈parts/2⌉."""
    if parts <= most:
        return list(range(parts + 1))
    return sorted({round(i * parts / most) for i in range(most + 1)} | {(parts + 1) // 2})


def _with_peak_one(m: Any, ball: NormBall) -> Any:
    """`m` in float32 or better, the largest entry of all layers 1, so that ⟨m, d⟩ neither overflows nor vanishes."""
    layered = isinstance(m, tuple)
    layers = tuple(working(a) for a in (m if layered else (m,)))
    core_ndims: Any = ball.core_ndim if layered else (ball.core_ndim,)
    peaks = [flat(a, n).abs().amax(-1) for a, n in zip(layers, core_ndims, strict=True)]
    peak = torch.stack([p.double() for p in peaks]).amax(0)
    over = torch.where(peak > 0, peak, 1)
    unit = tuple(a / expand(over.to(a.dtype), n) for a, n in zip(layers, core_ndims, strict=True))
    return unit if layered else unit[0]


def _choose(mask: Tensor, yes: Any, no: Any, ball: NormBall) -> Any:
    if isinstance(yes, tuple):
        return tuple(
            torch.where(expand(mask, n), a, b)  # type: ignore[arg-type]
            for a, b, n in zip(yes, no, ball.core_ndim, strict=True)  # type: ignore[arg-type]
        )
    return torch.where(expand(mask, ball.core_ndim), yes, no)  # type: ignore[arg-type]

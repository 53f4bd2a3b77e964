"""Answers whose parts are scaled by a script: the adversaries of the lower bounds."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from lmo.balls import NormBall
from lmo.checks import check_kind, check_numbers
from lmo.elements import check_batch
from lmo.oracles.base import Harm, Oracle, Promise
from lmo.randomness import Draw


class Scripted(Oracle):
    """Part i of the answer of step k is scaled by factors[run, k mod period[run], i].

    Args:
        ball: one that scales part by part (`NormBall.parts`).
        factors: shape (runs, longest period, parts), entries ≥ 0.
        period: how many rows of the script each run uses, integers of shape (runs,).

    Promises δ = max |factor − 1|, ε = 1 − min factor, η = max factor − 1. Its memory is the number of the step.
    """

    name: ClassVar[str] = "scripted"

    def __init__(self, ball: NormBall, factors: Tensor, period: Tensor) -> None:
        check_kind("ball", ball, NormBall)
        check_numbers("factors", factors, at_least=0.0)
        if factors.ndim != 3 or period.shape != factors.shape[:1]:
            raise ValueError(
                "`factors` must be (runs, period, parts) and `period` (runs,), "
                f"got {tuple(factors.shape)}, {tuple(period.shape)}"
            )
        if period.min() < 1 or period.max() > factors.shape[1]:
            raise ValueError(f"`period` must lie in [1, {factors.shape[1]}], got {period.tolist()}")
        if period.is_floating_point():
            raise TypeError(f"`period` must be a tensor of integers, got {period.dtype}")
        self.ball = ball
        self.factors = factors
        self.period = period
        used = torch.arange(factors.shape[1], device=factors.device) < period.unsqueeze(-1)
        self._high = factors.masked_fill(~used.unsqueeze(-1), -torch.inf).amax((-2, -1))
        self._low = factors.masked_fill(~used.unsqueeze(-1), torch.inf).amin((-2, -1))

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return []  # its batch is fixed; the lower bounds of tests/truths/test_lower_bounds.py are its test

    def promise(self) -> Promise:
        return Promise(torch.maximum(self._high - 1, 1 - self._low), 1 - self._low, self._high - 1)

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        check_batch("the script", tuple(self.period.shape), m, self.ball.core_ndim)
        step = 0 if memory is None else memory
        row = (step % self.period).long()
        runs = torch.arange(row.numel(), device=row.device)
        weights, build = self.ball.parts(m)
        if weights.shape[-1] != self.factors.shape[-1]:
            raise ValueError(f"the script scales {self.factors.shape[-1]} part(s), the answer has {weights.shape[-1]}")
        return build(self.factors[runs, row].to(m.dtype)), step + 1

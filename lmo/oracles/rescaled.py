"""What of an answer's error no step size can repair: its distance to the minimisers after the best rescaling."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from lmo.balls.base import NormBall, safe_divide
from lmo.elements import Element, scaled

GOLDEN = (5**0.5 - 1) / 2
ROUNDS = 18  # golden^18 = 2e-4 of the range


class Rescaled(NamedTuple):
    """spread: δ′ = min_{s ≥ 0} δ(s·d), per run, in [0, 1]; factor: the s that attains it."""

    spread: Tensor
    factor: Tensor


def rescaled(ball: NormBall, m: Element, d: Element) -> Rescaled:
    """δ′ of the answer `d` to the question `m`.

    If the factors of the parts of an answer (singular values, entries) lie in [p, u], p ≥ 0, it is (u − p)/(u + p), at
    s = 2/(u + p). In general: s → δ(s·d) is the distance of a point on a ray to a convex set, so it is convex and a
    golden section finds its minimum; δ′ ≤ δ(0) = 1, hence s‖d‖ ≤ 1 + δ′ ≤ 2 bounds s. Where `measure` gives an upper
    bound on δ (ties), this is one on δ′.

    Raises:
        TypeError, ValueError: elements that are not the ball's, or of different shapes.
    """
    for name, element in (("m", m), ("d", d)):
        ball.check(name, element)
    ball.check_pair(m, d)
    return _rescaled(ball, m, d)


def _rescaled(ball: NormBall, m: Any, d: Any) -> Rescaled:
    def distance(factor: Tensor) -> Tensor:
        return ball._distance(m, scaled(d, factor, ball.core_ndim)).value

    size = ball._norm(d)
    low, high = torch.zeros_like(size), safe_divide(2 * torch.ones_like(size), size)
    inner = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)]
    values = [distance(inner[0]), distance(inner[1])]
    for _ in range(ROUNDS):
        left = values[0] <= values[1]  # the minimum lies in [low, inner₁]
        high, low = torch.where(left, inner[1], high), torch.where(left, low, inner[0])
        fresh = torch.where(left, high - GOLDEN * (high - low), low + GOLDEN * (high - low))
        value = distance(fresh)
        inner = [torch.where(left, fresh, inner[1]), torch.where(left, inner[0], fresh)]
        values = [torch.where(left, value, values[1]), torch.where(left, values[0], value)]
    factor = (low + high) / 2
    return Rescaled(distance(factor), factor)

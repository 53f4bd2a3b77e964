"""Balls of whole networks: one ball per layer, joined by a maximum or by a sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from lmo.balls.base import Distance, NormBall, Parts
from lmo.balls.l_inf import LInf
from lmo.balls.spectral import Spectral
from lmo.checks import check_number, check_same_shape, unknown_name
from lmo.elements import expand


@dataclass(frozen=True)
class Product(NormBall):
    """The ball of a tuple of layers x = (x_1, …, x_n), each with its own ball and radius r_i.

    combine="max": {x : max_i ‖x_i‖_i/r_i ≤ 1}, dual norm Σ r_i‖m_i‖_{i,*}, every layer moves by r_i·lmo_i(m_i).
    combine="sum": {x : Σ ‖x_i‖_i/r_i ≤ 1}, dual norm max r_i‖m_i‖_{i,*}, only the first layer attaining it moves.
    Ties: those of the layers (max; a layer with m_i = 0 is free in its whole ball); several layers attaining the
    maximum (sum: convex combinations are minimisers, δ is then the distance to the nearest single-layer one, flagged
    inexact). Elements are tuples of tensors with one common batch shape. Cost: that of the layers.
    """

    balls: tuple[NormBall, ...]
    radii: tuple[float, ...]
    combine: str = "max"
    name: ClassVar[str] = "product"

    def __init__(self, balls: Sequence[NormBall], radii: Sequence[float] | None = None, combine: str = "max") -> None:
        if not isinstance(balls, Sequence):
            raise TypeError(f"`balls` must be a list or tuple of NormBalls, got {balls!r}")
        balls = tuple(balls)
        radii = (1.0,) * len(balls) if radii is None else tuple(radii)
        single = all(isinstance(ball, NormBall) and not isinstance(ball.core_ndim, tuple) for ball in balls)
        if not balls or not single:
            raise TypeError(f"`balls` must be at least one NormBall, none of them a Product; got {balls!r}")
        if len(radii) != len(balls):
            raise ValueError(f"`radii` needs one radius per ball: {len(balls)} balls, {len(radii)} radii")
        radii = tuple(check_number("radii", r, above=0.0) for r in radii)
        if combine not in ("max", "sum"):
            raise unknown_name("combine", combine, ("max", "sum"))
        object.__setattr__(self, "balls", balls)
        object.__setattr__(self, "radii", radii)
        object.__setattr__(self, "combine", combine)

    @classmethod
    def examples(cls) -> list[tuple[NormBall, tuple]]:
        balls, shapes = (Spectral(), LInf()), ((2, 3), (4,))
        return [(cls(balls, (0.5, 2.0), combine), shapes) for combine in ("max", "sum")]

    @property
    def core_ndim(self) -> tuple[int, ...]:  # type: ignore[override]
        """The core dimensions of each layer."""
        return tuple(ball.core_ndim for ball in self.balls)  # type: ignore[misc]

    @property
    def has_parts(self) -> bool:
        """False, for the maximum too: a few layers are too coarse for an error by parts, `PerLayer` reaches theirs."""
        return False

    def parts(self, m: Any) -> Parts:
        raise ValueError(
            "a Product does not split its answer into parts that are scaled one by one, though with combine='max' its "
            "norm is a maximum over layers; `PerLayer` of one perturbed oracle per layer scales the parts of each"
        )

    def check(self, name: str, x: Any) -> Any:
        if not isinstance(x, tuple) or len(x) != len(self.balls):
            got = f"{len(x)} layers" if isinstance(x, tuple) else type(x).__name__
            raise TypeError(f"`{name}` must be a tuple of {len(self.balls)} tensors, one per layer; got {got}")
        for i, (ball, layer) in enumerate(zip(self.balls, x, strict=True)):
            ball.check(f"{name}[{i}]", layer)
        batches = {tuple(layer.shape[: layer.ndim - n]) for layer, n in zip(x, self.core_ndim, strict=True)}
        if len(batches) > 1:
            raise ValueError(f"the layers of `{name}` must have one batch shape, got {sorted(batches)}")
        return x

    def check_pair(self, m: Any, d: Any) -> None:
        for i, (a, b) in enumerate(zip(m, d, strict=True)):
            check_same_shape(f"m[{i}]", a, f"d[{i}]", b)

    def norm_ratio(self, shape: tuple) -> float:
        ratios = [r * ball.norm_ratio(s) for ball, r, s in zip(self.balls, self.radii, shape, strict=True)]
        return math.hypot(*ratios) if self.combine == "max" else max(ratios)

    def _norm(self, x: Any) -> Tensor:
        norms = torch.stack([ball._norm(a) / r for ball, r, a in zip(self.balls, self.radii, x, strict=True)])
        return norms.amax(0) if self.combine == "max" else norms.sum(0)

    def _layer_duals(self, m: Any) -> Tensor:
        return torch.stack([ball._dual_norm(a) * r for ball, r, a in zip(self.balls, self.radii, m, strict=True)])

    def layer_dual_norms(self, m: Any) -> Tensor:
        """r_i‖m_i‖_{i,*} of every layer, shape (*batch, layers); for combine="max" their sum is the dual norm."""
        return self._layer_duals(self.check("m", m)).movedim(0, -1)

    def layer_norms(self, x: Any) -> Tensor:
        """‖x_i‖_i/r_i of every layer, shape (*batch, layers); for combine="max" their maximum is the norm."""
        layers = zip(self.balls, self.radii, self.check("x", x), strict=True)
        return torch.stack([ball._norm(a) / r for ball, r, a in layers], -1)

    def _dual_norm(self, m: Any) -> Tensor:
        duals = self._layer_duals(m)
        return duals.sum(0) if self.combine == "max" else duals.amax(0)

    def _lmo(self, m: Any) -> tuple[Tensor, ...]:
        answers = [ball._lmo(a) * r for ball, r, a in zip(self.balls, self.radii, m, strict=True)]
        if self.combine == "max":
            return tuple(answers)
        moves = self._layer_duals(m).argmax(0)
        return tuple(
            torch.where(expand(moves == i, n), a, torch.zeros_like(a))  # type: ignore[arg-type]
            for i, (a, n) in enumerate(zip(answers, self.core_ndim, strict=True))
        )

    def _distance(self, m: Any, d: Any) -> Distance:
        units = [b / r for b, r in zip(d, self.radii, strict=True)]
        layers = [ball._distance(a, b) for ball, a, b in zip(self.balls, m, units, strict=True)]
        values = torch.stack([layer.value for layer in layers])
        exact = torch.stack([layer.exact for layer in layers])
        if self.combine == "max":
            return Distance(values.amax(0), exact.all(0))
        duals = self._layer_duals(m)
        norms = torch.stack([ball._norm(b) for ball, b in zip(self.balls, units, strict=True)])
        attains = duals == duals.amax(0)
        alone = torch.where(attains, values + norms.sum(0) - norms, torch.inf)
        value, best = alone.min(0)
        zero = duals.amax(0) == 0
        value = torch.where(zero, (norms.sum(0) - 1).clamp(min=0), value)
        return Distance(value, zero | ((attains.sum(0) == 1) & exact.gather(0, best.unsqueeze(0))[0]))

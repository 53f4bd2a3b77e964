"""Different oracles for different runs of one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from lmo.balls import NormBall
from lmo.checks import check_kind
from lmo.elements import check_batch, map_layers
from lmo.oracles.base import Harm, Oracle, Promise
from lmo.randomness import Draw


class PerRun(Oracle):
    """Run r of a one-dimensional batch is answered by oracles[which[r]]; all share one ball.

    An error model inside must hold one δ (a number) or one δ per run of *its* runs, in their order. `harm` is passed
    only to the oracles that are asked about the whole batch, since it judges whole batches: `Worst` falls back on
    its own measure of harm here, unless it answers alone.
    """

    name: ClassVar[str] = "per-run"

    def __init__(self, oracles: Sequence[Oracle], which: Sequence[int]) -> None:
        self.oracles = tuple(oracles)
        self.which = np.asarray(which)
        if not self.oracles or self.which.ndim != 1 or self.which.size == 0:
            raise ValueError("PerRun needs at least one oracle and a one-dimensional, non-empty `which`")
        for i, oracle in enumerate(self.oracles):
            check_kind(f"oracles[{i}]", oracle, Oracle)
        if self.which.dtype.kind not in "iu" or self.which.min() < 0 or self.which.max() >= len(self.oracles):
            raise ValueError(f"`which` must hold numbers from 0 to {len(self.oracles) - 1}, one per run, got {which!r}")
        self.ball: NormBall = self.oracles[0].ball
        if any(oracle.ball != self.ball for oracle in self.oracles):
            raise ValueError("the oracles of PerRun must share one ball")
        self._rows = [np.flatnonzero(self.which == i) for i in range(len(self.oracles))]

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return []  # its batch is fixed; tests/laws/test_oracles.py compares it with its parts

    def promise(self) -> Promise | None:
        promises = [oracle.promise() for oracle in self.oracles]
        if any(p is None for p in promises):
            return None
        fields = []
        for values in zip(*promises, strict=True):
            out = torch.zeros(self.which.size, dtype=torch.float64)
            for rows, value in zip(self._rows, values, strict=True):
                out[rows] = torch.as_tensor(value, dtype=torch.float64)
            fields.append(out)
        return Promise(*fields)

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        check_batch("`which`", self.which.shape, m, self.ball.core_ndim)
        memories = memory or [None] * len(self.oracles)
        direction = map_layers(torch.empty_like, m)
        kept = []
        for oracle, rows, mine in zip(self.oracles, self._rows, memories, strict=True):
            if rows.size == 0:
                kept.append(mine)
                continue
            judge = harm if rows.size == self.which.size else None
            part, mine = oracle._direction(
                map_layers(lambda a, r=rows: a[r], m), mine, draw.rows(rows) if draw else None, judge
            )
            map_layers(
                lambda whole, piece, r=rows: whole.index_copy_(0, torch.as_tensor(r, device=whole.device), piece),
                direction,
                part,
            )
            kept.append(mine)
        return direction, kept

"""Different oracles for different layers of a product ball."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch

from lmo.balls import LInf, Product, Spectral
from lmo.checks import check_kind
from lmo.oracles.base import Harm, Oracle, Promise
from lmo.oracles.errors import Inflate, Shrink
from lmo.oracles.exact import Exact
from lmo.oracles.perturbed import Perturbed
from lmo.oracles.proof import without_proof
from lmo.randomness import Draw


class PerLayer(Oracle):
    """Layer i of a tuple element is answered by radii[i]·oracles[i]; its ball is the `Product` (max) of their balls.

    How many Newton–Schulz steps for which layer? Each oracle here is asked about its own layer alone; none of them sees
    the objective (`Worst` falls back on its own measure of harm).
    """

    name: ClassVar[str] = "per-layer"

    def __init__(self, oracles: Sequence[Oracle], radii: Sequence[float] | None = None) -> None:
        self.oracles = tuple(oracles)
        for i, oracle in enumerate(self.oracles):
            check_kind(f"oracles[{i}]", oracle, Oracle)
        self.ball: Product = Product([oracle.ball for oracle in self.oracles], radii)

    def __repr__(self) -> str:
        return f"PerLayer({list(self.oracles)!r}, radii={self.ball.radii!r})"

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        layers = (Perturbed(Exact(Spectral()), Shrink(0.4)), Perturbed(Exact(LInf()), Inflate(0.2)))
        return [(cls(layers, (0.5, 2.0)), ((2, 3), (4,)))]

    def layer_promises(self) -> tuple[Promise, ...] | None:
        """What each layer promises, in units of its radius; None where one of them promises nothing."""
        promises = [oracle.promise() for oracle in self.oracles]
        kept = tuple(p for p in promises if p is not None)
        return kept if len(kept) == len(promises) else None

    def promise(self) -> Promise | None:
        """The largest δ, ε and η of the layers: the product's dual norm is the sum of theirs, its norm the maximum."""
        promises = self.layer_promises()
        if promises is None:
            return None
        worst = [
            torch.stack(torch.broadcast_tensors(*(torch.as_tensor(v, dtype=torch.float64) for v in values))).amax(0)
            for values in zip(*promises, strict=True)
        ]
        return Promise(*worst)

    def check_shape(self, shape: tuple) -> None:
        """That of each layer."""
        for oracle, one in zip(self.oracles, shape, strict=True):
            oracle.check_shape(one)

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        memories = memory or [None] * len(self.oracles)
        answers = [o._direction(a, kept, draw, None) for o, a, kept in zip(self.oracles, m, memories, strict=True)]
        kept = [without_proof(mine) for _, mine in answers]
        direction = tuple(a * r for (a, _), r in zip(answers, self.ball.radii, strict=True))
        return direction, (kept if any(k is not None for k in kept) else memory)

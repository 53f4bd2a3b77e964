"""What a law looks at, and the questions it asks: chosen to break things, and the same ones every time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lmo.balls import NormBall
from lmo.elements import Element, inner, map_layers, zeros_like
from lmo.oracles import Promise

KINDS = ("gaussian 1", "gaussian 2", "gaussian 3", "ones", "one entry", "zero line", "rank one", "spiked", "orthogonal")


class ContractError(AssertionError):
    """A law of the contract is broken; the message says which and how."""


@dataclass(frozen=True)
class Subject:
    """`answer(m, run)` is asked, `ball` says what is right, `promise` how far off an answer may be.

    answer: takes a question and the seed of a single one; a batch of questions has the seeds 0, 1, … in order.
    promise: None where nothing is promised.
    tolerance: rounding allowed, relative to answers of size 1.
    dtypes: what the shape, zero and scale laws ask in; the first is that of all other laws.
    batched: whether `answer` takes batches.
    """

    answer: Callable[[Any, int], Any]
    ball: NormBall
    shape: tuple
    promise: Promise | None
    seed: int = 0
    tolerance: float = 1e-9
    dtypes: tuple[torch.dtype, ...] = (torch.float64, torch.float32)
    batched: bool = True

    def questions(self, dtype: torch.dtype | None = None, start: str = "") -> Iterator[tuple[str, Element]]:
        """(name, m) of single elements, m ≠ 0, those whose name begins with `start`."""
        source = np.random.default_rng(self.seed)
        layered = isinstance(self.ball.core_ndim, tuple)
        shapes = self.shape if layered else (self.shape,)
        found = [(kind, tuple(_question(kind, tuple(s), source) for s in shapes)) for kind in KINDS]
        for i in range(len(shapes) if layered else 0):
            found.append((f"layer {i} alone", tuple(a if i == j else 0 * a for j, a in enumerate(found[0][1]))))
        for name, asked in found:
            m = tuple(a.to(dtype or self.dtypes[0]) for a in asked)
            if name.startswith(start) and any(bool((a != 0).any()) for a in m):
                yield name, m if layered else m[0]

    def batch(self, dtype: torch.dtype | None = None) -> Element:
        """All questions, and m = 0 as the last, stacked to one batch."""
        asked = [m for _, m in self.questions(dtype)]
        return map_layers(lambda *rows: torch.stack(rows), *asked, zeros_like(asked[0]))

    def ask(self, m: Element, name: str, run: int = 0) -> Any:
        """The answer to `m`, refused unless it is finite and shaped like the question."""
        d = self.answer(m, run)
        if len(layers(m)) != len(layers(d)):
            raise ContractError(f"{len(layers(m))} layers were asked, {len(layers(d))} answered, on {name!r}")
        for a, b in zip(layers(m), layers(d), strict=True):
            if not isinstance(b, Tensor) or b.shape != a.shape:
                got = f"shape {tuple(b.shape)}" if isinstance(b, Tensor) else type(b).__name__
                raise ContractError(f"a question of shape {tuple(a.shape)} is answered by {got}, on {name!r}")
            if not bool(torch.isfinite(b).all()):
                raise ContractError(f"the answer has entries that are NaN or infinite, on {name!r}")
        return d

    @property
    def flipped(self) -> bool:
        """Whether every answer ascends: ⟨m, d⟩ > 0 on all questions."""
        return all(bool(self.inner(m, self.ask(m, name)) > 0) for name, m in self.questions())

    def turned(self) -> Subject:
        """The same with the sign of every answer turned."""
        return replace(self, answer=lambda m, run: times(-1.0, self.answer(m, run)))

    def inner(self, m: Element, d: Element) -> Tensor:
        """⟨m, d⟩."""
        return inner(m, d, self.ball.core_ndim)


def _question(kind: str, shape: tuple[int, ...], source: np.random.Generator) -> Tensor:
    x = torch.as_tensor(source.standard_normal(shape), dtype=torch.float64)
    one = torch.zeros_like(x)
    one[tuple(n - 1 for n in shape)] = -2.0
    line = x[..., :1] * x[..., :1, :] if x.ndim > 1 else one
    if kind == "orthogonal":
        return torch.eye(*shape, dtype=x.dtype) if x.ndim == 2 else x.sign()
    if kind == "zero line":
        return torch.cat([torch.zeros_like(x[:1]), x[1:]])
    special = {
        "ones": torch.ones_like(x),
        "one entry": one,
        "rank one": line,
        "spiked": line / line.abs().max() + 0.01 * x,
    }
    return special.get(kind, x)


def layers(x: Any) -> tuple[Any, ...]:
    """The layers of an element: one, unless it is a tuple."""
    return x if isinstance(x, tuple) else (x,)


def times(c: float, x: Any) -> Any:
    """c · x for a number c."""
    return map_layers(lambda a: c * a, x)


def pick(x: Any, i: int) -> Any:
    """Number i of a batch."""
    return map_layers(lambda a: a[i], x)


def to(dtype: torch.dtype, x: Any) -> Any:
    """`x` in another dtype."""
    return map_layers(lambda a: a.to(dtype), x)


def gap(x: Any, y: Any) -> float:
    """The largest difference of two entries."""
    return max(float((a.double() - b.double()).abs().max()) for a, b in zip(layers(x), layers(y), strict=True))


def demand(holds: bool | Tensor, message: str) -> None:
    """`ContractError(message)` unless `holds`."""
    if not bool(holds):
        raise ContractError(message)

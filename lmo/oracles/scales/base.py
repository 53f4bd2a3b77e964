"""The contract of a scale."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from lmo.balls.base import safe_divide
from lmo.oracles.strips import row_strips, widened


class Prepared(NamedTuple):
    """x, scaled, and its Gram matrix x xᵀ where the scale had to compute it anyway (None: it had not)."""

    x: Tensor
    gram: Tensor | None


class Scale(ABC):
    """Takes wide or square x (n, a, b), a ≤ b, with entries of size at most 1, in the dtype of the iteration.

    Laws: σ_max of the result is at most 1 (to rounding); 0 stays 0; a power of two times the input gives the same.
    changes_polar_factor: whether the answer's polar factor is another one than the input's (a biased scale).
    """

    name: ClassVar[str]
    changes_polar_factor: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, x: Tensor) -> Prepared: ...


def divide(x: Tensor, gram: Tensor | None, by: Tensor) -> Prepared:
    """x / by and its Gram matrix; `by` has shape (n,), 0 where x = 0."""
    wide = by.reshape(-1, 1, 1)
    return Prepared(
        safe_divide(x, wide.to(x.dtype)), None if gram is None else safe_divide(gram, (wide**2).to(gram.dtype))
    )


def trace(x: Tensor) -> Tensor:
    """Σ xᵢᵢ, per matrix (n,), float64; of a Gram matrix x xᵀ it is ‖x‖_F² without another pass over x."""
    return x.diagonal(dim1=-2, dim2=-1).sum(-1, dtype=torch.float64)


def squares(x: Tensor) -> Tensor:
    """Σ x², per matrix (n,), float64; see `inner`."""
    return _summed((_dot(a, a),) for a in _wide(x))[0]


def inner(x: Tensor, y: Tensor) -> Tensor:
    """⟨x, y⟩ per matrix (n,), float64.

    Strips of `strips.ENTRIES` are added up in float32 or better, then in float64 (float32 sums of n² lose 1e-4).
    """
    return _summed((_dot(a, b),) for a, b in zip(_wide(x, 0), _wide(y, 1, like=x), strict=True))[0]


def pair_sums(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Σ x², ⟨x, y⟩, Σ y² as `squares` and `inner` give them, reading x and y once."""
    strips = zip(_wide(x, 0), _wide(y, 1, like=x), strict=True)
    first, mixed, second = _summed((_dot(a, a), _dot(a, b), _dot(b, b)) for a, b in strips)
    return first, mixed, second


def transposed(x: Tensor) -> bool:
    """Whether columns of x lie together in memory: row by row, sums over it take ten times as long."""
    return x.stride(-1) > x.stride(-2)


def _wide(x: Tensor, slot: int | None = None, like: Tensor | None = None) -> Iterator[Tensor]:
    """Strips of x (n, a, b) as rows (n, k), in float32 or better; cut as those of `like`, in its memory layout.

    Strips of one slot may share memory: use one before asking for the next. No slot: none do.
    """
    if transposed(x if like is None else like):
        x = x.mT
    wide = torch.promote_types(x.dtype, torch.float32)
    return (widened(x[:, rows].reshape(x.shape[0], -1), wide, slot) for rows in row_strips(x))


def _dot(x: Tensor, y: Tensor) -> Tensor:
    """Of rows (n, k); the kernel for two vectors is faster than that for a batch of one."""
    if x.dtype != y.dtype:
        wide = torch.promote_types(x.dtype, y.dtype)
        x, y = x.to(wide), y.to(wide)
    return torch.dot(x[0], y[0]).unsqueeze(0) if x.shape[0] == 1 else torch.linalg.vecdot(x, y)


def _summed(strips: Iterator[tuple[Tensor, ...]]) -> Tensor:
    """Each of the sums over all strips, (sums, n), float64."""
    return torch.stack([torch.stack(sums) for sums in strips]).sum(0, dtype=torch.float64)

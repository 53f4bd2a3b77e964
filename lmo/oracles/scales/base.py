"""The contract of a scale."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from lmo.balls.base import safe_divide
from lmo.oracles.strips import row_strips


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
    """Σ x², per matrix (n,), float64: rows are added up in float32 or better (float32 sums of n² lose 1e-5)."""
    wide = torch.promote_types(x.dtype, torch.float32)  # a cast and a norm: faster than a norm that casts
    x = x.mT if transposed(x) else x
    norms = [torch.linalg.vector_norm(x[:, rows].to(wide), dim=-1) for rows in row_strips(x)]
    return _joined(norms).double().square().sum(-1)


def inner(x: Tensor, y: Tensor) -> Tensor:
    """⟨x, y⟩ per matrix (n,), float64: rows are added up in float32 or better, as in `squares`."""
    wide = torch.promote_types(torch.promote_types(x.dtype, y.dtype), torch.float32)
    x, y = (x.mT, y.mT) if transposed(x) else (x, y)
    parts = [torch.linalg.vecdot(x[:, rows].to(wide), y[:, rows].to(wide)) for rows in row_strips(x)]
    return _joined(parts).sum(-1, dtype=torch.float64)


def transposed(x: Tensor) -> bool:
    """Whether columns of x lie together in memory: row by row, sums over it take ten times as long."""
    return x.stride(-1) > x.stride(-2)


def _joined(strips: list[Tensor]) -> Tensor:
    return strips[0] if len(strips) == 1 else torch.cat(strips, dim=-1)

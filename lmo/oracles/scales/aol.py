"""Almost-orthogonal scaling, row by row: it also changes what the iteration converges to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lmo.balls.base import safe_divide
from lmo.oracles.products import symmetric_product
from lmo.oracles.scales.base import Prepared, Scale


@dataclass(frozen=True)
class AOL(Scale):
    """diag(s)x with s_i = (Σ_j |x xᵀ|_ij)^{−½}, which proves σ_max ≤ 1 (Turbo-Muon, arXiv:2512.04632).

    polar(diag(s)x) is not polar(x): the answer is biased, by more the less alike the rows are.
    """

    name: ClassVar[str] = "aol"
    changes_polar_factor: ClassVar[bool] = True

    def __call__(self, x: Tensor) -> Prepared:
        wide = torch.promote_types(x.dtype, torch.float32)
        size = torch.linalg.vector_norm(x, dim=-1, dtype=wide)
        unit = safe_divide(x.to(wide), size.unsqueeze(-1)).to(x.dtype)  # rows of norm 1: no product of two vanishes
        gram = symmetric_product(unit, unit)
        sums = (gram.abs().to(wide) @ size.unsqueeze(-1)).squeeze(-1)  # Σ_j |x xᵀ|_ij over the norm of row i
        s = safe_divide(size, sums).sqrt().to(x.dtype)
        return Prepared(unit * s.unsqueeze(-1), gram * s.unsqueeze(-1) * s.unsqueeze(-2))

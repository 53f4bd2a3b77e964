"""Almost-orthogonal scaling, row by row: it also changes what the iteration converges to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

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
        gram = symmetric_product(x, x)
        sums = gram.abs().float().sum(-1).to(x.dtype) if x.dtype.itemsize < 4 else gram.abs().sum(-1)
        s = safe_divide(sums.new_ones(()), sums.sqrt())
        return Prepared(x * s.unsqueeze(-1), gram * s.unsqueeze(-1) * s.unsqueeze(-2))

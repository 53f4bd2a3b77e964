"""The tightest bound on σ_max that four trace moments of the Gram matrix prove."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lmo.oracles.products import symmetric_product
from lmo.oracles.scales.base import Prepared, Scale, divide, squares, trace

ROUNDINGS = 4  # of the dtype, added to σ²: the products are rounded to it, the moments summed in float32 or better


class Moments(NamedTuple):
    """Σσ², Σσ⁴, Σσ⁶, Σσ⁸ and the bound on σ_max that they prove, (n,) on the host; the products behind them.

    gram: x xᵀ in the dtype of x. powers: it and its square, in float32 or better.
    """

    t1: np.ndarray
    t2: np.ndarray
    t3: np.ndarray
    t4: np.ndarray
    sigma_max: np.ndarray
    gram: Tensor
    powers: tuple[Tensor, Tensor]

    def select(self, rows: np.ndarray) -> Moments:
        """Those of the matrices `rows` alone."""
        t1, t2, t3, t4, sigma_max = (part[rows] for part in (self.t1, self.t2, self.t3, self.t4, self.sigma_max))
        return Moments(t1, t2, t3, t4, sigma_max, self.gram[rows], (self.powers[0][rows], self.powers[1][rows]))


def moments(x: Tensor) -> Moments:
    """Of x (n, a, b), a ≤ b: from the products x xᵀ and (x xᵀ)², which the first quintic step needs anyway."""
    gram = symmetric_product(x, x)
    wide = torch.promote_types(x.dtype, torch.float32)
    first, second = gram.to(wide), symmetric_product(gram, gram).to(wide)
    rounding = ROUNDINGS * torch.finfo(x.dtype).eps
    slack = max(ROUNDINGS * torch.finfo(wide).eps, 2.0**-40)
    t1, t2, t3, t4 = on_host(trace(gram), squares(first), inner(first, second), squares(second))
    return Moments(t1, t2, t3, t4, largest(t2, t3, t4, rounding, slack), gram, (first, second))


def on_host(*numbers: Tensor) -> np.ndarray:
    """Numbers per matrix (n,) as rows of one array: arithmetic on few of them is faster there, and so are decisions.

    By `tolist`, which a fake tensor refuses as the data-dependent step that it is (`.numpy()` breaks on one).
    """
    return np.array(torch.stack(numbers).tolist(), dtype=np.float64)


def inner(x: Tensor, y: Tensor) -> Tensor:
    """⟨x, y⟩ per matrix (n,), float64: rows are added up in float32 or better, as in `squares`."""
    wide = torch.promote_types(x.dtype, torch.float32)
    return torch.linalg.vecdot(x.to(wide), y.to(wide)).sum(-1, dtype=torch.float64)


def largest(
    t2: np.ndarray, t3: np.ndarray, t4: np.ndarray, rounding: float, slack: float, iterations: int = 12
) -> np.ndarray:
    """The largest σ with (t4 − σ⁸)(t2 − σ⁴) ≥ (t3 − σ⁶)²: Cauchy–Schwarz on the other singular values.

    All three brackets are sums over the other singular values, so σ_max satisfies it. In y = σ² left minus right
    is f(y) = t2·t4 − t3² − t4y² + 2t3y³ − t2y⁴, concave for y ≥ t3/t2, where the largest root lies: Newton's steps
    from above stay above it (and halve the distance at least, to the double root of a plateau). slack: the relative
    error of the moments, as the inequality is tight on a plateau. Shape (n,); 0 where t4 = 0.
    """
    unit = np.where(t4 > 0, t4, 1) ** 0.25  # y in units of t4^¼
    a2 = t2 / unit**2 * (1 + slack)
    a3 = np.minimum(t3 / unit**3 * (1 - slack), a2)
    a4 = 1 + slack
    y = np.full_like(unit, a4**0.25)
    for _ in range(iterations):
        value = a2 * a4 - a3 * a3 - y * y * (a4 - y * (2 * a3 - y * a2))
        slope = -y * (2 * a4 - y * (6 * a3 - y * (4 * a2)))
        y = np.where((value < 0) & (slope < 0), np.maximum(y - value / slope, 0), y)
    return np.where(t4 > 0, np.sqrt((1 + rounding) * y * unit), 0)


@dataclass(frozen=True)
class MomentBound(Scale):
    """x / σ̄ with σ̄ ≥ σ_max proved from Σσ², Σσ⁴, Σσ⁶, Σσ⁸: close on decaying spectra, 1.4 σ_max on a Gaussian."""

    name: ClassVar[str] = "moments"

    def __call__(self, x: Tensor) -> Prepared:
        found = moments(x)
        return divide(x, found.gram, torch.from_numpy(found.sigma_max).to(x.device))

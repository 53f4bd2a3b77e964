"""The tightest bound on σ_max that four trace moments of the Gram matrix prove."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lmo.oracles.products import symmetric_product
from lmo.oracles.scales.base import Prepared, Scale, divide, pair_sums, trace

Numbers = Any  # a float, or an array with one per matrix
SETTLED = 2.0**-45  # a step of Newton's iteration that changes y by less is the last one, in any precision
ROUNDINGS = 4  # of the dtype, added to σ²: the products are rounded to it
SUMMING = 2**7  # roundings of float32 or better: the relative error of sums of up to 2¹⁷ squares, all equal (the worst)


class Moments(NamedTuple):
    """Σσ², Σσ⁴, Σσ⁶, Σσ⁸ and the bound on σ_max that they prove, (n,) on the host; the products behind them.

    gram: x xᵀ. square: its square. Both in the dtype of x.
    """

    t1: np.ndarray
    t2: np.ndarray
    t3: np.ndarray
    t4: np.ndarray
    sigma_max: np.ndarray
    gram: Tensor
    square: Tensor

    @property
    def nuclear(self) -> np.ndarray:
        """A lower bound on Σσ."""
        return least_nuclear(self.t1, self.t2)

    def select(self, rows: np.ndarray) -> Moments:
        """Those of the matrices `rows` alone."""
        t1, t2, t3, t4, sigma_max = (part[rows] for part in (self.t1, self.t2, self.t3, self.t4, self.sigma_max))
        return Moments(t1, t2, t3, t4, sigma_max, self.gram[rows], self.square[rows])


def moments(x: Tensor) -> Moments:
    """Of x (n, a, b), a ≤ b: from the products x xᵀ and (x xᵀ)², which the first quintic step needs anyway."""
    gram = symmetric_product(x, x)
    square = symmetric_product(gram, gram)
    t1, t2, t3, t4 = on_host(torch.stack([trace(gram), *pair_sums(gram, square)]))
    with np.errstate(all="ignore"):  # x out of reach of its squares
        return Moments(t1, t2, t3, t4, sigma_bound(t2, t3, t4, gram.dtype), gram, square)


def least_nuclear(t1: np.ndarray, t2: np.ndarray) -> np.ndarray:
    """A lower bound on Σσ: (Σσ²)^{3/2} ≤ Σσ (Σσ⁴)^{1/2} (Hölder)."""
    return np.asarray(t1**1.5 / np.sqrt(np.where(t2 > 0, t2, 1)))


def sigma_bound(t2: np.ndarray, t3: np.ndarray, t4: np.ndarray, dtype: torch.dtype) -> np.ndarray:
    """σ̄ ≥ σ_max from moments whose products were rounded to `dtype`; shape (n,)."""
    wide = torch.promote_types(dtype, torch.float32)
    slack = max(SUMMING * torch.finfo(wide).eps, 2.0**-40)
    rounding = ROUNDINGS * torch.finfo(dtype).eps
    if t2.size == 1:  # most often one matrix is asked about, and arithmetic on plain numbers is faster
        return np.array([largest(float(t2[0]), float(t3[0]), float(t4[0]), rounding, slack)])
    return np.asarray(largest(t2, t3, t4, rounding, slack))


def on_host(numbers: Tensor) -> np.ndarray:
    """A few numbers per matrix, (k, n): arithmetic on few of them is faster there, and so are decisions.

    By `tolist`, which a fake tensor refuses as the data-dependent step that it is (`.numpy()` breaks on one).
    """
    return np.array(numbers.tolist(), dtype=np.float64)


def largest(t2: Numbers, t3: Numbers, t4: Numbers, rounding: float, slack: float, iterations: int = 12) -> Numbers:
    """The largest σ with (t4 − σ⁸)(t2 − σ⁴) ≥ (t3 − σ⁶)²: Cauchy–Schwarz on the other singular values.

    All three brackets are sums over the other singular values, so σ_max satisfies it. In y = σ² left minus right
    is f(y) = t2·t4 − t3² − t4y² + 2t3y³ − t2y⁴, concave for y ≥ t3/t2, where the largest root lies: Newton's steps
    from above stay above it (and halve the distance at least, to the double root of a plateau). slack: the relative
    error of the moments, as the inequality is tight on a plateau. A step much smaller than `rounding`, which is added
    to σ², is the last. Numbers or arrays of them; 0 where t4 = 0.
    """
    settled = max(rounding / 16, SETTLED)
    unit = where(t4 > 0, t4, 1.0) ** 0.25  # y in units of t4^¼
    a2 = t2 / unit**2 * (1 + slack)
    a3 = t3 / unit**3 * (1 - slack)
    a3 = where(a3 < a2, a3, a2)
    a4 = 1 + slack
    y: Numbers = 0 * unit + a4**0.25
    for _ in range(iterations):
        value = a2 * a4 - a3 * a3 - y * y * (a4 - y * (2 * a3 - y * a2))
        slope = -y * (2 * a4 - y * (6 * a3 - y * (4 * a2)))
        down = (value < 0) & (slope < 0)
        lower = y - where(down, value, 0.0) / where(down, slope, 1.0)
        lower = where(lower > 0, lower, 0.0)
        last, y = np.all(y - lower <= settled * y), lower
        if last:
            break
    return where(t4 > 0, (1 + rounding) * y * unit, 0.0) ** 0.5


def where(condition: Any, yes: Numbers, no: Numbers) -> Numbers:
    """`np.where`, and its meaning for a plain bool."""
    return np.where(condition, yes, no) if isinstance(condition, np.ndarray) else yes if condition else no


@dataclass(frozen=True)
class MomentBound(Scale):
    """x / σ̄ with σ̄ ≥ σ_max proved from Σσ², Σσ⁴, Σσ⁶, Σσ⁸: close on decaying spectra, 1.4 σ_max on a Gaussian."""

    name: ClassVar[str] = "moments"

    def __call__(self, x: Tensor) -> Prepared:
        found = moments(x)
        return divide(x, found.gram, torch.from_numpy(found.sigma_max).to(x.device))

"""A computed singular value decomposition with proved bounds on what it is off by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lmo.oracles.rounding import UNIT, exactly_scaled, frobenius, gamma


@dataclass(frozen=True)
class Spectrum:
    """low ≤ σ ≤ high, entry by entry, in decreasing order, of `matrix` G (a, b), a ≤ b, in float64.

    left (a, a), sigma (a,), right (a, b): G = left·diag(sigma)·right + E with ‖E‖_F ≤ `rest`, as computed.
    """

    matrix: Tensor
    left: Tensor
    sigma: Tensor
    right: Tensor
    rest: float
    low: np.ndarray
    high: np.ndarray

    @property
    def condition(self) -> float:
        """σ_max/σ_min, at most; infinite where σ_min may be 0."""
        return float(self.high[0] / self.low[-1]) if self.low[-1] > 0 else float("inf")

    def over(self, scale: float, slack: float) -> tuple[np.ndarray, np.ndarray]:
        """Enclosures of σ/c for every c with |c/scale − 1| ≤ slack ≤ ½."""
        return self.low / scale * (1 - slack - 4 * UNIT), self.high / scale * (1 + 2 * slack + 4 * UNIT)


def of_matrix(m: Tensor) -> Spectrum:
    """The spectrum of m (a, b) of any shape and size: of m, transposed where it is tall, over a power of two."""
    g = exactly_scaled(m.detach().cpu().double())
    return enclose(g.mT if g.shape[-2] > g.shape[-1] else g)


def enclose(g: Tensor) -> Spectrum:
    """The spectrum of g (a, b), a ≤ b, in float64 with entries of moderate size.

    By Weyl and Ostrowski, σ_i lies within ‖E‖_F of σ̂_i·√(1 ± α)·√(1 ± β), with α ≥ ‖UᵀU − I‖₂ and β ≥ ‖VᵀV − I‖₂.
    E, α and β are computed with bounds on their own rounding.
    """
    u, s, vh = torch.linalg.svd(g, full_matrices=False)
    us = u * s
    rounding = gamma(len(s) + 2) * frobenius(us) * frobenius(vh) + UNIT * frobenius(g)
    rest = float(frobenius(g - us @ vh) * (1 + 2 * UNIT) + rounding) * (1 + 8 * UNIT)
    alpha, beta = (min(_departure(x), 1.0) for x in (u.mT, vh))
    shrink = ((1 - alpha) * (1 - beta)) ** 0.5 * (1 - 8 * UNIT)
    stretch = ((1 + alpha) * (1 + beta)) ** 0.5 * (1 + 8 * UNIT)
    low, high = (s.numpy() * shrink - rest) * (1 - 4 * UNIT), (s.numpy() * stretch + rest) * (1 + 4 * UNIT)
    return Spectrum(g, u, s, vh, rest, np.maximum(low, 0.0), high)


def _departure(rows: Tensor) -> float:
    """An upper bound on ‖XXᵀ − I‖₂ for X with (nearly) orthonormal rows."""
    product = rows @ rows.mT
    product.diagonal().sub_(1)
    return float(frobenius(product) * (1 + 2 * UNIT) + gamma(rows.shape[-1] + 1) * frobenius(rows) ** 2)

"""Matrices with known singular values, and the true gap of an answer in extended precision."""

from __future__ import annotations

import numpy as np
import torch
from samples import elements
from torch import Tensor

from lmo import measure
from lmo.balls import Spectral

SPECTRA = {
    "flat": lambda n: np.ones(n),
    "gaussian": lambda n: np.sqrt(np.linspace(1, 1e-3, n)),
    "spiked": lambda n: np.where(np.arange(n) == 0, 1.0, 0.3),
    "power 1": lambda n: 1.0 / np.arange(1, n + 1),
    "power ¼": lambda n: np.arange(1, n + 1) ** -0.25,
    "repeated": lambda n: np.where(np.arange(n) < 3, 1.0, 0.5),
    "nearly repeated": lambda n: np.where(np.arange(n) == 0, 1.0, 1 - 1e-7),
    "rank two": lambda n: np.where(np.arange(n) < 2, [1.0] + [0.99] * (n - 1), 0.0),
    "rank one": lambda n: np.where(np.arange(n) == 0, 1.0, 0.0),
}


def matrix(shape: tuple[int, int], spectrum: str, seed: int = 0, scale: float = 1.0) -> Tensor:
    """A matrix with the singular values SPECTRA[spectrum] · scale and random singular vectors."""
    p = min(shape)
    u, v = (torch.linalg.qr(elements((k, p), seed + i)).Q for i, k in enumerate(shape))
    return scale * (u * torch.as_tensor(SPECTRA[spectrum](p))) @ v.T


def true_gap(m: Tensor, d: Tensor) -> float:
    """1 + ⟨m, d⟩/σ₁ in extended precision: σ₁ = uᵀmv of the SVD's pair, off by the square of the pair's error."""
    a, b = m.numpy().astype(np.longdouble), d.numpy().astype(np.longdouble)
    u, _, vt = np.linalg.svd(m.double().numpy())
    u, v = u[:, 0].astype(np.longdouble), vt[0].astype(np.longdouble)
    return float(1 + (a * b).sum() / (u @ a @ v / np.sqrt((u @ u) * (v @ v))))


def best_of_rank(m: Tensor, rank: int) -> Tensor:
    """The smallest ε of any answer of this rank in the ball: 1 − Σ_{i≤rank} σ_i/Σσ (von Neumann)."""
    s = torch.linalg.svdvals(m)
    return 1 - s[..., :rank].sum(-1) / s.sum(-1)


def epsilon(m: Tensor, d: Tensor) -> Tensor:
    """That of `d` as an answer for the spectral ball."""
    return measure(Spectral(), m, d).epsilon

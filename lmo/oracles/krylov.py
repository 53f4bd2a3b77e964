"""The Lanczos recurrence for one symmetric matrix, without reorthogonalisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor


class Ritz(NamedTuple):
    """The two largest Ritz values θ₁ ≥ θ₂, the residual ‖Ay − θ₁y‖ (estimated) and the unit vector y of θ₁."""

    theta: float
    second: float
    residual: float
    vector: Tensor

    @property
    def error(self) -> float:
        """Estimate of λ − θ₁ for the eigenvalue λ that θ₁ converges to: min(r, r²/(θ₁ − θ₂)). No bound."""
        gap = self.theta - self.second
        return self.residual if gap <= self.residual else self.residual**2 / gap


class Krylov:
    """A q_j = β_{j−1} q_{j−1} + α_j q_j + β_j q_{j+1} from q₁ = start/‖start‖, in the precision of `start`.

    The q_j lose their orthogonality once a Ritz value has converged: what is read off the run must not rely on it.

    Args:
        apply: q ↦ Aq; it may be replaced between steps by another way to the same product.
        start: shape (a,), not 0.
    """

    def __init__(self, apply: Callable[[Tensor], Tensor], start: Tensor) -> None:
        self.apply = apply
        self._basis = [start / torch.linalg.vector_norm(start)]
        self._alpha: list[Tensor] = []
        self._beta: list[Tensor] = []
        self._tiny = torch.finfo(start.dtype).tiny

    @property
    def steps(self) -> int:
        """How many products have been made."""
        return len(self._alpha)

    def extend(self, steps: int) -> None:
        """`steps` more products."""
        for _ in range(steps):
            q = self._basis[-1]
            w = self.apply(q)
            if self._beta:
                w = w - self._beta[-1] * self._basis[-2]
            alpha = torch.dot(q, w)
            w = w - alpha * q
            beta = torch.linalg.vector_norm(w)
            self._alpha.append(alpha)
            self._beta.append(beta)
            self._basis.append(w / beta.clamp(min=self._tiny))  # 0 where the Krylov space is exhausted

    def coefficients(self) -> tuple[list[float], list[float]]:
        """α_1 … α_k and β_1 … β_k."""
        alpha, beta = torch.stack([torch.stack(self._alpha), torch.stack(self._beta)]).tolist()
        return alpha, beta

    def ritz(self) -> Ritz:
        """From at least two steps."""
        alpha, beta = self.coefficients()
        top = (len(alpha) - 2, len(alpha) - 1)
        values, vectors = eigh_tridiagonal(alpha, beta[:-1], select="i", select_range=top)
        weights = torch.as_tensor(vectors[:, 1].copy(), dtype=self._basis[0].dtype, device=self._basis[0].device)
        vector = weights @ torch.stack(self._basis[:-1])
        residual = beta[-1] * abs(float(vectors[-1, 1]))
        return Ritz(float(values[1]), float(values[0]), residual, vector / torch.linalg.vector_norm(vector))

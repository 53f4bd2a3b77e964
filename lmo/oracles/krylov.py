"""The Lanczos recurrence for one symmetric matrix, without reorthogonalisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from lmo.oracles.recordings import PerStream, recordable

Apply = Callable[[Tensor, Tensor], Tensor]
_recordings = PerStream()


class Ritz(NamedTuple):
    """The two largest Ritz values θ₁ ≥ θ₂, the residual ‖Ay − θ₁y‖ (estimated), and y, of θ₁, in the basis."""

    theta: float
    second: float
    residual: float
    weights: np.ndarray

    @property
    def error(self) -> float:
        """Estimate of λ − θ₁ for the eigenvalue λ that θ₁ converges to: min(r, r²/(θ₁ − θ₂)). No bound."""
        gap = self.theta - self.second
        return self.residual if gap <= self.residual else self.residual**2 / gap


class Krylov:
    """A q_j = β_{j−1} q_{j−1} + α_j q_j + β_j q_{j+1} from q₁ = start/‖start‖, in the precision of `start`.

    The q_j lose their orthogonality once a Ritz value has converged: what is read off the run must not rely on it.

    Args:
        apply: (matrix, q) ↦ Aq. It may be replaced between steps, with the matrix, by another way to the same product.
            On a GPU steps are recorded under it: one function for all runs, not one made for each.
        start: shape (a,), not 0.
    """

    def __init__(self, apply: Apply, matrix: Tensor, start: Tensor) -> None:
        self.apply, self.matrix = apply, matrix
        self._last = start / torch.linalg.vector_norm(start)
        self._behind = torch.zeros_like(self._last)
        self._basis: list[Tensor] = [self._last.unsqueeze(0)]  # rows
        self._alpha: list[float] = []
        self._beta: list[float] = []

    @property
    def steps(self) -> int:
        """How many products have been made."""
        return len(self._alpha)

    def extend(self, steps: int) -> None:
        """`steps` more products."""
        apply = self.apply  # the chain is kept longer than the run
        beta = self._last.new_tensor(self._beta[-1] if self._beta else 0.0)
        given = (self.matrix, self._behind, self._last, beta)

        def work(*given: Tensor) -> tuple[Tensor, Tensor]:
            return advance(apply, steps, *given)

        recording = None
        if all(recordable(one) for one in given):
            kind = (apply, steps, self.matrix.shape, self._last.shape, self._last.dtype)
            recording = _recordings.on(self.matrix).get(kind, work, *given)
        coefficients, basis = work(*given) if recording is None else recording(*given)
        basis = basis.clone() if recording is not None else basis
        alpha, beta = coefficients.tolist()
        self._alpha += alpha
        self._beta += beta
        self._basis.append(basis)
        self._behind = basis[-2] if steps > 1 else self._last
        self._last = basis[-1]

    def coefficients(self) -> tuple[list[float], list[float]]:
        """α_1 … α_k and β_1 … β_k."""
        return self._alpha, self._beta

    def ritz(self) -> Ritz:
        """From at least two steps."""
        top = (self.steps - 2, self.steps - 1)
        values, vectors = eigh_tridiagonal(self._alpha, self._beta[:-1], select="i", select_range=top)
        residual = self._beta[-1] * abs(float(vectors[-1, 1]))
        return Ritz(float(values[1]), float(values[0]), residual, vectors[:, 1].copy())

    def vector(self, found: Ritz) -> Tensor:
        """The unit vector y (a,) of a Ritz value of this run."""
        weights = torch.as_tensor(found.weights, dtype=self._last.dtype, device=self._last.device)
        vector = weights @ torch.cat(self._basis)[:-1]
        return vector / torch.linalg.vector_norm(vector)


def advance(
    apply: Apply, steps: int, matrix: Tensor, behind: Tensor, last: Tensor, beta: Tensor
) -> tuple[Tensor, Tensor]:
    """(α and β (2, steps), the next q (steps, a)) after q_{j−1} = `behind`, q_j = `last`, β_{j−1} = `beta`."""
    tiny = torch.finfo(last.dtype).tiny
    alphas, betas, basis = [], [], []
    for _ in range(steps):
        w = apply(matrix, last) - beta * behind
        alpha = torch.dot(last, w)
        w = w - alpha * last
        beta = torch.linalg.vector_norm(w)
        behind, last = last, w / beta.clamp(min=tiny)  # 0 where the Krylov space is exhausted
        alphas.append(alpha)
        betas.append(beta)
        basis.append(last)
    return torch.stack([torch.stack(alphas), torch.stack(betas)]), torch.stack(basis)

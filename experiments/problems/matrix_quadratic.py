"""f(X) = ½⟨X, AXB⟩: quadratics on matrices, with the exact smoothness constant in the spectral norm."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from experiments.problems.base import Known, Problem, as_float64, quadratic_diameter, quadratic_mu, repeated
from experiments.problems.placed import like
from lmo.balls import Frobenius, NormBall, Nuclear, RmsToRms, Scaled, Spectral


def positive_semidefinite(name: str, matrix: Tensor) -> Tensor:
    """Its eigenvalues, decreasing; `ValueError` unless symmetric and ⪰ 0."""
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not torch.allclose(matrix, matrix.T):
        raise ValueError(f"`{name}` must be a symmetric matrix")
    values = torch.linalg.eigvalsh(matrix).flip(0)
    if values[-1] < -1e-12 * values[0].abs():
        raise ValueError(f"`{name}` must be positive semidefinite, its smallest eigenvalue is {float(values[-1]):g}")
    return values.clamp(min=0)


class MatrixQuadratic(Problem):
    """f(X) = ½⟨X, AXB⟩ on (m, n) matrices, A (m, m) and B (n, n) symmetric ⪰ 0.

    L = Σ_i σ_i(A)σ_i(B), both decreasing, in the spectral norm (von Neumann's trace inequality, attained at X = UVᵀ of
    the eigenvectors); L = σ_1(A)σ_1(B) in the Frobenius and nuclear norms.
    """

    core_ndim = 2
    convex = True
    infimum = Known(0.0, "exact", "attained at 0")

    def __init__(self, left: Any, right: Any, start: Any, name: str = "matrix quadratic") -> None:
        self.left, self.right = as_float64(left, "left"), as_float64(right, "right")
        self._start = as_float64(start, "start")
        self._left_values = positive_semidefinite("left", self.left)
        self._right_values = positive_semidefinite("right", self.right)
        if self._start.shape != (self.left.shape[0], self.right.shape[0]):
            raise ValueError(f"`start` must have shape ({self.left.shape[0]}, {self.right.shape[0]})")
        self.shape = tuple(self._start.shape)
        self.name = name

    @classmethod
    def shipped(cls) -> list[Problem]:
        source = torch.Generator().manual_seed(5)
        left = torch.randn(4, 4, generator=source, dtype=torch.float64)
        right = torch.randn(6, 6, generator=source, dtype=torch.float64)
        start = torch.randn(4, 6, generator=source, dtype=torch.float64)
        return [cls(left @ left.T / 16, right @ right.T / 36, 2 * start)]

    @classmethod
    def of_the_table(cls, size: int = 12, gap: float = 4.5) -> MatrixQuadratic:
        """‖X‖_F²/(2·size) from a diagonal start with entries linear from 1 to 5, scaled to the given gap: L = 1."""
        diagonal = torch.linspace(1, 5, size, dtype=torch.float64)
        diagonal *= (2 * size * gap / (diagonal**2).sum()).sqrt()
        eye = torch.eye(size, dtype=torch.float64)
        return cls(eye / size, eye, torch.diag(diagonal), name=f"‖X‖²/{2 * size}")

    def value(self, x: Any) -> Tensor:
        return 0.5 * (x * self.true_gradient(x)).sum((-2, -1))

    def true_gradient(self, x: Any) -> Any:
        return like(self.left, x) @ x @ like(self.right, x)

    def start(self, runs: int) -> Tensor:
        return repeated(self._start, runs)

    def euclidean_smoothness(self) -> Known:
        return Known(float(self._left_values[0] * self._right_values[0]), "exact", "σ₁(A)σ₁(B)")

    def special_smoothness(self, ball: NormBall) -> Known | None:
        if isinstance(ball, Scaled):
            inner = self.special_smoothness(ball.ball)
            return inner and inner._replace(value=inner.value * ball.r**2, source=f"r²·({inner.source})")
        if isinstance(ball, (Spectral, RmsToRms)):
            p = min(self.shape)
            value = float((self._left_values[:p] * self._right_values[:p]).sum()) * ball.radius(self.shape) ** 2
            return Known(value, "exact", "radius²·Σσ_i(A)σ_i(B)")
        if isinstance(ball, (Frobenius, Nuclear)):
            return self.euclidean_smoothness()
        return None

    def mu(self, ball: NormBall) -> Known | None:
        if isinstance(ball, Scaled):
            inner = self.mu(ball.ball)
            return inner and inner._replace(value=inner.value * ball.r**2, source=f"r²·({inner.source})")
        smallest = float(self._left_values[-1] * self._right_values[-1])
        if smallest <= 0:
            return None
        if isinstance(ball, (Spectral, RmsToRms)):  # its dual norm is at least the Frobenius norm: equal at rank 1
            mu = quadratic_mu(Known(1 / smallest, "exact", "1/(σ_min(A)σ_min(B))"))
            return mu and mu._replace(value=mu.value * ball.radius(self.shape) ** 2)
        if isinstance(ball, Frobenius):
            return Known(smallest, "exact", "σ_min(A)σ_min(B)")
        if isinstance(ball, Nuclear):
            p = min(self.shape)
            left, right = (1 / values.flip(0)[:p] for values in (self._left_values, self._right_values))
            return quadratic_mu(Known(float((left * right).sum()), "exact", "Σ σ_i(A⁻¹)σ_i(B⁻¹)"))
        return None

    def l0_l1(self, ball: NormBall) -> tuple[Known, Known]:
        """L0 = L and any L1 > 0: here the one whose reach 1/L1 is ‖x_0‖."""
        size = float(ball.norm(self.start(1))[0])
        return self.smoothness(ball), Known(1 / size if size > 0 else 1.0, "exact", "any: f is L-smooth")

    def low_point(self, ball: NormBall, radius: float) -> Tensor:
        return torch.zeros_like(self._start)

    def diameter(self, ball: NormBall) -> Known | None:
        return quadratic_diameter(self, ball)

"""f(X_1, …, X_n) = ½ Σ_ij a_ij⟨X_i, X_j⟩: layers that are coupled, with the smoothness constant of each known."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from experiments.problems.base import Known, Problem, as_float64, repeated
from experiments.problems.matrix_quadratic import positive_semidefinite
from experiments.problems.placed import like
from lmo.balls import Frobenius, MaxRow, NormBall, Product, Spectral
from lmo.elements import inner


class LayeredQuadratic(Problem):
    """f(X_1, …, X_n) = ½ Σ_ij a_ij⟨X_i, X_j⟩ on matrices of one shape, A = (a_ij) symmetric ⪰ 0.

    The Hessian's block (i, j) is a_ij times the identity, and |⟨X, Y⟩| ≤ ρ_iρ_j‖X‖_i‖Y‖_j, so in units of the radii
    L_ij = |a_ij|ρ_iρ_j r_i r_j. Jointly L_i = Σ_j L_ij: ⟨d, ∇²f d⟩ ≤ Σ_ij L_ij‖d_i‖‖d_j‖ ≤ Σ_i L_i‖d_i‖².
    On square matrices in spectral norms with a_ij ≥ 0 this is attained at multiples of the identity.

    Args:
        coupling: A, (layers, layers). start: (layers, rows, columns).
    """

    infimum = Known(0.0, "exact", "attained at 0")

    def __init__(self, coupling: Any, start: Any, name: str = "layered quadratic") -> None:
        self.coupling, self._start = as_float64(coupling, "coupling"), as_float64(start, "start")
        self._values = positive_semidefinite("coupling", self.coupling)
        if self._start.ndim != 3 or len(self._start) != len(self.coupling):
            raise ValueError(f"`start` must have shape ({len(self.coupling)}, rows, columns)")
        layers = len(self.coupling)
        self.core_ndim = (2,) * layers
        self.shape = (tuple(self._start.shape[1:]),) * layers
        self.name = name

    @classmethod
    def shipped(cls) -> list[Problem]:
        source = torch.Generator().manual_seed(7)
        start = torch.randn(3, 4, 4, generator=source, dtype=torch.float64)
        coupling = torch.tensor([[0.5, 0.1, 0.1], [0.1, 0.2, 0.05], [0.1, 0.05, 0.1]], dtype=torch.float64)
        return [cls(coupling, start)]

    def balls(self) -> list[NormBall]:
        count = len(self.shape)
        radii = [1.0 / (1 + i) for i in range(count)]
        spectral = [Spectral()] * count
        mixed = [(Spectral(), MaxRow(), Frobenius())[i % 3] for i in range(count)]
        return [Product(spectral, radii), Product(mixed, radii[::-1]), Product(spectral, radii, "sum")]

    def value(self, x: Any) -> Tensor:
        return 0.5 * inner(x, self.true_gradient(x), self.core_ndim)

    def true_gradient(self, x: Any) -> Any:
        together = torch.stack(x, -1) @ like(self.coupling, x[0])
        return tuple(together.unbind(-1))

    def start(self, runs: int) -> Any:
        return tuple(repeated(layer, runs) for layer in self._start)

    def euclidean_smoothness(self) -> Known:
        return Known(float(self._values[0]), "exact", "the largest eigenvalue of A")

    def layer_smoothness(self, ball: NormBall) -> tuple[Known, ...] | None:
        if not isinstance(ball, Product) or ball.combine != "max":
            return None
        layers = zip(ball.balls, ball.radii, self.shape, strict=True)
        ratios = torch.tensor([r * one.norm_ratio(shape) for one, r, shape in layers], dtype=torch.float64)
        values = ratios * (self.coupling.abs() @ ratios)
        kind = "exact" if self._attained(ball) else "upper"
        return tuple(Known(float(v), kind, "Σ_j |a_ij|ρ_iρ_j r_i r_j") for v in values)  # type: ignore[arg-type]

    def special_smoothness(self, ball: NormBall) -> Known | None:
        layers = self.layer_smoothness(ball)
        if layers is None:
            return None
        return Known(sum(known.value for known in layers), layers[0].kind, "Σ_ij |a_ij|ρ_iρ_j r_i r_j")

    def _attained(self, ball: Product) -> bool:
        square = all(rows == columns for rows, columns in self.shape)
        return square and bool((self.coupling >= 0).all()) and all(isinstance(b, Spectral) for b in ball.balls)

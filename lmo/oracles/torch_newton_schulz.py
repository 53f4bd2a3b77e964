"""The bfloat16 Newton–Schulz of torch.optim.Muon, operation by operation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from lmo.balls import NormBall, Spectral
from lmo.checks import check_number
from lmo.oracles.base import Harm, Oracle
from lmo.randomness import Draw


@dataclass(frozen=True)
class TorchNewtonSchulz(Oracle):
    """d̂ = −(torch's own orthogonalisation of m): bfloat16 throughout, input divided by max(‖m‖_F, eps).

    It exists to reproduce `torch.optim.Muon` to the bit, and keeps its two flaws: the precision is forced, and the
    clamp makes it not 0-homogeneous for ‖m‖_F < eps (exempt from that law). Use `NewtonSchulz` for anything else.
    A single matrix goes through the same kernels as torch's; a batch (…, a, b) through their batched forms.
    """

    coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315)
    steps: int = 5
    eps: float = 1e-7
    ball: NormBall = field(default_factory=Spectral)
    name: ClassVar[str] = "torch-newton-schulz"

    def __post_init__(self) -> None:
        if len(self.coefficients) != 3:
            raise ValueError(f"`coefficients` must be three numbers (a, b, c), got {self.coefficients!r}")
        for coefficient in self.coefficients:
            check_number("coefficients", coefficient)
        check_number("eps", self.eps, above=0.0)
        if not isinstance(self.ball, Spectral):
            raise TypeError(f"torch's Newton-Schulz answers for Spectral() alone, not for {self.ball!r}")
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or not 0 <= self.steps < 100:
            raise ValueError(f"`steps` must be an integer in [0, 100), got {self.steps!r}")

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [(cls(), (3, 4)), (cls(), (4, 3))]

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        tall = m.shape[-2] > m.shape[-1]
        x = m.bfloat16()
        x = x.mT if tall else x
        x = self._single(x) if m.ndim == 2 else self._batched(x.reshape(-1, *x.shape[-2:])).reshape(x.shape)
        return -(x.mT if tall else x).to(m.dtype), memory

    def _size(self, norm: Tensor) -> Tensor:
        """max(‖m‖_F, eps); refused where it overflows, as dividing by it would answer 0 or NaN."""
        if not torch.isfinite(norm).all():
            raise ValueError("`m` or its norm is NaN or infinite in bfloat16; scale it down, or use `NewtonSchulz`")
        return norm.clamp(min=self.eps)

    def _single(self, x: Tensor) -> Tensor:
        a, b, c = self.coefficients
        x = x.div(self._size(x.norm()))
        for _ in range(self.steps):
            gram = x @ x.T
            x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
        return x

    def _batched(self, x: Tensor) -> Tensor:
        a, b, c = self.coefficients
        x = x / self._size(torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True))
        for _ in range(self.steps):
            gram = x @ x.mT
            x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
        return x

"""The RMS→RMS operator norm: Scion's and the modular norm's geometry for linear layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lmo.balls.base import Distance, NormBall, Parts
from lmo.balls.spectral import Spectral

_SPECTRAL = Spectral()


@dataclass(frozen=True)
class RmsToRms(NormBall):
    """{X : √(n_in/n_out)·σ_max(X) ≤ 1} on weights (…, n_out, n_in); dual norm √(n_out/n_in)·Σσ.

    lmo(M) = −√(n_out/n_in)·UVᵀ: the spectral ball with the radius that keeps the root mean square of activations.
    Ties and cost are those of `Spectral`. Source: Large et al., arXiv:2405.14813; Scion, arXiv:2502.07529.
    """

    core_ndim: ClassVar[int] = 2  # type: ignore[misc]
    name: ClassVar[str] = "rms-to-rms"

    @classmethod
    def examples(cls) -> list[tuple[NormBall, tuple]]:
        return [(cls(), (2, 4)), (cls(), (4, 2))]

    def norm_ratio(self, shape: tuple) -> float:
        return self.radius(shape) * _SPECTRAL.norm_ratio(shape)

    def radius(self, shape: tuple) -> float:
        """√(n_out/n_in), the largest singular value that the ball allows."""
        return math.sqrt(shape[-2] / shape[-1])

    def _norm(self, x: Tensor) -> Tensor:
        return _SPECTRAL._norm(x) / self.radius(x.shape)

    def _dual_norm(self, m: Tensor) -> Tensor:
        return _SPECTRAL._dual_norm(m) * self.radius(m.shape)

    def _lmo(self, m: Tensor) -> Tensor:
        return _SPECTRAL._lmo(m) * self.radius(m.shape)

    def _distance(self, m: Tensor, d: Tensor) -> Distance:
        return _SPECTRAL._distance(m, d / self.radius(d.shape))

    def parts(self, m: Tensor) -> Parts:
        weights, build = _SPECTRAL.parts(m)
        return Parts(weights * self.radius(m.shape), lambda factors: build(factors) * self.radius(m.shape))

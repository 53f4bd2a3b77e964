"""Softmax regression on handwritten digits: real data, convex, its smoothness proved in every ball of matrices."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from experiments.problems.base import Known, Problem, repeated
from experiments.problems.placed import like, placed
from lmo.balls import L1, L2, LInf, Lp, MaxColumn, MaxRow, NormBall, Nuclear, RmsToRms, Scaled, Spectral
from lmo.randomness import Draw

CLASSES = 10


class Images(NamedTuple):
    """n images: pixels in [0, 1], shape (*batch, n, 64), and the labels as rows of 0s and one 1, (*batch, n, 10)."""

    pixels: Tensor
    targets: Tensor

    def like(self, x: Tensor) -> Images:
        """The same images in the dtype and on the device of `x`."""
        return Images(like(self.pixels, x), like(self.targets, x))

    def pick(self, rows: Tensor | None) -> Images:
        """The images `rows` (any shape (*batch, n)); all of them for None."""
        if rows is None:
            return self
        return Images(placed(self.pixels, rows.device)[rows], placed(self.targets, rows.device)[rows])


@functools.cache
def digits(samples: int | None = None) -> Images:
    """The first `samples` of scikit-learn's 1797 handwritten digits, 8×8 pixels divided by 16, not centred."""
    from sklearn.datasets import load_digits

    data = load_digits()
    samples = check_count("samples", len(data.target) if samples is None else samples, len(data.target))
    pixels = torch.as_tensor(data.data[:samples] / 16, dtype=torch.float64)
    return Images(pixels, torch.eye(CLASSES, dtype=torch.float64)[torch.as_tensor(data.target[:samples])])


def check_count(name: str, value: Any, most: int | None = None) -> int:
    """A whole number from 1 to `most`, or `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1 or (most is not None and value > most):
        raise ValueError(f"`{name}` must be a whole number from 1 {f'to {most}' if most else 'on'}, got {value!r}")
    return value


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean over images of −log of the probability of the label; logits (*batch, 10, n), targets (n, 10)."""
    return (logits.logsumexp(-2) - (logits * targets.mT).sum(-2)).mean(-1)


def residuals(logits: Tensor, targets: Tensor) -> Tensor:
    """p_i − y_i, the derivative of the cross-entropy of each image, shape (*batch, 10, n)."""
    return logits.softmax(-2) - targets.mT


def minibatch_std(mean_square: Tensor, gradient_square: Tensor, batch_size: int) -> Tensor:
    """((mean_i ‖g_i‖² − ‖ḡ‖²)/B)^½: the standard deviation of the mean of B gradients drawn with replacement."""
    return ((mean_square - gradient_square).clamp(min=0) / batch_size).sqrt()


class DigitsSoftmax(Problem):
    """f(W) = mean_i [log Σ_k exp (Wx_i)_k − (Wx_i)_{y_i}], W of shape (10, 64), from 0: convex, no bias.

    Smoothness. f is convex, so L = sup of D²f(W)[V, V] = mean_i Var_{k∼p_i} (Vx_i)_k over all W and ‖V‖ ≤ 1. With
    R_i = max_k (Vx_i)_k − min_k (Vx_i)_k, Var ≤ R_i²/4 (Popoviciu) ≤ ½‖Vx_i − their mean‖₂². Pixels are ≥ 0, so rows
    1 and 2 of W equal to 0 and the others to −t(1, …, 1) give p_i → (½, ½, 0, …) for t → ∞, and there the first
    inequality is attained for V with rows v, −v, 0, …: mean_i ⟨v, x_i⟩². With M = mean_i x_i x_iᵀ, entries ≥ 0:

    - ℓp: R_i ≤ 2^{1/q}⟨s, x_i⟩, s_j the ℓp norm of column j, so L = 2^{−2/p} max_{‖s‖_p ≤ 1} sᵀMs, attained at
      v = 2^{−1/p}s: max_j M_jj/4 for ℓ1, λ_max(M)/2 for Frobenius, ΣM = mean ‖x_i‖₁² for ℓ∞. For p ≥ 2 the maximum is
      computed to a certified gap (`largest_form`); for 1 < p < 2 it is at most mean ‖x_i‖_q², and by
      Riesz–Thorin at most (max_j M_jj)^{1−θ} λ_max(M)^θ, θ = 2 − 2/p.
    - nuclear: that of Frobenius, whose maximiser has rank one.
    - max-column: ‖Vx_i‖₂ ≤ ‖x_i‖₁, L = ΣM/2, attained at v = (1, …, 1)/√2.
    - max-row: R_i ≤ 2‖x_i‖₂, L ≤ tr M; at least λ_max(M).
    - spectral: V minus its column means has σ_max ≤ 1 and rank ≤ 9, L ≤ ½ Σ_{i≤9} λ_i(M); at least λ_max(M)/2.

    Noise. A step draws `batch_size` images with replacement. ‖g_i‖² = ‖p_i − y_i‖²‖x_i‖², and ‖p_i − y_i‖₂² ≤ 2, since
    the probabilities other than the label's sum to 1 − p_y: σ² ≤ 2 tr M/B, in words: twice the mean ‖x_i‖² over B.

    Args:
        batch_size: B; None: exact gradients. samples: how many images, from the first; None: all 1797.
    """

    core_ndim = 2
    shape = (CLASSES, 64)
    heavy = True
    infimum = Known(0.0, "upper", "a proved lower bound: probabilities are at most 1")

    def __init__(self, batch_size: int | None = None, samples: int | None = None, name: str | None = None) -> None:
        self.images = digits(samples)
        self.size = len(self.images.pixels)
        self.batch_size = batch_size if batch_size is None else check_count("batch_size", batch_size)
        self._moments = self.images.pixels.T @ self.images.pixels / self.size
        self._eigenvalues = torch.linalg.eigvalsh(self._moments).flip(0).clamp(min=0)
        part = "" if samples is None else f", {samples} images"
        self.name = name or f"softmax on digits{part}" + (f", batch {batch_size}" if batch_size else "")
        if batch_size is not None:
            bound = math.sqrt(2 * float(self._moments.trace()) / batch_size)
            self.noise_std = Known(bound, "upper", "(2 mean‖x_i‖₂²/B)^½, as ‖p − y‖₂² ≤ 2")

    @classmethod
    def shipped(cls) -> list[Problem]:
        return [cls(), cls(batch_size=64)]

    def value(self, x: Any) -> Tensor:
        pixels, targets = self.images.like(x)
        return cross_entropy(x @ pixels.mT, targets)

    def true_gradient(self, x: Any) -> Any:
        return self._mean_gradient(x, self.images)

    def gradient(self, x: Any, sample: Any = None) -> Any:
        if sample is None or self.batch_size is None:
            return super().gradient(x, sample)
        return self._mean_gradient(x, self.images.pick(sample))

    def sample(self, draw: Draw) -> Any:
        return None if self.batch_size is None else draw.integers("minibatch", self.size, (self.batch_size,))

    def noise_std_at(self, x: Any) -> Tensor | None:
        if self.batch_size is None:
            return None
        pixels, targets = self.images.like(x)
        off = residuals(x @ pixels.mT, targets)
        squares = ((off**2).sum(-2) * (pixels**2).sum(-1)).mean(-1)
        return minibatch_std(squares, ((off @ pixels / self.size) ** 2).sum((-2, -1)), self.batch_size)

    def start(self, runs: int) -> Tensor:
        return repeated(torch.zeros(self.shape, dtype=torch.float64), runs)

    def euclidean_smoothness(self) -> Known:
        return Known(float(self._eigenvalues[0]) / 2, "exact", "λ_max(M)/2, M = mean x_i x_iᵀ")

    def euclidean_mean_smoothness(self) -> Known:
        """Of the mean of B gradients drawn with replacement: mean_i L_i²/B + (1 − 1/B)L₂², L_i = ‖x_i‖₂²/2."""
        if self.batch_size is None:
            return self.euclidean_smoothness()
        single = float((self.images.pixels**2).sum(-1).square().mean()) / 4
        value = single / self.batch_size + (1 - 1 / self.batch_size) * self.euclidean_smoothness().value ** 2
        return Known(math.sqrt(value), "upper", "(mean ‖x_i‖₂⁴/(4B) + (1 − 1/B)L₂²)^½")

    def special_smoothness(self, ball: NormBall) -> Known | None:
        m = self._moments
        match ball:
            case Scaled():
                inner = self.special_smoothness(ball.ball)
                return inner and inner._replace(value=inner.value * ball.r**2, source=f"r²·({inner.source})")
            case L1():
                return Known(float(m.diagonal().max()) / 4, "exact", "max_j M_jj/4, M = mean x_i x_iᵀ")
            case L2() | Nuclear():
                return self.euclidean_smoothness()
            case LInf():
                return Known(float(m.sum()), "exact", "mean ‖x_i‖₁²")
            case Lp():
                return self._lp_smoothness(ball)
            case MaxColumn():
                return Known(float(m.sum()) / 2, "exact", "mean ‖x_i‖₁²/2")
            case MaxRow():
                return Known(float(m.trace()), "upper", "mean ‖x_i‖₂²")
            case Spectral() | RmsToRms():
                value = float(self._eigenvalues[: CLASSES - 1].sum()) / 2 * ball.radius(self.shape) ** 2
                return Known(value, "upper", "radius²·½Σ_{i≤9} λ_i(M), M = mean x_i x_iᵀ")
        return None

    def _mean_gradient(self, x: Any, images: Images) -> Any:
        pixels, targets = images.like(x)
        return residuals(x @ pixels.mT, targets) @ pixels / pixels.shape[-2]

    def _lp_smoothness(self, ball: Lp) -> Known:
        if ball.p >= 2:
            largest, tight = largest_form(self._moments, ball.p)
            source = "2^{−2/p} max_{‖s‖_p ≤ 1} sᵀMs, M = mean x_i x_iᵀ"
            return Known(2 ** (-2 / ball.p) * largest, "exact" if tight else "upper", source)
        theta = 2 - 2 / ball.p
        between = float(self._moments.diagonal().max()) ** (1 - theta) * float(self._eigenvalues[0]) ** theta
        lengths = torch.linalg.vector_norm(self.images.pixels, ord=ball.q, dim=-1)
        value = 2 ** (-2 / ball.p) * min(between, float((lengths**2).mean()))
        return Known(value, "upper", "2^{−2/p} times the smaller of mean ‖x_i‖_q² and Riesz–Thorin between p = 1 and 2")


def largest_form(matrix: Tensor, p: float, iterations: int = 300) -> tuple[float, bool]:
    """A proved upper bound on max_{‖s‖_p ≤ 1} sᵀMs, p ≥ 2, M ⪰ 0 with entries ≥ 0, and whether it is tight to 1e-10.

    In w_j = s_j^p ≥ 0, Σw ≤ 1, the form g is concave, so at any s > 0 with ‖s‖_p = 1 its maximum is at most the
    linear bound g + max_j ∂_j g − ⟨∇g, w⟩ = (1 − 2/p) sᵀMs + (2/p) max_j (Ms)_j s_j^{1−p}. The fixed point of
    s ← (Ms)^{1/(p−1)}, where the two agree, is approached at the rate 1/(p−1).
    """
    used = matrix.diagonal() > 0
    if not used.any():
        return 0.0, True
    m = matrix[used][:, used]
    s = torch.ones(len(m), dtype=m.dtype)
    for _ in range(iterations):
        s = (m @ s).pow(1 / (p - 1))
        s = s / torch.linalg.vector_norm(s, ord=p)
    form = float(s @ m @ s)
    bound = (1 - 2 / p) * form + 2 / p * float(((m @ s) * s.pow(1 - p)).max())
    return bound, bound <= form * (1 + 1e-10)

"""A language model in one layer: next-word softmax on a synthetic Zipf corpus whose optimum is known exactly."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from experiments.problems.base import Known, Problem, repeated
from experiments.problems.placed import like, placed
from lmo.balls import LInf, NormBall, Nuclear, RmsToRms, Scaled, Spectral
from lmo.randomness import Draw

EVEN = 2**50  # a uniform integer below it over it is a uniform number


class Bigram(Problem):
    """f(W) = Σ_i p_i·CE(q_i, softmax(We_i)) for W (words, features), from 0: convex, heavy-tailed, realisable.

    Context i has Zipf probability p_i ∝ 1/(i + 1) and fixed features e_i, ‖e_i‖₂ = 1, the first of them constant (a
    bias: unigram frequencies). The next word follows q_i = softmax(W*e_i) with Zipf frequencies in W*'s bias column, so
    inf f = Σ p_i H(q_i), attained at W*. A step draws `batch_size` pairs (context, next word) with replacement.

    Smoothness. D²f(W)[V, V] = Σ p_i Var_{k ∼ softmax} (Ve_i)_k ≤ ½Σ p_i ‖CVe_i‖₂², C the centring of words (Popoviciu:
    a variance is at most a quarter of the squared range, and the range at most √2 times the centred length). With
    M = Σ p_i e_i e_iᵀ: ½λ₁(M) in Frobenius and nuclear norms; ½Σλ_i(M) over the min(words − 1, features) largest in
    the spectral norm, as ‖CV‖ ≤ 1 has at most that rank; Σ p_i ‖e_i‖₁² in ℓ∞, where the range is at most 2‖e_i‖₁.

    Noise. The gradient of a pair is (softmax(We_i) − 1_k)e_iᵀ, of squared length at most 2, so σ² ≤ 2/B.

    Args:
        words: rows of W. features: columns. contexts: how many. batch_size: B; None: exact gradients.
    """

    core_ndim = 2
    convex = True

    def __init__(
        self, words: int = 24, features: int = 12, contexts: int = 48, batch_size: int | None = None, seed: int = 17
    ) -> None:  # fmt: skip
        source = torch.Generator().manual_seed(seed)
        self.shape, self.batch_size, self.size = (words, features), batch_size, contexts
        self.frequency = _zipf(contexts)
        self.features = torch.randn(contexts, features, generator=source, dtype=torch.float64)
        self.features[:, 0] = 1.0
        self.features /= torch.linalg.vector_norm(self.features, dim=-1, keepdim=True)
        self.truth = torch.randn(words, features, generator=source, dtype=torch.float64)
        self.truth[:, 0] += _zipf(words).log() * math.sqrt(features)  # a bias of 1 is 1/√features after scaling
        self.next_word = (self.features @ self.truth.T).softmax(-1)
        entropy = -float((self.frequency * (self.next_word * self.next_word.log()).sum(-1)).sum())
        self.infimum = Known(entropy, "exact", "Σ p_i H(q_i), attained at W*")
        self.name = f"bigrams, {words}×{features}" + (f", batch {batch_size}" if batch_size else "")
        moments = (self.features.T * self.frequency) @ self.features
        self._eigenvalues = torch.linalg.eigvalsh(moments).flip(0).clamp(min=0)
        self.pair_frequency = (self.frequency.unsqueeze(-1) * self.next_word).flatten()
        self._edges = self.pair_frequency.cumsum(0)
        if batch_size is not None:
            self.noise_std = Known(math.sqrt(2 / batch_size), "upper", "(2/B)^½, as ‖p − 1_k‖₂² ≤ 2 and ‖e_i‖₂ = 1")

    @classmethod
    def shipped(cls) -> list[Problem]:
        return [cls(6, 4, 9), cls(6, 4, 9, batch_size=16)]

    def value(self, x: Any) -> Tensor:
        logits = like(self.features, x) @ x.mT
        loss = logits.logsumexp(-1) - (logits * like(self.next_word, x)).sum(-1)
        return (loss * like(self.frequency, x)).sum(-1)

    def true_gradient(self, x: Any) -> Any:
        residual = (like(self.features, x) @ x.mT).softmax(-1) - like(self.next_word, x)
        return (residual * like(self.frequency, x).unsqueeze(-1)).mT @ like(self.features, x)

    def sample(self, draw: Draw) -> Any:
        """Pairs drawn, (*batch, B), as context·words + next word; None where gradients are exact."""
        if self.batch_size is None:
            return None
        even = draw.integers("bigrams", EVEN, (self.batch_size,)).double() / EVEN
        return torch.searchsorted(placed(self._edges, even.device), even.contiguous(), right=True).clamp(
            max=self._edges.numel() - 1
        )

    def gradient(self, x: Any, sample: Any = None) -> Any:
        if sample is None or self.batch_size is None:
            return super().gradient(x, sample)
        contexts, words = self.next_word.shape
        counts = torch.zeros(*sample.shape[:-1], contexts * words, dtype=x.dtype, device=x.device)
        counts.scatter_add_(-1, sample, torch.full_like(sample, 1, dtype=x.dtype) / sample.shape[-1])
        counts, features = counts.reshape(*sample.shape[:-1], contexts, words), like(self.features, x)
        probabilities = (features @ x.mT).softmax(-1)
        return (probabilities * counts.sum(-1, keepdim=True) - counts).mT @ features

    def noise_std_at(self, x: Any) -> Tensor | None:
        """Exact: ((Σ_i p_i Σ_k q_ik ‖s_i − 1_k‖² − ‖∇f‖²)/B)^½ with s = softmax, as ‖e_i‖₂ = 1."""
        if self.batch_size is None:
            return None
        s, q = (like(self.features, x) @ x.mT).softmax(-1), like(self.next_word, x)
        square = (s**2).sum(-1) + 1 - 2 * (s * q).sum(-1)
        mean = (square * like(self.frequency, x)).sum(-1)
        gradient = self.true_gradient(x)
        return ((mean - (gradient**2).sum((-2, -1))).clamp(min=0) / self.batch_size).sqrt()

    def start(self, runs: int) -> Tensor:
        return repeated(torch.zeros(self.shape, dtype=torch.float64), runs)

    def euclidean_smoothness(self) -> Known:
        return Known(float(self._eigenvalues[0]) / 2, "upper", "λ₁(M)/2, M = Σ p_i e_i e_iᵀ")

    def euclidean_mean_smoothness(self) -> Known | None:
        """‖g(x) − g(y)‖₂ ≤ ½‖x − y‖₂ for every pair: the Hessian of one is Cov(s) ⊗ e eᵀ, and λ₁(Cov) ≤ ½."""
        return Known(0.5, "upper", "½, of every pair")

    def special_smoothness(self, ball: NormBall) -> Known | None:
        if isinstance(ball, Scaled):
            inner = self.special_smoothness(ball.ball)
            return inner and inner._replace(value=inner.value * ball.r**2, source=f"r²·({inner.source})")
        if isinstance(ball, Nuclear):
            return self.euclidean_smoothness()
        if isinstance(ball, (Spectral, RmsToRms)):
            rank = min(self.shape[0] - 1, self.shape[1])
            value = float(self._eigenvalues[:rank].sum()) / 2 * ball.radius(self.shape) ** 2
            return Known(value, "upper", "radius²·½Σλ_i(M)")
        if isinstance(ball, LInf):
            lengths = self.features.abs().sum(-1) ** 2
            return Known(float((self.frequency * lengths).sum()), "upper", "Σ p_i ‖e_i‖₁²")
        return None


def _zipf(count: int) -> Tensor:
    weights = 1 / torch.arange(1, count + 1, dtype=torch.float64)
    return weights / weights.sum()

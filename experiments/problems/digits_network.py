"""A two-layer network on handwritten digits: nothing about it is proved, its constants are measured."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from experiments.problems.base import Known, Problem, repeated
from experiments.problems.digits_softmax import (
    CLASSES,
    Images,
    check_count,
    cross_entropy,
    digits,
    minibatch_std,
    residuals,
)
from lmo.balls import MaxRow, NormBall, Product, RmsToRms, Spectral
from lmo.elements import add_scaled, map_layers, norm2, scaled, subtract
from lmo.method import Method
from lmo.oracles import Exact
from lmo.randomness import Draw

STEP_SIZES = (0.2, 0.1, 0.05, 0.02, 0.01)
STEPS = 40
PROBE_EVERY = 5
PROBE_LENGTHS = (1e-3, 0.1, 0.5)
PROBE_ROUNDS = 6
SAFETY = 1.5


class DigitsNetwork(Problem):
    """f(W₁, W₂) = mean cross-entropy of W₂ tanh(W₁x_i): 64 → hidden → 10, no biases, non-convex; elements are tuples.

    Its constants are estimates, each `SAFETY` times the largest value seen where the method goes: on `STEPS` exact
    steps from the start with each of `STEP_SIZES`. For L the values are the Lipschitz ratios of successive iterates
    and of pairs (x, x + hd) around every `PROBE_EVERY`-th iterate, h in `PROBE_LENGTHS`, d first random and then the
    steepest direction of the change of gradient (a power iteration). All of it is deterministic.

    Args:
        hidden: width. batch_size: images per step, drawn with replacement; None: exact gradients.
        samples: how many images, from the first. seed: of the starting weights, N(0, 1/64) and N(0, 1/hidden).
    """

    core_ndim = (2, 2)
    heavy = True
    infimum = Known(0.0, "upper", "a proved lower bound: probabilities are at most 1")

    def __init__(
        self,
        hidden: int = 8,
        batch_size: int | None = None,
        samples: int = 400,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        self.images = digits(samples)
        self.size = len(self.images.pixels)
        self.batch_size = batch_size if batch_size is None else check_count("batch_size", batch_size)
        self.shape = ((check_count("hidden", hidden), 64), (CLASSES, hidden))
        source = torch.Generator().manual_seed(seed)
        self._start = tuple(
            torch.randn(shape, generator=source, dtype=torch.float64) / math.sqrt(shape[1]) for shape in self.shape
        )
        self._smoothness: dict[NormBall, Known] = {}
        self.name = name or f"network on digits, {samples} images" + (f", batch {batch_size}" if batch_size else "")

    @classmethod
    def shipped(cls) -> list[Problem]:
        return [cls(), cls(batch_size=32)]

    def balls(self) -> list[NormBall]:
        spectral = (Spectral(), Spectral())
        return [
            Product(spectral, (1.0, 1.0), "max"),
            Product(spectral, (1.0, 2.0), "sum"),
            Product((RmsToRms(), MaxRow()), (2.0, 0.5), "max"),
        ]

    def value(self, x: Any) -> Tensor:
        pixels, targets = self.images.like(x[0])
        return cross_entropy(x[1] @ torch.tanh(x[0] @ pixels.mT), targets)

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
        images = self.images.like(x[0])
        hidden, first, second = self._backward(x, images)
        squares = (first**2).sum(-2) * (images.pixels**2).sum(-1) + (second**2).sum(-2) * (hidden**2).sum(-2)
        gradient_square = norm2(self._mean_gradient(x, images), self.core_ndim) ** 2
        return minibatch_std(squares.mean(-1), gradient_square, self.batch_size)

    def start(self, runs: int) -> Any:
        return tuple(repeated(layer, runs) for layer in self._start)

    @functools.cached_property
    def noise_std(self) -> Known | None:  # type: ignore[override]
        """`SAFETY` times the largest `noise_std_at` on the runs in all of `balls()`; None: exact gradients."""
        if self.batch_size is None:
            return None
        seen = max(float(self.noise_std_at(self._visited(ball)[0]).max()) for ball in self.balls())  # type: ignore[union-attr]
        return Known(SAFETY * seen, "estimate", f"{SAFETY} × the largest exact value on short runs from the start")

    def euclidean_smoothness(self) -> Known:
        return self._euclidean

    @functools.cached_property
    def _euclidean(self) -> Known:
        def size(x: Any) -> Tensor:
            return norm2(x, self.core_ndim)

        def steepest(x: Any) -> Any:
            return scaled(x, 1 / size(x), self.core_ndim)

        seen = max(self._probe(self._visited(ball)[0], size, size, steepest) for ball in self.balls())
        return Known(SAFETY * seen, "estimate", f"{SAFETY} × the largest ratio found around short runs from the start")

    def special_smoothness(self, ball: NormBall) -> Known | None:
        if ball not in self._smoothness:
            points, along = self._visited(ball)
            seen = max(along, self._probe(points, ball.norm, ball.dual_norm, ball.lmo))
            source = f"{SAFETY} × the largest ratio found on and around short runs from the start"
            self._smoothness[ball] = Known(SAFETY * seen, "estimate", source)
        return self._smoothness[ball]

    def _backward(self, x: Any, images: Images) -> tuple[Tensor, Tensor, Tensor]:
        """tanh(W₁x_i), and the derivatives by W₁x_i and by W₂ tanh(W₁x_i), each (*batch, width, n)."""
        hidden = torch.tanh(x[0] @ images.pixels.mT)
        second = residuals(x[1] @ hidden, images.targets)
        return hidden, (x[1].mT @ second) * (1 - hidden**2), second

    def _mean_gradient(self, x: Any, images: Images) -> Any:
        images = images.like(x[0])
        hidden, first, second = self._backward(x, images)
        n = images.pixels.shape[-2]
        return first @ images.pixels / n, second @ hidden.mT / n

    def _visited(self, ball: NormBall) -> tuple[Any, float]:
        """Every `PROBE_EVERY`-th iterate of the runs, as one batch, and the largest ratio of successive iterates."""
        method = Method(Exact(ball))
        sizes = torch.tensor(STEP_SIZES, dtype=torch.float64)
        state = method.init(self.start(len(sizes)))
        gradient = self.true_gradient(state.x)
        points, largest = [state.x], 0.0
        for k in range(1, STEPS + 1):
            before, old = state.x, gradient
            state, _ = method.step(state, gradient, step_size=sizes)
            gradient = self.true_gradient(state.x)
            ratio = ball.dual_norm(subtract(gradient, old)) / ball.norm(subtract(state.x, before))
            largest = max(largest, float(ratio.max()))
            if k % PROBE_EVERY == 0:
                points.append(state.x)
        return map_layers(lambda *layers: torch.cat(layers), *points), largest

    def _probe(
        self,
        x: Any,
        norm: Callable[[Any], Tensor],
        dual_norm: Callable[[Any], Tensor],
        steepest: Callable[[Any], Any],
    ) -> float:
        """The largest ratio of pairs (x, x + hd) found; `steepest` maps m to a unit d of largest |⟨m, d⟩|."""
        source = torch.Generator().manual_seed(0)
        gradient, largest = self.true_gradient(x), 0.0
        for h in PROBE_LENGTHS:
            d = steepest(map_layers(lambda a: torch.randn(a.shape, generator=source, dtype=a.dtype), x))
            for _ in range(PROBE_ROUNDS):
                other = add_scaled(x, d, h, self.core_ndim)
                change = subtract(self.true_gradient(other), gradient)
                largest = max(largest, float((dual_norm(change) / norm(subtract(other, x))).max()))
                d = steepest(change)
        return largest

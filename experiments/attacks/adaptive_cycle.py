"""D2's own worst case: with γ_k = s‖∇f‖ the cycling coordinate has to fit the step that the whole gradient makes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from experiments.attacks.base import Attack, errors, log_uniform
from experiments.refutation.candidates import Candidates, complete
from experiments.refutation.settle import at_tuning
from experiments.refutation.shapes import smoothness
from experiments.refutation.target import Target


class AdaptiveCycle(Attack):
    """Gradient norm 1 at every step: s + L₂x₂ = 1, x₂ = bγ/2, γ the adaptive step at norm 1. Tight for D2 at δ = 0."""

    name: ClassVar[str] = "adaptive cycle"
    says: ClassVar[str] = "one coordinate slides, another flips its sign, both at the adaptive step"

    def applies(self, target: Target) -> bool:
        return "l-inf" in target.balls and target.rules.step == "adaptive"

    def propose(
        self, target: Target, rng: np.random.Generator, steps: int, size: int, pool: list[Candidates]
    ) -> Candidates | None:
        low, high = errors(target, rng, size)
        first = log_uniform(rng, 0.1, 3, size) / (1 + steps**0.5)
        curvature = np.stack([first, np.ones(size)], -1)
        answers = np.stack([low, high], -1)[:, None]
        made = complete("l-inf", steps, curvature, np.ones((size, 2)), answers, low, high)
        step = at_tuning(made, target).step_size  # γ at gradient norm 1; it depends on Δ for no statement shipped
        if not np.allclose(smoothness(made), curvature.sum(-1)):
            return None
        second = high * step / 2
        slope = np.maximum(1 - second, 1e-3)
        start = np.stack([slope / first + low * step * (steps - 1), second], -1)
        slopes = np.stack([slope, np.full(size, np.inf)], -1)
        return complete("l-inf", steps, curvature, start, answers, low, high, slope=slopes)

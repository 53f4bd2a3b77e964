"""A problem that nobody built for the coupling: f = Σ x_j²/40 on 20 coordinates of ℓ∞, Gaussian noise on each."""

from __future__ import annotations

import numpy as np
import torch

from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.problems.noisy import Noisy
from lmo.balls import LInf
from lmo.method import Method
from lmo.momentum import Ema
from lmo.oracles import Exact, Mixed, Perturbed
from lmo.randomness import Draw

DIMENSIONS = 20
GAP = 0.5  # Δ = 20·1²/40; L = 20/20 = 1


def spread(noise: float) -> float:
    """σ at n = ρσ/√(LΔ), ρ = √20."""
    return noise * (GAP / DIMENSIONS) ** 0.5


def average_norms(
    noise: float, delta: float, step_size: np.ndarray, alpha: np.ndarray, steps: int, seeds: np.ndarray
) -> np.ndarray:
    """avg_k ‖∇f(x_k)‖₁ of S1's method started at (1, …, 1), the larger half of m's entries answered with 1 − δ and the
    rest with 1 + δ: (points, seeds), for step_size, alpha: (points,)."""
    plain = DiagonalQuadratic(torch.full((DIMENSIONS,), 1 / DIMENSIONS, dtype=torch.float64), torch.ones(DIMENSIONS))
    problem, ball = Noisy(plain, spread(noise)), LInf()
    oracle = Perturbed(Exact(ball), Mixed(delta)) if delta else Exact(ball)
    method = Method(oracle, Ema())
    sizes, weights = (torch.as_tensor(np.repeat(a, len(seeds))) for a in (step_size, alpha))
    draw = Draw(np.tile(np.asarray(seeds), len(step_size)), 0)
    state = method.init(problem.start(len(sizes)))
    total = torch.zeros(len(sizes), dtype=torch.float64)
    for k in range(steps):
        exact = problem.true_gradient(state.x)
        total += exact.abs().sum(-1)
        fresh = exact + problem.sample(draw.at(k))
        state, _ = method.step(state, fresh, step_size=sizes, alpha=weights, draw=draw.at(k), check=k == 0)
    return (total / steps).numpy().reshape(len(step_size), len(seeds))

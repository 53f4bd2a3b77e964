"""The momentum error of every memory: its bound against exact sums, simulations, and plausible wrong bounds."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bounds import evaluate
from bounds.memory import (
    AveragingMemory,
    Memory,
    NesterovMemory,
    StormMemory,
    finite_sums,
    nesterov_zero_start,
    zero_start,
)
from lmo.momentum import Ema, Momentum, Nesterov, Storm

MEMORIES: dict[tuple[str, str], tuple[Memory, Momentum]] = {
    ("ema", "first gradient"): (AveragingMemory(), Ema()),
    ("ema", "zero"): (AveragingMemory(start="zero"), Ema("zero")),
    ("nesterov", "first gradient"): (NesterovMemory(), Nesterov()),
    ("nesterov", "zero"): (NesterovMemory(start="zero"), Nesterov("zero")),
    ("storm", "first gradient"): (StormMemory(), Storm()),
}
every_memory = pytest.mark.parametrize("which", MEMORIES, ids=" from ".join)
ONES = {"noise_std": 1.0, "norm_ratio": 1.0, "smoothness": 1.0, "mean_smoothness": 1.0, "step_size": 1.0, "eta": 0.0}


def value(which: tuple[str, str], part: str | None, **constants: float) -> float:
    """A part of the bound (None: all of it) at constants that are 1 unless given."""
    memory = MEMORIES[which][0]
    expression = memory.total() if part is None else dict(memory.parts())[part]
    return float(evaluate.value(expression, ONES | constants))


@every_memory
@given(α=st.floats(0.01, 1.0), K=st.integers(1, 60))
def test_every_part_bounds_the_exact_sum(which, α: float, K: int) -> None:
    for name, exact in finite_sums(*which, α, K).items():
        assert value(which, name, alpha=α, steps=K) >= exact * (1 - 1e-12)


@every_memory
def test_every_part_is_reached_by_long_runs(which) -> None:
    for name, exact in finite_sums(*which, 0.2, 3000).items():
        assert value(which, name, alpha=0.2, steps=3000) <= exact * 1.01


def squares(kind: str, α: Fraction, k: int, zero: bool) -> Fraction:
    """Σ of the squared weights of g_0 … g_k in what is fed at step k, from the definition, in exact rationals."""
    weights: list[Fraction] = []
    for i in range(k + 1):
        new = Fraction(1) if i == 0 and not zero else α
        weights = [w * (1 - α) for w in weights] + [new]
    if kind == "nesterov":
        weights = [w * (1 - α) for w in weights]
        weights[k] += α
    total = sum(weights)
    assert zero or total == 1
    return sum((w / total) ** 2 for w in weights) if zero else sum(w**2 for w in weights[1:])


@pytest.mark.parametrize("α", [Fraction(1, 50), Fraction(2, 7), Fraction(9, 10), Fraction(1)], ids=str)
def test_nesterovs_variance_in_exact_rationals(α: Fraction) -> None:
    """v from the closed form; and from zero v·(1 − u²/p)/(1 − u)² with u = (1 − α)^(k+2), at every k."""
    keep = 1 - α
    v = α * (1 + 4 * α - 6 * α**2 + 2 * α**3) / (2 - α)
    p = 1 + 2 * keep - 2 * keep**3
    assert v == α * p / (1 + keep)
    for k in (0, 1, 2, 5, 17):
        u = keep ** (k + 2)
        assert squares("nesterov", α, k, zero=True) == v * (1 - u**2 / p) / (1 - u) ** 2
        missing = α / (2 - α) * keep ** (2 * k + 2) if k else v
        assert squares("nesterov", α, k, zero=False) == v - missing


def test_the_emas_start_factor_is_too_small_for_nesterov() -> None:
    """√((1 + u)/(1 − u)), u = (1 − α)^(k+1), times √v is no bound on the noise that the bias correction leaves."""
    α, K = 0.01, 5
    v = α * (1 + 4 * α - 6 * α**2 + 2 * α**3) / (2 - α)
    exact = finite_sums("nesterov", "zero", α, K)["noise"]
    assert v**0.5 * float(zero_start(1 - α, K)) < 0.98 * exact
    assert v**0.5 * float(nesterov_zero_start(1 - α, K)) == pytest.approx(exact, rel=1e-12)
    worst = 0.0
    for a in np.linspace(0.001, 1, 400):
        k, keep = np.arange(800), 1 - a
        u, w = keep ** (k + 1), keep ** (k + 2)
        ours = np.sqrt(1 - w**2 / (1 + 2 * keep - 2 * keep**3)) / (1 - w)
        worst = max(worst, float((ours / np.sqrt((1 + u) / (1 - u))).max()))
    assert worst == pytest.approx(1.059, abs=0.002)


def test_nesterov_zero_start_against_a_loop() -> None:
    got = nesterov_zero_start(np.array([[0.5, 0.98]]), np.array([[3], [400]]))
    for i, K in enumerate((3, 400)):
        for j, keep in enumerate((0.5, 0.98)):
            p, total = 1 + 2 * keep - 2 * keep**3, 0.0
            for k in range(K):
                u = keep ** (k + 2)
                total += math.sqrt(1 - u * u / p) / (1 - u)
            assert got[i, j] == pytest.approx(total / K, rel=1e-13)


def simulate(momentum: Momentum, α: float, steps: int, σ: float, change: float, seed: int) -> np.ndarray:
    """avg_k |m_k − ∇f_k| of many scalar runs, and the noise of gradients and of their changes of fixed size ±.

    The gradient rises by `change` at every step, the worst for an average; STORM's correction errs by ±`change`.
    """
    runs, source = 4000, np.random.default_rng(seed)
    signs = torch.tensor(source.choice([-1.0, 1.0], (2, steps, runs, 1)))
    buffer, total = None, torch.zeros(runs, dtype=torch.float64)
    for k in range(steps):
        truth, rise = torch.full((runs, 1), k * change, dtype=torch.float64), change
        fresh = truth + σ * signs[0, k]
        if momentum.needs_before and buffer is not None:
            before = fresh - rise - change * signs[1, k]  # g(x, ξ) − g(x⁻, ξ) = rise ± change
            buffer, fed = momentum.step(buffer, fresh, α, 1, before=before)  # type: ignore[call-arg]
        else:
            buffer, fed = momentum.step(buffer, fresh, α, 1)
        if momentum.start == "zero":
            lag = 2 if isinstance(momentum, Nesterov) else 1
            fed = fed / (1 - (1 - α) ** (k + lag))
        total += (fed - truth).abs().squeeze(-1)
    return (total / steps).numpy()


@every_memory
@pytest.mark.parametrize("seed", range(6))
def test_the_bound_holds_in_simulations(which, seed: int) -> None:
    """With the lower end of a confidence interval of 6 standard errors, for random parameters."""
    source = np.random.default_rng(100 + seed)
    α, steps = float(source.uniform(0.02, 1)), int(source.integers(1, 60))
    σ, change = float(source.uniform(0.1, 2)), float(10 ** source.uniform(-3, 0))
    sample = simulate(MEMORIES[which][1], α, steps, σ, change, seed)
    bound = value(which, None, alpha=α, steps=steps, noise_std=σ, smoothness=change, mean_smoothness=change)
    assert sample.mean() - 6 * sample.std() / len(sample) ** 0.5 <= bound


@every_memory
def test_simulations_come_near_the_bound_and_see_a_part_that_is_missing(which) -> None:
    """With the drift alone the EMAs attain it; with the noise alone √(2/π) of it, as a sum of many ± is Gaussian."""
    momentum, storm = MEMORIES[which][1], which[0] == "storm"
    drift = simulate(momentum, 0.1, 300, 0.0, 1.0, 0).mean()
    at = value(which, "drift", alpha=0.1, steps=300)
    assert (0.75 if storm else 0.93) * at < drift <= at * (1 + 1e-12)
    noise = simulate(momentum, 0.1, 300, 1.0, 0.0, 1).mean()
    at = value(which, "noise", alpha=0.1, steps=300)
    assert 0.74 * at < noise < at + (value(which, "start", alpha=0.1, steps=300) if which[1] != "zero" else 0)


def test_no_factor_for_the_correlation_of_storms_two_noises_is_needed() -> None:
    """Fully correlated, ζ = ξ·change/σ, they reach the bound's sum, without the √2 of E‖a + b‖² ≤ 2E‖a‖² + 2E‖b‖²."""
    α, σ, change, steps, runs = 0.2, 1.0, 1.0, 400, 4000
    signs = np.random.default_rng(3).choice([-1.0, 1.0], (steps, runs))
    error = σ * signs[0]
    squares = []
    for k in range(1, steps):
        error = (1 - α) * error + (α * σ + (1 - α) * change) * signs[k]
        squares.append(error**2)
    root = float(np.sqrt(np.mean(squares[100:])))
    which = ("storm", "first gradient")
    bound = value(which, "noise", alpha=α) + value(which, "drift", alpha=α)
    assert root == pytest.approx(bound, rel=0.02)


def test_a_momentum_without_sums_is_refused() -> None:
    with pytest.raises(ValueError, match="no sums are known for the momentum 'adam'; known: none, ema"):
        finite_sums("adam", "zero", 0.1, 3)

"""torch.optim.Muon itself, with its own bfloat16 Newton–Schulz and torch's schedulers, against the theorem M."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

import bounds
from bounds.schedules import shape_constants
from lmo.optim.muon import shape_factor

M = bounds.theorems["muon"]
SCHEDULERS: dict[str, Callable] = {
    "constant": lambda o, steps: torch.optim.lr_scheduler.ConstantLR(o, 1.0),
    "linear": lambda o, steps: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.0, steps),
    "cosine": lambda o, steps: torch.optim.lr_scheduler.CosineAnnealingLR(o, steps),
    "warm-up": lambda o, steps: torch.optim.lr_scheduler.LinearLR(o, 0.1, 1.0, steps // 2),
}


@dataclass
class Trained:
    """What torch.optim.Muon did, one row per run: (run, step), and ε, η, X as measured over all of it."""

    step_size: np.ndarray  # (step,): theory's γ_k = lr_k times the shape factor
    gradient_norm: np.ndarray
    iterate_alignment: np.ndarray
    epsilon: float
    eta: float
    iterate_bound: float
    weight_decay: float  # theory's λ = weight_decay over the shape factor

    def measured(self, c: float) -> np.ndarray:
        """The metric of M per run."""
        values = self.gradient_norm + self.weight_decay / c * self.iterate_alignment
        return values @ self.step_size / self.step_size.sum()

    def constants(self, beta: float) -> dict[str, float]:
        """Those of M that the training decides."""
        return shape_constants(self.step_size) | {
            "step_size": float(self.step_size.mean()), "steps": len(self.step_size), "alpha": 1 - beta,
            "epsilon": self.epsilon, "eta": self.eta, "weight_decay": self.weight_decay,
            "iterate_bound": self.iterate_bound,
        }  # fmt: skip


def nuclear(x: Tensor) -> Tensor:
    return torch.linalg.svdvals(x).sum(-1)


def spectral(x: Tensor) -> Tensor:
    return torch.linalg.svdvals(x)[..., 0]


def train(
    start: Tensor, true_gradient: Callable[[Tensor], Tensor], noise: Callable[[int], Tensor], *, steps: int,
    schedule: str = "constant", lr: float = 0.02, beta: float = 0.95, decay: float = 0.1, adjust: str | None = None,
) -> Trained:  # fmt: skip
    """Runs one parameter per run, (runs, rows, columns) in float64, and reads the answers off the iterates."""
    parameters = [torch.nn.Parameter(x.clone()) for x in start]
    optimizer = torch.optim.Muon(parameters, lr=lr, momentum=beta, weight_decay=decay, adjust_lr_fn=adjust)
    scheduler = SCHEDULERS[schedule](optimizer, steps)
    factor = shape_factor(adjust, tuple(start.shape[1:]))
    buffer, sizes, norms, along = torch.zeros_like(start), [], [], []
    epsilon, eta, bound = -np.inf, -np.inf, 0.0
    for k in range(steps):
        x = torch.stack([p.detach() for p in parameters])
        truth = true_gradient(x)
        fresh = truth + noise(k)
        for parameter, g in zip(parameters, fresh, strict=True):
            parameter.grad = g.clone()
        rate = optimizer.param_groups[0]["lr"]
        optimizer.step()
        scheduler.step()
        buffer = beta * buffer + (1 - beta) * fresh  # what the oracle is fed, a second time
        fed = beta * buffer + (1 - beta) * fresh
        if rate > 1e-6:  # else the answer cannot be read off
            after = torch.stack([p.detach() for p in parameters])
            answer = (after - (1 - decay * rate) * x) / (rate * factor)
            epsilon = max(epsilon, float((1 + (fed * answer).sum((-2, -1)) / nuclear(fed)).max()))
            eta = max(eta, float(spectral(answer).max()) - 1)
        bound = max(bound, float(spectral(x).max()))
        sizes.append(rate * factor)
        norms.append(nuclear(truth))
        along.append((truth * x).sum((-2, -1)))
    table = [torch.stack(v, 1).numpy() for v in (norms, along)]
    return Trained(np.array(sizes), *table, epsilon, eta, bound, decay / factor)


ROWS, COLUMNS, RUNS, STEPS, SIGMA = 12, 3, 24, 60, 0.05
TARGET = torch.randn(ROWS, COLUMNS, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def noise(k: int) -> Tensor:
    """Normal, E‖ξ‖_F² = SIGMA², for every run and step another one."""
    source = torch.Generator().manual_seed(1000 + k)
    return SIGMA / (ROWS * COLUMNS) ** 0.5 * torch.randn(RUNS, ROWS, COLUMNS, generator=source, dtype=torch.float64)


def quadratic(schedule: str, decay: float, **options) -> tuple[Trained, float]:
    """f = ‖X − T‖_F²/(2·COLUMNS) from 0: L = 1 from the spectral to the nuclear norm. The training and Δ."""
    start = torch.zeros(RUNS, ROWS, COLUMNS, dtype=torch.float64)
    trained = train(
        start, lambda x: (x - TARGET) / COLUMNS, noise, steps=STEPS, schedule=schedule, decay=decay, **options
    )
    return trained, float((TARGET**2).sum()) / (2 * COLUMNS)


@pytest.mark.parametrize("schedule", SCHEDULERS)
@pytest.mark.parametrize(
    ("decay", "options"),
    [
        (0.1, {}),
        (0.1, {"lr": 0.05, "adjust": "match_rms_adamw", "beta": 0.8}),
        (0.0, {"lr": 0.03}),
        (2.0, {"beta": 0.5}),
    ],
    ids=["defaults", "match_rms_adamw", "no decay", "strong decay"],
)
def test_torchs_muon_keeps_the_bound(schedule: str, decay: float, options: dict) -> None:
    """The mean over runs, plus six standard errors, is below M with torch's own measured ε, η and X."""
    trained, gap = quadratic(schedule, decay, **options)
    assert 0 < trained.epsilon < 0.6 and 0 < trained.eta < 0.4
    row = trained.constants(options.get("beta", 0.95))
    bound = float(M.bound(initial_gap=gap, smoothness=1.0, noise_std=SIGMA, norm_ratio=COLUMNS**0.5, **row))
    sample = trained.measured(1 - trained.epsilon)
    assert sample.mean() + 6 * sample.std() / RUNS**0.5 <= bound
    assert sample.mean() > 0.1 * bound  # … and it says something here


def test_what_bounds_the_iterates_before_the_run() -> None:
    """X = max(‖x_0‖, b/λ), λ = decay over the shape factor, with a decay so strong that it is nearly reached."""
    trained, _ = quadratic("constant", 20.0, lr=0.04)
    largest = (1 + trained.eta) / trained.weight_decay
    assert trained.weight_decay == 10.0 and 0.5 * largest < trained.iterate_bound <= largest


def test_without_decay_it_bounds_the_gradient_by_s3_0() -> None:
    trained, gap = quadratic("constant", 0.0)
    row = trained.constants(0.95) | dict(initial_gap=gap, smoothness=1.0, noise_std=SIGMA, norm_ratio=COLUMNS**0.5)
    without = {k: v for k, v in row.items() if k in bounds.theorems["nesterov-zero"].constants}
    assert float(M.bound(**row)) == pytest.approx(float(bounds.theorems["nesterov-zero"].bound(**without)), rel=1e-12)


def slide(schedule: str, adjust: str | None, shape: tuple[int, int]) -> tuple[Trained, dict[str, float]]:
    """f linear along the whole run, then a parabola of curvature 1/(γ√K): what is nearly tight, without noise."""
    steps, lr, beta = 1000, 0.01, 0.5
    gamma = lr * shape_factor(adjust, shape)
    slope = torch.eye(*shape, dtype=torch.float64) / min(shape)
    smoothness = 0.15 / gamma / steps**0.5
    zero = torch.zeros(1, *shape, dtype=torch.float64)
    trained = train(
        zero, lambda x: slope[None], lambda k: zero, steps=steps, schedule=schedule, lr=lr, beta=beta, decay=0.0,
        adjust=adjust,
    )  # fmt: skip
    fall = float(trained.step_size.sum()) * (1 - trained.epsilon)  # every answer is the same one
    row = trained.constants(beta) | {"smoothness": smoothness, "initial_gap": fall + 1 / (2 * smoothness)}
    return trained, row | {"noise_std": 0.0, "norm_ratio": min(shape) ** 0.5}


@pytest.mark.parametrize("schedule", ["constant", "linear"])
def test_wrong_conventions_break_the_bound(schedule: str) -> None:
    """On the slide M is kept with at most 30 % to spare; lr for γ and a γ twice too long are refuted."""
    trained, row = slide(schedule, "match_rms_adamw", (6, 6))
    measured = float(trained.measured(1 - trained.epsilon)[0])
    bound = float(M.bound(**row))
    assert measured == pytest.approx(1.0) and measured <= bound <= 1.35 * measured
    factor = shape_factor("match_rms_adamw", (6, 6))
    assert factor < 0.5
    for wrong in ({"step_size": row["step_size"] / factor}, {"step_size": 2 * row["step_size"]}):
        assert float(M.bound(**row | wrong)) < measured

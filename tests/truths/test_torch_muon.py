"""`lmo.optim.Muon` against the real torch.optim.Muon: every parameter equal to the bit, for every option."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lmo.momentum import Ema, Nesterov
from lmo.optim import Muon
from lmo.optim.muon import Muon as Composed
from lmo.step_rules import ShapeScaled

SHAPES = [(16, 16), (24, 7), (5, 19)]  # square, tall, wide


def network(dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(0)
    layers = [
        nn.Linear(19, 24, bias=False),
        nn.Tanh(),
        nn.Linear(24, 16, bias=False),
        nn.Tanh(),
        nn.Linear(16, 5, bias=False),
    ]
    return nn.Sequential(*layers).to(dtype)


def train(make, steps: int = 25, dtype: torch.dtype = torch.float32, schedule: bool = False) -> list[torch.Tensor]:
    """The parameters after `steps` steps on fixed random data."""
    model = network(dtype)
    source = torch.Generator().manual_seed(1)
    inputs = torch.randn(64, 19, generator=source).to(dtype)
    targets = torch.randn(64, 5, generator=source).to(dtype)
    optimizer = make(model.parameters())
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps) if schedule else None
    for _ in range(steps):
        optimizer.zero_grad()
        ((model(inputs) - targets) ** 2).mean().backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
    return [p.detach().clone() for p in model.parameters()]


OPTIONS = [
    {},
    {"lr": 0.02},
    {"lr": 0.02, "nesterov": False},
    {"lr": 0.02, "momentum": 0.0},
    {"lr": 0.02, "momentum": 0.5},
    {"lr": 0.02, "momentum": 0.9},
    {"lr": 0.02, "momentum": 0.99, "nesterov": False},
    {"lr": 0.02, "weight_decay": 0.0},
    {"lr": 0.02, "weight_decay": 0.7},
    {"lr": 0.02, "ns_steps": 1},
    {"lr": 0.02, "ns_steps": 10},
    {"lr": 0.02, "adjust_lr_fn": "original"},
    {"lr": 0.02, "adjust_lr_fn": "match_rms_adamw"},
    {"lr": 0.02, "ns_coefficients": (2.0, -1.5, 0.5)},
    {"lr": 0.02, "eps": 1e-2},
    {"lr": 0.02, "eps": 10.0},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_trajectory_is_torchs_to_the_bit(options) -> None:
    ours, theirs = train(lambda p: Muon(p, **options)), train(lambda p: torch.optim.Muon(p, **options))
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_with_a_scheduler() -> None:
    ours = train(lambda p: Muon(p, lr=0.05), schedule=True)
    theirs = train(lambda p: torch.optim.Muon(p, lr=0.05), schedule=True)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_in_other_precisions(dtype: torch.dtype) -> None:
    ours, theirs = (
        train(lambda p: Muon(p, lr=0.02), dtype=dtype),
        train(lambda p: torch.optim.Muon(p, lr=0.02), dtype=dtype),
    )
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("momentum", [0.1, 0.3])
def test_small_momentum_agrees_to_rounding(momentum: float) -> None:
    ours = train(lambda p: Muon(p, lr=0.02, momentum=momentum), steps=3)
    theirs = train(lambda p: torch.optim.Muon(p, lr=0.02, momentum=momentum), steps=3)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=5e-4)


def test_param_groups_and_parameters_without_gradient() -> None:
    def go(kind) -> list[torch.Tensor]:
        torch.manual_seed(2)
        matrices = [nn.Parameter(torch.randn(s)) for s in SHAPES]
        frozen = nn.Parameter(torch.randn(3, 3))
        optimizer = kind(
            [{"params": matrices[:1], "lr": 0.1}, {"params": [*matrices[1:], frozen], "weight_decay": 0.0}], lr=0.03
        )
        for k in range(20):
            source = torch.Generator().manual_seed(k)
            for p in matrices:
                p.grad = torch.randn(p.shape, generator=source)
            optimizer.step()
        return [p.detach() for p in (*matrices, frozen)]

    assert all(torch.equal(a, b) for a, b in zip(go(Muon), go(torch.optim.Muon), strict=True))


class _AdjustedDecay(Composed):
    def method_for(self, group, parameter):
        method = super().method_for(group, parameter)
        factor = method.step_rule.factor
        return type(method)(method.oracle, method.momentum, ShapeScaled(factor), method.weight_decay * factor)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: Muon(p, lr=0.02, nesterov=False),
        lambda p: Muon(p, lr=0.02, weight_decay=0.0),
        lambda p: Muon(p, lr=0.02, ns_steps=4),
        lambda p: _with_momentum(Muon(p, lr=0.02), Nesterov(start="first gradient")),
        lambda p: _with_momentum(Muon(p, lr=0.02), Ema(start="zero")),
        lambda p: _AdjustedDecay(p, lr=0.02),
        lambda p: _with_alpha(Muon(p, lr=0.02), 0.95),
    ],
    ids=["no Nesterov", "no decay", "4 steps", "first gradient", "EMA", "decay with adjusted lr", "alpha for beta"],
)
def test_planted_differences_are_seen(change) -> None:
    ours, theirs = train(change), train(lambda p: torch.optim.Muon(p, lr=0.02))
    assert not all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def _with_momentum(optimizer, momentum):
    for group in optimizer.param_groups:
        group["momentum"] = momentum
    return optimizer


def _with_alpha(optimizer, alpha):
    for group in optimizer.param_groups:
        group["alpha"] = alpha
    return optimizer

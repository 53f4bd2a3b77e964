"""What `lmo.optim.LMO` and `Muon` refuse, and that a refusal leaves nothing behind."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lmo.balls import LInf, Product, Spectral
from lmo.momentum import NoMomentum, Storm
from lmo.optim import LMO, Muon
from lmo.oracles import Exact

STORM = {"momentum": Storm(), "oracle": Exact(LInf(3))}


def matrix(*shape: int, **options) -> nn.Parameter:
    return nn.Parameter(torch.zeros(shape or (3, 4), **options))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: LMO([matrix(5)]), ValueError, r"shape \(5,\) has 1 dimension.* needs 2; .* LInf\(core_ndim=1\)"),
        (lambda: LMO([matrix(2, 3, 4, 4)]), ValueError, r"has 4 dimension.*put it in a group with another ball"),
        (lambda: LMO([matrix()], oracle=Exact(Product((Spectral(),)))), ValueError, "another ball"),
        (lambda: LMO([matrix(dtype=torch.complex64)]), TypeError, "complex parameters"),
        (lambda: LMO([matrix()], lr=-0.1), ValueError, "`lr` must be a finite number >= 0.0, got -0.1"),
        (lambda: LMO([matrix()], lr=float("nan")), ValueError, "`lr` must be a finite number >= 0.0"),
        (lambda: LMO([matrix()], alpha=0.0), ValueError, "`alpha` must be a finite number > 0.0"),
        (lambda: LMO([matrix()], alpha=1.5), ValueError, "`alpha` must be <= 1: it is the weight of the new gradient"),
        (lambda: LMO([matrix()], weight_decay=-1), ValueError, "`weight_decay` must be a finite number >= 0.0"),
        (lambda: LMO([matrix()], oracle=Spectral()), TypeError, r"`oracle` must be of type Oracle, got Spectral"),
        (lambda: LMO([matrix()], momentum=0.9), TypeError, "`momentum` must be of type Momentum, got 0.9"),
        (lambda: LMO([matrix()], momentum=Storm()), ValueError, "needs two gradients a step.*use Ema, Nesterov"),
        (lambda: LMO([matrix()], seed=-1), ValueError, "`seed`.* non-negative integer"),
        (lambda: Muon([matrix(5)]), ValueError, "has 1 dimension"),
        (lambda: Muon([matrix()], momentum=1.0), ValueError, "`momentum` must be a finite number >= 0.0 and < 1.0"),
        (lambda: Muon([matrix()], adjust_lr_fn="rms"), ValueError, "did you mean 'match_rms_adamw'"),
    ],
)  # fmt: skip
def test_refusals_of_the_constructor(make, error, message) -> None:
    with pytest.raises(error, match=message):
        make()
    LMO([matrix()], momentum=NoMomentum(), alpha=7.0)  # ignored by a momentum without it


def test_a_refused_group_is_not_added() -> None:
    good, bad = matrix(), matrix(2, 3, 4)  # a batch of matrices to the ball, were it let in
    optimizer = LMO([good])
    for options in ({}, {"lr": -1.0, "oracle": Exact(LInf(3))}, {"alpha": 2.0, "oracle": Exact(LInf(3))}, STORM):
        with pytest.raises(ValueError):
            optimizer.add_param_group({"params": [bad], **options})
        assert [group["params"] for group in optimizer.param_groups] == [[good]]
    optimizer.add_param_group({"params": [bad], "oracle": Exact(LInf(3))})


def test_an_empty_group_is_harmless_as_in_torch() -> None:
    for kind in (torch.optim.SGD, LMO, Muon):
        model = matrix()
        optimizer = kind([{"params": []}, {"params": [model]}], lr=0.1)
        model.grad = torch.ones(3, 4)
        optimizer.step()
        assert float(model.detach().abs().max()) > 0


@pytest.mark.parametrize(
    ("gradient", "error", "message"),
    [
        (torch.full((3, 4), float("nan")), ValueError, "`gradient` has entries that are NaN or infinite"),
        (torch.full((3, 4), float("inf")), ValueError, "`gradient` has entries that are NaN or infinite"),
        (torch.ones(3, 4).to_sparse(), TypeError, "sparse and complex gradients"),
    ],
    ids=["NaN", "infinite", "sparse"],
)
def test_refusals_of_a_step(gradient, error, message) -> None:
    model = matrix()
    optimizer = LMO([model], lr=0.1)
    model.grad = gradient
    with pytest.raises(error, match=message):
        optimizer.step()
    assert float(model.detach().abs().max()) == 0 and not optimizer.state[model]

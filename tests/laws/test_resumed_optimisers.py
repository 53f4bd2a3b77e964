"""Oracles with memory inside an optimiser: saved, loaded without running code, and going on as before."""

from __future__ import annotations

import io

import pytest
import torch
from samples import elements

from lmo.balls import Spectral
from lmo.optim import LMO
from lmo.oracles import Adaptive, Exact, LowRank, Oracle, Quantised, Rounded, Stale


@pytest.mark.parametrize(
    "oracle",
    [LowRank(2), Stale(Exact(Spectral()), 3), Stale(LowRank(2), 3), Stale(Adaptive(0.1), 2),
     Quantised(Stale(LowRank(2), 2)), Stale(Rounded(Stale(Exact(Spectral()), 2)), 2)],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("stop", [1, 3, 4])
def test_an_optimiser_that_is_loaded_goes_on(oracle: Oracle, dtype: torch.dtype, stop: int) -> None:
    gradients = [g.to(dtype) for g in elements((6, 5), 1, 8)]
    start = torch.nn.Parameter(torch.zeros(6, 5, dtype=dtype))
    optimizer = LMO([start], lr=0.1, oracle=oracle, seed=4)
    for g in gradients[:stop]:
        start.grad = g
        optimizer.step()
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    resumed = torch.nn.Parameter(start.detach().clone())
    second = LMO([resumed], lr=0.1, oracle=oracle, seed=4)
    second.load_state_dict(torch.load(file, weights_only=True))  # reads no code
    before, after = optimizer.state[start]["memory"], second.state[resumed]["memory"]
    if isinstance(before, torch.Tensor):
        assert before.dtype == after.dtype and torch.equal(before, after)
    else:
        assert before.keys() == after.keys()
    for g in gradients[stop:]:
        for parameter, mine in ((start, optimizer), (resumed, second)):
            parameter.grad = g
            mine.step()
        assert torch.equal(start, resumed)

"""Fixed tensors are converted once for every dtype and device, and kept no longer than their originals."""

from __future__ import annotations

import gc
import weakref

import torch

from experiments.problems import placed
from experiments.problems.placed import like


def test_a_constant_is_itself_where_nothing_is_to_be_done() -> None:
    constant = torch.arange(3.0, dtype=torch.float64)
    assert like(constant, torch.zeros(2, dtype=torch.float64)) is constant
    assert placed.placed(constant, constant.device) is constant


def test_a_copy_is_made_once_and_is_the_same_numbers() -> None:
    constant, x = torch.arange(3.0, dtype=torch.float64) / 3, torch.zeros(2, dtype=torch.float32)
    copy = like(constant, x)
    assert copy.dtype == torch.float32 and torch.equal(copy, constant.float())
    assert like(constant, x) is copy
    assert like(constant.clone(), x) is not copy  # another constant of the same numbers has its own
    assert placed.placed(constant, torch.device("meta")).device.type == "meta"


def test_a_copy_goes_with_its_original() -> None:
    constant = torch.arange(3.0, dtype=torch.float64)
    gone = weakref.ref(like(constant, torch.zeros(1, dtype=torch.float32)))
    del constant
    gc.collect()
    assert gone() is None


def test_a_copy_made_in_inference_mode_serves_autograd() -> None:
    constant, x = torch.arange(3.0, dtype=torch.float64), torch.ones(3, dtype=torch.float32)
    with torch.inference_mode():
        like(constant, x)
    y = x.clone().requires_grad_()
    (like(constant, y) * y**2).sum().backward()
    assert torch.equal(y.grad, 2 * torch.arange(3.0))

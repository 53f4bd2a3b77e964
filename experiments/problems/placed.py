"""A problem's fixed tensors where its iterates are: every dtype and device is converted to once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

_copies = WeakTensorKeyDictionary()  # a copy lives as long as its original


def placed(constant: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """`constant` on a device, in a dtype (None: its own). It must never be written to: copies would not follow."""
    dtype = dtype or constant.dtype
    if constant.device == device and constant.dtype == dtype:
        return constant
    copies = _copies.setdefault(constant, {})
    if (device, dtype) not in copies:
        with torch.inference_mode(False):  # what is made there cannot be used under autograd later
            copies[device, dtype] = constant.to(device, dtype)
    return copies[device, dtype]


def like(constant: Tensor, x: Tensor) -> Tensor:
    """`constant` in the dtype and on the device of x."""
    return placed(constant, x.device, x.dtype)

"""Work on large matrices in strips of rows that fit into the cache.

A float32 copy of a whole bfloat16 matrix is read from memory again at the next operation, and on allocators that hand
megabytes back to the system every page of it is a fault first.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import torch
from torch import Tensor

from lmo.oracles.products import unfollowed

ENTRIES = 2**17  # of a strip, all matrices of the batch together: half a megabyte of float32


def row_strips(x: Tensor) -> Iterator[slice]:
    """Slices of the rows of x (n, a, b); one of all rows where strips do not pay: small matrices, GPUs."""
    rows = x.shape[-2]
    most = rows
    if x.device.type == "cpu" and x.numel() > ENTRIES:
        most = max(ENTRIES * rows // x.numel(), 1)
    for start in range(0, rows, most):
        yield slice(start, min(start + most, rows))


class _Scratch(threading.local):
    """Memory of one thread, by dtype and slot."""

    def __init__(self) -> None:
        self.held: dict[tuple[torch.dtype, int], Tensor] = {}


_scratch = _Scratch()


def widened(x: Tensor, dtype: torch.dtype, slot: int | None) -> Tensor:
    """x in a wider dtype, in this thread's memory for `slot` where that is safe: the next call overwrites it.

    Fresh memory for every strip costs as much again as the sums over it: the system hands out each page by a fault.
    For sums that end as numbers on the host; not for function transforms, which lose track of what is shared.
    """
    plain = type(x) is Tensor and x.device.type == "cpu" and unfollowed(x) and not torch.compiler.is_compiling()
    if slot is None or x.dtype == dtype or not plain or x.numel() > ENTRIES:
        return x.to(dtype)
    held = _scratch.held
    if (dtype, slot) not in held:
        with torch.inference_mode(False):  # a tensor made in inference mode may not be written outside it
            held[dtype, slot] = torch.empty(ENTRIES, dtype=dtype)
    return held[dtype, slot][: x.numel()].view(x.shape).copy_(x)

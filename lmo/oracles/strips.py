"""Work on large matrices in strips of rows that fit into the cache.

A float32 copy of a whole bfloat16 matrix is read from memory again at the next operation, and on allocators that hand
megabytes back to the system every page of it is a fault first.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

ENTRIES = 2**18  # of a strip, all matrices of the batch together: a megabyte of float32


def row_strips(x: Tensor) -> Iterator[slice]:
    """Slices of the rows of x (n, a, b); one of all rows where strips do not pay: small matrices, GPUs."""
    rows = x.shape[-2]
    most = rows
    if x.device.type == "cpu" and x.numel() > 2 * ENTRIES:
        most = max(ENTRIES * rows // x.numel(), 1)
    for start in range(0, rows, most):
        yield slice(start, min(start + most, rows))

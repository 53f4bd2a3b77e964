"""Many small matrices on a CPU: chunks that stay in the cache, one thread a core, products by numpy."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

Product = Callable[[Tensor, Tensor], Tensor]

CHUNK = 2**15  # entries: 256 kB in float64, and as many as torch works on in one thread
SYRK = 32  # rows below which BLAS is slower with the symmetry of x xᵀ than without; numpy uses it where it sees one x
LARGEST = 64  # rows: one product of larger ones keeps all cores busy by itself


def numpy_product(x: Tensor, y: Tensor) -> Tensor:
    """x y for batches on a CPU by numpy's loop over BLAS, mostly faster here than torch's (see `--methods` of
    benchmarks/small_matrices.py)."""
    if x.data_ptr() == y.data_ptr() and x.shape[-2] < SYRK:
        x = x.clone()
    return torch.from_numpy(np.matmul(x.numpy(), y.numpy()))


def in_chunks(work: Callable[..., tuple[Tensor, ...]], *batches: Tensor) -> tuple[Tensor, ...]:
    """work(product, *batches) for batches (n, …) of one n, done chunk by chunk; its results (n, …) are joined.

    `batches[0]` (n, a, b) says how large a chunk is. What fits in one, is large, or lies on another device is done at
    once, with torch's products. Otherwise the chunks go to as many threads as torch uses: LAPACK under torch goes
    through a batch in one. The work must not be under autograd.
    """
    first = batches[0]
    size = max(1, CHUNK // (first.shape[-1] * first.shape[-2]))
    if first.device.type != "cpu" or len(first) <= size or min(first.shape[-2:]) > LARGEST:
        return work(torch.matmul, *batches)
    parts = list(zip(*(batch.split(size) for batch in batches), strict=True))
    threads = min(torch.get_num_threads(), len(parts))
    if threads == 1:
        done = [work(numpy_product, *part) for part in parts]
    else:
        with ThreadPoolExecutor(threads) as pool:
            done = list(pool.map(lambda part: work(numpy_product, *part), parts))
    return tuple(torch.cat(results) for results in zip(*done, strict=True))

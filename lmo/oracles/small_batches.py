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


def in_chunks(work: Callable[[Product, Tensor], None], x: Tensor, rows: Tensor) -> None:
    """Calls work(product, part) until the parts make up `rows`, indices into x (n, a, b); work keeps its own results.

    What fits in one chunk, is large, or lies on another device is done at once, with torch's products. Otherwise the
    parts go to as many threads as torch uses: LAPACK under torch goes through a batch in one. Not under autograd.
    """
    size = max(1, CHUNK // (x.shape[-1] * x.shape[-2]))
    if not len(rows):
        return
    if x.device.type != "cpu" or len(rows) <= size or min(x.shape[-2:]) > LARGEST:
        work(torch.matmul, rows)
        return
    parts = rows.split(size)
    threads = min(torch.get_num_threads(), len(parts))
    if threads == 1:
        for part in parts:
            work(numpy_product, part)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda part: work(numpy_product, part), parts):  # raises what the work raised
            pass

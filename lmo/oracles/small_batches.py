"""Many small matrices on a CPU: chunks that stay in the cache, one thread a core, by numpy."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

CHUNK = 2**17  # entries: 1 MB in float64; in much smaller ones the calls cost as much as the work
GRAIN = 2**15  # entries up to which torch works in the thread that calls it
SYRK = 32  # rows below which BLAS is slower with the symmetry of x xᵀ than without; numpy uses it where it sees one x
LARGEST = 64  # rows: one product of larger ones keeps all cores busy by itself


class Arithmetic:
    """What is done to a batch (n, a, b), by torch. Numbers of one a matrix are tensors (n,)."""

    def take(self, x: Tensor, rows: Tensor) -> Any:
        """The matrices x[rows] as a batch."""
        return x[rows]

    def put(self, x: Tensor, rows: Tensor, batch: Any) -> None:
        """x[rows] = batch."""
        x[rows] = batch

    def cast(self, x: Any, dtype: torch.dtype) -> Any:
        return x.to(dtype)

    def product(self, x: Any, y: Any) -> Any:
        return x @ y

    def scaled(self, x: Any, factors: Tensor) -> Any:
        return x * factors.reshape(-1, 1, 1)

    def norm(self, x: Any) -> Tensor:
        """‖x‖_F."""
        if x.shape[0] == 1 and x.is_contiguous():
            return torch.dot(x.view(-1), x.view(-1)).sqrt().unsqueeze(0)  # twice as fast
        return torch.linalg.vector_norm(x, dim=(-2, -1))

    def shift(self, x: Any, by: float | Tensor) -> Any:
        """x + by·I, in place."""
        self.diagonal(x).add_(by if isinstance(by, float) else by.unsqueeze(-1))
        return x

    def diagonal(self, x: Any) -> Tensor:
        """A view (n, a)."""
        return x.diagonal(dim1=-2, dim2=-1)

    def each(self, function: Callable[[Tensor], Tensor], x: Any) -> Any:
        """function(x), of LAPACK: a batch of matrices or a tensor (n,)."""
        return function(x)


class NumpyArithmetic(Arithmetic):
    """The same on numpy's arrays, in one thread: many small products are mostly faster than by torch.bmm.

    `python benchmarks/small_matrices.py --methods` prints both. LAPACK is torch's, which reports failures one by one.
    """

    def take(self, x: Tensor, rows: Tensor) -> Any:
        return x.numpy()[rows.numpy()]

    def put(self, x: Tensor, rows: Tensor, batch: Any) -> None:
        x.numpy()[rows.numpy()] = batch

    def cast(self, x: Any, dtype: torch.dtype) -> Any:
        return x.astype(np.float32 if dtype == torch.float32 else np.float64, copy=False)

    def product(self, x: Any, y: Any) -> Any:
        same = y.base is x and x.shape[-2] < SYRK
        return np.matmul(x.copy() if same else x, y)

    def scaled(self, x: Any, factors: Tensor) -> Any:
        return x * factors.numpy().reshape(-1, 1, 1)

    def norm(self, x: Any) -> Tensor:
        return torch.from_numpy(np.sqrt(np.einsum("nij,nij->n", x, x)))

    def diagonal(self, x: Any) -> Tensor:
        return torch.from_numpy(x.reshape(len(x), -1)[:, :: x.shape[-1] + 1])

    def each(self, function: Callable[[Tensor], Tensor], x: Any) -> Any:
        size = max(1, GRAIN // (x.shape[-1] * x.shape[-2]))
        found = torch.cat([function(part) for part in torch.from_numpy(x).split(size)])
        return found if found.ndim == 1 else found.numpy()


def in_chunks(work: Callable[[Arithmetic, Tensor], None], x: Tensor, rows: Tensor) -> None:
    """Calls work(arithmetic, part) until the parts make up `rows`, indices into x (n, a, b); it keeps its own results.

    Little, large matrices and other devices are done at once, by torch. Otherwise the parts go to as many threads as
    torch uses: neither numpy's loops nor LAPACK under torch go through a batch in more than one. Not under autograd.
    """
    one = x.shape[-1] * x.shape[-2]
    if x.device.type != "cpu" or min(x.shape[-2:]) > LARGEST or len(rows) * one <= GRAIN:
        if len(rows):
            work(Arithmetic(), rows)
        return
    threads = torch.get_num_threads()
    size = max(1, min(CHUNK // one, -(-len(rows) // threads)))
    with ThreadPoolExecutor(threads) as pool:  # one thread too: its heap, unlike the main one's, keeps freed memory
        for _ in pool.map(lambda part: work(NumpyArithmetic(), part), rows.split(size)):  # raises what the work raised
            pass

"""What an answer costs: matrix products counted while it is computed, and time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from lmo.elements import Element
from lmo.oracles import Oracle
from lmo.randomness import Draw

aten = torch.ops.aten


class Cost(NamedTuple):
    """products: flops over those of one product M·X with a square X, 2a²b for a ≤ b. svd: whether an SVD is among them.

    Products are counted as done on this device: on a CPU symmetric ones of 512 rows or more are half done. A
    factorisation counts by its usual number of flops (Golub & Van Loan, 4th edition), though it runs at a slower rate.
    """

    products: float
    svd: bool


def ask(oracle: Oracle, m: Tensor) -> tuple[Element, Any]:
    """The answer to m; an oracle that needs random numbers gets the same at every call."""
    return oracle(m, None, Draw(0, 0, m.device))


def cost(oracle: Oracle, m: Tensor) -> Cost:
    """Of the answer to m (a, b). Nothing is computed where the cost does not depend on the entries of m."""
    counter = _counter()
    try:
        with FakeTensorMode() as mode:
            fake = mode.from_tensor(m)
            with counter:
                oracle._direction(fake, None, None, None)
    except (DataDependentOutputException, DynamicOutputShapeException, ValueError):  # the last: it needs a draw
        counter = _counter()
        with counter:
            ask(oracle, m)
    counts = {str(name): flops for name, flops in counter.get_flop_counts().get("Global", {}).items()}
    a, b = sorted(m.shape)
    return Cost(sum(counts.values()) / (2 * a * a * b), any("svd" in name for name in counts))


def milliseconds(oracles: list[Oracle], m: Tensor, repeats: int) -> list[float]:
    """The median wall time of each oracle's answer to m, after one that does not count.

    The oracles take turns, so that what else the machine does in between slows all of them.
    """
    times: list[list[float]] = [[] for _ in oracles]
    for _ in range(repeats + 1):
        for oracle, taken in zip(oracles, times, strict=True):
            _wait(m)
            start = time.perf_counter()
            ask(oracle, m)
            _wait(m)
            taken.append(time.perf_counter() - start)
    return [1000 * statistics.median(taken[1:]) for taken in times]


def _wait(m: Tensor) -> None:
    if m.device.type == "cuda":
        torch.cuda.synchronize(m.device)


def _counter() -> FlopCounterMode:
    return FlopCounterMode(display=False, custom_mapping=_FACTORISATIONS)


def _svd(shape: Any, full_matrices: bool = False, compute_uv: bool = True, **_: Any) -> int:
    n, m = sorted(shape[-2:])
    return _batch(shape) * (6 * m * n**2 + 20 * n**3 if compute_uv else 4 * m * n**2 - 4 * n**3 // 3)


def _qr(shape: Any, mode: str = "reduced", **_: Any) -> int:
    n, m = sorted(shape[-2:])
    return _batch(shape) * (2 if mode != "r" else 1) * (2 * m * n**2 - 2 * n**3 // 3)


def _power(factor: float) -> Callable[..., int]:
    return lambda shape, *_, **__: int(_batch(shape) * factor * shape[-1] ** 3)


def _solve(right: Any, left: Any, *_: Any, **__: Any) -> int:
    return _batch(left) * 2 * int(left[-1]) ** 2 * int(right[-1])


def _vector(shape: Any, *_: Any, **__: Any) -> int:
    return 2 * shape[0] * shape[1]


def _batch(shape: Any) -> int:
    return int(torch.Size(shape[:-2]).numel())


_FACTORISATIONS = {
    aten._linalg_svd: _svd,
    aten.linalg_qr: _qr,
    aten.linalg_cholesky_ex: _power(1 / 3),
    aten.linalg_inv_ex: _power(2),
    aten.cholesky_solve: _solve,
    aten._linalg_eigh: _power(9),
    aten.mv: _vector,
}

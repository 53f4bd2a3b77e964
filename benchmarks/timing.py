"""What the benchmarks share: the wall time of one call."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import torch

T = TypeVar("T")


def timed(work: Callable[[], T], device: str) -> tuple[float, T]:
    """Wall time of one call of `work` in seconds, with what it leaves running on the device; and what it returns."""
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    found = work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start, found


def seconds(work: Callable[[], object], device: str) -> float:
    """The wall time alone."""
    return timed(work, device)[0]

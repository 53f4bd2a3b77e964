"""Chains of small CUDA kernels, recorded once and launched as one graph.

On a GPU a dozen products of 512×512 matrices take less time than it takes Python to launch them one by one. A chain is
run as it is the first time that it is asked for, recorded the second time, and replayed from then on.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

MOST_ENTRIES = 2**22  # of a matrix: the kernels of larger ones outlast their launches
KEPT = 16  # recordings; each holds the memory of its inputs and answers
Work = Callable[..., tuple[Tensor, ...]]


def recordable(m: Tensor) -> bool:
    """Whether chains on m may be recorded: not huge, on the current CUDA device, no autograd, autocast or compiler.

    A dispatch mode sees the recording, and no replay.
    """
    return (
        m.is_cuda
        and m.device.index == torch.cuda.current_device()  # streams and graphs are made on that one
        and m.numel() <= MOST_ENTRIES
        and type(m) in (Tensor, torch.nn.Parameter)
        and not (m.requires_grad and torch.is_grad_enabled())
        and forward_ad.unpack_dual(m).tangent is None
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cuda")
        and not torch.cuda.is_current_stream_capturing()
    )


def matmul_settings() -> tuple[Hashable, ...]:
    """What decides which kernels multiply matrices: a recording keeps those that it was made with."""
    backend = torch.backends.cuda.matmul
    try:
        precision = torch.get_float32_matmul_precision()
    except RuntimeError:  # it was set by the newer way, and torch does not mix the two
        precision = str(backend.fp32_precision)
    names = (
        "allow_bf16_reduced_precision_reduction",
        "allow_fp16_reduced_precision_reduction",
        "allow_fp16_accumulation",
    )
    return precision, *(str(getattr(backend, name, None)) for name in names)


class Recording:
    """The graph of `work(*given)`; `answers` are its tensors, which the next replay overwrites.

    dtype: what the given tensors are rounded to as they come in; None: they are kept as they are. pool: memory shared
    with recordings that are replayed one after the other, for what a chain forgets on its way.
    """

    def __init__(self, work: Work, *given: Tensor, dtype: torch.dtype | None = None, pool: Any = None) -> None:
        with torch.inference_mode(False), torch.no_grad():
            self.given = tuple(
                torch.empty_like(one, dtype=dtype, memory_format=torch.contiguous_format) for one in given
            )
            self._take(given)
            self.answers, self._replay = recorded(lambda: work(*self.given), pool)

    def __call__(self, *given: Tensor) -> tuple[Tensor, ...]:
        """The answers to other inputs of the same shapes and dtypes."""
        self._take(given)
        self._replay()
        return self.answers

    def _take(self, given: tuple[Tensor, ...]) -> None:
        for mine, its in zip(self.given, given, strict=True):
            mine.copy_(its)


def recorded(work: Work, pool: Any) -> tuple[tuple[Tensor, ...], Callable[[], None]]:
    """The answers of `work()`, on its own memory, and what computes them again."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        work()  # what libraries set up on first use is not to be recorded
        graph = torch.cuda.CUDAGraph()
        graph.capture_begin(pool=pool, capture_error_mode="thread_local")
        try:
            answers = work()
        finally:
            graph.capture_end()
    torch.cuda.current_stream().wait_stream(side)
    graph.replay()
    return answers, graph.replay


class Recordings:
    """Recordings by key, the least recently used forgotten first; all in one pool of memory."""

    def __init__(self, pool: Any = None) -> None:
        self.pool = pool
        self._kept: OrderedDict[Hashable, Recording | None] = OrderedDict()

    def get(self, key: Hashable, work: Work, *given: Tensor, dtype: torch.dtype | None = None) -> Recording | None:
        """The `Recording` of `work` for inputs like `given`; None when first asked for.

        key: tells their shapes and dtypes, `dtype`, and all that `work` depends on.
        """
        if key not in self._kept:
            self._kept[key] = None
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return None
        self._kept.move_to_end(key)
        found = self._kept[key]
        if found is None:
            found = self._kept[key] = Recording(work, *given, dtype=dtype, pool=self.pool)
        return found


class PerStream(threading.local):
    """`Recordings` of each thread, device and stream: no two may replay one graph at a time."""

    def __init__(self) -> None:
        self._found: dict[Hashable, Recordings] = {}

    def on(self, m: Tensor) -> Recordings:
        """Those for chains on m that are launched now."""
        key = (m.device, torch.cuda.current_stream(m.device).cuda_stream if m.is_cuda else 0)
        if key not in self._found:
            self._found[key] = Recordings(torch.cuda.graph_pool_handle() if m.is_cuda else None)
        return self._found[key]

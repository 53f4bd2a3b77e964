"""Randomness as a function of (seed, purpose, step): drawn once per distinct seed, gathered to the runs that use it.

Two runs with one seed see the same numbers (common random numbers), and a run sees the same numbers in any batch, on
any device, after any resume.
"""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from lmo.checks import check_integer

FEW = 256  # numbers of one seed, purpose and step that are kept: 8 MB at most in all


class Draw:
    """The random numbers of one step.

    Args:
        seeds: one non-negative integer per run, in the shape of the batch (an int: no batch dimension).
        step: number of the step, from 0; give −1 for what happens before the first step.
        device: where the tensors go; the numbers are made on the CPU, so they are the same on every device.
    """

    def __init__(self, seeds: int | Sequence[int] | np.ndarray, step: int, device: torch.device | str = "cpu") -> None:
        array = np.asarray(seeds)
        if array.size == 0 or not np.issubdtype(array.dtype, np.integer) or array.min() < 0:
            raise ValueError(f"`seeds` must be non-negative integers, one per run, at least one; got {seeds!r}")
        self.batch_shape = array.shape
        self.step = check_integer("step", step, at_least=-1)
        self.device = torch.device(device)
        self._distinct, where = np.unique(array, return_inverse=True)
        self._where = torch.as_tensor(where.reshape(-1), device=self.device)
        self._seeds = array
        self._parts: dict[bytes, Draw] = {}  # draws of some of the runs, kept for the steps to come

    def at(self, step: int) -> Draw:
        """The same runs at another step; quicker than a new `Draw`."""
        draw = object.__new__(type(self))
        draw.__dict__.update(self.__dict__)
        draw.step = check_integer("step", step, at_least=-1)
        return draw

    def normal(
        self, purpose: str, shape: Sequence[int], dtype: torch.dtype = torch.float64, std: float = 1.0
    ) -> Tensor:
        """Normal numbers of mean 0 and standard deviation `std`, shape (*batch, *shape); not to be written to."""
        size = tuple(shape)
        draw_one = _few_normal if math.prod(size) <= FEW else _normal
        return self._gather(purpose, lambda seed, word: draw_one(seed, word, size) * std, shape, dtype)

    def integers(self, purpose: str, high: int, shape: Sequence[int]) -> Tensor:
        """Integers uniform in [0, high), shape (*batch, *shape), int64."""
        size = tuple(shape)
        return self._gather(purpose, lambda seed, word: _source(seed, word).integers(high, size=size), shape)

    def rows(self, index: np.ndarray) -> Draw:
        """The draw of the runs `index` of a one-dimensional batch."""
        index = np.asarray(index)
        key = index.tobytes() + index.dtype.str.encode()
        if key not in self._parts:
            self._parts[key] = Draw(self._seeds[index], self.step, self.device)
        return self._parts[key].at(self.step)

    def _gather(
        self,
        purpose: str,
        make: Callable[[int, int], np.ndarray],
        shape: Sequence[int],
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        word = (zlib.crc32(purpose.encode()) << 32) | (self.step & 0xFFFFFFFF)
        drawn = [make(seed, word) for seed in self._distinct.tolist()]
        if len(drawn) == 1:  # one seed: a view, no pass over the batch
            return torch.as_tensor(drawn[0], device=self.device, dtype=dtype).expand(*self.batch_shape, *shape)
        table = torch.as_tensor(np.stack(drawn), device=self.device, dtype=dtype)
        return table[self._where].reshape(*self.batch_shape, *shape)


def _source(seed: int, word: int) -> np.random.Generator:
    """The generator of one seed, purpose and step."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, word], dtype=np.uint64)))


def _normal(seed: int, word: int, size: tuple[int, ...]) -> np.ndarray:
    return _source(seed, word).standard_normal(size)


# batches of one seed that follow each other draw the same numbers, and making a generator costs more than 100 numbers
_few_normal = functools.lru_cache(maxsize=4096)(_normal)

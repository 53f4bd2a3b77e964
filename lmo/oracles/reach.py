"""Powers of two that bring matrices to where the squares of their products can be held."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lmo.checks import check_tensor
from lmo.oracles.rounding import exactly_scaled
from lmo.oracles.scales.base import squares
from lmo.oracles.scales.moments import Moments, moments, on_host

LEAST = 2.0**-50  # of ‖M‖_F, for which float32 holds the squares of all entries that matter
REACH = (2.0**-8, 2.0**12)  # ‖x‖_F for which float32 holds the squares of (x xᵀ)² that matter


def in_reach(m: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor, np.ndarray, Moments]:
    """(x = m·power in `dtype`, m, power, moments of x), powers (n,) of 2; ‖x‖_F in `REACH`, or near 8 in float16.

    No square of a product overflows or vanishes then. An m whose own squares do is scaled first, by a power of two.
    """
    short = torch.float16 in (dtype, m.dtype)  # its range is
    if not short:  # most often nothing is to be done, and the moments say so
        x = m.to(dtype)
        found = moments(x)
        if in_range(found.t1):
            return x, m, np.ones(m.shape[0]), found
    check_tensor("m", m, 2)
    size = np.sqrt(on_host(squares(m)))
    if not ((size > LEAST) & (size < 1 / LEAST)).all():
        m = exactly_scaled(m)
        size = np.sqrt(on_host(squares(m)))
    fine = (size == 0) | (size > REACH[0]) & (size < REACH[1]) & (not short)
    power = np.exp2((3 if dtype == torch.float16 else 0) - np.rint(np.log2(np.where(fine, 1, size))))
    x = _times(m, power, dtype, short)
    return x, m, power, moments(x)


def in_range(t1: np.ndarray) -> bool:
    """Whether all ‖x‖_F lie in `REACH`, from their squares; no where one is NaN."""
    return bool(((t1 > REACH[0] ** 2) & (t1 < REACH[1] ** 2)).all())


def _times(m: Tensor, power: np.ndarray, dtype: torch.dtype, short: bool) -> Tensor:
    """m·power in `dtype`, rounded first where its range allows that: fewer bytes to multiply."""
    if (power == 1).all():
        return m.to(dtype)
    factor = float(power[0]) if m.shape[0] == 1 else torch.from_numpy(power).to(m.device).reshape(-1, 1, 1)
    if short:
        return (m * factor).to(dtype)
    x = m.to(dtype)
    return x * (factor if isinstance(factor, float) else factor.to(dtype))

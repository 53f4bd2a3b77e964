"""Matrix products that know what is symmetric, what is a batch of one, and what to add before they round."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from lmo.checks import check_device

NATIVE = {  # what processors that multiply in a half precision call it
    torch.bfloat16: ("avx512_bf16", "amx_bf16", "bf16"),
    torch.float16: ("avx512_fp16", "amx_fp16", "fp16_arith"),
}
BLOCK = 256  # rows a strip
CANCELLED = 2.0**-8  # |a + b| over the larger of |a|, |b|, below which float32 loses more than half precisions have


def fastest_dtype(device: str | torch.device = "cpu") -> torch.dtype:
    """bfloat16 where the hardware of `device` multiplies it, float32 elsewhere: without that it is emulated, slowly."""
    device = check_device(device)
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float32
    return torch.bfloat16 if device.type == "cpu" and native(torch.bfloat16) else torch.float32


@functools.cache
def native(dtype: torch.dtype) -> bool:
    """Whether this processor multiplies matrices of `dtype` in hardware."""
    able: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.9 may lack it
    return dtype not in NATIVE or any(able.get(name, False) for name in NATIVE[dtype])


def product(x: Tensor, y: Tensor, add: Tensor | None = None, beta: float = 1.0, alpha: float = 1.0) -> Tensor:
    """beta·add + alpha·x y for batches (n, a, b), (n, b, c): summed in the kernel, rounded once.

    A batch of one goes through the faster kernel for single matrices; half precisions that the processor lacks are
    multiplied in float32 and rounded then, as hardware does it (torch's own emulation is far slower).
    """
    if _emulated(x):
        return product(x.float(), y.float(), None if add is None else add.float(), beta, alpha).to(x.dtype)
    if x.shape[0] == 1:
        return _single(x[0], y[0], None if add is None else add[0], beta, alpha).unsqueeze(0)
    if add is None:
        return x @ y if alpha == 1.0 else alpha * (x @ y)
    return torch.baddbmm(add, x, y, beta=beta, alpha=alpha)


def symmetric_product(x: Tensor, y: Tensor, add: Tensor | None = None, beta: float = 1.0, alpha: float = 1.0) -> Tensor:
    """beta·add + alpha·x yᵀ for x, y (n, a, b) where that is symmetric: y = x, or polynomials of one symmetric matrix.

    On a CPU large matrices are done one by one, in strips of rows up to the diagonal; the rest is copied. Not under
    autograd, which does not follow writes into a given output.
    """
    if _emulated(x):
        wide = x.float()
        other, added = wide if y is x else y.float(), None if add is None else add.float()
        return symmetric_product(wide, other, added, beta, alpha).to(x.dtype)
    rows, columns = x.shape[-2:]
    few = rows < (2 if columns >= 2 * rows else 3) * BLOCK  # then, and on GPUs, the plain product is faster
    if x.device.type != "cpu" or few or x.requires_grad or y.requires_grad:
        return product(x, y.mT, add, beta, alpha)
    out = x.new_empty(*x.shape[:-1], rows)
    for i in range(x.shape[0]):
        for start in range(0, rows, BLOCK):
            end = min(start + BLOCK, rows)
            added = None if add is None else add[i, start:end, :end]
            _single(x[i, start:end], y[i, :end].T, added, beta, alpha, out=out[i, start:end, :end])
            out[i, :start, start:end] = out[i, start:end, :start].T
    return out


def wide_gram(x: Tensor) -> Tensor:
    """x xᵀ of a half precision, (n, a, b), in float32: as the hardware sums it, not rounded.

    Rounded to bfloat16 it would cost a block of three steps on it all precision (`tests/laws/test_at_once.py`).
    """
    if x.is_cuda and unfollowed(x):
        if x.shape[0] == 1:
            return torch.mm(x[0], x[0].mT, out_dtype=torch.float32).unsqueeze(0)
        return torch.bmm(x, x.mT, out_dtype=torch.float32)
    return symmetric_product(x.float(), x.float())


def unfollowed(x: Tensor) -> bool:
    """Whether autograd, backward or forward, does not follow x: then results may be written into given tensors."""
    return not x.requires_grad and forward_ad.unpack_dual(x).tangent is None


def combine(a: float, x: Tensor, b: float, y: Tensor) -> tuple[float, Tensor]:
    """(w, z) with wz = a·x + b·y, rounded once: torch adds half precisions in float32 only as x + t(y − x).

    Where that would cancel (a + b near 0) the sum is formed in float32.
    """
    if x.dtype.itemsize >= 4:
        return 1.0, torch.add(a * x, y, alpha=b)
    if abs(a + b) > CANCELLED * max(abs(a), abs(b)):
        return a + b, torch.lerp(x, y, b / (a + b))
    return 1.0, torch.add(a * x.float(), y.float(), alpha=b).to(x.dtype)


def _single(x: Tensor, y: Tensor, add: Tensor | None, beta: float, alpha: float, out: Tensor | None = None) -> Tensor:
    if add is not None:
        return torch.addmm(add, x, y, beta=beta, alpha=alpha, out=out)
    xy = torch.mm(x, y, out=out)
    return xy if alpha == 1.0 else xy.mul_(alpha)


def _emulated(x: Tensor) -> bool:
    return x.dtype.itemsize < 4 and x.device.type == "cpu" and not native(x.dtype)

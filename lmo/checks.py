"""Refusals of bad input: each says what was wrong, what is allowed and, for a name, the nearest valid one."""

from __future__ import annotations

import math
import operator
from typing import Any

import torch
from torch import Tensor

from lmo.names import unknown_name as unknown_name


def check_number(
    name: str, value: float, *, above: float | None = None, at_least: float | None = None, below: float | None = None
) -> float:
    """`value` as a float, refused unless finite and inside the given bounds."""
    rule = " and ".join(
        text
        for limit, text in ((above, f"> {above}"), (at_least, f">= {at_least}"), (below, f"< {below}"))
        if limit is not None
    )
    try:
        number = float("" if isinstance(value, str) else value)
    except (TypeError, ValueError):
        raise TypeError(f"`{name}` must be a finite number{' ' + rule if rule else ''}, got {value!r}") from None
    inside = (
        (above is None or number > above)
        and (at_least is None or number >= at_least)
        and (below is None or number < below)
    )
    if not math.isfinite(number) or not inside:
        raise ValueError(f"`{name}` must be a finite number{' ' + rule if rule else ''}, got {value!r}")
    return number


def check_integer(name: str, value: Any, at_least: int) -> int:
    """`value` as an int; `ValueError` unless it is a whole number (not a bool) of at least `at_least`."""
    try:
        number = at_least - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = at_least - 1
    if number < at_least:
        raise ValueError(f"`{name}` must be an integer >= {at_least}, got {value!r}")
    return number


def check_kind(name: str, value: object, kind: type) -> None:
    """Refuses (`TypeError`) a `value` that is no `kind`."""
    if not isinstance(value, kind):
        raise TypeError(f"`{name}` must be of type {kind.__name__}, got {value!r}")


def check_dtype(dtype: object) -> None:
    """Refuses (`TypeError`) a dtype that is neither None nor a floating-point torch.dtype."""
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise TypeError(f"`dtype` must be a floating-point torch.dtype or None, got {dtype!r}")


def check_device(device: str | torch.device) -> torch.device:
    """The device; `ValueError` unless this machine can put a tensor on it."""
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:  # the latter where torch was built without CUDA
        raise ValueError(f"`device` must be cpu, or cuda on a machine that has one; got {str(device)!r}") from error


def check_numbers(name: str, value: float | Tensor, **limits: float) -> None:
    """`check_number` for a number or for a tensor with one number per run."""
    if not isinstance(value, Tensor):
        check_number(name, value, **limits)
    elif value.numel() == 0:
        raise ValueError(f"`{name}` is an empty tensor; give one number per run, at least one run")
    else:
        low, high = torch.aminmax(value.detach())
        check_number(name, float(low), **limits)
        check_number(name, float(high), **limits)


def check_alpha(alpha: float | Tensor) -> None:
    """Refuses an `alpha`, a number or a tensor with one per run, outside (0, 1]."""
    check_numbers("alpha", alpha, above=0.0)
    if (alpha.max() if isinstance(alpha, Tensor) else alpha) > 1:
        raise ValueError(f"`alpha` must be <= 1: it is the weight of the new gradient (1 − beta), got {alpha!r}")


def check_tensor(name: str, x: object, core_ndim: int) -> Tensor:
    """`x` as a floating-point tensor of finite entries whose last `core_ndim` dimensions are one element."""
    x = check_form(name, x, core_ndim)
    # a NaN or infinite entry always shows in the sum, which takes one pass and no memory; a finite overflow is let pass
    if not torch.isfinite(x.sum()) and not torch.isfinite(x).all():
        raise ValueError(f"`{name}` has entries that are NaN or infinite; all must be finite")
    return x


def check_form(name: str, x: object, core_ndim: int) -> Tensor:
    """`check_tensor` without a look at the entries."""
    if not isinstance(x, Tensor):
        raise TypeError(f"`{name}` must be a torch.Tensor with {core_ndim} core dimension(s), got {type(x).__name__}")
    if x.layout != torch.strided:
        raise TypeError(f"`{name}` must be a dense tensor, got a sparse one; `to_dense()` makes it one")
    if not x.is_floating_point():
        raise TypeError(
            f"`{name}` must have a floating-point dtype (float64, float32, bfloat16, float16), got {x.dtype}"
        )
    if x.ndim < core_ndim:
        raise ValueError(
            f"`{name}` needs at least {core_ndim} dimension(s) (batch dimensions first), got shape {tuple(x.shape)}"
        )
    if x.numel() == 0:
        raise ValueError(f"`{name}` is empty: shape {tuple(x.shape)}; every dimension must be at least 1")
    return x


def check_same_shape(first: str, x: Tensor, second: str, y: Tensor) -> None:
    """Refuses two tensors of different shapes."""
    if x.shape != y.shape:
        raise ValueError(f"`{first}` and `{second}` must have one shape, got {tuple(x.shape)} and {tuple(y.shape)}")

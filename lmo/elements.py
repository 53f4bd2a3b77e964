"""Arithmetic on elements: what one layer holds, a tensor with batch dimensions first, or a tuple of them for `Product`.

A *per-run scalar* is a number, a tensor of batch shape (one number per run) or, for a tuple element, a tuple of those
(one per layer). Nothing here loops over runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

Element = Tensor | tuple[Tensor, ...]
AnyElement = TypeVar("AnyElement", bound=Element)  # for what gives back the kind of element that it takes
PerRun = float | Tensor | tuple[float | Tensor, ...]
CoreNdim = int | tuple[int, ...]


def map_layers(function: Callable[..., Tensor], *elements: Element) -> Element:
    """`function` applied to each layer of its arguments; a tuple in gives a tuple out."""
    if isinstance(elements[0], tuple):
        return tuple(function(*layers) for layers in zip(*elements, strict=True))
    return function(*elements)


def expand(scalar: float | Tensor, core_ndim: int) -> float | Tensor:
    """A per-run scalar with `core_ndim` trailing dimensions of size 1, so that it multiplies a tensor of that core."""
    if isinstance(scalar, Tensor) and scalar.ndim:
        return scalar.reshape(scalar.shape + (1,) * core_ndim)
    return scalar


def _layered(scalar: PerRun, core_ndim: CoreNdim) -> tuple[float | Tensor, ...]:
    scalars = scalar if isinstance(scalar, tuple) else (scalar,) * len(core_ndim)  # type: ignore[arg-type]
    return tuple(expand(s, n) for s, n in zip(scalars, core_ndim, strict=True))  # type: ignore[arg-type]


def add_scaled(x: Element, direction: Element, scalar: PerRun, core_ndim: CoreNdim) -> Element:
    """x + scalar · direction, rounded once per entry where the scalar is a plain number (as torch's own `add_`)."""

    def add(a: Tensor, b: Tensor, s: float | Tensor) -> Tensor:
        return torch.addcmul(a, b, s.to(b.dtype)) if isinstance(s, Tensor) else torch.add(a, b, alpha=s)

    if isinstance(x, tuple):
        return tuple(add(a, b, s) for a, b, s in zip(x, direction, _layered(scalar, core_ndim), strict=True))
    return add(x, direction, expand(scalar, core_ndim))  # type: ignore[arg-type]


def scaled(x: Element, scalar: PerRun, core_ndim: CoreNdim) -> Element:
    """scalar · x, in the dtype of x."""

    def one(a: Tensor, s: float | Tensor) -> Tensor:
        return a * (s.to(a.dtype) if isinstance(s, Tensor) else s)

    if isinstance(x, tuple):
        return tuple(one(a, s) for a, s in zip(x, _layered(scalar, core_ndim), strict=True))
    return one(x, expand(scalar, core_ndim))  # type: ignore[arg-type]


def lerp(start: Element, end: Element, weight: PerRun, core_ndim: CoreNdim) -> Element:
    """start + weight · (end − start), by torch's own `lerp`."""

    def one(a: Tensor, b: Tensor, w: float | Tensor) -> Tensor:
        return torch.lerp(a, b, w.to(a.dtype) if isinstance(w, Tensor) else w)

    if isinstance(start, tuple):
        return tuple(one(a, b, w) for a, b, w in zip(start, end, _layered(weight, core_ndim), strict=True))
    return one(start, end, expand(weight, core_ndim))  # type: ignore[arg-type]


def subtract(x: Element, y: Element) -> Element:
    """x − y."""
    return map_layers(torch.sub, x, y)


def zeros_like(x: Element) -> Element:
    """An element of zeros."""
    return map_layers(torch.zeros_like, x)


def flat(x: Tensor, core_ndim: int) -> Tensor:
    """`x` with its core flattened into one last dimension: (*batch, size)."""
    return x.reshape(*x.shape[: x.ndim - core_ndim], -1)


def inner(x: Element, y: Element, core_ndim: CoreNdim) -> Tensor:
    """⟨x, y⟩ per run, summed over layers: shape = batch."""
    if isinstance(x, tuple):
        parts = [inner(a, b, n) for a, b, n in zip(x, y, core_ndim, strict=True)]  # type: ignore[arg-type]
        return torch.stack(parts).sum(0)
    return (flat(x, core_ndim) * flat(y, core_ndim)).sum(-1)  # type: ignore[arg-type]


def norm2(x: Element, core_ndim: CoreNdim) -> Tensor:
    """‖x‖₂ per run (Frobenius for matrices), over all layers: shape = batch."""
    if isinstance(x, tuple):
        parts = [norm2(a, n) for a, n in zip(x, core_ndim, strict=True)]  # type: ignore[arg-type]
        return torch.linalg.vector_norm(torch.stack(parts), dim=0)
    return torch.linalg.vector_norm(flat(x, core_ndim), dim=-1)  # type: ignore[arg-type]


def core_shape(x: Element, core_ndim: CoreNdim) -> tuple:
    """The core shape of `x`; for a tuple element a tuple of shapes."""
    if isinstance(x, tuple):
        return tuple(core_shape(a, n) for a, n in zip(x, core_ndim, strict=True))  # type: ignore[arg-type]
    return tuple(x.shape[x.ndim - core_ndim :])  # type: ignore[operator]


def batch_shape(x: Element, core_ndim: CoreNdim) -> tuple[int, ...]:
    """The batch shape of `x`: its leading dimensions, the runs."""
    if isinstance(x, tuple):
        return batch_shape(x[0], core_ndim[0])  # type: ignore[index]
    return tuple(x.shape[: x.ndim - core_ndim])  # type: ignore[operator]


def check_batch(what: str, runs: tuple[int, ...], x: Element, core_ndim: CoreNdim) -> None:
    """Refuses (`ValueError`) an `x` whose batch shape is not `runs`, the shape of the runs that `what` is made for."""
    batch = batch_shape(x, core_ndim)
    if batch != runs:
        raise ValueError(f"{what} is for {math.prod(runs)} run(s), shape {runs}; the batch has shape {batch}")


def check_per_run(name: str, scalar: PerRun, x: Element, core_ndim: CoreNdim) -> None:
    """Refuses (`ValueError`) a per-run scalar that does not fit `x`: broadcasting would change its shape in silence."""
    layers = len(core_ndim) if isinstance(core_ndim, tuple) else None
    if isinstance(scalar, tuple) and len(scalar) != layers:
        what = "a single tensor" if layers is None else f"a tuple of {layers} layers"
        raise ValueError(f"`{name}` has {len(scalar)} entries, one per layer, but the element is {what}")
    runs = batch_shape(x, core_ndim)
    for s in scalar if isinstance(scalar, tuple) else (scalar,):
        if isinstance(s, Tensor) and s.ndim and tuple(s.shape) != runs:
            raise ValueError(f"`{name}` must be one number, or one per run of shape {runs}; got shape {tuple(s.shape)}")

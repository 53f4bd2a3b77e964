"""Matrices with a known spectrum: random singular vectors, σ by a formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lmo.checks import check_number, unknown_name
from lmo.randomness import Draw


class Family(NamedTuple):
    """says: what it is. usual: the number if none is given (None: it takes none). sigma: (count, number) ↦ σ."""

    says: str
    usual: float | None
    sigma: Callable[[int, float], Tensor] | None


def _power_law(count: int, exponent: float) -> Tensor:
    check_number("power-law", exponent, at_least=0.0)
    return torch.arange(1, count + 1, dtype=torch.float64) ** -exponent


def _spiked(count: int, floor: float) -> Tensor:
    check_number("spiked", floor, at_least=0.0)
    return torch.full((count,), floor, dtype=torch.float64).index_fill(0, torch.tensor(0), 1.0)


def _geometric(count: int, last: float) -> Tensor:
    check_number("geometric", last, above=0.0)
    return torch.logspace(0, 1, count, base=last, dtype=torch.float64)


def _low_rank(count: int, rank: float) -> Tensor:
    if not 1 <= rank <= count or rank != int(rank):
        raise ValueError(
            f"`low-rank` must be an integer from 1 to {count}, the smaller side of the shape; got {rank:g}"
        )
    return (torch.arange(count) < rank).double()


SPECTRA = {
    "gaussian": Family("independent standard normal entries", None, None),
    "power-law": Family("σ_i = i^−NUMBER", 1.0, _power_law),
    "spiked": Family("σ₁ = 1, all others NUMBER", 0.01, _spiked),
    "geometric": Family("σ from 1 to NUMBER in equal ratios", 1e-6, _geometric),
    "low-rank": Family("NUMBER singular values 1, all others 0", 8.0, _low_rank),
}


def is_spectrum(source: str) -> bool:
    """Whether `source` names a spectrum: `gaussian`, `power-law=1.0`, …"""
    return source.partition("=")[0] in SPECTRA


def matrix(source: str, shape: tuple[int, int], seed: int) -> Tensor:
    """The matrix (a, b) in float64 that `source` stands for, the same for the same seed.

    Raises:
        ValueError: no such spectrum, or a number that it does not take.
    """
    name, equals, text = source.partition("=")
    if name not in SPECTRA:
        raise unknown_name("spectrum", name, SPECTRA)
    draw, family, count = Draw(seed, 0), SPECTRA[name], min(shape)
    if family.sigma is None or family.usual is None:
        if equals:
            raise ValueError(f"the spectrum `{name}` takes no number, got {source!r}")
        return draw.normal("entries", shape)
    try:
        number = float(text) if equals else family.usual
    except ValueError:
        raise ValueError(f"the spectrum `{name}` takes a number, {name}={family.usual:g}; got {source!r}") from None
    sigma = family.sigma(count, number)
    left, right = (
        torch.linalg.qr(draw.normal(purpose, (side, count))).Q
        for purpose, side in zip(("left vectors", "right vectors"), shape, strict=True)
    )
    return (left * sigma) @ right.mT

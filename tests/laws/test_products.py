"""The products behind the polynomial oracles: against float64, with and without hardware for half precision."""

from __future__ import annotations

import pytest
import torch

from lmo.oracles import fastest_dtype, products
from lmo.oracles.products import native, product, symmetric_product

HALVES = (torch.bfloat16, torch.float16)


def gaussian(*shape: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64).to(dtype)


def capable_of(*names: str):
    """What a processor with these abilities tells torch."""
    return lambda: {name: True for name in names} | {"l2_cache_size": 524288}


@pytest.fixture
def _fresh():
    native.cache_clear()
    yield
    native.cache_clear()


@pytest.mark.parametrize("emulated", [True, False])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("dtype", [*HALVES, torch.float32], ids=str)
def test_a_product_is_rounded_once(dtype, batch, emulated, monkeypatch) -> None:
    monkeypatch.setattr(products, "native", lambda kind: not emulated or kind.itemsize >= 4)
    x, y, add = (gaussian(batch, *shape, dtype=dtype) for shape in ((5, 7), (7, 4), (5, 4)))
    exact = 0.5 * add.double() - 2 * (x.double() @ y.double())
    off = (product(x, y, add=add, beta=0.5, alpha=-2.0).double() - exact).abs()
    absolute = add.double().abs() + 2 * (x.double().abs() @ y.double().abs())
    eps = torch.finfo(dtype).eps
    assert bool((off <= eps / 2 * exact.abs() * 1.01 + 12 * 2.0**-23 * absolute).all())
    assert product(x, y).dtype == dtype and product(x, y, alpha=3.0).shape == (batch, 5, 4)


@pytest.mark.parametrize("shape", [(1, 512, 600), (2, 800, 40), (1, 60, 90)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_strips_give_the_plain_product_and_are_symmetric(shape, dtype, monkeypatch) -> None:
    monkeypatch.setattr(products, "native", lambda kind: kind.itemsize >= 4)
    x = gaussian(*shape, dtype=dtype)
    for add in (None, symmetric_product(x, x)):
        found = symmetric_product(x, x, add=add, beta=-1.0, alpha=0.25)
        exact = 0.25 * (x.double() @ x.double().mT) - (0 if add is None else add.double())
        size = 0.25 * (x.double().abs() @ x.double().abs().mT) + (0 if add is None else add.double().abs())
        tolerance = 2 * torch.finfo(dtype).eps if dtype == torch.bfloat16 else 1e-13  # sums of 600 terms
        assert bool(((found.double() - exact).abs() <= tolerance * size).all())
        assert dtype == torch.bfloat16 or float((found - found.mT).abs().max()) <= 1e-12 * float(size.max())


@pytest.mark.usefixtures("_fresh")
@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), torch.float32),
        (("avx2", "avx512_f"), torch.float32),
        (("avx512_bf16",), torch.bfloat16),
        (("amx_bf16",), torch.bfloat16),
        (("bf16", "neon"), torch.bfloat16),
        (("avx512_fp16",), torch.float32),
    ],
)
def test_the_fastest_dtype_is_what_the_processor_says(names, expected, monkeypatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", capable_of(*names), raising=False)
    assert fastest_dtype() == fastest_dtype(torch.device("cpu")) == expected
    assert native(torch.float32) and native(torch.float64)
    assert native(torch.float16) == ("avx512_fp16" in names)


@pytest.mark.usefixtures("_fresh")
def test_a_torch_that_cannot_tell_gets_float32(monkeypatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert fastest_dtype() == torch.float32


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ValueError, match="`device` must be cpu"):
        fastest_dtype("cuda" if not torch.cuda.is_available() else "nonsense")

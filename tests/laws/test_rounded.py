"""Rounded answers in exact rationals."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from samples import elements

from lmo.balls import L2, Frobenius, Product, Spectral
from lmo.oracles import Exact, Perturbed, Rounded
from lmo.oracles.errors import Mixed


def test_rounded_is_rounding_of_the_answer() -> None:
    m = elements((4, 6), 0)
    d, _ = Rounded(Perturbed(Exact(Spectral()), Mixed(0.5)), torch.bfloat16)(m)
    assert torch.equal(d, Perturbed(Exact(Spectral()), Mixed(0.5))(m)[0].bfloat16().double())


@pytest.mark.parametrize(("dtype", "digits"), [(torch.bfloat16, 8), (torch.float16, 11), (torch.float32, 24)])
def test_rounding_goes_to_the_nearest_number_with_so_many_binary_digits(dtype, digits) -> None:
    m = elements((6, 7), 2)
    before, (after, memory) = Exact(Frobenius())(m)[0], Rounded(Exact(Frobenius()), dtype)(m, "kept")
    assert after.dtype == torch.float64 and memory == "kept"
    for x, y in zip(before.flatten().tolist(), after.flatten().tolist(), strict=True):
        unit = Fraction(2) ** (math.frexp(x)[1] - digits)
        assert abs(Fraction(y) - Fraction(x)) <= unit / 2 and (Fraction(y) / unit).denominator == 1
    assert Rounded(Exact(Frobenius()), dtype).promise() is None


def test_rounding_every_layer_and_a_wider_dtype() -> None:
    m = (elements((2, 3), 0), elements((4,), 1))
    ball = Product((Spectral(), L2()))
    rounded, plain = Rounded(Exact(ball))(m)[0], Exact(ball)(m)[0]
    assert all(torch.equal(a, b.bfloat16().double()) for a, b in zip(rounded, plain, strict=True))
    low = m[0].bfloat16()
    assert torch.equal(Rounded(Exact(Spectral()), torch.float32)(low)[0], Exact(Spectral())(low)[0])

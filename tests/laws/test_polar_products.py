"""Polar factors, singular vectors and norms by products against the SVD, and the balls that use them on a GPU."""

from __future__ import annotations

import pytest
import torch
from samples import elements

from lmo.balls import Nuclear, Spectral, polar_products, spectral
from lmo.polynomials.design import designed

SHAPES = ((7, 11), (11, 7), (9, 9), (1, 5), (40, 70))


def with_values(shape: tuple[int, int], values: torch.Tensor, seed: int = 0) -> torch.Tensor:
    u, _, vh = torch.linalg.svd(elements(shape, seed), full_matrices=False)
    return (u * values) @ vh


@pytest.fixture
def by_products(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (spectral, polar_products):
        monkeypatch.setattr(module, "products_pay", lambda x: True)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_the_polar_factor_is_that_of_the_svd(shape, dtype) -> None:
    x = elements((3, 2, *shape), 0).to(dtype)
    x[0, 0] *= 1e12
    x[1, 1] *= 1e-12
    y, whole = polar_products.polar_factor(x)
    u, s, vh = torch.linalg.svd(x.double(), full_matrices=False)
    assert whole.shape == (3, 2) and bool(whole.all()) and y.dtype == torch.float64
    condition = float((s[..., 0] / s[..., -1]).max())
    torch.testing.assert_close(y, u @ vh, rtol=0, atol=20 * condition * torch.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("small", [0.0, 1e-3, 1e-9])
def test_what_is_not_whole_is_known(small: float, dtype: torch.dtype) -> None:
    """A condition number of 10³ is within reach, one of 10⁹ is not, nor are lower ranks, to rounding, and 0."""
    x = torch.stack([with_values((6, 8), torch.tensor([1.0, 0.9, 0.5, 0.4, 0.2, v]).double()) for v in (0.1, small)])
    y, whole = polar_products.polar_factor(x.to(dtype))
    assert whole.tolist() == [True, small == 1e-3]
    u, _, vh = torch.linalg.svd(x, full_matrices=False)
    torch.testing.assert_close(y[whole], (u @ vh)[whole], rtol=0, atol=5e4 * torch.finfo(dtype).eps)
    assert not polar_products.polar_factor(torch.zeros(2, 3, 4, dtype=dtype))[1].any()


def test_a_condition_number_of_ten_million_is_within_reach() -> None:
    x = with_values((40, 60), torch.logspace(0, -7, 40, dtype=torch.float64)).unsqueeze(0)
    y, whole = polar_products.polar_factor(x)
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    assert bool(whole.all())
    torch.testing.assert_close(y, u @ vh, rtol=0, atol=1e-7)
    torch.testing.assert_close(polar_products.nuclear_norm(x), s.sum(-1), rtol=1e-13, atol=0)
    torch.testing.assert_close(polar_products.thin_svd(x)[1], s, rtol=0, atol=1e-14)


def test_every_step_is_positive_and_the_chain_ends_at_one() -> None:
    """So no singular vector changes its sign on the way, wherever σ lies in (0, 1]."""
    x = torch.logspace(-30, 0, 40001, dtype=torch.float64)
    for polynomial in polar_products.steps():
        x = sum(c * x ** (2 * k + 1) for k, c in enumerate(polynomial))  # type: ignore[assignment]
        assert float(x.min()) > 0
    assert float((x[-10666:] - 1).abs().max()) < 1e-14  # those from LOW on


def test_a_cushion_keeps_large_singular_values_large(monkeypatch: pytest.MonkeyPatch) -> None:
    x = with_values((40, 60), torch.logspace(0, -2, 40, dtype=torch.float64)).unsqueeze(0)
    u, _, vh = torch.linalg.svd(x, full_matrices=False)

    def error() -> float:
        return float((polar_products.polar_factor(x)[0] - u @ vh).abs().max())

    mine = error()
    bare = designed(polar_products.LOW, polar_products.STEPS, margin=polar_products.MARGIN).table
    ends = (polar_products.CLASSICAL, polar_products.CLASSICAL)
    monkeypatch.setattr(polar_products, "steps", lambda: (*bare, *ends))
    assert mine < 2e-14 and error() > 10 * mine


@pytest.mark.parametrize("shape", SHAPES)
def test_singular_vectors_and_norms_are_those_of_the_svd(shape) -> None:
    x = elements((4, *shape), 1)
    x[1] = x[1][:, :1] @ x[1][:1]  # rank one, by an SVD
    s = torch.linalg.svdvals(x)
    u, found, v = polar_products.thin_svd(x)
    torch.testing.assert_close(found, s, rtol=0, atol=1e-12)
    torch.testing.assert_close((u * found.unsqueeze(-2)) @ v.mT, x, rtol=0, atol=1e-12)
    for part in (u, v):
        torch.testing.assert_close(part.mT @ part, torch.eye(min(shape)).double().expand(4, -1, -1), rtol=0, atol=1e-11)
    torch.testing.assert_close(polar_products.nuclear_norm(x), s.sum(-1), rtol=1e-12, atol=0)
    torch.testing.assert_close(polar_products.largest_singular_value(x), s[:, 0], rtol=1e-12, atol=0)
    assert torch.equal(polar_products.largest_singular_value(0 * x), torch.zeros(4).double())


@pytest.mark.parametrize("ball", [Spectral(), Nuclear()], ids=lambda ball: ball.name)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_balls_say_the_same_by_products(ball, shape, monkeypatch: pytest.MonkeyPatch) -> None:
    m, d = elements((5, *shape), 2), elements((5, *shape), 3)
    m[2] = 0
    if min(shape) > 1:
        m[3] = m[3][:, :1] @ m[3][:1]

    def said() -> list[torch.Tensor]:
        off = ball.distance_to_minimisers(m, d)
        numbers = [ball.norm(d), ball.dual_norm(m), ball.lmo(m), off.value, off.exact.double()]
        if isinstance(ball, Nuclear):
            return numbers
        weights, build = ball.parts(m)
        return [*numbers, weights, build(torch.full_like(weights, 0.5))]

    plain = said()
    for module in (spectral, polar_products):
        monkeypatch.setattr(module, "products_pay", lambda x: True)
    for mine, its in zip(said(), plain, strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-9, atol=1e-10)


def test_a_cpu_and_autograd_stay_with_the_svd() -> None:
    assert not polar_products.products_pay(torch.ones(64, 64))

"""What is left of an error after the best rescaling, against closed forms and a plain search."""

from __future__ import annotations

import pytest
import torch
from scipy.optimize import minimize_scalar

from lmo.balls import L2, LInf, NormBall, Nuclear, Spectral
from lmo.oracles.base import measure
from lmo.oracles.rescaled import rescaled

FACTORS = torch.tensor([0.3, 0.6, 0.9, 1.2], dtype=torch.float64)  # p = 0.3, u = 1.2: δ′ = 0.6 at s = 4/3


def matrices(count: int = 5) -> torch.Tensor:
    return torch.randn(count, 4, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def test_factors_between_p_and_u_leave_their_spread() -> None:
    m = matrices()
    u, _, v = torch.linalg.svd(m, full_matrices=False)
    found = rescaled(Spectral(), m, -(u * FACTORS) @ v)
    assert torch.allclose(found.spread, torch.tensor(0.6, dtype=torch.float64), atol=5e-4)
    assert torch.allclose(found.factor, torch.tensor(4 / 3, dtype=torch.float64), atol=1e-3)
    vector = m[:, 0, :4]
    assert torch.allclose(rescaled(LInf(), vector, -vector.sign() * FACTORS).spread, found.spread, atol=5e-4)


@pytest.mark.parametrize("ball", [LInf(core_ndim=2), L2(core_ndim=2), Spectral(), Nuclear()], ids=lambda b: b.name)
def test_it_is_the_least_delta_along_the_ray(ball: NormBall) -> None:
    m = matrices()
    d = ball.lmo(m) + 0.3 * matrices(10)[5:] / ball.norm(matrices(10)[5:]).reshape(-1, 1, 1)
    found = rescaled(ball, m, d)
    assert (found.spread <= measure(ball, m, d).delta + 5e-4).all()
    assert torch.allclose(rescaled(ball, m, 7 * d).spread, found.spread, atol=5e-4)
    for i in range(len(m)):
        plain = minimize_scalar(
            lambda s, i=i: float(measure(ball, m[i : i + 1], s * d[i : i + 1]).delta), bounds=(0, 4), method="bounded"
        )
        assert float(found.spread[i]) == pytest.approx(plain.fun, abs=5e-4)


def test_a_mere_rescaling_leaves_nothing_and_zero_leaves_all() -> None:
    m = matrices()
    assert rescaled(Spectral(), m, 0.01 * Spectral().lmo(m)).spread.max() < 1e-3
    assert torch.allclose(rescaled(L2(core_ndim=2), m, torch.zeros_like(m)).spread, torch.ones(5, dtype=torch.float64))
    with pytest.raises(ValueError, match="finite"):
        rescaled(Spectral(), m, m * torch.nan)

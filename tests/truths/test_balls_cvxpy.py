"""Every ball against an independent convex solver: norm, dual norm, and the distance to the set of minimisers."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
import torch

from lmo.balls import (
    L1,
    L2,
    Frobenius,
    LInf,
    Lp,
    MaxColumn,
    MaxRow,
    NormBall,
    Nuclear,
    Product,
    RmsToRms,
    Scaled,
    Spectral,
    catalogue,
)  # fmt: skip


def norm_of(ball: NormBall, x) -> cp.Expression:
    """‖x‖ as a cvxpy expression, from the definition of the set."""
    match ball:
        case Scaled():
            return norm_of(ball.ball, x) / ball.r
        case Product():
            layers = [norm_of(b, layer) / r for b, r, layer in zip(ball.balls, ball.radii, x, strict=True)]
            return cp.maximum(*layers) if ball.combine == "max" else sum(layers)
        case RmsToRms():
            return cp.sigma_max(x) * np.sqrt(x.shape[1] / x.shape[0])
        case Spectral():
            return cp.sigma_max(x)
        case Nuclear():
            return cp.normNuc(x)
        case MaxRow():
            return cp.max(cp.norm(x, 2, axis=1))
        case MaxColumn():
            return cp.max(cp.norm(x, 2, axis=0))
        case Frobenius() | L2():
            return cp.norm(cp.vec(x, order="C"), 2)
        case LInf():
            return cp.norm(cp.vec(x, order="C"), "inf")
        case L1():
            return cp.norm(cp.vec(x, order="C"), 1)
        case Lp():
            return cp.pnorm(cp.vec(x, order="C"), ball.p)
    raise AssertionError(f"add the definition of {ball!r} here")


def variable(shape):
    return tuple(cp.Variable(s) for s in shape) if isinstance(shape[0], tuple) else cp.Variable(shape)


def pair(m, x) -> cp.Expression:
    if isinstance(m, tuple):
        return sum(pair(a, b) for a, b in zip(m, x, strict=True))
    return cp.sum(cp.multiply(m, x))


def minus(d, x):
    return tuple(a - b for a, b in zip(d, x, strict=True)) if isinstance(d, tuple) else d - x


def numbers(m):
    return tuple(a.numpy() for a in m) if isinstance(m, tuple) else m.numpy()


def random(shape, seed: int):
    if isinstance(shape[0], tuple):
        return tuple(random(s, seed + i) for i, s in enumerate(shape))
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def solve(problem: cp.Problem) -> float:
    problem.solve(solver="CLARABEL", tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9)
    return float(problem.value)


EXAMPLES = [(ball, shape) for kind in catalogue().values() for ball, shape in kind.examples()]
IDS = [str(e) for e in EXAMPLES]


@pytest.mark.parametrize(("ball", "shape"), EXAMPLES, ids=IDS)
def test_dual_norm_and_lmo_value(ball, shape) -> None:
    m, x = random(shape, 1), variable(shape)
    best = solve(cp.Problem(cp.Maximize(pair(numbers(m), x)), [norm_of(ball, x) <= 1]))
    assert float(ball.dual_norm(m)) == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize(("ball", "shape"), EXAMPLES, ids=IDS)
def test_norm(ball, shape) -> None:
    m = random(shape, 2)
    constant = tuple(cp.Constant(a) for a in numbers(m)) if isinstance(m, tuple) else cp.Constant(numbers(m))
    assert float(ball.norm(m)) == pytest.approx(float(norm_of(ball, constant).value), rel=1e-9)


def distance(ball, m, d, shape) -> float:
    """min ‖d − z‖ over z with ‖z‖ ≤ 1 and ⟨m, z⟩ = −‖m‖_* (relaxed by the solver's accuracy)."""
    z = variable(shape)
    optimal = pair(numbers(m), z) <= -float(ball.dual_norm(m)) * (1 - 1e-8)
    return solve(cp.Problem(cp.Minimize(norm_of(ball, minus(numbers(d), z))), [norm_of(ball, z) <= 1, optimal]))


@pytest.mark.parametrize(("ball", "shape"), EXAMPLES, ids=IDS)
def test_distance_to_the_minimisers(ball, shape) -> None:
    m, d = random(shape, 3), random(shape, 4)
    found = ball.distance_to_minimisers(m, d)
    assert bool(found.exact.all())
    assert float(found.value) == pytest.approx(distance(ball, m, d, shape), abs=1e-3)


TIES = [
    (LInf(), torch.tensor([1.0, 0.0, 0.0, -2.0])),
    (L1(), torch.tensor([2.0, -2.0, 1.0, 2.0])),
    (MaxRow(), torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0], [3.0, 0.0, 1.0]])),
    (MaxColumn(), torch.tensor([[1.0, 0.0, 0.0], [2.0, 0.0, 1.0]])),
    (Spectral(), torch.outer(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, -1.0, 0.5]))),
    (Spectral(), torch.diag(torch.tensor([3.0, 1.0, 0.0]))),
    (Spectral(), torch.eye(3)),
    (Nuclear(), torch.diag(torch.tensor([2.0, 2.0, 1.0]))),
    (Nuclear(), torch.eye(3)),
    (RmsToRms(), torch.outer(torch.tensor([1.0, 2.0]), torch.tensor([1.0, -1.0, 0.5, 0.0]))),
    (Scaled(LInf(), 2.0), torch.tensor([0.0, 1.0, 0.0])),
    (Frobenius(), torch.zeros(2, 3)),
    (Spectral(), torch.zeros(2, 3)),
    (Nuclear(), torch.zeros(2, 3)),
    (L1(), torch.zeros(4)),
    (Lp(3.0), torch.zeros(4)),
]


@pytest.mark.parametrize(("ball", "m"), TIES, ids=lambda v: str(v) if isinstance(v, NormBall) else "")
@pytest.mark.parametrize("size", [0.3, 1.0, 3.0])
def test_distance_on_ties(ball, m, size) -> None:
    m = m.double()
    d = ball.lmo(m) + size * random(tuple(m.shape), 5)
    found = ball.distance_to_minimisers(m, d)
    true = distance(ball, m, d, tuple(m.shape))
    if bool(found.exact.all()):
        assert float(found.value) == pytest.approx(true, abs=1e-3)
    else:
        assert true - 1e-3 <= float(found.value) <= float(ball.norm(d - ball.lmo(m))) + 1e-9


def test_two_layers_attaining_the_maximum_of_a_sum() -> None:
    ball = Product((LInf(), LInf()), (1.0, 1.0), "sum")
    m = (torch.tensor([1.0, 1.0]).double(), torch.tensor([2.0]).double())
    d = (torch.tensor([-0.5, -0.5]).double(), torch.tensor([-0.5]).double())
    found = ball.distance_to_minimisers(m, d)
    true = distance(ball, m, d, ((2,), (1,)))
    assert true == pytest.approx(0, abs=1e-3) and not bool(found.exact) and float(found.value) >= true

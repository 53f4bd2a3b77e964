"""The contract over all balls, found by walking `lmo.balls`; ties, scales and half precisions by hypothesis."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from samples import BALLS, elements, name_of

from lmo import measure
from lmo.balls import L1, Frobenius, LInf, MaxRow, Nuclear, Product, RmsToRms, Scaled, Spectral, catalogue
from lmo.elements import inner
from lmo.testing import BALL_LAWS, ContractError, check_ball, run_checks


@pytest.mark.parametrize("law", BALL_LAWS)
@pytest.mark.parametrize(("ball", "shape"), BALLS, ids=name_of)
def test_law(ball, shape, law) -> None:
    for seed in (0, 1):
        (check,) = run_checks(ball, shape, seed=seed, only=[law])
        assert check.passed, check.message


def test_every_ball_is_in_the_catalogue() -> None:
    assert {
        "l1",
        "l2",
        "l-inf",
        "lp",
        "frobenius",
        "spectral",
        "nuclear",
        "max-row",
        "max-column",
        "rms-to-rms",
        "product",
        "scaled",
    } <= set(catalogue())
    assert {ball.name for ball, _ in BALLS} == set(catalogue())  # each gives examples of itself


def test_the_laws_are_all_there() -> None:
    """What `NormBall` promises in words, one function each: a law that is no longer found would pass in silence."""
    answers = "shape finite zero sign feasible aligned distance homogeneous batch untouched odd"
    assert set(f"{answers} norms holder gradient ratio distances parts precision refusals".split()) <= set(BALL_LAWS)


numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda v: 0.0 if abs(v) < 1e-6 else v)


@pytest.mark.parametrize(("ball", "shape"), [e for e in BALLS if not isinstance(e[1][0], tuple)], ids=name_of)
@given(data=st.data())
def test_the_lmo_is_optimal_on_anything(ball, shape, data) -> None:
    """Zeros, ties, rank deficiency and any scale: feasible, aligned, δ = 0 where it is exact."""
    m = torch.from_numpy(data.draw(arrays(np.float64, shape, elements=numbers)))
    scale = 10.0 ** data.draw(st.integers(-12, 12))
    error = measure(ball, m * scale, ball.lmo(m * scale))
    if float(m.abs().max()) == 0:
        assert float(error.delta) == 0 and float(error.epsilon) == 0
        return
    assert float(error.eta) < 1e-9 and abs(float(error.epsilon)) < 1e-9
    assert float(error.delta) < 1e-6


@pytest.mark.parametrize(("ball", "shape"), BALLS, ids=name_of)
def test_the_norm_is_the_dual_of_the_dual(ball, shape) -> None:
    """‖x‖ = max ⟨m, x⟩ over ‖m‖_* ≤ 1: never above it, and reached by gradient ascent from x itself."""
    x = elements(shape, 3, 1)
    source = [layer.clone().requires_grad_(True) for layer in (x if isinstance(x, tuple) else (x,))]
    ball.norm(tuple(source) if isinstance(x, tuple) else source[0]).sum().backward()
    m = tuple(s.grad for s in source) if isinstance(x, tuple) else source[0].grad
    assert float(ball.dual_norm(m)) == pytest.approx(1, rel=1e-6)  # a subgradient of the norm has dual norm 1 …
    assert float(inner(m, x, ball.core_ndim)) == pytest.approx(float(ball.norm(x)), rel=1e-6)  # … and attains it


def test_zero_entries_are_ties_of_the_sign() -> None:
    m, d = torch.tensor([1.0, 0.0]).double(), torch.tensor([-1.0, 0.7]).double()
    assert float(measure(LInf(), m, d).delta) == 0
    assert float(measure(LInf(), m, torch.tensor([-1.0, 1.3]).double()).delta) == pytest.approx(0.3)


def test_a_simplex_of_minimisers_in_l1() -> None:
    m = torch.tensor([2.0, -2.0, 1.0]).double()
    assert float(measure(L1(), m, torch.tensor([-0.25, 0.75, 0.0]).double()).delta) == pytest.approx(0)
    assert float(measure(L1(), m, torch.tensor([-0.25, 0.75, 0.1]).double()).delta) == pytest.approx(0.1)
    assert float(measure(L1(), m, torch.tensor([0.5, 1.0, 0.0]).double()).delta) == pytest.approx(0.5)


def test_zero_on_the_null_space_is_exact_in_the_spectral_ball() -> None:
    """An iteration that leaves the null space at 0 is exact, although far from the full polar factor."""
    m = torch.diag(torch.tensor([3.0, 1.0, 0.0]).double())
    d = -torch.diag(torch.tensor([1.0, 1.0, 0.0]).double())
    assert float(measure(Spectral(), m, d).delta) == 0
    assert float(measure(Spectral(), m, -torch.eye(3).double()).delta) == pytest.approx(0, abs=1e-12)
    tiny = m + 1e-6 * torch.diag(torch.tensor([0.0, 0.0, 1.0]).double())
    jump = measure(Spectral(), tiny, d)
    assert float(jump.delta) == pytest.approx(1) and float(jump.epsilon) < 1e-6  # δ jumps where ε does not


def test_a_repeated_singular_value_is_no_tie() -> None:
    m = torch.eye(3).double()
    rotated = -torch.tensor([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1]]).double()
    assert float(measure(Spectral(), m, rotated).delta) > 0.8


def test_m_zero_counts_the_whole_ball() -> None:
    zero = torch.zeros(2, 3).double()
    for d, delta in ((0.5, 0.0), (1.5, 0.5)):
        error = measure(MaxRow(), zero, torch.tensor([[d, 0, 0], [0, 0, 0]]).double())
        assert float(error.delta) == pytest.approx(delta) and float(error.epsilon) == 0


def test_spectral_and_nuclear_are_not_confused() -> None:
    m = torch.diag(torch.tensor([3.0, 1.0]).double())
    assert torch.linalg.matrix_rank(Spectral().lmo(m)) == 2 and torch.linalg.matrix_rank(Nuclear().lmo(m)) == 1
    assert float(Spectral().dual_norm(m)) == 4 and float(Nuclear().dual_norm(m)) == 3


def test_radii() -> None:
    m = elements((4, 6), 7, 5)
    assert torch.allclose(Scaled(Spectral(), 0.3).lmo(m), 0.3 * Spectral().lmo(m))
    assert torch.allclose(RmsToRms().lmo(m), math.sqrt(4 / 6) * Spectral().lmo(m))
    assert Scaled(Frobenius(), 2.0).is_hilbert and not Spectral().is_hilbert


def test_only_the_attaining_layer_of_a_sum_moves() -> None:
    ball = Product((Spectral(), LInf()), (1.0, 1.0), "sum")
    small, large = torch.eye(2, dtype=torch.float64)[None] * 0.1, torch.ones(1, 3, dtype=torch.float64)
    first, second = ball.lmo((small, large))
    assert float(first.abs().max()) == 0 and torch.equal(second, -large)
    both = Product((Spectral(), LInf()), (1.0, 1.0), "max").lmo((small, large))
    assert float(both[0].abs().max()) > 0 and float(both[1].abs().max()) > 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precisions_are_answered(dtype) -> None:
    for ball in (Spectral(), Nuclear(), Frobenius(), LInf(2), MaxRow()):
        m = elements((4, 5), 8).to(dtype)
        d = ball.lmo(m)
        assert d.dtype == dtype
        exact = ball.lmo(m.double())
        assert float(ball.norm(d.double() - exact)) < 0.05


class _WrongRatio(LInf):
    name = "wrong"

    def norm_ratio(self, shape: tuple) -> float:
        return 1.0


def test_check_ball_passes_and_says_what_is_wrong() -> None:
    check_ball(Spectral(), (3, 5))
    with pytest.raises(ContractError, match=r"ratio: ‖x‖₂/‖x‖ reaches 2.236\d*, above norm_ratio = 1"):
        check_ball(_WrongRatio(), (5,))
    check_ball(_WrongRatio(), (5,), exempt={"ratio"})
    with pytest.raises(ValueError, match=r"unknown law 'rato'; did you mean 'ratio'\?"):
        check_ball(_WrongRatio(), (5,), exempt={"rato"})


def test_a_function_needs_the_ball_it_should_answer_for() -> None:
    with pytest.raises(TypeError, match="a function needs `ball`, the NormBall whose LMO it should be; got None"):
        run_checks(lambda m: -m.sign(), (4,))

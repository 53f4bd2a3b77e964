"""Errors of exact size and scripted answers, written out a second time: added, chosen, promised and attained."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from samples import elements
from torch import Tensor

from lmo import Draw, measure
from lmo.balls import L1, Frobenius, LInf, MaxRow, Product, RmsToRms, Scaled, Spectral
from lmo.oracles import Exact, NewtonSchulz, Perturbed, Scripted
from lmo.oracles.errors import Inflate, Mixed, Random, Shrink, Worst
from lmo.oracles.errors.mixed import shrink_largest
from lmo.oracles.errors.worst import counts

# Which parts are shrunk


@given(st.lists(st.integers(0, 4), min_size=1, max_size=8), st.integers(0, 8))
def test_the_largest_parts_are_shrunk_and_ties_go_to_the_earlier(weights, count) -> None:
    signs = shrink_largest(torch.tensor(weights, dtype=torch.float64), count)
    order = sorted(range(len(weights)), key=lambda i: (-weights[i], i))
    assert [i for i, s in enumerate(signs.tolist()) if s == -1] == sorted(order[:count])
    assert set(signs.tolist()) <= {-1.0, 1.0}


@given(st.integers(1, 3000))
def test_the_numbers_that_worst_tries(parts) -> None:
    tried = counts(parts)
    assert tried == sorted(set(tried)) and len(tried) <= 18
    assert {0, (parts + 1) // 2, parts} <= set(tried)
    assert max(np.diff(tried)) <= math.ceil(parts / 16) + (parts > 16)


# What is added


@pytest.mark.parametrize("ball", [Frobenius(), Spectral(), LInf(2), MaxRow(), RmsToRms(), Scaled(L1(2), 0.2)], ids=str)
def test_a_random_error_is_a_gaussian_over_its_norm(ball) -> None:
    m = elements((3, 4), 1, 2)
    d, _ = Perturbed(Exact(ball), Random(0.4))(m, None, Draw([6, 2], 5))
    for run, seed in enumerate((6, 2)):
        noise = Draw(seed, 5).normal("oracle error", (3, 4))
        torch.testing.assert_close(d[run], ball.lmo(m[run]) + 0.4 * noise / ball.norm(noise), rtol=0, atol=1e-12)


def test_a_random_error_of_layers_is_one_element_and_zero_for_a_zero_question() -> None:
    ball = Product((Spectral(), LInf()), (0.5, 2.0), "sum")
    m = (elements((2, 3), 1, 2), elements((4,), 2, 2))
    m[0][1], m[1][1] = 0, 0
    d, _ = Perturbed(Exact(ball), Random(0.4))(m, None, Draw([6, 2], 5))
    noise = tuple(Draw([6, 2], 5).normal(f"oracle error {i}", s) for i, s in enumerate(((2, 3), (4,))))
    size = ball.norm(noise)[0]
    for mine, exact, part in zip(d, ball.lmo(m), noise, strict=True):
        torch.testing.assert_close(mine[0], exact[0] + 0.4 * part[0] / size, rtol=0, atol=1e-12)
        assert not mine[1].any()


@pytest.mark.parametrize(
    "model", [Shrink(0.3), Inflate(0.3), Mixed(0.3), Random(0.3), Worst(0.3)], ids=lambda e: e.name
)
def test_on_an_inexact_answer_the_error_is_added_and_nothing_promised(model) -> None:
    m, inside = elements((4, 6), 3), NewtonSchulz("classical-1", 2)
    before = inside(m)[0]
    oracle = Perturbed(inside, model)
    after, _ = oracle(m, None, Draw(0, 0))
    assert oracle.promise() is None and Perturbed(Exact(Spectral()), model).promise().delta == 0.3
    if model.name in ("shrink", "inflate"):
        torch.testing.assert_close(after, (0.7 if model.name == "shrink" else 1.3) * before)
    else:
        assert float(Spectral().norm(after - before)) == pytest.approx(0.3)


@pytest.mark.parametrize("model", [Shrink, Inflate, Mixed, Worst])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_errors_in_low_precision_have_their_size_to_rounding(model, dtype) -> None:
    m = elements((5, 7), 3, 3).to(dtype)
    d, _ = Perturbed(Exact(Spectral()), model(0.5))(m)
    assert d.dtype == dtype
    size = torch.linalg.matrix_norm(d.double() - Exact(Spectral())(m)[0].double(), 2)
    assert float((size - 0.5).abs().max()) < 6 * torch.finfo(dtype).eps


# What Worst chooses


def harm(m: Tensor, d: Tensor, ball) -> Tensor:
    """⟨m, d⟩/‖d‖ in float64."""
    return (m.double() * d.double()).flatten(-2).sum(-1) / ball.norm(d.double())


@pytest.mark.parametrize("ball", [LInf(2), Spectral(), MaxRow()], ids=str)
@pytest.mark.parametrize(("dtype", "powers"), [(torch.float16, (-6, 5, 13)), (torch.bfloat16, (-120, 5, 120)),
                                               (torch.float64, (-900, 5, 1020))])  # fmt: skip
def test_the_choice_does_not_change_with_the_scale(ball, dtype, powers) -> None:
    """⟨m, d⟩ in the dtype of m overflows in float16 from entries of some hundreds on; then the first candidate won."""
    m = (torch.linspace(0.125, 1, 12).unsqueeze(1) * elements((12, 20), 0).clamp(-3, 3)).to(torch.bfloat16).to(dtype)
    chosen, _ = Perturbed(Exact(ball), Worst(0.5))(m)
    for count in (0, 6, 12):
        factors = 1 + 0.5 * shrink_largest(ball.parts(m).weights, count)
        assert float(harm(m, chosen, ball)) >= float(harm(m, ball.parts(m).build(factors), ball)) - 0.02 * 240
    for power in powers:
        again, _ = Perturbed(Exact(ball), Worst(0.5))((m.double() * 2.0**power).to(dtype))
        assert float((again - chosen).abs().max()) <= 0.01


def test_the_choice_weighs_layers_by_their_share() -> None:
    """The random candidate wins where it is worse for the layers together, whatever it is for the one of small m."""
    ball, runs = Product((LInf(), LInf()), (1.0, 1.0)), 40
    m = (elements((5,), 1, runs), 1e-3 * elements((5,), 2, runs))
    seen = set()
    d, _ = Perturbed(Exact(ball), Worst(0.6))(m, None, Draw(range(runs), 0))
    for run in range(runs):
        one = (m[0][run], m[1][run])
        noise = tuple(Draw(run, 0).normal(f"worst error {i}", (5,)) for i in range(2))
        exact = ball.lmo(one)
        candidates = [tuple(c * z for z in exact) for c in (0.4, 1.6)]
        candidates.append(tuple(z + 0.6 * e / ball.norm(noise) for z, e in zip(exact, noise, strict=True)))
        harms = [float(sum((a * b).sum() for a, b in zip(one, c, strict=True)) / ball.norm(c)) for c in candidates]
        best = max(range(3), key=lambda i: (round(harms[i], 12), -i))
        if sorted(harms)[2] - sorted(harms)[1] > 1e-9:
            seen.add(best)
            for mine, theirs in zip((d[0][run], d[1][run]), candidates[best], strict=True):
                torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)
    assert 2 in seen


def test_ties_keep_the_earlier_candidate() -> None:
    """Too short and too long are equally bad where the step size is free; the short one is tried first."""
    m = torch.tensor([1.0, -4.0, 2.0], dtype=torch.float64)
    assert torch.equal(Perturbed(Exact(L1()), Worst(0.5))(m)[0], 0.5 * L1().lmo(m))


def test_worst_of_a_zero_question_is_zero() -> None:
    for ball in (LInf(), L1(), Spectral()):
        m = torch.zeros(2, 3, 4) if ball.core_ndim == 2 else torch.zeros(2, 4)
        assert not Perturbed(Exact(ball), Worst(0.5))(m, None, Draw([0, 1], 0))[0].any()


# Scripts


@given(
    st.integers(1, 3), st.integers(1, 4), st.integers(0, 999), st.sampled_from(["l-inf", "spectral"]),
    st.integers(-12, 12),
)  # fmt: skip
def test_a_script_is_followed_and_its_promise_kept_and_attained(runs, longest, seed, kind, power) -> None:
    ball, shape, parts = (LInf(), (3,), 3) if kind == "l-inf" else (Spectral(), (3, 4), 3)
    source = np.random.default_rng(seed)
    period = source.integers(1, longest + 1, runs)
    factors = source.uniform(0, 2, (runs, longest, parts))
    for run in range(runs):
        factors[run, period[run] :] = 99.0  # never used
    oracle = Scripted(ball, torch.tensor(factors), torch.tensor(period))
    m, memory, seen = 10.0**power * elements(shape, seed, runs), None, []
    for step in range(2 * longest):
        d, memory = oracle(m, memory)
        for run in range(runs):
            f = factors[run, step % period[run]]
            if kind == "l-inf":
                expected = -f * np.sign(m[run].numpy())
            else:
                u, _, vt = np.linalg.svd(m[run].numpy(), full_matrices=False)
                expected = -u @ np.diag(f) @ vt
            np.testing.assert_allclose(d[run].numpy(), expected, atol=1e-9)
        seen.append(measure(ball, m, d))
    promise = oracle.promise()
    assert memory == 2 * longest
    for name in ("delta", "epsilon", "eta"):
        most, said = torch.stack([getattr(one, name) for one in seen]).amax(0), getattr(promise, name)
        assert bool((most <= said + 1e-9).all())
        if name != "epsilon":  # which all of m would have to lie on one part for
            torch.testing.assert_close(most, said, rtol=0, atol=1e-9)


def test_scripted_follows_its_script() -> None:
    factors = torch.tensor([[[0.5, 1.5], [1.0, 0.5]], [[1.2, 0.8], [9.0, 9.0]]], dtype=torch.float64)
    oracle = Scripted(LInf(), factors, torch.tensor([2, 1]))
    m, memory, seen = torch.tensor([[1.0, -1.0], [1.0, -1.0]]).double(), None, []
    for _ in range(3):
        d, memory = oracle(m, memory)
        seen.append((-d * m).tolist())
    assert seen == [[[0.5, 1.5], [1.2, 0.8]], [[1.0, 0.5], [1.2, 0.8]], [[0.5, 1.5], [1.2, 0.8]]]
    promise = oracle.promise()
    assert promise.delta.tolist() == pytest.approx([0.5, 0.2]) and promise.eta.tolist() == pytest.approx([0.5, 0.2])


def test_the_epsilon_of_a_script_is_attained_where_m_lies_on_its_smallest_part() -> None:
    factors = torch.tensor([[[1.4, 0.3, 1.0]]], dtype=torch.float64)
    oracle = Scripted(LInf(), factors, torch.tensor([1]))
    m = torch.tensor([[1e-12, 1.0, 1e-12]], dtype=torch.float64)
    seen, promise = measure(LInf(), m, oracle(m)[0]), oracle.promise()
    assert float(seen.epsilon) == pytest.approx(0.7) == float(promise.epsilon)
    assert float(promise.delta) == pytest.approx(0.7) and float(promise.eta) == pytest.approx(0.4)


def test_a_script_in_the_dtype_of_the_question() -> None:
    factors = torch.tensor([[[0.5, 1.5]]], dtype=torch.float64)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        d, _ = Scripted(LInf(), factors, torch.tensor([1]))(torch.tensor([[3.0, -2.0]], dtype=dtype))
        assert d.dtype == dtype and d.tolist() == [[-0.5, 1.5]]


ONES = torch.ones(1, 2, 3, dtype=torch.float64)
BAD = {
    "a period of floats": (lambda: Scripted(LInf(), ONES, torch.tensor([1.5])), TypeError, "a tensor of integers"),
    "a period of 0": (lambda: Scripted(LInf(), ONES, torch.tensor([0])), ValueError, r"`period` must lie in \[1, 2\]"),
    "a long period": (lambda: Scripted(LInf(), ONES, torch.tensor([3])), ValueError, r"\[1, 2\], got \[3\]"),
    "a script with NaN": (
        lambda: Scripted(LInf(), math.nan * ONES, torch.tensor([1])), ValueError, "`factors` must be a finite number"),
    "no ball": (lambda: Scripted(3, ONES, torch.tensor([1])), TypeError, "`ball` must be of type NormBall"),
    "other parts": (
        lambda: Scripted(LInf(), ONES, torch.tensor([1]))(torch.ones(1, 4)), ValueError,
        r"the script scales 3 part\(s\), the answer has 4"),
    "other runs": (
        lambda: Scripted(LInf(), ONES, torch.tensor([1]))(torch.ones(2, 3)), ValueError, r"script is for 1 run\(s\)"),
    "a ball without parts": (
        lambda: Scripted(L1(), ONES, torch.tensor([1]))(torch.ones(1, 3)), ValueError, "cannot be scaled part by part"),
    "a delta of 1": (lambda: Shrink(1.0), ValueError, "`delta` must be a finite number >= 0.0 and < 1.0"),
    "a negative delta": (lambda: Worst(torch.tensor([0.1, -0.1])), ValueError, "`delta` must be a finite number"),
}  # fmt: skip


@pytest.mark.parametrize(("attempt", "error", "message"), BAD.values(), ids=BAD)
def test_bad_arguments(attempt, error, message) -> None:
    with pytest.raises(error, match=message):
        attempt()

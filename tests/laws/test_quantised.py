"""Quantised answers, entry by entry in exact rationals; their promise, their randomness, their layers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import elements
from torch import Tensor

from lmo import Draw, measure
from lmo.balls import L1, L2, Frobenius, LInf, MaxRow, Product, RmsToRms, Scaled, Spectral
from lmo.elements import inner
from lmo.oracles import Adaptive, Exact, Lanczos, LowRank, Perturbed, Proof, Quantised, Rounded, Scripted
from lmo.oracles.errors import Inflate, Mixed, Random, Shrink

DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


def rows_with_one_scale(d: Tensor, axis: int | None) -> list[list[tuple[int, ...]]]:
    """The indices of the entries of one matrix that share a scale."""
    a, b = d.shape
    if axis is None:
        return [[(i, j) for i in range(a) for j in range(b)]]
    if axis == -1:
        return [[(i, j) for j in range(b)] for i in range(a)]
    return [[(i, j) for i in range(a)] for j in range(b)]


def check_entries(d: Tensor, rounded: Tensor, axis: int | None, bits: int, stochastic: bool) -> None:
    """`rounded` is q·s/L to the rounding of the dtype, q a whole number at most ½ (stochastic: < 1) from L·d/s."""
    levels = 2 ** (bits - 1) - 1
    eps = Fraction(torch.finfo(rounded.dtype).eps)
    inside = Fraction(torch.finfo(torch.promote_types(d.dtype, torch.float32)).eps) * levels * 2
    for group in rows_with_one_scale(d, axis):
        scale = max(abs(Fraction(float(d[at]))) for at in group)
        for at in group:
            before, after = Fraction(float(d[at])), Fraction(float(rounded[at]))
            if abs(before) == scale or before == 0:
                assert after == before
                continue
            exact = before / scale * levels
            whole = round(after / scale * levels)
            assert abs(after - whole * scale / levels) <= eps * abs(after)
            assert abs(whole - exact) <= (1 if stochastic else Fraction(1, 2)) + inside
            assert abs(whole) <= levels


@settings(max_examples=120)
@given(
    st.sampled_from(DTYPES), st.integers(2, 16), st.sampled_from([None, -1, -2]), st.booleans(),
    st.integers(1, 4), st.integers(1, 5), st.integers(0, 999), st.integers(-12, 12),
)  # fmt: skip
def test_every_entry_goes_to_a_nearest_level(dtype, bits, axis, stochastic, rows, columns, seed, power) -> None:
    m = (10.0 ** (power if dtype != torch.float16 else power / 4) * elements((rows, columns), seed)).to(dtype)
    m[seed % rows, seed % columns] = 0
    inside = Exact(Frobenius())
    oracle = Quantised(inside, bits, axis, stochastic)
    d, _ = oracle(m, None, Draw(seed, 1))
    assert d.dtype == dtype and oracle.levels == 2 ** (bits - 1) - 1
    check_entries(inside(m)[0], d, axis, bits, stochastic)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_more_entries_in_every_precision(dtype, bits) -> None:
    """In bfloat16 L·d/s has fewer digits than L: computed there, every third entry would go to another level."""
    m = elements((20, 25), bits).to(dtype)
    check_entries(Exact(Frobenius())(m)[0], Quantised(Exact(Frobenius()), bits)(m)[0], None, bits, False)


def test_the_bound_on_the_move_is_attained() -> None:
    """L = 1: an entry of s/2 lies half-way; a tie goes to the even number, so ±½ → 0 and ±3/2 (L = 3) → ±2."""
    ball, m = L2(), torch.tensor([4.0, 2.0, -2.0, 0.0, 1.0], dtype=torch.float64)
    s = 0.8  # of the answer −m/5
    d, _ = Quantised(Exact(ball), 2)(m)
    assert d.tolist() == pytest.approx([-s, 0, 0, 0, 0])
    d, _ = Quantised(Exact(ball), 3)(m)
    assert d.tolist() == pytest.approx([-s, -2 * s / 3, 2 * s / 3, 0, -s / 3])


# Stochastic rounding


def test_stochastic_rounding_has_no_bias_and_two_values() -> None:
    m, runs = elements((3, 4), 5), 4000
    d, _ = Exact(Frobenius())(m)
    oracle = Quantised(Exact(Frobenius()), 3, stochastic=True)
    many, _ = oracle(m.expand(runs, 3, 4), None, Draw(range(runs), 0))
    scale = float(d.abs().max())
    exact = d / scale * 3
    whole = many / scale * 3
    low = exact.floor()
    assert bool(((whole - low).abs().minimum((whole - low - 1).abs()) < 1e-12).all())
    share = (whole - low).mean(0)
    spread = ((exact - low) * (1 - exact + low) / runs).sqrt()
    assert bool(((share - (exact - low)).abs() <= 5 * spread + 1e-9).all())


def test_stochastic_rounding_belongs_to_seed_and_step() -> None:
    m, oracle = elements((6, 7), 0), Quantised(Exact(Frobenius()), 4, stochastic=True)
    first, again, later, other = (oracle(m, None, Draw(*key))[0] for key in ((1, 2), (1, 2), (1, 3), (2, 2)))
    assert torch.equal(first, again) and not torch.equal(first, later) and not torch.equal(first, other)
    with pytest.raises(ValueError, match=r"Quantised with stochastic=True needs `draw`"):
        oracle(m)


class Last(Draw):
    """Every uniform number is the largest there is."""

    def integers(self, purpose: str, high: int, shape) -> Tensor:
        return super().integers(purpose, high, shape) * 0 + high - 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_largest_uniform_number_moves_no_whole_one(dtype) -> None:
    """In float32 it would be rounded to 1, and 0 to 1/L."""
    m = torch.tensor([4.0, -4.0, 2.0, 0.0, -2.0, 0.5], dtype=dtype)
    answer, (d, _) = Exact(L2())(m)[0].double(), Quantised(Exact(L2()), 2, stochastic=True)(m, None, Last(0, 0))
    assert (d.double() / answer.abs().max()).tolist() == [-1, 1, 0, 0, 1, 0]


def test_stochastic_rounding_is_written_out() -> None:
    """⌊L·d/s + u⌋ with u uniform in [0, 1), from 32 bits."""
    m = elements((3, 4), 2, 2)
    d, _ = Quantised(Exact(Spectral()), 5, -1, True)(m, None, Draw([3, 8], 6))
    for run, seed in enumerate((3, 8)):
        u = Draw(seed, 6).integers("quantisation 0", 2**32, (3, 4)).numpy() / 2**32
        z = Spectral().lmo(m[run]).numpy()
        s = np.abs(z).max(1, keepdims=True)
        np.testing.assert_allclose(d[run].numpy(), np.floor(15 * z / s + u) * s / 15, atol=1e-14)


def test_layers_have_scales_and_random_numbers_of_their_own() -> None:
    ball = Product((Frobenius(), Frobenius()), (1.0, 1e-3))
    one = elements((4, 6), 1)
    m = (one, one)
    (a, b), _ = Quantised(Exact(ball), 3)(m)
    torch.testing.assert_close(b, 1e-3 * a)
    (a, b), _ = Quantised(Exact(ball), 3, stochastic=True)(m, None, Draw(0, 0))
    assert float((b - 1e-3 * a).abs().max()) > 1e-5
    mixed = Product((Spectral(), LInf()), (0.5, 2.0))
    (a, b), _ = Quantised(Exact(mixed), 4)((one, elements((5,), 2)))
    assert sorted(set(b.abs().tolist())) == [2.0] and 0.5 * float(Spectral().lmo(one).abs().max()) in a.abs()


# The promise


@pytest.mark.parametrize("bits", [2, 3, 8, 16])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("stochastic", [False, True])
def test_exact_answers_for_l_infinity_and_l1_are_kept(dtype, bits, stochastic) -> None:
    for ball in (LInf(), L1(), Scaled(LInf(), 0.3), Scaled(Scaled(L1(), 7.0), 0.7), LInf(core_ndim=2)):
        m = elements((4, 5) if ball.core_ndim == 2 else (6,), 1, 3).to(dtype)
        m[0, 0] = 0
        oracle = Quantised(Exact(ball), bits, stochastic=stochastic)
        assert torch.equal(oracle(m, None, Draw(range(3), 0))[0], ball.lmo(m))
        assert oracle.promise() == (0.0, 0.0, 0.0)


@settings(max_examples=120)
@given(
    st.sampled_from([Shrink, Inflate, Mixed, Random]), st.floats(0, 0.9), st.integers(2, 9), st.booleans(),
    st.sampled_from([LInf(), LInf(core_ndim=2), Scaled(LInf(), 0.2)]), st.sampled_from([None, -1]),
    st.integers(0, 999), st.integers(-12, 12),
)  # fmt: skip
def test_the_promise_for_l_infinity_is_kept(model, delta, bits, stochastic, ball, axis, seed, power) -> None:
    shape = (3, 4) if ball.core_ndim == 2 else (7,)
    m = 10.0**power * elements(shape, seed, 4) * (elements(shape, seed + 1, 4) > -1)
    oracle = Quantised(Perturbed(Exact(ball), model(delta)), bits, axis, stochastic)
    d, _ = oracle(m, None, Draw(range(4), 2))
    seen, promise = measure(ball, m, d), oracle.promise()
    assert promise is not None
    for got, said in zip(seen[:3], promise, strict=True):
        there = m.abs().reshape(4, -1).amax(-1) > 0
        assert bool((got[there] <= said + 1e-9).all())


@pytest.mark.parametrize("bits", [2, 4, 6])
def test_the_promise_for_l_infinity_cannot_be_smaller(bits) -> None:
    """An entry of ½/L beside one of full size goes to 0: δ and ε of 1 − ½/L become 1. Stochastic: one of 0.9/L."""
    levels, m = 2 ** (bits - 1) - 1, torch.tensor([[1.0, 1e-9]], dtype=torch.float64)
    for part, stochastic, slack in ((0.5, False, 0.0), (0.9, True, 0.1)):
        factors = torch.tensor([[[part / levels, 1.0]]], dtype=torch.float64)
        oracle = Quantised(Scripted(LInf(), factors, torch.tensor([1])), bits, stochastic=stochastic)
        seen = [measure(LInf(), m, oracle(m, None, Draw([seed], 0))[0]) for seed in range(60)]
        delta, epsilon, eta = oracle.promise()
        assert float(delta) == pytest.approx(1 + slack / levels) and float(epsilon) == pytest.approx(float(delta))
        assert float(eta) == 0 == max(float(one.eta) for one in seen)
        assert max(float(one.delta) for one in seen) == pytest.approx(1)
        assert max(float(one.epsilon) for one in seen) == pytest.approx(1)


def test_a_promise_per_run() -> None:
    deltas = torch.tensor([0.1, 0.4], dtype=torch.float64)
    promise = Quantised(Perturbed(Exact(LInf()), Inflate(deltas)), 4).promise()
    half = (1 + deltas) / 14
    torch.testing.assert_close(promise.delta, deltas + half)
    torch.testing.assert_close(promise.epsilon, -deltas + half)
    torch.testing.assert_close(promise.eta, deltas)
    twice = Quantised(Quantised(Perturbed(Exact(LInf()), Shrink(0.5)), 4), 3).promise()
    assert twice.delta == pytest.approx(0.5 + 0.5 / 14 + 0.5 / 6) and twice.eta == -0.5


@pytest.mark.parametrize("bits", [2, 5])
def test_other_norms_grow_with_the_shape_and_get_no_promise(bits) -> None:
    half = 0.5 / (2 ** (bits - 1) - 1)
    for shape in ((3, 5), (8, 4)):
        m, (a, b) = elements(shape, 3, 20), shape
        for ball, most in ((Spectral(), (a * b) ** 0.5 * half), (MaxRow(), b**0.5 * half)):
            oracle = Quantised(Exact(ball), bits)
            assert oracle.promise() is None and oracle.certify(0.1) is None and oracle.ball == ball
            assert float(ball.norm(oracle(m)[0] - ball.lmo(m)).max()) <= most + 1e-12
    for inside in (LowRank(1), Rounded(Exact(LInf())), Exact(RmsToRms()), Exact(Product((LInf(), LInf())))):
        assert Quantised(inside).promise() is None


# What is handed on


@pytest.mark.parametrize("inside", [Adaptive(0.01), Lanczos(1e-3)], ids=lambda o: o.name)
@pytest.mark.parametrize("wrap", [lambda o: Quantised(o, 2), lambda o: Rounded(o), lambda o: Perturbed(o, Shrink(0.5))])
def test_the_proof_of_another_answer_is_not_handed_on(wrap, inside) -> None:
    m = elements((4, 6), 0)
    assert isinstance(inside(m)[1], Proof)
    assert wrap(inside)(m)[1] is None


@pytest.mark.parametrize("wrap", [lambda o: Quantised(o, 4), Rounded], ids=["quantised", "rounded"])
def test_the_memory_of_the_oracle_inside_goes_on(wrap) -> None:
    m, plain, memory = elements((5, 6), 1), None, None
    for step in range(4):
        (_, plain), (_, memory) = LowRank(2)(m, plain, Draw(0, step)), wrap(LowRank(2))(m, memory, Draw(0, step))
        assert torch.equal(plain, memory)


@pytest.mark.parametrize("wrap", [lambda o: Quantised(o, 4, -1, True), Rounded], ids=["quantised", "rounded"])
def test_batches_of_any_shape_are_answered_one_by_one(wrap) -> None:
    m, seeds = elements((3, 4), 1, 2, 3), np.array([[0, 1, 2], [2, 1, 5]])
    whole, _ = wrap(Exact(Frobenius()))(m, None, Draw(seeds, 4))
    for i in np.ndindex(2, 3):
        alone, _ = wrap(Exact(Frobenius()))(m[i], None, Draw(int(seeds[i]), 4))
        torch.testing.assert_close(whole[i], alone, rtol=0, atol=1e-14)


BAD = {
    "one bit": (lambda: Quantised(Exact(LInf()), 1), ValueError, "`bits` must be an integer >= 2, got 1"),
    "many bits": (lambda: Quantised(Exact(LInf()), 17), ValueError, "`bits` must be an integer from 2 to 16, got 17"),
    "half a bit": (lambda: Quantised(Exact(LInf()), 2.5), ValueError, "`bits` must be an integer >= 2, got 2.5"),
    "an axis": (lambda: Quantised(Exact(Spectral()), axis=0), ValueError, r"`axis` must be None \(one scale\).*got 0"),
    "an axis -1.0": (lambda: Quantised(Exact(Spectral()), axis=-1.0), ValueError, r"`axis` must be None.*got -1\.0"),
    "columns of a vector": (lambda: Quantised(Exact(LInf()), axis=-2), ValueError, r"holds vectors"),
    "columns of a layer": (
        lambda: Quantised(Exact(Product((Spectral(), LInf()))), axis=-2), ValueError, "scale per column of a matrix"),
    "a ball": (lambda: Quantised(LInf()), TypeError, "`oracle` must be of type Oracle, got LInf"),
    "no dtype": (lambda: Rounded(Exact(LInf()), "half"), TypeError, "`dtype` must be a floating-point torch.dtype"),
}  # fmt: skip


@pytest.mark.parametrize(("attempt", "error", "message"), BAD.values(), ids=BAD)
def test_bad_arguments(attempt, error, message) -> None:
    with pytest.raises(error, match=message):
        attempt()


def test_alignment_is_lost_by_no_more_than_the_move() -> None:
    """|⟨m, e⟩| ≤ h(1 + η)‖m‖_1, written out for one element."""
    m = elements((50,), 8)
    inside = Perturbed(Exact(LInf()), Random(0.7))
    before, after = inside(m, None, Draw(0, 0))[0], Quantised(inside, 3)(m, None, Draw(0, 0))[0]
    lost = abs(float(inner(m, after - before, 1))) / float(m.abs().sum())
    assert 0 < lost <= 1.7 / 6

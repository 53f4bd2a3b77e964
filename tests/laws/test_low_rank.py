"""Answers of low rank: the randomised SVD against numpy, and what Dion's power step promises together with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import elements
from spectra import SPECTRA, best_of_rank, epsilon, matrix

from lmo import Draw, measure
from lmo.balls import Nuclear, RmsToRms, Scaled, Spectral
from lmo.oracles import LowRank, RandomisedSvd

SHAPES = [(4, 7), (7, 4), (5, 5)]
BOTH = [LowRank(2), RandomisedSvd(2, 1, 1)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("rank", "oversampling", "power"), [(1, 0, 0), (2, 1, 0), (2, 1, 1), (2, 0, 3), (3, 8, 1)])
def test_the_randomised_svd_is_written_out_with_numpy(shape, rank, oversampling, power) -> None:
    m = elements(shape, 6, 2)
    d, memory = RandomisedSvd(rank, oversampling, power)(m, "kept", Draw([2, 7], 3))
    assert memory == "kept"
    for run, seed in enumerate((2, 7)):
        x, columns = m[run].numpy(), min(rank + oversampling, *shape)
        omega = Draw(seed, 3).normal("low rank", (shape[1], columns)).numpy()
        q = np.linalg.svd(np.linalg.matrix_power(x @ x.T, power) @ x @ omega, full_matrices=False)[0]
        u, _, vt = np.linalg.svd(q @ q.T @ x)
        np.testing.assert_allclose(d[run].numpy(), -u[:, :rank] @ vt[:rank], atol=1e-9)


@pytest.mark.parametrize("spectrum", ["power ¼", "power 1", "gaussian", "spiked"])
@pytest.mark.parametrize(("rank", "oversampling"), [(1, 2), (3, 2), (3, 6)])
def test_theorem_10_5_of_halko_martinsson_tropp(spectrum, rank, oversampling) -> None:
    """E‖M − QQᵀM‖_F over 300 draws; the columns of an answer of rank k + p without oversampling span Q's range."""
    m, runs = matrix((14, 20), spectrum), 300
    d, _ = RandomisedSvd(rank + oversampling, 0, 0)(m.expand(runs, 14, 20), None, Draw(range(runs), 0))
    off = torch.linalg.matrix_norm(m - d @ d.mT @ m)
    tail, least = (float(torch.linalg.svdvals(m)[k:].square().sum().sqrt()) for k in (rank, rank + oversampling))
    assert least <= float(off.min()) + 1e-12
    spread = 4 * float(off.std()) / runs**0.5
    assert float(off.mean()) - spread <= (1 + rank / (oversampling - 1)) ** 0.5 * tail


@pytest.mark.parametrize("spectrum", list(SPECTRA))
@pytest.mark.parametrize("shape", SHAPES)
def test_with_as_many_columns_as_the_matrix_the_answer_is_the_best_of_its_rank(spectrum, shape) -> None:
    m = matrix(shape, spectrum)
    for rank in (1, 2, 4):
        d, _ = RandomisedSvd(rank, 3, 0)(m, None, Draw(0, 0))
        if rank + 3 >= min(shape):
            assert float(epsilon(m, d)) == pytest.approx(float(best_of_rank(m, rank)), abs=1e-12)
    flat, _ = RandomisedSvd(3)(torch.eye(*shape).double(), None, Draw(0, 0))
    assert float(epsilon(torch.eye(*shape).double(), flat)) == pytest.approx(1 - 3 / min(shape))


def test_power_iterations_sharpen() -> None:
    m = matrix((40, 60), "power ¼")
    draw = Draw(range(20), 0)
    gaps = [
        epsilon(m.expand(20, 40, 60), RandomisedSvd(3, 2, q)(m.expand(20, 40, 60), None, draw)[0]) for q in range(4)
    ]
    means = [float(gap.mean()) for gap in gaps]
    assert means == sorted(means, reverse=True) and means[3] - float(best_of_rank(m, 3)) < 0.3 * (
        means[0] - float(best_of_rank(m, 3))
    )


@settings(max_examples=150)
@given(
    st.sampled_from([LowRank, RandomisedSvd]), st.integers(1, 6), st.integers(1, 6), st.integers(0, 6),
    st.integers(1, 6), st.integers(-12, 12), st.integers(0, 99), st.sampled_from([torch.float64, torch.float32]),
)  # fmt: skip
def test_an_answer_is_a_partial_isometry_and_no_better_than_its_rank(
    kind, rows, columns, true_rank, rank, power, seed, dtype
) -> None:
    rank, true_rank = min(rank, rows, columns), min(true_rank, rows, columns)
    left, right = elements((rows, rows), seed), elements((columns, columns), seed + 1)
    u, v = torch.linalg.qr(left).Q[:, :true_rank], torch.linalg.qr(right).Q[:, :true_rank]
    m = (10.0**power * (u * torch.linspace(1, 0.3, true_rank).double()) @ v.T).to(dtype)
    d, _ = kind(rank)(m, None, Draw(seed, 0))
    tolerance = 2e3 * torch.finfo(dtype).eps
    s = torch.linalg.svdvals(d)
    ones = min(rank, true_rank)
    assert d.dtype == dtype and bool(((s[:ones] - 1).abs() < tolerance).all()) and bool((s[ones:] < tolerance).all())
    off, promise = measure(Spectral(), m, d), kind(rank).promise()
    assert all(float(seen) <= said + tolerance for seen, said in zip(off[:3], promise, strict=True))
    if true_rank:
        assert float(best_of_rank(m, rank)) - tolerance <= float(off.epsilon) < 1
    else:
        assert not d.any()
    shifted, _ = kind(rank)(2.0**-9 * m, None, Draw(seed, 0))
    assert torch.equal(shifted, d)  # a power of two rounds nothing


@pytest.mark.parametrize("kind", [LowRank, RandomisedSvd])
@pytest.mark.parametrize("spectrum", ["rank one", "rank two"])
@pytest.mark.parametrize("shape", SHAPES)
def test_rounding_errors_are_no_direction(shape, spectrum, kind) -> None:
    for rank in (1, 2, 3, 4):
        d, _ = kind(rank)(matrix(shape, spectrum), None, Draw(0, 0))
        assert round(float(d.square().sum()), 9) == min(rank, 1 if spectrum == "rank one" else 2)


@pytest.mark.parametrize("kind", [LowRank, RandomisedSvd])
def test_the_promise_is_nothing_but_the_ball_and_the_sign(kind) -> None:
    """ε = 1 − 1/p for p equal singular values: no ε < 1 holds for every M."""
    assert kind(1).promise() == (2.0, 1.0, 0.0)
    d, _ = kind(1)(torch.eye(200).double(), None, Draw(0, 0))
    assert float(epsilon(torch.eye(200).double(), d)) == pytest.approx(1 - 1 / 200)


@pytest.mark.parametrize("oracle", BOTH, ids=lambda o: o.name)
@pytest.mark.parametrize(
    ("dtype", "scales"),
    [(torch.float64, (1e-307, 8e307)), (torch.float32, (1e-36, 1e38)), (torch.bfloat16, (1e-36, 1e38)),
     (torch.float16, (1e-3, 3e4))],
)  # fmt: skip
def test_extreme_scales_in_every_precision(oracle, dtype, scales) -> None:
    m = elements((6, 9), 2).clamp(-2, 2).to(dtype)
    plain, memory = oracle(m, None, Draw(1, 0))
    assert plain.dtype == dtype and (memory is None or memory.dtype == dtype)
    eps = torch.finfo(dtype).eps
    sizes = torch.linalg.svdvals(plain.double())
    assert float((sizes[:2] - 1).abs().max()) < 8 * eps + 1e-5 * (eps > 1e-10) and float(sizes[2]) < 8 * eps
    for scale in scales:
        d, _ = oracle((m.double() * scale).to(dtype), None, Draw(1, 0))
        torch.testing.assert_close(d.double(), plain.double(), rtol=0, atol=100 * eps)


@pytest.mark.parametrize("oracle", BOTH, ids=lambda o: o.name)
def test_batches_of_any_shape_are_answered_one_by_one_through_several_calls(oracle) -> None:
    seeds = np.array([[4, 0, 9], [1, 4, 2]])
    m, memory, alone = elements((5, 7), 3, 2, 3), None, {}
    for step in range(3):
        d, memory = oracle(m + step, memory, Draw(seeds, step))
        for i in np.ndindex(2, 3):
            single, alone[i] = oracle(m[i] + step, alone.get(i), Draw(int(seeds[i]), step))
            torch.testing.assert_close(d[i], single, rtol=0, atol=1e-11)


@pytest.mark.parametrize("oracle", BOTH, ids=lambda o: o.name)
def test_randomness_belongs_to_seed_and_step(oracle) -> None:
    m = elements((5, 7), 0)
    first, again, later, other = (oracle(m, None, Draw(*key))[0] for key in ((1, 2), (1, 2), (1, 3), (2, 2)))
    assert torch.equal(first, again)
    assert float((first - later).abs().max()) > 1e-3 and float((first - other).abs().max()) > 1e-3


@pytest.mark.parametrize("oracle", BOTH, ids=lambda o: o.name)
def test_other_radii(oracle) -> None:
    m = elements((4, 9), 1)
    plain, _ = oracle(m, None, Draw(0, 0))
    for ball, radius in ((RmsToRms(), 2 / 3), (Scaled(RmsToRms(), 3.0), 2.0), (Scaled(Spectral(), 0.1), 0.1)):
        d, _ = type(oracle)(2, **({"oversampling": 1} if oracle.name == "randomised-svd" else {}), ball=ball)(
            m, None, Draw(0, 0)
        )
        torch.testing.assert_close(d, radius * plain)


BAD = {
    "no rank": (lambda: LowRank(0), ValueError, "`rank` must be an integer >= 1, got 0"),
    "half a rank": (lambda: RandomisedSvd(1.5), ValueError, "`rank` must be an integer >= 1"),  # type: ignore[arg-type]
    "a truth for a rank": (lambda: LowRank(True), ValueError, "`rank` must be an integer >= 1, got True"),
    "oversampling": (lambda: RandomisedSvd(1, -1), ValueError, "`oversampling` must be an integer >= 0, got -1"),
    "iterations": (lambda: RandomisedSvd(1, 1, -1), ValueError, "`power_iterations` must be an integer >= 0, got -1"),
    "a ball": (lambda: LowRank(1, ball=Nuclear()), TypeError, "LowRank answers for Spectral, RmsToRms and Scaled"),
    "its rank": (lambda: LowRank(4)(elements((3, 5), 0)), ValueError, r"`rank` must be at most 3 for shape \(3, 5\)"),
    "no draw": (lambda: RandomisedSvd(1)(elements((3, 5), 0)), ValueError, "RandomisedSvd needs `draw`"),
    "another memory": (
        lambda: LowRank(2)(elements((3, 5), 0), torch.ones(3, 2)), ValueError,
        r"the memory of LowRank\(2\) must be \(5, 2\) here, got \(3, 2\)"),
    "memory of one run": (
        lambda: LowRank(2)(elements((3, 5), 0, 4), torch.ones(5, 2)), ValueError, r"must be \(4, 5, 2\) here"),
    "no memory at all": (lambda: LowRank(1)(elements((3, 5), 0), 7), ValueError, r"must be \(5, 1\) here, got 7"),
}  # fmt: skip


@pytest.mark.parametrize(("attempt", "error", "message"), BAD.values(), ids=BAD)
def test_bad_arguments(attempt, error, message) -> None:
    with pytest.raises(error, match=message):
        attempt()

"""Answers of low rank against numpy: every factor written out, the best rank as a bound, and what memory does."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import elements
from spectra import SPECTRA, matrix
from torch import Tensor

from lmo import Draw, measure
from lmo.balls import Nuclear, RmsToRms, Scaled, Spectral
from lmo.optim import LMO
from lmo.oracles import LowRank, RandomisedSvd

SHAPES = [(4, 7), (7, 4), (5, 5)]
BOTH = [LowRank(2), RandomisedSvd(2, 1, 1)]


def positive_qr(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The QR factorisation with a positive diagonal (a of full column rank)."""
    q, r = np.linalg.qr(a)
    signs = np.sign(np.diag(r))
    return q * signs, r * signs[:, None]


def best(m: Tensor, rank: int) -> Tensor:
    """The smallest ε of any answer of this rank in the ball: 1 − Σ_{i≤rank} σ_i/Σσ (von Neumann)."""
    s = torch.linalg.svdvals(m)
    return 1 - s[..., :rank].sum(-1) / s.sum(-1)


def epsilon(m: Tensor, d: Tensor) -> Tensor:
    return measure(Spectral(), m, d).epsilon


# Dion's power step


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rank", [1, 2, 4])
def test_the_power_step_is_written_out_with_numpy(shape, rank) -> None:
    memory, kept = None, {}
    for step in range(3):
        m = elements(shape, step, 2)
        d, memory = LowRank(rank)(m, memory, Draw([5, 9], step))
        for run, seed in enumerate((5, 9)):
            x = m[run].numpy()
            before = kept.get(run, Draw(seed, 0).normal("low rank", (shape[1], rank)).numpy())
            p = np.linalg.qr(x @ before)[0]
            kept[run], triangle = positive_qr(x.T @ p)
            np.testing.assert_allclose(d[run].numpy(), -p @ kept[run].T, atol=1e-12)
            assert (x * d[run].numpy()).sum() == pytest.approx(-np.trace(triangle))
            span = memory[run].numpy()  # its columns may have the other sign
            np.testing.assert_allclose(span @ span.T, kept[run] @ kept[run].T, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_repeated_calls_converge_at_the_ratio_of_the_singular_values(shape) -> None:
    """What P still misses shrinks at least like (σ_{r+1}/σ_r)^2 per call, ε − best like its square."""
    m, rank = matrix(shape, "power 1"), 2
    gaps, memory = [], None
    for _ in range(12):
        d, memory = LowRank(rank)(m, memory)
        gaps.append(float(epsilon(m, d) - best(m, rank)))
    ratio = ((rank / (rank + 1)) ** 2) ** 2
    assert all(gap > -1e-14 for gap in gaps)
    assert gaps[10] / gaps[2] < 5 * ratio**8
    for _ in range(60):
        d, memory = LowRank(rank)(m, memory)
    u, _, vt = np.linalg.svd(m.numpy())
    np.testing.assert_allclose(d.numpy(), -u[:, :rank] @ vt[:rank], atol=1e-9)


def test_the_memory_follows_a_matrix_that_turns_slowly() -> None:
    m, turn = matrix((12, 9), "power 1"), torch.linalg.matrix_exp(0.01 * (a := elements((12, 12), 7)) - 0.01 * a.T)
    memory, warm, cold = None, [], []
    for step in range(40):
        d, memory = LowRank(3)(m, memory, Draw(0, step))
        warm.append(float(epsilon(m, d) - best(m, 3)))
        cold.append(float(epsilon(m, LowRank(3)(m, None, Draw(0, step))[0]) - best(m, 3)))
        m = turn @ m
    assert max(warm[20:]) < 0.01 < 0.1 < np.mean(cold)


def test_column_norms_in_place_of_qr_would_leave_the_ball() -> None:
    m, rank = elements((6, 8), 3), 4
    x, before = m.numpy(), Draw(1, 0).normal("low rank", (8, rank)).numpy()
    p = np.linalg.qr(x @ before)[0]
    r = x.T @ p
    size = np.linalg.norm(p @ (r / np.linalg.norm(r, axis=0)).T, 2)
    assert 1.1 < size <= rank**0.5
    assert float(measure(Spectral(), m, LowRank(rank)(m, None, Draw(1, 0))[0]).eta) < 1e-12


# A column that caught nothing starts again


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (5, 5)])
@pytest.mark.parametrize("asleep", [1, 2])
def test_a_zero_question_does_not_blind_the_next_ones(shape, drawn, asleep) -> None:
    """The first row and column of M are 0: a memory of unit vectors e_1 … would never see it."""
    m = elements(shape, 4)
    m[0], m[:, 0] = 0, 0
    memory = None
    for step in range(asleep):
        d, memory = LowRank(1)(0 * m, memory, Draw(3, step) if drawn else None)
        assert not d.any()
    d, _ = LowRank(1)(m, memory, Draw(3, asleep) if drawn else None)
    assert float(epsilon(m, d)) < 1 - 1e-3


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("path", [[(1, 0, 0, 0), (1, 0, 0, 1)], [(1, 1, 0, 0), (1, 0, 0, 0), (1, 0, 1, 0)],
                                  [(1, 1, 0, 0), (0, 0, 1, 1)]])  # fmt: skip
def test_a_direction_that_appears_later_is_found(path, drawn) -> None:
    """The rank of M falls below `rank` and rises again elsewhere, or M moves to the null space of its memory."""
    memory, step = None, 0
    for diagonal in path:
        m = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
        for _ in range(3):
            d, memory = LowRank(2)(m, memory, Draw(8, step) if drawn else None)
            step += 1
    torch.testing.assert_close(d, -m, rtol=0, atol=1e-12)


def test_one_run_that_starts_again_leaves_the_others_alone() -> None:
    m = torch.stack([torch.zeros(4, 6).double(), matrix((4, 6), "rank one"), *elements((4, 6), 1, 4)])
    later, draws = elements((4, 6), 2, 6), [Draw(range(6), step) for step in range(3)]
    _, memory = LowRank(3)(m, None, draws[0])
    _, memory = LowRank(3)(m, memory, draws[1])
    whole, _ = LowRank(3)(later, memory, draws[2])
    for i in range(6):
        mine = None
        for question, step in ((m, 0), (m, 1), (later, 2)):
            alone, mine = LowRank(3)(question[i], mine, Draw(i, step))
        torch.testing.assert_close(whole[i], alone, rtol=0, atol=1e-10)
    assert bool((epsilon(later, whole) < 0.95).all())


# The randomised SVD


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
            assert float(epsilon(m, d)) == pytest.approx(float(best(m, rank)), abs=1e-12)
    flat, _ = RandomisedSvd(3)(torch.eye(*shape).double(), None, Draw(0, 0))
    assert float(epsilon(torch.eye(*shape).double(), flat)) == pytest.approx(1 - 3 / min(shape))


def test_power_iterations_sharpen() -> None:
    m = matrix((40, 60), "power ¼")
    draw = Draw(range(20), 0)
    gaps = [
        epsilon(m.expand(20, 40, 60), RandomisedSvd(3, 2, q)(m.expand(20, 40, 60), None, draw)[0]) for q in range(4)
    ]
    means = [float(gap.mean()) for gap in gaps]
    assert means == sorted(means, reverse=True) and means[3] - float(best(m, 3)) < 0.3 * (means[0] - float(best(m, 3)))


# What both promise


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
        assert float(best(m, rank)) - tolerance <= float(off.epsilon) < 1
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


def test_without_a_draw_the_power_step_starts_the_same_every_time() -> None:
    m = elements((5, 7), 0, 2)
    first, memory = LowRank(2)(m)
    second, _ = LowRank(2)(m, memory)
    assert float((second - first).abs().max()) > 1e-3
    assert torch.equal(LowRank(2)(m)[0], first)  # no memory: a reset
    torch.testing.assert_close(LowRank(2)(m[1])[0], first[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_optimiser_that_is_loaded_goes_on_as_if_nothing_had_happened(dtype) -> None:
    gradients = [g.to(dtype) for g in elements((6, 5), 1, 8)]
    start = torch.nn.Parameter(torch.zeros(6, 5, dtype=dtype))
    optimizer = LMO([start], lr=0.1, oracle=LowRank(2), seed=4)
    for g in gradients[:4]:
        start.grad = g
        optimizer.step()
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    resumed = torch.nn.Parameter(start.detach().clone())
    second = LMO([resumed], lr=0.1, oracle=LowRank(2), seed=4)
    second.load_state_dict(torch.load(file, weights_only=True))
    before, after = optimizer.state[start]["memory"], second.state[resumed]["memory"]
    assert before.dtype == after.dtype and torch.equal(before, after)
    for g in gradients[4:]:
        for parameter, mine in ((start, optimizer), (resumed, second)):
            parameter.grad = g
            mine.step()
    assert torch.equal(start, resumed)


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

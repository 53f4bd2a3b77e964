"""Dion's power step against numpy, call after call: it converges, follows, starts again, and is resumed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from samples import elements
from spectra import best_of_rank, epsilon, matrix

from lmo import Draw, measure
from lmo.balls import Spectral
from lmo.oracles import LowRank

SHAPES = [(4, 7), (7, 4), (5, 5)]


def positive_qr(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The QR factorisation with a positive diagonal (a of full column rank)."""
    q, r = np.linalg.qr(a)
    signs = np.sign(np.diag(r))
    return q * signs, r * signs[:, None]


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
        gaps.append(float(epsilon(m, d) - best_of_rank(m, rank)))
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
        warm.append(float(epsilon(m, d) - best_of_rank(m, 3)))
        cold.append(float(epsilon(m, LowRank(3)(m, None, Draw(0, step))[0]) - best_of_rank(m, 3)))
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


def test_without_a_draw_the_power_step_starts_the_same_every_time() -> None:
    m = elements((5, 7), 0, 2)
    first, memory = LowRank(2)(m)
    second, _ = LowRank(2)(m, memory)
    assert float((second - first).abs().max()) > 1e-3
    assert torch.equal(LowRank(2)(m)[0], first)  # no memory: a reset
    torch.testing.assert_close(LowRank(2)(m[1])[0], first[1], rtol=0, atol=1e-12)

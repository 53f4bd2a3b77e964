"""Power iteration with blocks and the Lanczos recurrence against numpy: Rayleigh–Ritz, residuals, exhausted spaces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import elements
from spectra import matrix, true_gap

from lmo import Draw, measure
from lmo.balls import Nuclear
from lmo.oracles import PowerIteration
from lmo.oracles.krylov import Krylov, Ritz
from lmo.oracles.rank_one import fixed_start, normalised, times

# Power iteration


@pytest.mark.parametrize("shape", [(5, 8), (8, 5), (6, 6)])
@pytest.mark.parametrize(("iterations", "vectors"), [(0, 2), (1, 3), (3, 2), (2, 99)])
def test_a_block_is_written_out_with_numpy(shape, iterations, vectors) -> None:
    """The leading pair of the projection of M on span (MMᵀ)^k Q₀; a block is cut at the shorter side."""
    seeds = np.array([[4, 5], [0, 4]])
    m = elements(shape, 2, 2, 2)
    d, memory = PowerIteration(iterations, vectors)(m, None, Draw(seeds, 1))
    assert memory is None
    for i in np.ndindex(2, 2):
        x = m[i].numpy() if shape[0] <= shape[1] else m[i].numpy().T
        a, columns = x.shape[0], min(vectors, x.shape[0])
        start = Draw(int(seeds[i]), 1).normal("krylov start", (a * columns,)).numpy().reshape(a, columns)
        q = np.linalg.svd(np.linalg.matrix_power(x @ x.T, iterations) @ start, full_matrices=False)[0]
        u, _, vt = np.linalg.svd(q @ q.T @ x)
        expected = -np.outer(u[:, 0], vt[0])
        np.testing.assert_allclose(d[i].numpy(), expected if shape[0] <= shape[1] else expected.T, atol=1e-10)


@settings(max_examples=60)
@given(
    st.integers(1, 6), st.integers(1, 6), st.integers(0, 3), st.integers(1, 4), st.integers(-12, 12),
    st.integers(0, 99), st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16]),
)  # fmt: skip
def test_every_answer_is_one_pair_of_unit_vectors(rows, columns, iterations, vectors, power, seed, dtype) -> None:
    m = 10.0 ** (power / 4 if dtype == torch.float16 else power) * elements((rows, columns), seed, 3)
    m[1] = 0
    m = m.to(dtype)
    d, _ = PowerIteration(iterations, vectors)(m)
    eps = torch.finfo(dtype).eps
    s = torch.linalg.svdvals(d.double())
    assert d.dtype == dtype and not d[1].any() and float((s[[0, 2], 0] - 1).abs().max()) < 16 * eps
    assert float(s[:, 1:].abs().sum(-1).amax()) < 30 * eps if s.shape[1] > 1 else True
    off = measure(Nuclear(), m.double(), d.double())
    assert float(off.eta.max()) < 30 * eps and float(off.epsilon.max()) < 1
    torch.testing.assert_close(PowerIteration(iterations, vectors)(m[2])[0], d[2], rtol=0, atol=64 * eps)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
def test_extreme_entries(scale) -> None:
    m = matrix((6, 9), "power 1")
    torch.testing.assert_close(PowerIteration(5, 2)(scale * m)[0], PowerIteration(5, 2)(m)[0], rtol=0, atol=1e-12)


def test_a_start_belongs_to_seed_and_step_and_is_fixed_without_a_draw() -> None:
    m, oracle = matrix((9, 12), "power ¼"), PowerIteration(1)
    first, again, later, other = (oracle(m, None, Draw(*key))[0] for key in ((1, 2), (1, 2), (1, 3), (2, 2)))
    assert torch.equal(first, again) and not torch.equal(first, later) and not torch.equal(first, other)
    assert torch.equal(oracle(m)[0], oracle(m)[0])
    assert torch.equal(fixed_start(7, m), Draw(0, 0).normal("krylov start", (7,)))
    assert fixed_start(7, m.float()).dtype == torch.float32


def test_blocks_see_past_a_start_without_the_leading_vector() -> None:
    """Rayleigh–Ritz on two vectors is never worse than on the first of them alone."""
    m = matrix((12, 15), "power ¼")
    for seed in range(5):
        both = elements((12, 2), seed)
        q = torch.linalg.qr(both).Q
        sizes = [float(torch.linalg.svdvals(q[:, :k].mT @ m)[0]) for k in (1, 2)]
        assert sizes[0] <= sizes[1]
    gaps = [true_gap(m, PowerIteration(2, k)(m)[0]) for k in (1, 4, 12)]
    assert gaps[2] < 1e-12 < gaps[1] < 0.5


@pytest.mark.parametrize("size", [np.int64(3), 3])
def test_whole_numbers_of_numpy_are_whole_numbers(size) -> None:
    assert torch.equal(PowerIteration(size, size)(matrix((5, 6), "spiked"))[0],
                       PowerIteration(3, 3)(matrix((5, 6), "spiked"))[0])  # fmt: skip


@pytest.mark.parametrize("bad", [np.array(1.5), np.array([1, 2]), "3", None, torch.tensor(1.5), np.float64(2.0)])
def test_what_only_looks_like_one_is_refused(bad) -> None:
    with pytest.raises(ValueError, match="`iterations` must be an integer >= 0, got"):
        PowerIteration(bad)


def test_products_and_unit_vectors() -> None:
    x, v = elements((3, 4), 0, 2), elements((4,), 1, 2)
    np.testing.assert_allclose(times(x, v).numpy(), np.einsum("nij,nj->ni", x.numpy(), v.numpy()), atol=1e-14)
    v[1] = 0
    assert normalised(v).norm(dim=-1).tolist() == pytest.approx([1, 0])


# The Lanczos recurrence


def dense(run: Krylov) -> np.ndarray:
    alpha, beta = run.coefficients()
    return np.diag(alpha) + np.diag(beta[:-1], 1) + np.diag(beta[:-1], -1)


@pytest.mark.parametrize("steps", [2, 4, 9])
def test_the_coefficients_are_those_of_the_projected_matrix(steps) -> None:
    a = elements((9, 9), 1)
    a, start = a @ a.T, elements((9,), 2)
    run = Krylov(torch.mv, a, start)
    run.extend(steps - 1)
    run.extend(1)
    krylov = np.stack([np.linalg.matrix_power(a.numpy() / 10, k) @ start.numpy() for k in range(steps)], 1)
    q, r = np.linalg.qr(krylov)
    q = q * np.sign(np.diag(r))
    assert run.steps == steps
    np.testing.assert_allclose(dense(run), q.T @ a.numpy() @ q, atol=1e-6)
    found = run.ritz()
    values, vectors = np.linalg.eigh(dense(run))
    assert found.theta == pytest.approx(values[-1]) and found.second == pytest.approx(values[-2])
    y = run.vector(found).numpy()
    assert np.linalg.norm(y) == pytest.approx(1) and abs(y @ q @ vectors[:, -1]) == pytest.approx(1)
    assert found.residual == pytest.approx(np.linalg.norm(a.numpy() @ y - found.theta * y), abs=1e-8)
    assert found.theta <= np.linalg.eigvalsh(a.numpy())[-1] + 1e-10


def test_all_steps_find_the_eigenvalues() -> None:
    a = torch.diag(torch.tensor([5.0, 3.0, 2.0, 1.0], dtype=torch.float64))
    run = Krylov(torch.mv, a, torch.ones(4, dtype=torch.float64))
    run.extend(4)
    found = run.ritz()
    assert (found.theta, found.second) == (pytest.approx(5), pytest.approx(3)) and found.residual < 1e-12
    assert run.vector(found).abs().tolist() == pytest.approx([1, 0, 0, 0], abs=1e-12)


def test_a_space_that_is_exhausted_stays_where_it_is() -> None:
    """From an eigenvector every further vector is 0: no division by 0, and the pair is found."""
    a = torch.diag(torch.tensor([5.0, 3.0, 2.0], dtype=torch.float64))
    run = Krylov(torch.mv, a, torch.tensor([2.0, 0, 0], dtype=torch.float64))
    run.extend(4)
    alpha, beta = run.coefficients()
    assert alpha == [5, 0, 0, 0] and beta == [0, 0, 0, 0]
    assert run.ritz().theta == 5 and run.ritz().residual == 0 and run.vector(run.ritz()).abs().tolist() == [1, 0, 0]


def test_the_estimated_error_is_the_smaller_of_two() -> None:
    weights = np.ones(2)
    assert Ritz(2.0, 1.0, 0.5, weights).error == 0.25  # r²/gap
    assert Ritz(2.0, 1.9, 0.5, weights).error == 0.5  # r
    assert Ritz(2.0, 1.5, 0.5, weights).error == 0.5
    assert Ritz(2.0, 2.0, 0.0, weights).error == 0

"""Oracles of the nuclear ball against the SVD: no wrong proof, the target met, wrong certificates caught."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import elements
from scipy.stats import binom
from spectra import SPECTRA, matrix, true_gap
from torch import Tensor

from lmo import Draw
from lmo.balls import Nuclear, Scaled, Spectral
from lmo.oracles import Lanczos, PowerIteration, gap, leading_pair

SHAPES = [(1, 7), (7, 1), (4, 4), (3, 40), (100, 100), (120, 98), (98, 200)]


@settings(max_examples=200)
@given(
    st.sampled_from(SHAPES),
    st.sampled_from(list(SPECTRA)),
    st.sampled_from([1e-2, 1e-4, 1e-6, 1e-8]),
    st.integers(-12, 12),
    st.integers(0, 50),
)
def test_the_proved_gap_is_never_below_the_true_one_and_meets_the_target(shape, spectrum, target, power, seed) -> None:
    m = matrix(shape, spectrum, seed, 10.0**power)
    d, proof = Lanczos(target)(m)
    assert proof.failure == 0
    assert true_gap(m, d) <= float(proof.epsilon) <= target
    assert float(torch.linalg.svdvals(d).sum()) <= 1 + float(proof.eta) <= 1 + 1e-11


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("spectrum", ["gaussian", "power 1", "rank one"])
@pytest.mark.parametrize(("shape", "radius"), [((4, 4), 1.0), ((98, 130), 1.0), ((98, 130), 0.3)])
def test_the_proof_holds_for_the_answer_rounded_to_the_dtype_of_the_question(dtype, spectrum, shape, radius) -> None:
    m = matrix(shape, spectrum).to(dtype)
    d, proof = Lanczos(ball=Scaled(Nuclear(), radius))(m)
    assert d.dtype == dtype
    assert true_gap(m.double(), d.double() / radius) <= float(proof.epsilon) < 1e-6 + 30 * torch.finfo(dtype).eps
    assert float(torch.linalg.svdvals(d.double()).sum()) / radius <= 1 + float(proof.eta) < 1.2


@pytest.mark.parametrize(
    ("spectrum", "how"),
    [("power 1", "trace"), ("spiked", "trace of the square"), ("gaussian", "Cholesky"), ("flat", "Cholesky")],
)
def test_what_the_proof_rests_on(spectrum, how) -> None:
    assert Lanczos()(matrix((100, 100), spectrum))[1].how == how
    assert Lanczos()(matrix((20, 20), spectrum))[1].how == "eigendecomposition and Cholesky"


def misled() -> tuple[Tensor, Tensor]:
    """diag(1, 0.95, …) as a batch of one, and a start without the first coordinate: the run cannot see σ₁ = 1."""
    s = torch.cat([torch.ones(1), torch.linspace(0.95, 0.9, 99)]).double()
    start = elements((100,), 3)
    start[0] = 0
    return torch.diag(s).unsqueeze(0), start


def test_a_run_that_misses_the_leading_pair_is_not_believed() -> None:
    x, start = misled()
    found = leading_pair.certified(x, start, 1e-3, 0.0)
    assert found.how == "eigendecomposition and Cholesky"
    assert abs(float(found.pair.u[0, 0])) == pytest.approx(1) and float(found.epsilon) <= 1e-3


def test_without_the_cholesky_factorisation_it_would_be_believed(monkeypatch) -> None:
    def always(symmetric: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ones_like(shift, dtype=torch.bool), shift

    monkeypatch.setattr(gap, "shift_to_positive", always)
    x, start = misled()
    found = leading_pair.certified(x, start, 1e-3, 0.0)
    assert found.how == "Cholesky" and float(found.epsilon) <= 1e-3
    assert true_gap(x[0], -torch.outer(found.pair.u[0], found.pair.v[0])) > 0.04


def test_without_any_cholesky_factorisation_it_says_so(monkeypatch) -> None:
    def never(symmetric: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros_like(shift, dtype=torch.bool), shift

    monkeypatch.setattr(gap, "shift_to_positive", never)
    for shape in ((5, 5), (100, 100)):
        with pytest.raises(ArithmeticError, match="no proof of the gap 1e-06 for"):
            Lanczos()(matrix(shape, "gaussian"))


def test_a_run_that_does_not_converge_gives_way_to_the_eigendecomposition(monkeypatch) -> None:
    monkeypatch.setattr(leading_pair, "MOST", 16)
    m = matrix((100, 100), "gaussian")
    d, proof = Lanczos()(m)
    assert proof.how == "eigendecomposition and Cholesky" and true_gap(m, d) <= float(proof.epsilon) <= 1e-6


@pytest.mark.parametrize("spectrum", ["gaussian", "power ¼", "spiked", "nearly repeated"])
@pytest.mark.parametrize("failure", [0.3, 0.01])
def test_answers_from_a_random_start_fail_no_more_often_than_stated(monkeypatch, spectrum, failure) -> None:
    monkeypatch.setattr(leading_pair, "EVERY", 2)  # stops as soon as the bound allows
    runs, target, m = 150, 3e-3, matrix((100, 100), spectrum)
    d, proof = Lanczos(target, failure)(m.expand(runs, 100, 100), draw=Draw(np.arange(runs), 4))
    assert proof.how == "random start" and proof.failure == failure and float(proof.epsilon.max()) <= target
    sigma = float(torch.linalg.svdvals(m)[0])
    wrong = int((1 + (m * d).sum((-2, -1)) / sigma > proof.epsilon).sum())
    assert wrong <= binom.ppf(1 - 1e-6, runs, failure)


def test_a_random_start_that_does_not_suffice_ends_in_a_proof(monkeypatch) -> None:
    monkeypatch.setattr(leading_pair, "PRODUCTS", 16)
    m = matrix((100, 100), "gaussian")
    d, proof = Lanczos(failure=1e-6)(m, draw=Draw(0, 0))
    assert proof.how == "Cholesky" and proof.failure == 0 and true_gap(m, d) <= float(proof.epsilon) <= 1e-6


def test_the_random_start_belongs_to_seed_and_step() -> None:
    m, oracle = matrix((100, 100), "power ¼"), Lanczos(1e-2, failure=1e-2)
    first, again, later = (oracle(m, draw=Draw(7, step))[0] for step in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, later)
    with pytest.raises(ValueError, match="needs `draw`"):
        oracle(m)


@pytest.mark.parametrize("kind", [Lanczos(), Lanczos(failure=1e-3)], ids=["proved", "random"])
@pytest.mark.parametrize("shape", [(6, 5), (100, 110)])
def test_a_batch_with_a_zero_in_it(kind, shape) -> None:
    m = torch.stack([matrix(shape, "gaussian"), torch.zeros(shape).double(), matrix(shape, "power 1", 5, 1e9)])
    d, proof = kind(m.unsqueeze(0), draw=Draw([[0, 1, 2]], 0))
    assert proof.epsilon.shape == proof.eta.shape == (1, 3)
    assert bool((d[0, 1] == 0).all()) and proof.epsilon[0, 1] == 0 and proof.eta[0, 1] == -1
    for i in (0, 2):
        alone, mine = kind(m[i], draw=Draw(i, 0))
        torch.testing.assert_close(d[0, i], alone, rtol=0, atol=1e-12)
        assert float(mine.epsilon) == pytest.approx(float(proof.epsilon[0, i]), abs=1e-12)
    assert kind(torch.zeros(shape).double(), draw=Draw(0, 0))[1].how == "m = 0"


def test_targets_that_float64_cannot_prove_are_refused() -> None:
    for shape in ((4, 4), (100, 130), (130, 100)):
        least = gap.least_target(min(shape), max(shape))
        for spectrum in ("gaussian", "flat", "rank one"):
            m = matrix(shape, spectrum)
            d, proof = Lanczos(1.01 * least)(m)
            assert true_gap(m, d) <= float(proof.epsilon) <= 1.01 * least
        with pytest.raises(ValueError, match=rf"`target` must be at least .* for {min(shape)} x {max(shape)}"):
            Lanczos(0.9 * least)(matrix(shape, "gaussian"))


@pytest.mark.parametrize("bad", [{"target": 0.0}, {"target": 1.0}, {"failure": 1.0}, {"failure": -0.1}])
def test_numbers_out_of_range_are_refused(bad) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(bad))}` must be a finite number"):
        Lanczos(**bad)


@pytest.mark.parametrize("kind", [Lanczos, PowerIteration])
def test_other_balls(kind) -> None:
    m = matrix((6, 9), "spiked")
    torch.testing.assert_close(kind(ball=Scaled(Nuclear(), 0.3))(m)[0], 0.3 * kind()(m)[0])
    with pytest.raises(TypeError, match="answers for Nuclear and Scaled of it, not for"):
        kind(ball=Spectral())


@pytest.mark.parametrize("shape", [(5, 8), (8, 5), (6, 6)])
@pytest.mark.parametrize("iterations", [0, 1, 4])
def test_power_iteration_is_written_out_with_numpy(shape, iterations) -> None:
    m = elements(shape, 2, 3)
    d, memory = PowerIteration(iterations)(m, "kept", draw=Draw([4, 5, 4], 1))
    assert memory == "kept"
    for i, seed in enumerate((4, 5, 4)):
        x = m[i].numpy() if shape[0] <= shape[1] else m[i].numpy().T
        q = Draw(seed, 1).normal("krylov start", (x.shape[0],)).numpy()
        for _ in range(iterations):
            q = x @ (x.T @ q)
        expected = -np.outer(q, q @ x) / (np.linalg.norm(q) * np.linalg.norm(q @ x))
        np.testing.assert_allclose(d[i].numpy(), expected if shape[0] <= shape[1] else expected.T, atol=1e-12)


def test_power_iteration_converges_like_the_ratio_of_the_singular_values() -> None:
    """ε of a block of p falls at least like (σ_{p+1}/σ₁)^{4k}, up to a factor that the start sets."""
    m = matrix((40, 50), "power ¼")
    for vectors in (1, 3, 8):
        ratio = (vectors + 1) ** -0.25
        gaps = [true_gap(m, PowerIteration(k, vectors)(m)[0]) for k in (4, 12)]
        assert gaps[1] < gaps[0] * ratio ** (4 * (12 - 4)) * 3
    assert true_gap(m, PowerIteration(0, 99)(m)[0]) < 1e-12  # a block as large as the matrix needs no iteration


@pytest.mark.parametrize("bad", [{"iterations": -1}, {"iterations": 1.5}, {"vectors": 0}, {"vectors": True}])
def test_power_iteration_refuses(bad) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(bad))}` must be an integer >= "):
        PowerIteration(**bad)

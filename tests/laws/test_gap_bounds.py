"""Bounds on σ_max without an SVD: never too small, sharp, and wrong no more often than stated."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from samples import elements
from scipy.special import betainc
from scipy.stats import binom
from spectra import SPECTRA, matrix

from lmo import Draw
from lmo.oracles import gap, leading_pair
from lmo.oracles.krylov import Krylov
from lmo.oracles.rounding import UNIT, frobenius, gamma


@given(st.sampled_from(list(SPECTRA)), st.integers(0, 20), st.floats(0, 1), st.integers(2, 12))
def test_bounds_on_the_largest_singular_value_hold_from_any_vector(spectrum, seed, angle, n) -> None:
    """Also from vectors with no part in u₁, and close to it; a bound may be infinite, never too small."""
    x = matrix((n, n + 2), spectrum, seed).unsqueeze(0)
    left, s, _ = torch.linalg.svd(x[0])
    noise = elements((n,), seed + 99)
    noise = noise - left[:, 0] * (left[:, 0] @ noise)
    u = math.cos(angle**4 * math.pi / 2) * left[:, 0] + math.sin(angle**4 * math.pi / 2) * noise / noise.norm()
    u, gram, true = u.unsqueeze(0), x @ x.mT, float(s[0] ** 2)
    size = frobenius(x)
    for bound in (gap.by_trace(x, u, size), gap.by_gram_norm(x, gram, u, size)):
        assert float(bound) > true * (1 - 4 * UNIT)
    for factor in (0.5, 1 - 1e-9, 1 + 1e-9, 2.0):
        bound = float(gap.by_cholesky(x, gram, true * torch.full((1,), factor, dtype=torch.float64), size))
        assert (factor < 1 and bound == math.inf) or true < bound <= true * factor


def test_the_deflation_bound_is_that_of_two_by_two_matrices() -> None:
    theta, residual, rest = torch.tensor([[1.0, 1.0, 1.0], [1e-3, 0.5, 0.1], [0.2, 0.9, 1.0]]).double()
    bound = gap.by_deflation(theta, residual, rest, torch.zeros(3).double())
    larger = torch.linalg.eigvalsh(torch.stack([theta, residual, residual, rest], -1).reshape(3, 2, 2))[:, 1]
    assert bool((bound >= larger).all()) and bound[2] == math.inf
    assert float(bound[0] - larger[0]) < 1e-11


@given(st.integers(0, 50), st.integers(1, 9), st.integers(0, 9))
def test_the_lower_end_of_a_pair_is_below_its_value_in_extended_precision(seed, rows, more) -> None:
    x = elements((rows, rows + more), seed)
    wide = x.unsqueeze(0)
    pair = gap.pair_from(wide, elements((1, rows), seed + 77), frobenius(wide))
    answer = torch.outer(pair.u[0], pair.v[0]).numpy().astype(np.longdouble)
    value = (x.numpy().astype(np.longdouble) * answer).sum()
    assert float(pair.lower) <= value <= float(pair.lower) + 4 * gamma(2 * rows + more + 9) * float(x.norm())
    u = elements((1, rows), seed + 77)
    assert value >= float(torch.linalg.vector_norm(u @ x) / u.norm()) * (1 - 1e-14)


def run_from(s: np.ndarray, seed: int, steps: int) -> tuple[list[float], list[float], float]:
    """α, β and |u₁ᵀq₁| of a Lanczos run for diag(s²)."""
    start = Draw(seed, 0).normal("krylov start", (s.size,))
    a = torch.as_tensor(s**2)
    run = Krylov(torch.mul, a, start)
    run.extend(steps)
    alpha, beta = run.coefficients()
    return alpha, beta, abs(float(start[0] / start.norm()))


@pytest.mark.parametrize("spectrum", ["flat", "gaussian", "power ¼", "spiked", "nearly repeated"])
def test_the_run_never_excludes_the_truth_from_a_start_as_good_as_assumed(spectrum) -> None:
    s = SPECTRA[spectrum](60)
    for seed in range(40):
        alpha, beta, coordinate = run_from(s, seed, 40)
        for start in (coordinate * (1 - 1e-9), coordinate / 2, coordinate / 1e6):
            assert gap.by_random_start(alpha, beta, 1 - 1e-12, start, 4 * UNIT) == math.inf


@pytest.mark.parametrize("spectrum", ["gaussian", "power ¼", "spiked"])
def test_the_run_excludes_what_makes_a_polynomial_outgrow_one(spectrum) -> None:
    """Against the Lanczos polynomials written out, p_{j+1} = ((x − α_j)p_j − β_{j−1}p_{j−1})/β_j, without rounding."""
    alpha, beta, _ = run_from(SPECTRA[spectrum](60), 1, 12)
    theta = np.linalg.eigvalsh(np.diag(alpha) + np.diag(beta[:-1], 1) + np.diag(beta[:-1], -1))[-1]
    for limit in theta * np.array([1 + 1e-6, 1.001, 1.1, 2.0]):
        p = [0.0, 1.0]
        for j in range(12):
            p.append(((limit - alpha[j]) * p[-1] - (beta[j - 1] if j else 0.0) * p[-2]) / beta[j])
        for start in (0.999, 1.001) / np.max(p):
            found = gap.by_random_start(alpha, beta, limit, start, 0.0)
            assert found == (limit if start * np.max(p) > 1 else math.inf)


def test_how_often_the_truth_is_excluded_is_the_failure_probability() -> None:
    """At most the stated p, and not far below it: the bound on |u₁ᵀq₁| and the growth of the polynomials are sharp."""
    s, runs = SPECTRA["power ¼"](60), 600
    for failure in (0.05, 0.3):
        least = gap.least_coordinate(60, failure)
        wrong = sum(
            gap.by_random_start(*run_from(s, seed, 40)[:2], 1 - 1e-12, least, 4 * UNIT) < math.inf
            for seed in range(runs)
        )
        assert binom.ppf(1e-6, runs, failure / 3) <= wrong <= binom.ppf(1 - 1e-6, runs, failure)


@pytest.mark.parametrize("rows", [2, 3, 5, 100, 4096])
@pytest.mark.parametrize("failure", [1e-6, 1e-3, 0.1, 0.5])
def test_a_coordinate_of_a_uniform_unit_vector(rows, failure) -> None:
    """P(|c₁| < s) by the incomplete beta function: at most `failure`, and close to it."""
    exact = betainc(0.5, (rows - 1) / 2, gap.least_coordinate(rows, failure) ** 2)
    assert min(0.9, 1 - 1 / rows) * failure < exact <= failure


@pytest.mark.parametrize("columns", [1, 511, 512, 513, 1024, 1025, 1300])
@pytest.mark.parametrize("seed", [0, 1])
def test_products_in_strips_are_as_exact_as_their_bound(columns, seed) -> None:
    x, q = elements((3, columns), seed), elements((columns,), seed + 9)
    exact = x.numpy().astype(np.longdouble) @ q.numpy().astype(np.longdouble)
    assert leading_pair._terms(columns) <= columns + 1
    for way in (leading_pair._strip_by_strip, leading_pair._strips_at_once):
        for layout in (x, x.mT.contiguous().mT):
            error = np.abs(way(layout, q).numpy() - exact)
            most = gamma(leading_pair._terms(columns)) * (np.abs(x.numpy()) @ np.abs(q.numpy()))
            assert bool((error <= most).all())


@pytest.mark.parametrize("rows", [512, 1024, 3000])
def test_strips_are_not_added_up_product_by_product(rows) -> None:
    """One, and terms of half a unit: added one after the other to the one, each of them is lost."""
    x = torch.full((rows, 40), 2.0**-53, dtype=torch.float64)
    x[0] = 1
    q = torch.ones(rows, dtype=torch.float64)
    exact = 1 + (rows - 1) * 2.0**-53
    for way in (leading_pair._strip_by_strip, leading_pair._strips_at_once):
        for layout in (x.mT, x.mT.contiguous()):
            error = float((way(layout, q) - exact).abs().max())
            assert error <= gamma(leading_pair._terms(rows)) * exact

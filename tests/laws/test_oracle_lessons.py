"""The lessons about oracles, read a second time: other formulas, other arithmetic, planted wrong constants."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from experiments.oracles import gallery
from experiments.oracles.spectra import matrix
from experiments.studies import kim_oh
from experiments.studies.lessons import aol_bias, delta_against_epsilon, delta_table, gram_rounding
from figures import oracle_pareto
from lmo.balls import Spectral
from lmo.oracles import catalogue
from lmo.polynomials import names, schedule
from lmo.polynomials.classical import classical
from lmo.polynomials.design import designed

UNIT = 2.0**-8  # unit roundoff of bfloat16: half of the gap 2⁻⁷ after 1


# --- the delta table --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table() -> xr.Dataset:
    return delta_table.data()


def worst(name: str, steps: int, low: float) -> float:
    """max |1 − p| on a fine grid, with the table of coefficients read as plain lists."""
    s = np.geomspace(low, 1, 60_000)
    for row in (list(schedule(name).table) + [schedule(name).tail] * steps)[:steps]:
        s = sum(c * s ** (2 * j + 1) for j, c in enumerate(row))
    return float(np.abs(1 - s).max())


@pytest.mark.parametrize("name", names())
def test_the_table_holds_every_schedule_and_step(name: str, table: xr.Dataset) -> None:
    one, length = table["delta"].sel(schedule=name), len(schedule(name).table)
    for steps in table["steps"].values.tolist():
        cell = one.sel(steps=steps)
        if steps > length and schedule(name).tail is None:
            assert cell.isnull().all()
            continue
        for low in table["s_min"].values.tolist():
            assert float(cell.sel(s_min=low)) == pytest.approx(worst(name, steps, low), abs=1e-5)
    assert table["tabulated"].sel(schedule=name) == length


def test_no_composition_of_quintics_is_below_the_designed_ones(table: xr.Dataset) -> None:
    """Random perturbations of the designed coefficients do not help either, at three steps where all can be moved."""
    random, s = np.random.default_rng(0), np.geomspace(0.01, 1, 4000)
    least = float(table["delta"].sel(schedule="minimax", steps=3, s_min=0.01))
    rows = np.array(designed(0.01, 3).table)
    for size in (1e-4, 1e-3, 1e-2):
        for _ in range(60):
            p = s
            for row in rows * (1 + size * random.standard_normal(rows.shape)):
                p = p * (row[0] + p**2 * (row[1] + p**2 * row[2]))
            assert np.abs(1 - p).max() >= least - 1e-6


def test_findings_of_the_table_can_fail(table: xr.Dataset) -> None:
    assert all(f.agrees for f in delta_table.findings(table))
    wrong = table.assign(delta=table["delta"].where(table["schedule"] != "jordan", 1e-9))
    assert sum(not f.agrees for f in delta_table.findings(wrong)) >= 3


# --- δ against ε ------------------------------------------------------------------------------------------------------


def test_errors_of_a_spectrum_are_those_of_the_exact_rationals() -> None:
    """σ = (1, ½, ¼) and one classical cubic step, by fractions."""
    sigma = [Fraction(1), Fraction(1, 2), Fraction(1, 4)]
    scaled = [s * Fraction(4, 5) for s in sigma]  # any scale: the formulas take p as given
    p = [s * (3 - s * s) / 2 for s in scaled]
    delta, epsilon, eta = (
        max(abs(1 - x) for x in p),
        1 - sum(s * x for s, x in zip(sigma, p, strict=True)) / sum(sigma),
        max(p) - 1,
    )
    got = delta_against_epsilon._errors(np.array([[float(x) for x in p]]), np.array([[float(s) for s in sigma]]))
    assert got[:, 0] == pytest.approx([float(delta), float(epsilon), float(eta)], abs=1e-15)


def test_delta_goes_to_one_and_epsilon_does_not() -> None:
    data = delta_against_epsilon.data()
    last = data.isel(exponent=-1)
    assert (last["delta"] > 0.99).all() and (data["epsilon"] < 0.3).all()
    by_delta, by_pair = delta_against_epsilon.factors(data)
    assert (by_pair <= by_delta * (1 + 1e-9)).all() and float((by_delta / by_pair).max()) > 1000
    assert all(f.agrees for f in delta_against_epsilon.findings(data))
    assert not all(f.agrees for f in delta_against_epsilon.findings(data.assign(epsilon=data["epsilon"] + 1e-6)))


# --- Kim & Oh ---------------------------------------------------------------------------------------------------------


def lost(sigma: np.ndarray, q: int) -> float:
    """1/(1 − ε) of Newton–Schulz of order 2 on a spectrum, with p written out: (15s − 10s³ + 3s⁵)/8."""
    s = sigma / np.linalg.norm(sigma)
    for _ in range(q):
        s = s * (15 - 10 * s**2 + 3 * s**4) / 8
    return float(sigma.sum() / (sigma * s).sum())


@given(st.integers(0, 2**31), st.sampled_from(kim_oh.STEPS), st.floats(0, 4))
def test_no_spectrum_loses_more_than_the_bound(seed: int, q: int, spread: float) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(1, kim_oh.RANK + 1))
    sigma = np.exp(spread * random.standard_normal(count))
    assert lost(sigma, q) <= BOUNDS[q] * (1 + 1e-12)


BOUNDS = {q: kim_oh.lost_bound(q) for q in kim_oh.STEPS}


@pytest.mark.parametrize("q", kim_oh.STEPS)
def test_the_bound_is_the_value_of_a_linear_programme(q: int) -> None:
    """Least Σ w s p(s) over weights w ≥ 0 of values s with Σ w s = 1, Σ w = 768 Σ w s²: any weights."""
    s = np.concatenate([np.geomspace(1e-5, 1, 3000), [0.0]])
    p = s.copy()
    for _ in range(q):
        p = p * (15 - 10 * p**2 + 3 * p**4) / 8
    found = linprog(s * p, A_eq=[s, kim_oh.RANK * s**2 - 1], b_eq=[1, 0], method="highs")
    assert found.status == 0
    assert BOUNDS[q] * (1 - 5e-3) <= 1 / found.fun <= BOUNDS[q] * (1 + 1e-3)
    worst_found, a = kim_oh.attained(q)
    spectrum = np.array([math.sqrt(1 - (kim_oh.RANK - 1) * a**2)] + [a] * (kim_oh.RANK - 1))
    assert lost(spectrum, q) == pytest.approx(worst_found, rel=1e-9) and worst_found <= 1 / found.fun * (1 + 1e-3)


def test_the_bounds_that_are_quoted() -> None:
    assert {q: round(bound, 2) for q, bound in BOUNDS.items()} == {3: 6.31, 5: 3.48, 8: 1.74, 10: 1.29}


def test_chi_by_a_singular_value_decomposition() -> None:
    """δ of the iteration on a matrix with σ_min = 0.01‖m‖_F, as ‖d̂ − d‖ of two dense matrices in numpy."""
    sigma = np.array([math.sqrt(1 - 2 * 1e-4), 0.01, 0.01])
    u, v = (scipy.linalg.qr(np.random.default_rng(i).standard_normal((3, 3)))[0] for i in range(2))
    x = u @ np.diag(sigma) @ v
    for _ in range(5):
        gram = x @ x.T
        x = (15 * np.eye(3) - 10 * gram + 3 * gram @ gram) @ x / 8
    delta = np.linalg.norm(x - u @ v, 2)
    assert 1 / (1 - delta) == pytest.approx(float(kim_oh._chi_of(5, 0.01)), rel=1e-9) and 4.37 < 1 / (1 - delta) < 4.38


def test_their_explicit_bound_is_s1_plus_what_its_zero_start_costs_them() -> None:
    """At e_q = 0 and β → 0 it is Δ/(Tη) + Lη/2 + 2σ√r; each error term by hand at one point."""
    given_ = {"gap": 2.0, "smoothness": 3.0, "steps": 50, "step_size": 0.1, "noise": 0.5, "rank": 4}
    assert kim_oh.explicit(**given_, beta=0.0, error=0.0) == pytest.approx(2 / 5 + 0.15 + 2 * 0.5 * 2)
    by_hand = (
        2 / 5 + 0.15 * 1.2**2 + 2 * 0.9 * 0.3 * 1.2 / 0.1 + 2 * 0.5 * 2 * math.sqrt(0.1 / 1.9) + 1.8 * math.sqrt(48) / 5
    )
    assert kim_oh.explicit(**given_, beta=0.9, error=0.2) == pytest.approx(by_hand / 0.8)
    assert kim_oh.explicit(**given_, beta=0.9, error=1.0) == math.inf


def test_findings_of_kim_and_oh_agree_and_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(f.agrees for f in kim_oh.study(seeds=1).findings)
    monkeypatch.setattr(kim_oh, "law", lambda order, q, s: 0.0)  # a bound of χ that forgets the error
    assert sum(not f.agrees for f in kim_oh._chi(kim_oh.chi())) == len(kim_oh.CASES)


@pytest.mark.parametrize("exponent", [0, 1])
def test_a_wrong_exponent_in_their_law_is_caught(exponent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """2κ + 1 in place of κ + 1, as one reading has it: planted by a polynomial of lower order."""
    monkeypatch.setattr(kim_oh, "classical", lambda order: classical(max(1, order - exponent)))
    assert kim_oh._law().agrees == (exponent == 0)


# --- rounding of the Gram form ----------------------------------------------------------------------------------------


def bfloat16(x: np.ndarray) -> np.ndarray:
    """Rounded to 8 significant bits, by numpy alone."""
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(mantissa * 256) / 256, exponent)


def emulated(m: np.ndarray, steps: int, restarts: tuple[int, ...]) -> np.ndarray:
    """The Gram recursion as in the published code, every product rounded to bfloat16, accumulation exact."""
    x, q = bfloat16(m / np.linalg.norm(m)), np.eye(len(m))
    r = bfloat16(x @ x.T)
    for k, (a, b, c) in enumerate(schedule("polar-express").polynomials(steps)):
        if k in restarts:
            x, q = bfloat16(q @ x), np.eye(len(m))
            r = bfloat16(x @ x.T)
        z = bfloat16(b * r + c * bfloat16(r @ r))
        q = bfloat16(a * q + q @ z)
        rz = bfloat16(a * r + r @ z)
        r = bfloat16(a * rz + z @ rz)
    return bfloat16(q @ x)


def test_the_blow_up_is_that_of_the_recursion_not_of_this_code() -> None:
    m = matrix("power-law=1.0", (64, 128), 0)
    exact, _ = gram_rounding.oracle("polar-express", 5, torch.float64, None)(m)
    for restarts, broken in (((), True), ((2,), False)):
        mine, _ = gram_rounding.oracle("polar-express", 5, torch.bfloat16, restarts)(m)
        for answer in (mine.numpy(), -emulated(m.numpy(), 5, restarts)):
            off = np.linalg.norm(answer - exact.numpy()) / np.linalg.norm(exact.numpy())
            assert (off > 3) if broken else (off < 0.6), (restarts, off)


def test_rounding_data_have_the_norms_and_growth_that_they_say() -> None:
    data = gram_rounding.data((48, 96))
    first = data.sel(spectrum="power-law=1.0", schedule="you", precision="bfloat16", form="direct")
    answer, _ = gram_rounding.oracle("you", 5, torch.bfloat16, None)(matrix("power-law=1.0", (48, 96), 0))
    assert float(first["norm"].sel(steps=5)) == pytest.approx(np.linalg.norm(answer.numpy(), 2), rel=1e-9)
    assert data["growth"].sel(schedule="you").values[:3] == pytest.approx([1, 4.0848**2, (4.0848 * 3.9505) ** 2])
    assert float(data["roundoff"].sel(precision="bfloat16")) == pytest.approx(UNIT)
    tight = data.sel(form="direct")
    assert (tight["error"].sel(precision="float16") < 0.3 * tight["error"].sel(precision="bfloat16")).all()


# --- AOL --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", aol_bias.FAMILIES)
def test_the_bias_by_square_roots_of_matrices(family: str) -> None:
    """polar(m) = (m mᵀ)^{−½}m by scipy, s by loops over rows."""
    m = aol_bias.family_matrix(family, 1.0, (12, 30))
    x = m.numpy()
    s = np.array([1 / math.sqrt(sum(abs(float(x[i] @ x[j])) for j in range(12))) for i in range(12)])
    wrong, right = (scipy.linalg.inv(scipy.linalg.sqrtm(y @ y.T)) @ y for y in (s[:, None] * x, x))
    relative, delta, epsilon = aol_bias.biased(m)
    assert relative == pytest.approx(np.linalg.norm(wrong - right) / math.sqrt(12), rel=1e-6)
    assert delta == pytest.approx(np.linalg.norm(wrong - right, 2), rel=1e-6)
    nuclear = np.linalg.svd(x, compute_uv=False).sum()
    assert epsilon == pytest.approx(1 - (x * wrong).sum() / nuclear, abs=1e-9) and epsilon > 0


def test_orthogonal_rows_have_no_bias_whatever_their_length() -> None:
    rows = torch.linalg.qr(torch.randn(30, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).Q.mT
    relative, delta, epsilon = aol_bias.biased(torch.linspace(0.01, 1, 12, dtype=torch.float64).unsqueeze(-1) * rows)
    assert max(relative, delta, abs(epsilon)) < 1e-12


def test_findings_of_aol_can_fail() -> None:
    data = aol_bias.data((24, 48))
    assert all(f.agrees for f in aol_bias.findings(data))
    assert not all(f.agrees for f in aol_bias.findings(data.assign(bias=data["bias"] * 0)))


# --- the picture of all oracles ---------------------------------------------------------------------------------------


def test_the_gallery_holds_every_oracle_of_the_spectral_ball_or_says_why_not() -> None:
    drawn = {type(spec.oracle) for spec in gallery.specs()}
    for name, kind in catalogue().items():
        answers = (
            any(oracle.ball == Spectral() for oracle, _ in kind.examples()) if name not in gallery.LEFT_OUT else False
        )
        assert (kind in drawn) == answers, name
    texts = [spec.text for spec in gallery.specs()]
    assert len(set(texts)) == len(texts) >= 20 and set(gallery.LEFT_OUT) <= set(catalogue())
    assert all(spec.oracle.ball == Spectral() for spec in gallery.specs())


def test_a_new_oracle_appears_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    class New(catalogue()["rounded"]):  # type: ignore[misc]
        pass

    known: dict[str, Any] = {**catalogue(), "new": New}
    monkeypatch.setattr(gallery, "catalogue", lambda: known)
    assert [spec.text for spec in gallery.specs() if type(spec.oracle) is New] == ["new"]


def test_the_compressed_axis_rises_and_is_its_own_inverse() -> None:
    epsilon = np.geomspace(1e-16, 1, 200)
    height = oracle_pareto._height(epsilon)
    assert (np.diff(height) > 0).all() and oracle_pareto._epsilon(height) == pytest.approx(epsilon, rel=1e-9)

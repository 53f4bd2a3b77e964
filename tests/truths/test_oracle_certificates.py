"""Certificates, spectra and costs of `experiments.oracles` against 60-digit arithmetic and plain measurements."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from experiments.oracles import certificates, plan, report, spectra
from experiments.oracles.cost import cost, milliseconds
from experiments.oracles.measured import measured, rows
from experiments.oracles.sources import Matrix
from experiments.oracles.specs import parse
from experiments.oracles.spectrum import of_matrix
from lmo import measure
from lmo.balls import Nuclear, Spectral
from lmo.oracles.newton_schulz import PolynomialOracle
from lmo.oracles.qdwh import QDWH, weights

SPECTRA = ["gaussian", "power-law=2", "spiked=0.01", "geometric=1e-9", "low-rank=3"]
SPECS = ["jordan", "you:4/schatten-4", "polar-express:7", "classical-2:6/schatten-4", "aol-broken", "minimax:4=0.01"]
SHAPES = [(7, 7), (5, 11), (9, 4)]
ORACLE = parse("jordan").oracle


def exact_sigma(m: torch.Tensor) -> list[mpmath.mpf]:
    """Singular values of the stored entries, to 60 digits, in decreasing order."""
    with mpmath.workdps(60):
        found = mpmath.svd_r(mpmath.matrix(m.double().tolist()), compute_uv=False)
        return sorted(found, reverse=True)


def exact_answer(oracle: PolynomialOracle, sigma: list[mpmath.mpf]) -> list[mpmath.mpf]:
    """p(σ/scale) to 60 digits, the scale by its definition."""
    with mpmath.workdps(60):
        power = {"frobenius": 2, "schatten-4": 4}[oracle.scale.name]
        scale = mpmath.fsum(s**power for s in sigma) ** (mpmath.mpf(1) / power)
        found = [s / scale for s in sigma]
        for polynomial in oracle.polynomials:
            found = [mpmath.fsum(mpmath.mpf(c) * s ** (2 * j + 1) for j, c in enumerate(polynomial)) for s in found]
        return found


def exact_epsilon(sigma: list[mpmath.mpf], p: list[mpmath.mpf]) -> mpmath.mpf:
    """Σσ(1 − p)⁺/Σσ."""
    with mpmath.workdps(60):
        missed = (s * max(1 - q, mpmath.mpf(0)) for s, q in zip(sigma, p, strict=True))
        return mpmath.fsum(missed) / mpmath.fsum(sigma)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("source", SPECTRA)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_enclosures_hold_the_singular_values(source: str, shape: tuple[int, int], dtype: torch.dtype) -> None:
    m = spectra.matrix(source, shape, 1).to(dtype) * 2.0**-100
    found, true = of_matrix(m), exact_sigma(m)
    unit = mpmath.mpf(2) ** round(float(mpmath.log(true[0] / mpmath.mpf(float(found.high[0])), 2)))
    assert len(found.low) == len(true) == min(shape)
    for low, high, sigma in zip(found.low, found.high, true, strict=True):
        assert mpmath.mpf(float(low)) * unit <= sigma <= mpmath.mpf(float(high)) * unit
        assert high - low <= 1e-11 * found.high[0]
    least = true[-1] / unit
    assert found.condition == pytest.approx(float(true[0] / true[-1]), rel=1e-3) if least > 1e-8 else least < 1e-8


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("source", SPECTRA)
@pytest.mark.parametrize("shape", SHAPES)
def test_certificates_are_above_the_truth_and_those_by_spectrum_close(
    spec: str, source: str, shape: tuple[int, int]
) -> None:
    m = spectra.matrix(source, shape, 2) if source != "low-rank=3" else spectra.matrix("spiked=0.5", shape, 2)
    oracle, spectrum, sigma = parse(spec).oracle, of_matrix(m), exact_sigma(m)
    assert isinstance(oracle, PolynomialOracle)
    p = exact_answer(oracle, sigma)
    interval, fine = certificates.by_interval(oracle, spectrum), certificates.by_spectrum(oracle, spectrum)
    assert interval is not None and fine is not None and (interval.kind, fine.kind) == ("interval", "spectrum")
    true = {"delta": max(abs(1 - q) for q in p), "epsilon": exact_epsilon(sigma, p), "eta": max(abs(q) for q in p) - 1}
    assert fine.epsilon <= interval.epsilon or interval.epsilon < 0
    for name, value in true.items():
        assert fine.delta is not None and interval.delta is not None
        if name != "epsilon" or value > 0:
            assert value <= getattr(fine, name) <= float(value) + 1e-6
        assert getattr(fine, name) <= getattr(interval, name) + 1e-12


@pytest.mark.parametrize(
    "spec", ["jordan", "gram:you@float32", "moment-tuned@bfloat16", "adaptive=1e-4", "exact", "torch"]
)
@pytest.mark.parametrize("source", SPECTRA)
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_proved_of_an_answer(spec: str, source: str, shape: tuple[int, int]) -> None:
    m = spectra.matrix(source, shape, 3).float()
    d, said = parse(spec).oracle(m)
    error, proved = measure(Spectral(), m.double(), d.double()), certificates.of_answer(of_matrix(m), d)
    assert float(error.epsilon) <= proved.epsilon + 1e-14 and float(error.eta) <= proved.eta <= float(error.eta) + 1e-10
    u, s, vh = torch.linalg.svd(m.double(), full_matrices=False)
    missed = (s * (1 + (u.mT @ d.double() * vh).sum(-1)).clamp(min=0)).sum() / s.sum()
    assert proved.epsilon == pytest.approx(float(missed), abs=1e-9)
    own = certificates.by_oracle(said)
    assert (own is not None) == spec.startswith("adaptive")
    assert own is None or (proved.epsilon <= own.epsilon + 1e-9 and own.kind == "proof")


def test_nothing_is_proved_where_there_is_nothing_to_stand_on() -> None:
    spectrum = of_matrix(spectra.matrix("gaussian", (4, 6), 0))
    for spec in ("torch", "eigen", "moment-tuned", "lanczos", "turbo-muon/aol"):
        oracle = parse(spec).oracle
        assert certificates.by_interval(oracle, spectrum) is certificates.by_spectrum(oracle, spectrum) is None


def test_rational_and_exact_oracles_are_certified_too() -> None:
    m = spectra.matrix("geometric=1e-6", (5, 9), 0)
    spectrum, sigma = of_matrix(m), exact_sigma(m)
    oracle = parse("qdwh=1e-3").oracle
    assert isinstance(oracle, QDWH)
    with mpmath.workdps(60):
        scale = mpmath.sqrt(mpmath.fsum(s * s for s in sigma))
        p = [s / scale for s in sigma]
        for a, b, c in weights(1e-3):
            p = [s * (a + b * s * s) / (1 + c * s * s) for s in p]
    found = certificates.by_spectrum(oracle, spectrum)
    assert found is not None and exact_epsilon(sigma, p) <= found.epsilon <= float(exact_epsilon(sigma, p)) + 1e-6
    assert found.eta <= 1e-12 and found.delta is not None and max(1 - q for q in p) <= found.delta
    assert certificates.by_interval(parse("exact").oracle, spectrum) == certificates.Certified(0, 0, 0, "interval")


@given(st.integers(1, 6), st.integers(1, 16), st.integers(0, 10**6), st.sampled_from([-1.0, 0.0, 1.0, 8.0]))
def test_errors_are_those_of_the_uncompressed_matrix(a: int, b: int, seed: int, size: float) -> None:
    source = torch.Generator().manual_seed(seed)
    m = torch.randn(a, b, generator=source, dtype=torch.float64) * (torch.arange(a) % 3 > 0).double().unsqueeze(-1)
    d = -(10.0**size) * torch.randn(a, b, generator=source, dtype=torch.float64)
    for oracle in (ORACLE, parse("power-iteration").oracle):
        assert oracle.ball in (Spectral(), Nuclear())
        for x, y in ((m, d), (m.mT, d.mT), (1e-200 * m, d)):
            found, plain = measured(oracle, x, y), measure(oracle.ball, 1e200 * x if x.abs().max() < 1e-90 else x, y)
            for one, other in zip(found[:3], plain[:3], strict=True):
                assert float(one) == pytest.approx(float(other), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("shape", [(40, 60), (520, 1100)])
def test_a_cost_is_counted_without_the_work(shape: tuple[int, int]) -> None:
    m = torch.randn(*shape)
    for text in ("you", "gram:polar-express:6", "classical-3:2/moments"):
        oracle, counter = parse(text).oracle, FlopCounterMode(display=False)
        with counter:
            oracle(m)
        spent = cost(oracle, m)
        assert spent.products == counter.get_total_flops() / (2 * shape[0] ** 2 * shape[1]) and not spent.svd
    halves = (256**2 + (512 - 256) * 512 + (520 - 512) * 520) / 520**2 if shape[0] > 512 else 1.0
    square = shape[0] / shape[1]
    assert cost(parse("jordan:1").oracle, m).products == pytest.approx(halves + square + 1)  # m mᵀ by strips alone


@pytest.mark.parametrize(
    "text", ["you:1", "jordan:9", "gram:jordan:9", "gram:classical-1:7/moments", "cubic5/schatten-4"]
)
def test_further_steps_cost_the_same_each(text: str) -> None:
    m, oracle = torch.randn(10, 25), parse(text).oracle
    assert plan.cost_on(oracle, m).products == pytest.approx(cost(oracle, m).products)


def test_factorisations_are_counted_and_an_svd_is_named() -> None:
    m = torch.randn(8, 24)
    by_qr = [w.c > 100 for w in weights(2.0**-53)]
    steps = (2 * (2 * 16 * 8**2 - 2 * 8**3 // 3) + 2 * 8**3 if qr else 4 * 8**3 + 8**3 // 3 for qr in by_qr)
    assert cost(parse("qdwh").oracle, m[:, :8]).products == pytest.approx(sum(steps) / (2 * 8**3))
    square = torch.eye(8, dtype=torch.float64) + m[:, :8] / 100  # one inverse, two steps of four products, the proof
    assert cost(parse("polar").oracle, square).products == pytest.approx((2 + 8 * 2 + 2 * 2 + 1 / 3) / 2, abs=1 / 128)
    exact = cost(parse("exact").oracle, m)
    assert exact.svd and exact.products == pytest.approx((6 * 24 * 8**2 + 20 * 8**3) / (2 * 8 * 8 * 24) + 1)
    counter = FlopCounterMode(display=False)
    with counter:
        parse("adaptive").oracle(m)
    assert cost(parse("adaptive").oracle, m).products > counter.get_total_flops() / (2 * 8 * 8 * 24)


def test_oracles_are_timed_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of both, the first of which is left out; the median of each."""
    asked: list[str] = []

    def taking(name: str) -> Any:
        return lambda m, memory, draw: asked.append(name)

    durations = [9.0, 9.0, 1.0, 4.0, 5.0, 6.0, 2.0, 5.0]
    clock = iter([instant for duration in durations for instant in (0.0, duration)])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    assert milliseconds([taking("a"), taking("b")], torch.ones(2, 2), 3) == [2000.0, 5000.0]
    assert asked == ["a", "b"] * 4


def test_the_figure_draws_no_certificate_below_what_was_measured() -> None:
    asked = [parse(text) for text in ("gram:you@bfloat16", "polar-express:8", "exact", "jordan", "adaptive=0.01")]
    m = spectra.matrix("gaussian", (48, 96), 0)
    found = rows([Matrix("64", m), Matrix("32", m.float()), Matrix("16", m.bfloat16())], asked, 1)
    data = report.dataset(found)
    proved, seen = data["certified_scaled_epsilon"].values, data["scaled_epsilon"].values
    assert (np.isnan(proved) | (proved >= seen)).all(), (proved, seen)
    assert np.isnan(proved[0, :3]).all() and np.isfinite(proved[0, 3:]).all() and np.isfinite(proved[:, 4]).all()


def test_the_figures_error_cannot_be_lowered_by_a_longer_answer() -> None:
    assert report.scaled(0.1, -0.05) == pytest.approx(0.1) and report.scaled(-0.5, 0.5) == pytest.approx(0.0)
    found = rows([Matrix("m", spectra.matrix("gaussian", (6, 9), 0))], [parse("you"), parse("eigen")], 1)
    data = report.dataset(found)
    d = parse("you").oracle(spectra.matrix("gaussian", (6, 9), 0))[0]
    shorter = measure(Spectral(), spectra.matrix("gaussian", (6, 9), 0), d / max(1.0, float(Spectral().norm(d))))
    assert float(data["scaled_epsilon"][0, 0]) == pytest.approx(float(shorter.epsilon), abs=1e-12)
    assert float(data["certified_scaled_epsilon"][0, 0]) >= float(shorter.epsilon) - 1e-12
    assert np.isnan(data["certified_scaled_epsilon"].values[0, 1])

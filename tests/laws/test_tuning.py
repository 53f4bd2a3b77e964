"""Tuned parameters at the ends of what constants may be."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

import bounds
from bounds import evaluate
from experiments.coupling_study.cells import Setting
from experiments.coupling_study.predicted import predict

EXACT = dict(initial_gap=1.0, smoothness=2.0, steps=100, delta=0.5)
MOMENTA = ("ema", "ema-zero", "nesterov", "nesterov-zero", "storm")


@pytest.mark.parametrize("name", MOMENTA)
def test_without_noise_momentum_is_tuned_away(name: str) -> None:
    """σ = 0: α* = 1 and then the bound is D1, √(2LΔ/K)·(1 + δ)/(1 − δ) = 0.6; the leading terms take α = 1 as well."""
    theorem = bounds.theorems[name]
    more = {"mean_smoothness": 2.0} if "mean_smoothness" in theorem.constants else {}
    tuned = theorem.tune(**EXACT, noise_std=[0.0, 1e-9], norm_ratio=3.0, **more)
    assert tuned.alpha == pytest.approx([1.0, 1.0], abs=1e-7) and tuned.value == pytest.approx([0.6, 0.6], rel=1e-6)
    assert tuned.step_size == pytest.approx([0.1 / 1.5] * 2, rel=1e-6)
    assert tuned.leading is not None and (tuned.leading.alpha == 1).all() and (tuned.leading.value >= 0.6).all()


@pytest.mark.parametrize("momentum", MOMENTA)
def test_the_coupling_study_predicts_settings_without_noise(momentum: str) -> None:
    told = predict(Setting("isotropic:20", "l-inf", 0.0, momentum, 400), 0.5, 0.5)
    plain = predict(Setting("isotropic:20", "l-inf", 0.0, "none", 400), 0.5, 0.5)
    assert told is not None and plain is not None
    assert astuple(told) == pytest.approx(astuple(plain), rel=1e-6)


def test_only_what_is_too_large_is_cut_off() -> None:
    alpha = bounds.theorems["ema"].tuning[bounds.symbols.alpha]
    known = dict(initial_gap=1.0, smoothness=1.0, steps=4.0, norm_ratio=1.0, epsilon=0.0, eta=0.0)
    told = evaluate.value(alpha, {**known, "noise_std": np.array([0.0, 1.0, 100.0])}, at_most=1.0)
    assert told == pytest.approx([1.0, 1.0, 0.01])  # 2√(2·1·1·1/(4·2))/100
    with pytest.raises(ValueError, match="not a finite number"):
        evaluate.value(alpha, {**known, "noise_std": 0.0})
    with pytest.raises(ValueError, match="not a finite number"):
        evaluate.value(alpha, {**known, "noise_std": 0.0, "initial_gap": 0.0}, at_most=1.0)  # 0/0

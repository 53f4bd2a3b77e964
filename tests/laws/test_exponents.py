"""Slopes on log-log axes, whether a power law is refuted, and many tests at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from experiments.statistics import quantities
from experiments.statistics.bootstrap import interval
from experiments.statistics.multiple import holm, simultaneous_level
from experiments.statistics.regression import from_draws, from_errors

X = np.log(1 + np.array([0.0, 0.2, 0.4, 0.6, 0.8]))


def in_band(hits: int, tries: int, share: float, slack: float = 0.02) -> bool:
    band = stats.binomtest(hits, tries).proportion_ci(0.999, method="exact")
    return bool(band.low <= share + slack and band.high >= share - slack)


def test_weighted_least_squares_against_polyfit() -> None:
    rng = np.random.default_rng(0)
    errors, y = rng.uniform(0.01, 0.1, (6, 5)), rng.normal(size=(6, 5))
    found = from_errors(X, y, errors)
    for k in range(6):
        (slope, level), covariance = np.polyfit(X, y[k], 1, w=1 / errors[k], cov="unscaled")
        assert (found.exponent[k], found.intercept[k]) == pytest.approx((slope, level))
        half = 1.959964 * np.sqrt(covariance[0, 0])
        assert (found.low[k], found.high[k]) == pytest.approx((slope - half, slope + half))
        residual = (np.polyval((slope, level), X) - y[k]) / errors[k]
        assert found.lack_of_fit[k] == pytest.approx(stats.chi2.sf((residual**2).sum(), 3), rel=1e-6)


def test_known_errors_cover_and_the_test_of_fit_has_its_level() -> None:
    rng, errors, tries = np.random.default_rng(1), np.array([0.01, 0.02, 0.05, 0.02, 0.01]), 2000
    y = 0.3 - 0.25 * X + errors * rng.normal(size=(tries, 5))
    found = from_errors(X, y, errors)
    assert in_band(int(((found.low <= -0.25) & (found.high >= -0.25)).sum()), tries, 0.95, 0)
    assert in_band(int((found.lack_of_fit < 0.05).sum()), tries, 0.05, 0)
    assert not in_band(int(((found.low <= -0.2) & (found.high >= -0.2)).sum()), tries, 0.95)  # another exponent
    bend = 0.8 * X**2
    refuted = int((from_errors(X, y + bend, errors).lack_of_fit < 0.05).sum())
    away = (np.polyval(np.polyfit(X, bend, 1, w=1 / errors), X) - bend) / errors
    assert in_band(refuted, tries, float(stats.ncx2.sf(stats.chi2.ppf(0.95, 3), 3, (away**2).sum())), 0)
    assert refuted > 0.3 * tries


def test_blurs_widen_by_the_most_that_they_can_turn_a_line() -> None:
    """Two points, one of them off by 0.1: the slope by 0.1 over their distance; lack of fit knows of it."""
    rng = np.random.default_rng(3)
    draws = -0.25 * X[[0, 4]] + 0.01 * rng.standard_normal((400, 2))
    plain = from_draws(X[[0, 4]], draws.mean(0), draws, 16)
    wide = from_draws(X[[0, 4]], draws.mean(0), draws, 16, blurs=np.array([0.0, 0.1]))
    turn = 0.1 / (X[4] - X[0])
    assert (plain.low - wide.low, wide.high - plain.high) == pytest.approx((turn, turn), rel=1e-6)
    draws = -0.25 * X + np.array([0, 0, 0.1, 0, 0]) + 0.01 * rng.standard_normal((400, 5))
    bent, fits = (from_draws(X, draws.mean(0), draws, 16, blurs=blur).lack_of_fit for blur in (0.0, 0.1))
    assert bent < 0.01 < 0.2 < fits


def paired_minima(bend: float, studies: int, seeds: int, rng: np.random.Generator) -> np.ndarray:
    """(studies, deltas, points, seeds): costs with minima at −0.25 X + bend X²; a noise in common and one per delta."""
    logs = np.linspace(-1.5, 1.0, 7)
    centre = (-0.25 * X + bend * X**2)[None, :, None, None]
    noise = 0.1 * rng.normal(size=(studies, 1, 1, seeds)) + 0.03 * rng.normal(size=(studies, 5, 1, seeds))
    return 2 + (logs[:, None] - centre - noise) ** 2


def test_draws_know_what_is_paired() -> None:
    """The exponent of the best step from draws: coverage, level of the fit's test, and it sees a bent law."""
    logs, studies, seeds = np.linspace(-1.5, 1.0, 7), 150, 12
    straight, bent = (paired_minima(b, studies, seeds, np.random.default_rng(2)) for b in (0.0, 1.0))
    step, turned = (interval(costs, quantities.log_best(logs), 500) for costs in (straight, bent))
    found = from_draws(X, step.estimate[..., 0], step.draws[..., 0], seeds)
    curved = from_draws(X, turned.estimate[..., 0], turned.draws[..., 0], seeds)
    assert in_band(int(((found.low <= -0.25) & (found.high >= -0.25)).sum()), studies, 0.95)
    assert in_band(int((found.lack_of_fit < 0.05).sum()), studies, 0.05)
    assert (curved.lack_of_fit < 0.05).mean() > 0.8
    unpaired = from_errors(X, step.estimate[..., 0], step.standard_error[..., 0])
    wide = (unpaired.high - unpaired.low).mean() / (found.high - found.low).mean()
    assert wide > 2  # errors that forget the pairs: three times the noise


def test_too_few_points_or_seeds_cannot_be_tested() -> None:
    assert np.isnan(from_errors(X[:2], X[:2], 0.1).lack_of_fit)
    draws = np.random.default_rng(3).normal(size=(50, 5))
    assert np.isnan(from_draws(X, draws.mean(0), draws, seeds=3).lack_of_fit)
    assert np.isfinite(from_draws(X, draws.mean(0), draws, seeds=5).lack_of_fit)


def test_a_baseline_without_noise_is_no_obstacle() -> None:
    """Ratios against δ = 0 have no noise at δ = 0 itself."""
    rng = np.random.default_rng(4)
    draws = -0.25 * X + 0.01 * rng.normal(size=(400, 5)) * (X > 0)
    found = from_draws(X, -0.25 * X, draws, seeds=20)
    assert found.exponent == pytest.approx(-0.25) and found.low < -0.25 < found.high


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: from_errors(X, X[:3], 0.1), "cells…, points"),
        (lambda: from_errors(np.zeros(3), np.zeros(3), 0.1), "two different"),
        (lambda: from_errors(X, X, 0.0), "> 0"),
        (lambda: from_errors(X, X + np.inf, 0.1), "finite"),
        (lambda: from_draws(X, X, np.ones((9, 5)), 4), "do not vary"),
        (lambda: from_draws(X, X, np.ones((9, 4)), 4), "must have shape"),
        (lambda: from_draws(X, X, np.full((9, 5), np.nan), 4), "finite"),
    ],
)
def test_refusals(call, says) -> None:
    with pytest.raises(ValueError, match=says):
        call()


def slow_holm(p: list[float]) -> list[float]:
    """Reject the smallest while (m − j)p_(j) ≤ a: the smallest a at which each falls."""
    order, largest, adjusted = sorted(range(len(p)), key=lambda i: p[i]), 0.0, [0.0] * len(p)
    for j, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - j) * p[i]))
        adjusted[i] = largest
    return adjusted


def test_holm_against_plain_python_and_an_example() -> None:
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    for p in np.random.default_rng(5).uniform(size=(50, 7)) ** 3:
        assert holm(p).tolist() == pytest.approx(slow_holm(p.tolist()))
    table = np.random.default_rng(6).uniform(size=(3, 4))
    assert np.array_equal(holm(table), holm(table.ravel()).reshape(3, 4))


def test_the_chance_of_any_false_rejection() -> None:
    """Twelve p-values of which three belong to effects, some shared noise: Holm errs in at most 5 % of the tables."""
    rng, tries = np.random.default_rng(7), 2000
    z = rng.normal(size=(tries, 12)) + rng.normal(size=(tries, 1))
    z = z / np.sqrt(2) + np.array([4.0] * 3 + [0.0] * 9)
    p = 2 * stats.norm.sf(np.abs(z))
    false = sum(bool((holm(row)[3:] <= 0.05).any()) for row in p)
    assert stats.binomtest(false, tries, 0.05, alternative="greater").pvalue > 1e-3
    naive = int((p[:, 3:] <= 0.05).any(1).sum())
    assert stats.binomtest(naive, tries, 0.05, alternative="greater").pvalue < 1e-6


def test_simultaneous_levels() -> None:
    assert simultaneous_level(0.95, 10) == pytest.approx(0.995)
    assert simultaneous_level(0.95, 10, "sidak") ** 10 == pytest.approx(0.95)
    assert simultaneous_level(0.9, 1) == simultaneous_level(0.9, 1, "sidak") == pytest.approx(0.9)
    with pytest.raises(ValueError, match="did you mean 'sidak'"):
        simultaneous_level(0.9, 3, "sidek")
    with pytest.raises(ValueError, match="0, 1"):
        holm(np.array([0.1, 1.2]))

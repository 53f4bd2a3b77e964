"""Intervals by resampling seeds: pairs stay pairs, scipy agrees, and the truth is covered as often as is said."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from experiments.statistics import quantities
from experiments.statistics.bootstrap import Interval, interval, percentile, resampled, weighted_means
from experiments.statistics.checks import source

LOGS = np.linspace(-2, 2, 9)
RNG = np.random.default_rng(0)


def means(batch: np.ndarray) -> np.ndarray:
    return batch


def skewed_costs(cells: int, seeds: int, rng: np.random.Generator) -> np.ndarray:
    """Costs whose mean has its minimum at log γ = 0.3: every seed has a curvature and a pull (skewed, of mean 0)."""
    bend = rng.uniform(0.5, 1.5, (cells, 1, seeds))
    pull = 0.3 * (rng.exponential(size=(cells, 1, seeds)) - 1)
    away = LOGS[None, :, None] - 0.3
    return 3 + bend * away**2 + pull * away


def test_resamples_against_a_loop() -> None:
    """Each row of counts is a multiset of seeds, and its mean that of the values drawn."""
    values = RNG.normal(size=(2, 3, 5))
    counts = source(4, "bootstrap").multinomial(5, np.full(5, 0.2), size=30)
    slow = [[np.repeat(values[i, j], row).mean() for j in range(3)] for row in counts for i in range(2)]
    assert resampled(values, means, 30, seed=4) == pytest.approx(np.reshape(slow, (30, 2, 3)))
    assert not np.array_equal(resampled(values, means, 30, seed=5), resampled(values, means, 30, seed=4))
    assert np.array_equal(resampled(values[:1], means, 30, seed=4), resampled(values, means, 30, seed=4)[:, :1])


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_ends_against_scipy(method: str) -> None:
    """The mean of skewed data; scipy is asked for the expanded level."""
    n, count = 12, 100_000
    data = RNG.exponential(size=n)
    found = interval(data[None], means, count, 0.9, method=method)
    expanded = 1 - 2 * stats.norm.cdf(np.sqrt(n / (n - 1)) * stats.t.ppf(0.05, n - 1))
    there = stats.bootstrap(
        (data,),
        np.mean,
        n_resamples=count,
        batch=20_000,
        confidence_level=expanded,
        method=method,
        rng=np.random.default_rng(1),
    ).confidence_interval
    error = found.standard_error[0]
    assert found.low[0] == pytest.approx(there.low, abs=0.06 * error)
    assert found.high[0] == pytest.approx(there.high, abs=0.06 * error)
    assert error == pytest.approx(data.std(ddof=1) / np.sqrt(n), rel=0.02)


def test_cells_are_resampled_together() -> None:
    """The same noise in two cells cancels in their ratio; it does not where each cell has resamples of its own."""
    noise = 0.3 * RNG.normal(size=(1, 1, 10))
    values = 2 + (LOGS[None, :, None] - np.array([0.0, 0.4])[:, None, None] - noise) ** 2
    best = quantities.log_best(LOGS)
    ratio = interval(values, quantities.log_ratios(best, 0))
    assert ratio.high[1, 0] - ratio.low[1, 0] < 1e-9 and ratio.estimate[1, 0] == pytest.approx(0.4)
    apart = resampled(values[1:], best, seed=1)[:, 0] - resampled(values[:1], best, seed=2)[:, 0]
    assert apart.std() > 0.05


@pytest.fixture(scope="module")
def intervals() -> list[Interval]:
    """900 cells, in threes of 300: a set of resamples is shared over its cells."""
    best = quantities.log_best(LOGS[::2])
    costs = [skewed_costs(300, 10, np.random.default_rng(trial))[:, ::2] for trial in range(3)]
    return [interval(values, best, 1000, 0.9, seed=trial) for trial, values in enumerate(costs)]


def covers(intervals: list[Interval], called: float) -> bool:
    """Whether the share of intervals that hold the truth is compatible with `called` ± 0.02, at 99.9 %."""
    hits = sum(int(((found.low <= 0.3) & (found.high >= 0.3)).sum()) for found in intervals)
    band = stats.binomtest(hits, sum(found.low.size for found in intervals)).proportion_ci(0.999, method="exact")
    return bool(band.low <= called + 0.02 and band.high >= called - 0.02)


def test_coverage_of_the_best_step(intervals: list[Interval]) -> None:
    assert covers(intervals, 0.9)
    for level in (0.8, 0.9, 0.95):
        assert covers([found.at_level(level) for found in intervals], level)


def test_wrong_levels_are_caught(intervals: list[Interval]) -> None:
    for level, called in ((0.8, 0.9), (0.9, 0.8), (0.98, 0.9), (0.9, 0.98)):
        assert not covers([found.at_level(level) for found in intervals], called)


def test_few_seeds_need_the_expanded_level() -> None:
    """Means of 5 normal numbers: the interval has Student's width; a plain percentile covers less than said."""
    values, hits, plain = np.random.default_rng(3).normal(size=(4000, 5)), 0, 0
    found = interval(values, means, 2000, 0.95, method="percentile")
    hits = int(((found.low <= 0) & (found.high >= 0)).sum())
    ends = np.quantile(found.draws, [0.025, 0.975], axis=0)
    plain = int(((ends[0] <= 0) & (ends[1] >= 0)).sum())
    assert stats.binomtest(plain, 4000, 0.90, alternative="less").pvalue < 1e-6
    assert stats.binomtest(hits, 4000).proportion_ci(0.999).low > 0.92


@pytest.mark.parametrize(
    ("sample", "seeds", "most"),
    [("normal", 16, 2.0), ("normal", 64, 2.0), ("exponential", 16, 15.0), ("exponential", 64, 5.0)],
)
def test_a_level_beyond_the_draws(sample: str, seeds: int, most: float) -> None:
    """At 0.9995, where 500 draws reach 0.998: misses, against `most` times as many as said. Skewed data have more."""
    cells, level, rng = 8000, 0.9995, np.random.default_rng(seeds)
    values = rng.normal(size=(cells, seeds)) if sample == "normal" else rng.exponential(size=(cells, seeds)) - 1
    found = interval(values, means, 500, level)
    misses = int(((found.low > 0) | (found.high < 0)).sum())
    assert stats.binomtest(misses, cells, most * (1 - level), alternative="greater").pvalue > 1e-3, misses
    alone = int(((found.draws.min(0) > 0) | (found.draws.max(0) < 0)).sum())
    assert stats.binomtest(alone, cells, most * (1 - level), alternative="greater").pvalue < 1e-3, alone
    assert (
        found.high[0] - found.low[0] >= (2 - 1e-9) * stats.t.ppf((1 + level) / 2, seeds - 1) * found.standard_error[0]
    )


def test_ends_beyond_the_draws_where_some_are_infinite() -> None:
    """Draws of which a few are −inf: there is no standard error, and the other tail goes on by its own scale."""
    draws = np.random.default_rng(0).normal(size=(2000, 1))
    draws[:3] = -np.inf
    low, high = percentile(draws, 0.9999, 20, np.zeros(1))
    assert low[0] == -np.inf and draws.max() < high[0] < 8
    low, high = percentile(np.full((50, 2), [np.nan, 1.0]), 0.9999, 20)
    assert low.tolist() == [-np.inf, 1.0] and high.tolist() == [np.inf, 1.0]


def test_diverged_runs() -> None:
    """A resample without the diverged seed is finite; one with it is not."""
    values = np.ones((3, 4))
    values[1, 0], values[2] = np.nan, np.inf
    weights = np.array([[0, 0.5, 0.5, 0], [0.25] * 4])
    assert weighted_means(values, weights).tolist() == [[1, 1, np.inf], [1, np.inf, np.inf]]


def test_no_optimum_is_no_knowledge() -> None:
    costs = np.stack([skewed_costs(1, 6, RNG)[0], np.full((9, 6), np.nan)])
    step = interval(costs, quantities.log_best(LOGS))
    value = interval(costs, quantities.log_ratios(quantities.log_of(quantities.best_value(LOGS)), 0))
    assert np.isfinite([step.low[0, 0], step.high[0, 0]]).all()
    assert (step.low[1, 0], step.high[1, 0]) == (-np.inf, np.inf) and np.isnan(step.standard_error[1, 0])
    assert value.low[1] == np.inf  # the cost is infinite, whatever is drawn


def test_regret_against_the_curve() -> None:
    """log f₁(argmin f₀) − log min f₁, also from runs at the kept tuning; the baseline regrets nothing."""
    logs = np.linspace(-2, 2, 41)
    centres, noise = np.array([0.0, 0.7]), 0.1 * RNG.normal(size=(1, 1, 8))
    values = 2 + (logs[None, :, None] - centres[:, None, None] - noise) ** 2
    found = interval(values, quantities.log_regret(logs, 0))
    spread = noise.var()
    assert found.estimate[0] == pytest.approx(0, abs=1e-12)
    assert found.estimate[1] == pytest.approx(np.log((2 + 0.49 + spread) / (2 + spread)))
    kept = 2 + (noise.mean() - centres[:, None, None] - noise) ** 2
    run = interval(np.concatenate([values, kept], 1), quantities.log_regret_of_runs(logs))
    assert run.estimate == pytest.approx(found.estimate, abs=1e-12)
    away = interval(values, quantities.log_regret(np.stack([logs, logs + 5]), 0))
    assert np.isinf(away.estimate[1])  # the kept step is outside the other cell's grid


def test_regret_of_two_parameters() -> None:
    x, y = np.linspace(-2, 2, 21), np.linspace(-2, 0, 11)
    centres = np.array([[0.0, -1.0], [0.5, -0.7]])
    u, v = (
        x[None, :, None, None] - centres[:, 0, None, None, None],
        y[None, None, :, None] - centres[:, 1, None, None, None],
    )
    costs = 2 + u**2 + v**2 + 0.5 * u * v + np.zeros(4)
    found = quantities.log_regret((x, y), 0)(costs.mean(-1)[None])[0]
    assert found == pytest.approx([0, np.log((2 + 0.25 + 0.09 + 0.075) / 2)], abs=1e-9)


def test_another_level() -> None:
    found = interval(RNG.normal(size=(3, 8)), means, method="percentile")
    same, narrow = found.at_level(0.95), found.at_level(0.5)
    assert np.array_equal(same.low, found.low) and isinstance(narrow, Interval)
    assert (narrow.low > found.low).all() and (narrow.high < found.high).all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"values": np.ones((3, 1))}, "at least 2 seeds"),
        ({"level": 1.0}, "between 0 and 1"),
        ({"level": "x"}, "between 0 and 1"),
        ({"resamples": 5}, "integer >= 20"),
        ({"seed": -1}, "integer >= 0"),
        ({"method": "percentil"}, "did you mean 'percentile'"),
        ({"statistic": lambda m: m.mean()}, "first dimension"),
    ],
)
def test_refusals(change, says) -> None:
    call = {"values": np.ones((3, 4)), "statistic": means} | change
    with pytest.raises((ValueError, TypeError), match=says):
        interval(**call)

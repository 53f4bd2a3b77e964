"""What seeds resolve: the first-order error of a refined minimiser against simulation, power, and flat optima."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from experiments.statistics import power
from experiments.statistics.optimum import best

LOGS = np.linspace(-3, -1, 9)
FLAT_SAYS = "not resolvable"


def costs(shift: float, seeds: int, rng: np.random.Generator, replicates: int = 1) -> np.ndarray:
    """(replicates, 2 deltas, points, seeds): minima at −2 and −2 + shift; noise in common, and of the run."""
    pull = 0.15 * rng.normal(size=(replicates, 1, 1, seeds))
    own = 0.1 * rng.normal(size=(replicates, 2, 1, seeds))
    centre = np.array([-2.0, -2.0 + shift])[:, None, None]
    away = LOGS[:, None] - centre
    return 3 + (away - pull - own) ** 2 + 0.005 * rng.normal(size=(replicates, 2, len(LOGS), seeds))


def test_moves_are_what_a_seed_does_to_the_optimum() -> None:
    """The influence is the derivative in the seed's weight: by a finite difference of reweighted means."""
    values = costs(0.3, 12, np.random.default_rng(0))[0]
    about = power.pilot(values, LOGS)
    step = 1e-4
    for seed in (0, 7):
        weights = np.full(12, (1 - step) / 12)
        weights[seed] += step
        moved = best((values * weights).sum(-1, keepdims=True), LOGS)
        slope = (moved.log_point[:, 0] - about.log_point[:, 0]) / step
        assert slope == pytest.approx(about.moves[:, 0, seed], rel=2e-3, abs=1e-4)
        slope = np.log(moved.value / about.value) / step
        assert slope == pytest.approx(about.value_moves[:, seed], rel=2e-3, abs=1e-4)


def test_moves_in_two_parameters() -> None:
    rng, alphas = np.random.default_rng(1), np.linspace(-2, 0, 6)
    pull = 0.1 * rng.normal(size=(2, 10))
    u, v = LOGS[:, None, None] + 2 - pull[0], alphas[None, :, None] + 1 - pull[1]
    values = 3 + u**2 + v**2 + u * v
    about = power.pilot(values, (LOGS, alphas))
    centred = pull - pull.mean(1, keepdims=True)
    assert bool(about.resolvable)
    assert about.moves == pytest.approx(centred, abs=0.02)  # the fit is exact but for the seeds' own squares
    assert power.spread_of_ratio(about, (), axis=1) == pytest.approx(np.sqrt(2) * pull[1].std(ddof=1), rel=0.05)


def test_standard_error_against_simulation() -> None:
    """The scatter of 400 studies of 16 seeds, unpaired and paired, against one large pilot."""
    about = power.pilot(costs(0.3, 4000, np.random.default_rng(2))[0], LOGS)
    studies = best(costs(0.3, 16, np.random.default_rng(3), 400), LOGS)
    single = studies.log_point[:, 1, 0].std(ddof=1)
    paired = (studies.log_point[:, 1, 0] - studies.log_point[:, 0, 0]).std(ddof=1)
    assert single == pytest.approx(about.moves[1, 0].std(ddof=1) / 4, rel=0.12)  # 3.4 of its standard errors
    assert paired == pytest.approx(power.spread_of_ratio(about, (1,), (0,)) / 4, rel=0.12)
    value = np.log(studies.value[:, 1] / studies.value[:, 0]).std(ddof=1)
    assert value == pytest.approx(power.spread_of_value(about, (1,), (0,)) / 4, rel=0.15)
    assert power.spread_of_ratio(about, (1,)) > 1.4 * power.spread_of_ratio(about, (1,), (0,))  # pairing pays


def test_the_formula_of_a_parabola() -> None:
    """τ/(2hH√n) for independent noise on three points, where τ = √2·noise."""
    spacing, curvature, noise, seeds = 0.5, 2.0, 0.1, 9
    rng = np.random.default_rng(4)
    points = np.array([-spacing, 0, spacing])
    data = 3 + curvature / 2 * points[:, None] ** 2 + noise * rng.normal(size=(3000, 3, seeds))
    scatter = best(data, points).log_point[:, 0].std(ddof=1)
    assert scatter == pytest.approx(power.standard_error(curvature, np.sqrt(2) * noise, spacing, seeds), rel=0.06)


def test_power_is_what_is_said() -> None:
    """At the smallest effect of 20 seeds, Student's interval of the paired shift excludes 0 in 80 % of studies."""
    about = power.pilot(costs(0.0, 4000, np.random.default_rng(5))[0], LOGS)
    answer = power.smallest_effect(power.spread_of_ratio(about, (1,), (0,)), 20)
    assert answer.resolvable and answer.sentence.startswith("20 seeds resolve a ratio of 1.")
    for shift, share in ((answer.effect, 0.8), (0.0, 0.05)):
        data = costs(shift, 20, np.random.default_rng(6), 500)
        found = [power.pilot(study, LOGS) for study in data]
        spreads = np.array([power.spread_of_ratio(one, (1,), (0,)) for one in found])
        shifts = np.array([one.log_point[1, 0] - one.log_point[0, 0] for one in found])
        hits = int((np.abs(shifts) > stats.t.ppf(0.975, 19) * spreads / np.sqrt(20)).sum())
        band = stats.binomtest(hits, 500).proportion_ci(0.999)
        assert band.low <= share + 0.02 and band.high >= share - 0.02, (shift, hits / 500)


def test_seeds_needed_is_the_inverse() -> None:
    for effect in (1.0, 0.3, 0.02):
        answer = power.seeds_needed(0.4, effect)
        assert answer.resolvable and power.smallest_effect(0.4, answer.seeds).effect <= effect
        if answer.seeds > 2:
            assert power.smallest_effect(0.4, answer.seeds - 1).effect > effect
    assert power.seeds_needed(0.4, 0.02).seeds == pytest.approx(((1.96 + 0.8416) * 0.4 / 0.02) ** 2, rel=0.01)
    assert not power.seeds_needed(0.4, 1e-6).resolvable


def test_flat_optima_are_not_resolvable() -> None:
    """Costs that depend on nothing: the window around the smallest has a positive curvature by selection alone."""
    rng, tries = np.random.default_rng(7), 300
    about = power.pilot(3 + 0.1 * rng.normal(size=(tries, len(LOGS), 12)), LOGS)
    wrong = int(about.resolvable.sum())
    assert stats.binomtest(wrong, tries, 0.05, alternative="greater").pvalue > 1e-3, wrong
    flat = int(np.flatnonzero(~about.resolvable)[0])
    spread = power.spread_of_ratio(about, (flat,))
    for answer in (power.smallest_effect(spread, 12), power.seeds_needed(spread, 0.1)):
        assert not answer.resolvable and answer.sentence.startswith(FLAT_SAYS)
    assert power.pilot(costs(0.3, 12, rng)[0], LOGS).resolvable.all()
    diverged = costs(0.3, 12, rng)[0]
    diverged[0] = np.nan
    assert power.pilot(diverged, LOGS).resolvable.tolist() == [False, True]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: power.pilot(np.ones((4, 2)), np.arange(4.0)), "3 seeds"),
        (lambda: power.pilot(np.ones((4, 3)), np.arange(4.0), level=95), "between 0 and 1"),
        (lambda: power.smallest_effect(0.1, 1), "integer >= 2"),
        (lambda: power.smallest_effect(-0.1, 4), "must be >= 0"),
        (lambda: power.seeds_needed(0.1, 0.0), "> 0"),
        (lambda: power.standard_error(0.0, 0.1, 0.1, 4), "`curvature` must be a finite number > 0"),
        (lambda: power.standard_error(1.0, -0.1, 0.1, 4), "difference_noise"),
    ],
)
def test_refusals(call, says) -> None:
    with pytest.raises(ValueError, match=says):
        call()

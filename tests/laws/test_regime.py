"""The problem built for the coupling: its noise, its runs in plain Python, two laws of it; tuning; the map of S1."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr

import bounds
from experiments.regime import bound_map, simulate, tuned, usual
from experiments.regime.hovering import LAWS, PATTERNS, Case, Errors, Hovering
from experiments.regime.measured import built
from experiments.regime.search import search
from experiments.regime.simulate import average_norms, luck
from experiments.regime.unlucky import greedy, skewed
from lmo.randomness import Draw

S1 = bounds.theorems["ema"]


# --- the noise --------------------------------------------------------------------------------------------------------


def test_the_unlucky_law_has_its_mean_its_variance_and_cantellis_probability() -> None:
    rng = np.random.default_rng(3)
    mean, spread = np.exp(rng.normal(size=200) * 2), np.exp(rng.normal(size=200) * 2)
    law = greedy(mean, spread)
    np.testing.assert_allclose(law.chance * law.high + (1 - law.chance) * law.low, mean, rtol=1e-9)
    second = law.chance * (law.high - mean) ** 2 + (1 - law.chance) * (law.low - mean) ** 2
    np.testing.assert_allclose(second, spread**2, rtol=1e-9)
    assert (law.low < 0).all() and (law.high > mean).all()
    np.testing.assert_allclose(1 - law.chance, spread**2 / (spread**2 + mean**2), rtol=1e-6)  # no law is more often < 0
    quiet = greedy(-mean, spread)
    assert np.array_equal(quiet.high, -mean) and (quiet.chance == 1).all()


def test_the_skewed_law_is_standardised() -> None:
    for odds in (0.01, 0.3):
        law = skewed(odds)
        assert law.chance * law.high + (1 - law.chance) * law.low == pytest.approx(0, abs=1e-12)
        assert law.chance * law.high**2 + (1 - law.chance) * law.low**2 == pytest.approx(1)


# --- one run, read a second time --------------------------------------------------------------------------------------


def by_hand(
    noise: float, law: str, odds: float, lengths: tuple[float, float, float], step: float, alpha: float, z: list[float]
) -> float:
    """f = ½(0.1x₁² + 0.9x₂²), one run in plain Python: the notes' text again, in floats and with signs as they are."""
    sigma = noise / math.sqrt(2)
    x2 = 0.2 * sigma / 0.9
    x1 = math.sqrt((1 - 0.45 * x2 * x2) / 0.05)
    m1 = m2 = total = 0.0
    for k, number in enumerate(z):
        g1, g2, weight = 0.1 * x1, 0.9 * x2, alpha if k else 1.0
        total += abs(g1) + abs(g2)
        m1 = (1 - weight) * m1 + weight * g1
        uphill = 1.0 if g2 >= 0 else -1.0
        quiet = (1 - weight) * m2 + weight * g2
        lucky = 0.5 * math.erfc(-number / math.sqrt(2))
        if law == "gaussian":
            m2 = quiet + weight * sigma * number
        elif law == "skewed":
            m2 = quiet + weight * sigma * (
                math.sqrt((1 - odds) / odds) if lucky < odds else -math.sqrt(odds / (1 - odds))
            )
        elif quiet * uphill <= 0:
            m2 = quiet
        else:
            above, deviation = quiet * uphill + 1e-9 * weight * sigma, weight * sigma
            chance = above**2 / (above**2 + deviation**2)
            m2 = uphill * (above / chance - 1e-9 * deviation if lucky < chance else -1e-9 * deviation)
        x1 -= step * lengths[0] * (1 if m1 > 0 else -1)
        x2 -= step * (lengths[1] if m2 * uphill > 0 else lengths[2]) * (1 if m2 > 0 else -1)
    return total / len(z)


@pytest.mark.parametrize("law", LAWS)
def test_runs_agree_with_a_second_reading(law: str) -> None:
    problem, errors, delta, steps = Hovering(0.5, law=law, odds=0.1), Errors(-0.5, -1.0, 1.0), 0.6, 150
    step, alpha = np.array([0.03, 0.2]), np.array([0.1, 1.0])
    got = average_norms(Case(problem, errors, delta), step, alpha, steps, np.array([4, 9]))
    drawn = Draw(np.array([4, 9]), -1).normal(simulate.PURPOSE, (steps,)).tolist()
    lengths = (0.7, 0.4, 1.6)
    for i in range(2):
        for j in range(2):
            again = by_hand(0.5, law, 0.1, lengths, float(step[i]), float(alpha[i]), drawn[j])
            assert got[i, j] == pytest.approx(again, rel=1e-6)
            for wrong in ((0.7, 1.6, 0.4), (0.7, 1.6, 1.6), (0.4, 0.4, 1.6)):
                assert abs(by_hand(0.5, law, 0.1, wrong, float(step[i]), float(alpha[i]), drawn[j]) / again - 1) > 1e-4


def test_the_constants_are_those_of_the_problem() -> None:
    problem = Hovering(1.3, slide=0.3)
    (a, h), (x1, x2), known = problem.curvatures, problem.start, problem.constants()
    assert a * x1**2 / 2 + h * x2**2 / 2 == pytest.approx(known["initial_gap"], rel=1e-12)
    assert a + h == pytest.approx(known["smoothness"])  # of a diagonal quadratic in ℓ∞
    assert known["norm_ratio"] * known["noise_std"] == pytest.approx(1.3)


def test_s1_holds_on_it() -> None:
    step, alpha = (axis.ravel() for axis in np.meshgrid(np.geomspace(0.005, 0.3, 5), np.geomspace(0.03, 1, 5)))
    for name, errors in PATTERNS.items():
        case = Case(Hovering(0.5), errors, 0.6)
        mean = average_norms(case, step, alpha, 200, np.arange(8)).mean(-1)
        bound = S1.bound(**case.problem.constants(), steps=200, step_size=step, alpha=alpha, delta=0.6)
        assert (mean < bound).all() and (mean / bound).max() > 0.05, name


# --- the two laws of the notes ----------------------------------------------------------------------------------------


def test_two_lengths_are_two_step_sizes() -> None:
    """avg ‖∇f‖ of an oracle that is u long on one coordinate and b on the other is F₁(uγ) + F₂(bγ), exactly."""
    problem, step, alpha = Hovering(0.5), np.array([0.01, 0.04]), np.array([0.1, 0.3])
    seeds, delta, errors = np.arange(3), 0.5, PATTERNS["short and long"]
    whole = average_norms(Case(problem, errors, delta), step, alpha, 120, seeds)
    exact = Case(problem, Errors(), 0.0)
    first = simulate._sliding(exact, 0.5 * step, alpha, 120)[:, None]
    second = simulate._hovering(exact, 1.5 * step[:, None], alpha[:, None], luck(seeds, 120))
    np.testing.assert_allclose(whole, first + second, rtol=1e-12)


@pytest.mark.parametrize(("law", "widths"), [("greedy", (0.3, 3.0)), ("gaussian", (3.0,))])
def test_the_hovering_coordinate_has_one_scale(law: str, widths: tuple[float, ...]) -> None:
    """F₂ = σ√α·Ψ(hγ/(σα^{3/2})): α/4, γ/8 and four times the steps halve it; another γ does not."""
    case, seeds = Case(Hovering(0.5, law=law), Errors(), 0.0), np.arange(48)

    def hovers(alpha: float, step: float, steps: int) -> float:
        of = simulate._hovering(case, np.array([[step]]), np.array([[alpha]]), luck(seeds, steps))
        return float(of.mean())

    if law == "greedy":  # the floor: half of what S1 charges, √2·σ√α
        assert (
            0.6 < hovers(0.1, 0.1 * case.problem.spread * 0.1**1.5 / 0.9, 2000) / (case.problem.spread * 0.1**0.5) < 0.8
        )
    for width in widths:
        step = width * case.problem.spread * 0.08**1.5 / 0.9
        before = hovers(0.08, step, 400)
        assert hovers(0.02, step / 8, 1600) / before == pytest.approx(0.5, rel=0.06)
        assert abs(hovers(0.02, step / 4, 1600) / before - 0.5) > 0.04


def test_the_memory_of_an_exact_oracle_has_no_drift() -> None:
    """avg ‖m‖ ≤ Δ/(γK) + Lγ/2 + ((1−α)/(αK))(‖m_0‖ − ‖m_{K−1}‖), where S1 bounds avg ‖∇f‖ with Lγ(1−α)/α."""
    rng, steps, near, without = np.random.default_rng(5), 300, [], []
    for _ in range(60):
        curvature, x = np.exp(rng.normal(size=3)), rng.normal(size=3) * 2
        alpha, step = np.exp(rng.uniform(np.log(0.01), 0)), np.exp(rng.uniform(np.log(0.003), 0))
        gap, m, total = float((curvature * x**2).sum() / 2), curvature * x, 0.0
        first = float(np.abs(m).sum())
        for k in range(steps):
            m = (1 - alpha) * m + alpha * curvature * x if k else m
            total += float(np.abs(m).sum())
            x = x - step * np.sign(m)
        left = (gap - float((curvature * x**2).sum() / 2)) / (step * steps)
        rest = (1 - alpha) / (alpha * steps) * (first - float(np.abs(m).sum()))
        whole = left + curvature.sum() * step / 2
        near.append(total / steps / (whole + rest))
        without.append(total / steps / whole)
    assert 0.9 < max(near) <= 1 + 1e-12 < max(without)  # the last term is needed


def test_gaussian_noise_asks_for_no_memory() -> None:
    """It averages out over many short steps: the same variance that is greedy wants α = 0.24, or so."""
    plain, unlucky = (
        built(Hovering(0.5, law=law), Errors(), [0.1], 250, 8).logs[0, 0] for law in ("gaussian", "greedy")
    )
    assert np.exp(plain) > 0.8 and 0.1 < np.exp(unlucky) < 0.4


# --- tuning -----------------------------------------------------------------------------------------------------------


def test_the_optimum_of_a_quadratic_is_found_between_the_points() -> None:
    alpha, step = np.log(0.1) + 0.1 * np.arange(-7, 8), np.log(0.02) + 0.1 * np.arange(-7, 8)
    a, g = np.meshgrid(alpha, step, indexing="ij")
    u, v = a - np.log(0.104), g - np.log(0.0189)
    cost = np.exp(np.log(0.3) + 0.2 * u**2 + 0.1 * u * v + 0.3 * v**2)
    found = tuned.best(np.stack([cost, cost[::-1], 1 / cost]), alpha, step)
    np.testing.assert_allclose(np.exp(found.logs[0]), [0.104, 0.0189, 0.3], rtol=1e-9)
    assert found.logs[1, 0] == pytest.approx(2 * np.log(0.1) - np.log(0.104))
    assert found.inner.tolist() == [True, True, False]  # a hill has its smallest points at the edge


def test_exponents_are_recovered_from_noisy_costs() -> None:
    """Costs with a known optimum for every δ, noise common to all of them; the interval covers and is not wide."""
    rng = np.random.default_rng(0)
    noise = 1 + 0.02 * rng.normal(size=24)

    def made(delta: float) -> tuned.Surface:
        def costs(step: np.ndarray, alpha: np.ndarray, seeds: np.ndarray) -> np.ndarray:
            u, v = np.log(alpha / (0.1 * (1 + delta) ** 0.7)), np.log(step / (0.02 * (1 + delta) ** -0.4))
            return (1 + delta) ** 0.3 * np.exp(0.3 * u**2 + 0.3 * v**2)[:, None] * noise[seeds]

        return tuned.surface(costs, np.geomspace(0.002, 0.5, 13), 24)

    both = [made(0.0), made(0.6)]
    found, _, inner = tuned.exponents(both, [0.0, 0.6])
    np.testing.assert_allclose(found.estimate[0], [0.7, -0.4, 0.3], atol=1e-6)
    assert inner.all() and (found.high - found.low < 0.1).all()
    moved = np.log(1.6) * np.array([0.7, 0.4])
    assert tuned.regret(*both) == pytest.approx(np.exp(0.3 * (moved**2).sum()) - 1, rel=0.05)


def test_alpha_of_one_is_an_optimum_and_no_edge() -> None:
    def costs(step: np.ndarray, alpha: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        return (np.exp(np.log(step / 0.02) ** 2) / alpha**0.3)[:, None] * np.ones(len(seeds))

    one = tuned.surface(costs, np.geomspace(0.002, 0.5, 13), 4)
    found = tuned.best(one.costs.mean(-1)[None], one.log_alpha, one.log_step)
    assert found.logs[0, 0] == pytest.approx(0, abs=1e-12) and found.inner[0]


# --- the map of the bound ---------------------------------------------------------------------------------------------


def test_the_map_is_what_tune_says() -> None:
    for noise, steps, delta in ((0.05, 100, 0.6), (0.25, 2000, 0.0), (1.0, 1e6, 0.6), (4.0, 400, 0.3)):
        got = bound_map.optimum(S1.claim, bound_map.scaled(np.array(noise), np.array(steps), delta))
        # other units, the same n = ρσ/√(LΔ): √(3·12) = 6
        said = S1.tune(initial_gap=12.0, smoothness=3.0, steps=steps, norm_ratio=2.0, noise_std=3 * noise, delta=delta)
        assert np.exp(got[0]) == pytest.approx(float(said.alpha), rel=2e-4)
        assert np.exp(got[1]) * 2 == pytest.approx(float(said.step_size), rel=2e-4)
        assert np.exp(got[2]) * 6 == pytest.approx(float(said.value), rel=1e-6)


def test_the_first_steps_are_first_and_the_limits_are_limits() -> None:
    noise = np.array([0.1, 0.5, 2.0])
    first = bound_map.first_steps(S1, noise, 0.6, [0.1, 0.5], 0.5)
    for i, part in enumerate((0.1, 0.5)):
        for factor, inside in ((1.0, True), (30.0, True), (0.8, False)):
            away = abs(bound_map.exponents(S1, noise, factor * first[:, i], 0.6)[:, 0] / 0.5 - 1)
            assert ((away <= part) == inside).all()
    far = bound_map.exponents(S1, np.array(0.5), np.array(1e12), 0.6)
    np.testing.assert_allclose(far, [0.5, -0.25, 0.25], atol=0.002)
    wrong = replace(S1, claim=S1.claim.subs(bounds.symbols.b, 1))
    assert abs(bound_map.exponents(wrong, np.array(0.5), np.array(1e12), 0.6)[0] - 0.5) > 0.1


@pytest.mark.parametrize("delta", [0.3, 0.9])
def test_what_the_coupling_is_worth_in_the_limit(delta: float) -> None:
    lost = float(bound_map.regret(S1, np.array([0.5]), np.array([1e12]), delta)[0])
    assert bound_map.leading_regret(delta) == pytest.approx(lost, abs=2e-4)
    assert bound_map.leading_regret(1.0) == pytest.approx(5 / (4 * 2**0.25) - 1)


# --- the usual problem, the search, refusals --------------------------------------------------------------------------


def test_the_usual_problem_in_numpy() -> None:
    steps, noise, delta, seeds = 40, 2.0, 0.5, np.array([1, 6])
    got = usual.average_norms(noise, delta, np.array([0.03]), np.array([0.3]), steps, seeds)[0]
    for seed, value in zip(seeds, got, strict=True):
        x, m, total = np.ones(20), np.zeros(20), 0.0
        for k in range(steps):
            g = x / 20
            total += np.abs(g).sum()
            fresh = g + Draw(int(seed), k).normal("gradient noise", (20,)).numpy() * noise * math.sqrt(0.5) / 20
            m = fresh if k == 0 else 0.7 * m + 0.3 * fresh
            large = np.zeros(20, bool)
            large[np.argsort(-np.abs(m), kind="stable")[:10]] = True
            x = x - 0.03 * np.sign(m) * np.where(large, 0.5, 1.5)
        assert value == pytest.approx(total / steps, rel=1e-9)


def test_a_search_repeats_itself_and_reports_other_seeds() -> None:
    one, two = (search("value", 0.5, 40, 0.6, 7, seeds=4) for _ in range(2))
    assert one.problem == two.problem and one.errors == two.errors and one.score == two.score
    assert np.array_equal(one.fresh.estimate, two.fresh.estimate)
    seen = built(one.problem, one.errors, [0.6], 40, 24)
    assert not np.array_equal(one.fresh.estimate, seen.estimate)
    harm = built(Hovering(0.5), PATTERNS["two lengths"], [0.6], 40, 8).estimate[-1, 2]
    assert one.fresh.estimate[-1, 2] > harm + 0.1


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown noise law 'gredy'; did you mean 'greedy'"):
        Hovering(law="gredy")
    with pytest.raises(ValueError, match="so large that coordinate 2 starts above the gap"):
        Hovering(100.0)
    with pytest.raises(ValueError, match=r"`wrong` must lie in \[-1, 1\]"):
        Errors(wrong=1.5)
    with pytest.raises(ValueError, match="unknown objective 'alfa'"):
        search("alfa", 0.5, 40, 0.6, 4)
    case = Case(Hovering(), Errors(), 0.0)
    with pytest.raises(ValueError, match="vectors of one length"):
        average_norms(case, np.ones(2), np.ones(3), 10, np.arange(2))
    with pytest.raises(ValueError, match="`alpha` must be finite, > 0 and <= 1"):
        average_norms(case, np.ones(2), np.array([0.5, 1.5]), 10, np.arange(2))
    with pytest.raises(ValueError, match="not P/γ"):
        bound_map.optimum(S1.claim * bounds.symbols.gamma**2, bound_map.scaled(np.array(1.0), np.array(100.0), 0.0))


def test_luck_is_a_function_of_seed_and_step() -> None:
    assert np.array_equal(luck(np.array([7, 3]), 30)[:20, 1], luck(np.array([3]), 20)[:, 0])
    assert abs(ndtr(luck(np.arange(40), 200)).mean() - 0.5) < 0.01

"""Attacks on statements with decay, schedules, other momenta and gaps: what they run, read a second time."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

import bounds
from bounds.symbols import COLUMNS, lam
from experiments.attacks.problem_runs import random_setting
from experiments.refutation import shapes
from experiments.refutation.candidates import Candidates, complete
from experiments.refutation.case import case_of, load, save
from experiments.refutation.dress import schedules
from experiments.refutation.fairness import allowed
from experiments.refutation.minimise import minimise, truncated
from experiments.refutation.problem_case import measure
from experiments.refutation.quantities import expression_of, rates, text_of
from experiments.refutation.replay import replay
from experiments.refutation.score import score
from experiments.refutation.search import Found, search
from experiments.refutation.target import claimed, target
from lmo.balls import Spectral
from lmo.optim import Muon
from lmo.oracles import Exact

SOURCE = np.random.default_rng(4)


def instances(n: int, d: int, *, bend: bool = False, cut: bool = True, ball: str = "l-inf", **more) -> Candidates:
    """Random objectives with nothing else to them."""
    curvature = np.exp(SOURCE.normal(size=(n, d)))
    given = {
        "slope": np.where(SOURCE.random((n, d)) < 0.5, np.inf, np.exp(SOURCE.normal(size=(n, d)))) if cut else None,
        "bend": np.exp(SOURCE.normal(size=n)) if bend else None,
        "centre": SOURCE.normal(size=(n, d)),
    }
    start = 3 * SOURCE.normal(size=(n, d))
    ones = np.ones(n)
    chosen = {name: value for name, value in given.items() if value is not None} | more
    return complete(ball, 3, curvature, start, np.ones((n, 1, d if ball == "l-inf" else 2)), ones, ones, **chosen)


# Objectives


@pytest.mark.parametrize("bend", [False, True])
def test_the_value_is_the_integral_of_the_gradient(bend: bool) -> None:
    c = instances(40, 1, bend=bend)
    grid = np.linspace(0, 1, 20_001)[None, :, None]
    x = c.centre[:, None] * (1 - grid) + c.start[:, None] * grid
    slope = shapes.gradient(c, x)[..., 0]
    area = ((slope[:, 1:] + slope[:, :-1]) / 2 * np.diff(x[..., 0])).sum(-1)
    assert shapes.gap(c) == pytest.approx(area, rel=1e-6)


def test_doubling_slopes_are_l0_l1_smooth_and_attain_it() -> None:
    """|h′(x) − h′(y)| ≤ (L0 + L1|h′(x)|)|x − y| up to a distance of 1/L1, in both norms; further it fails."""
    one = instances(1, 1, bend=True, cut=False, centre=np.zeros((1, 1)))
    x = np.linspace(-4, 4, 801)[None, :, None] / one.bend[0]
    for reach, most in ((1.0, 1 + 1e-12), (1.5, np.inf)):
        worst = 0.0
        for t in np.linspace(-reach, reach, 81)[None, None, :, None].ravel():
            if t != 0:
                step = np.full_like(x, t / one.bend[0])
                change = np.abs(shapes.gradient(one, x + step) - shapes.gradient(one, x))[..., 0]
                allowed_change = one.curvature + one.bend[:, None] * np.abs(shapes.gradient(one, x))[..., 0]
                worst = max(worst, float((change / (allowed_change * np.abs(step[..., 0]))).max()))
        assert 1 - 1e-12 < worst <= most
        assert (worst > 1.05) == (reach > 1)
    for ball in ("l-inf", "l2"):
        c = instances(60, 3, bend=True, ball=ball)
        near = SOURCE.normal(size=(60, 400, 3))
        near *= (SOURCE.random((60, 400)) / c.bend[:, None] / shapes.primal_norm(ball, near))[..., None]
        at = 3 * SOURCE.normal(size=(60, 400, 3))
        moved = shapes.dual_norm(ball, shapes.gradient(c, at + near) - shapes.gradient(c, at))
        norm = shapes.dual_norm(ball, shapes.gradient(c, at))
        lipschitz = shapes.smoothness(c)[:, None] + c.bend[:, None] * norm
        assert (moved <= lipschitz * shapes.primal_norm(ball, near) * (1 + 1e-12)).all()


@pytest.mark.parametrize("ball", ["l-inf", "l2"])
def test_the_level_set_knows_its_radius_and_its_lowest_slope(ball: str) -> None:
    c = instances(60, 2, ball=ball)
    ways = SOURCE.normal(size=(60, 300, 2)) * np.exp(4 * SOURCE.normal(size=(60, 300, 2)))
    ways /= shapes.primal_norm(ball, ways)[..., None]
    ways[:, :2] = np.eye(2)
    length = shapes.radius(c)[:, None] * np.linspace(0, 1, 41)[1:, None, None]
    reached, lowest = np.zeros(60), np.full(60, np.inf)
    for step in length:
        away = ways * step[..., None]
        height = shapes.value(c, c.centre[:, None] + away)
        inside = height <= shapes.gap(c)[:, None] * (1 + 1e-9)
        norm = shapes.dual_norm(ball, shapes.gradient(c, c.centre[:, None] + away))
        reached = np.maximum(reached, np.where(inside, step, 0).max(-1))
        lowest = np.minimum(lowest, np.where(inside, norm**2 / (2 * height), np.inf).min(-1))
    assert reached == pytest.approx(shapes.radius(c), rel=1e-9)  # attained on a coordinate
    assert (lowest >= shapes.lowest_slope(c) * (1 - 1e-9)).all()
    assert lowest == pytest.approx(shapes.lowest_slope(c), rel=0.08)  # steps of a fortieth of R


@pytest.mark.parametrize("ball", ["l-inf", "l2"])
def test_the_low_point_is_in_the_ball_and_lowest_where_it_says_so(ball: str) -> None:
    decay = np.exp(SOURCE.normal(size=40))
    d = 2 if ball == "l-inf" else 1
    c = replace(instances(40, d, ball=ball, weight_decay=decay), low=0.5 * np.ones(40))
    low = shapes.low_point(c)
    assert (shapes.primal_norm(ball, low) <= 0.5 / decay * (1 + 1e-12)).all()
    others = SOURCE.uniform(-1, 1, (40, 500, d)) * (0.5 / decay)[:, None, None]
    assert (shapes.value(c, low[:, None]) <= shapes.value(c, others) + 1e-12).all()
    turned = instances(40, 3, ball="l2", weight_decay=decay)
    assert (shapes.primal_norm("l2", shapes.low_point(turned)) <= 1 / decay * (1 + 1e-12)).all()


def test_noise_that_grows_with_the_gradient_has_its_declared_moments() -> None:
    c = instances(30, 2, slope=np.exp(SOURCE.normal(size=(30, 2))), spread=np.ones((30, 2)), relative=2 * np.ones(30))
    far = shapes.gradient(c, 1e9 + np.zeros((30, 1, 2)))[:, 0]
    assert shapes.noise_std(c) == pytest.approx(np.sqrt(((1 + 2 * far) ** 2).sum(-1)))
    x, y = 3 * SOURCE.normal(size=(2, 30, 200, 2))
    change = np.sqrt(5 * ((shapes.gradient(c, x) - shapes.gradient(c, y)) ** 2).sum(-1))  # E(1 + 2Z)² = 5
    assert (change <= shapes.mean_smoothness(c)[:, None] * np.abs(x - y).max(-1) * (1 + 1e-12)).all()


# Rules and steps


def edge(steps: int = 1, **more: float) -> Candidates:
    """f = (x − p)²/2 with p = 9/10, x_0 = 1 = λ = γ: C1's first step goes to the far end."""
    one = np.ones((1, 1))
    given = {"centre": 0.9 * one, "weight_decay": np.ones(1)} | {n: np.full(1, v) for n, v in more.items()}
    return complete("l-inf", steps, one, one, one[..., None], np.ones(1), np.ones(1), **given)


def test_one_step_of_frank_wolfe_in_exact_rationals() -> None:
    """p → x_0 makes it 3/4, and no run has more at K = 1: h_1 ≤ LD²/2 by the proof, the claim is 2LD²/3."""
    aim = target(bounds.theorems["C1"])
    seen = score(edge(), aim)
    measured, bound = Fraction(19, 10) ** 2 / 2, Fraction(2 * 4, 3)
    assert float(seen.ratio[0]) == pytest.approx(float(measured / bound), rel=1e-12)
    gaps = [(1 + p) ** 2 / 2 / bound for p in (1 - Fraction(1, 10**n) for n in range(1, 8))]
    assert Fraction(3, 4) - gaps[-1] < Fraction(1, 10**6) and max(gaps) < Fraction(3, 4)


def test_half_of_frank_wolfes_bound_is_refuted_by_a_small_case(tmp_path) -> None:
    state = search(target(claimed("4*L*b**2/(λ**2*(K+2))", "frank-wolfe")), 60.0)
    assert state.violation is not None
    found = minimise(state, 2.0)
    case = load(save(case_of(found, state.target), tmp_path / "case.json"))
    assert case.instance["steps"] == 1 and len(case.instance["start"]) == 1
    assert case.instance["weight_decay"] == 1 and abs(case.instance["start"][0]) == 1
    again = replay(case)
    assert again.violates and again.ratio == pytest.approx(case.ratio, rel=1e-9)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"start": [10.0]}, "outside of the ball"),
        ({"weight_decay": 2.0}, "λγ is above 1"),
        ({"schedule": [0.5]}, "mean is not 1"),
        ({"bend": 1.0}, "rises faster"),
        ({"relative": 1.0}, "not bounded"),
    ],
)
def test_a_case_outside_of_the_claims_setting_is_no_counterexample(change, said: str) -> None:
    """From x_0 = 10 C1 is false, which is no fault of its own (paper_notes.md, C1)."""
    aim = target(bounds.theorems["C1"])
    case = case_of(Found("test", edge(), score(edge(), aim), 1, 0), aim)
    again = replay(replace(case, instance=case.instance | change))
    assert not again.violates and any(said in reason for reason in again.broken)


def test_the_search_keeps_the_same_rules() -> None:
    frank_wolfe, muon, varying = (target(bounds.theorems[n]) for n in ("C1", "M", "D1-v"))
    assert allowed(edge(), frank_wolfe).all()
    assert not allowed(replace(edge(), start=10 * np.ones((1, 1))), frank_wolfe).any()
    assert allowed(replace(edge(), start=10 * np.ones((1, 1))), muon).all()  # M takes x_0 anywhere
    assert not allowed(edge(step_size=1.5), muon).any()
    assert not allowed(edge(), varying).any()  # no decay there
    assert not allowed(edge(bend=1.0), muon).any()
    uneven = replace(edge(2, weight_decay=0.0), schedule=np.array([[1.5, 0.5]]))
    assert allowed(uneven, varying).all()
    assert not allowed(replace(uneven, schedule=np.array([[1.5, 0.6]])), varying).any()
    assert not allowed(replace(uneven, schedule=np.array([[2.5, -0.5]])), varying).any()
    assert not allowed(uneven, target(bounds.theorems["D1"])).any()


def test_schedules_have_the_mean_1() -> None:
    for steps in (1, 2, 7, 60):
        rows = schedules(200, steps, SOURCE)
        assert (rows >= 0).all() and rows.mean(-1) == pytest.approx(np.ones(200))
    assert (schedules(200, 7, SOURCE) == 0).any()


def test_m_is_run_as_torch_would() -> None:
    """A small instance of M against lmo.optim.Muon, torch's step with another oracle, on the diagonal of a matrix."""
    steps, γ, α, λ = 6, 0.3, 0.4, 0.2
    schedule = np.array([[1.5, 0.5, 2.0, 1.0, 0.25, 0.75]])
    curvature, start, centre = (np.array([row]) for row in ([1.0, 0.3], [2.0, -1.0], [-3.0, 0.5]))
    c = complete(
        "l-inf", steps, curvature, start, np.ones((1, 1, 2)), np.ones(1), np.ones(1), centre=centre,
        schedule=schedule, step_size=np.full(1, γ), alpha=np.full(1, α), weight_decay=np.full(1, λ),
    )  # fmt: skip
    seen = score(c, target(bounds.theorems["M"]))
    parameter = torch.nn.Parameter(torch.diag(torch.tensor(start[0])))
    a, p = (torch.diag(torch.tensor(v[0])) for v in (curvature, centre))
    optimizer = Muon([parameter], lr=γ, momentum=1 - α, weight_decay=λ, oracle=Exact(Spectral()))
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: schedule[0][k] if k < steps else 0.0)
    total = 0.0
    for k in range(steps):
        x = parameter.detach().clone()
        parameter.grad = a * (x - p)
        total += float(schedule[0][k] * (parameter.grad.abs().sum() + λ * (parameter.grad * x).sum()))
        optimizer.step()
        scheduler.step()
    assert float(seen.measured[0]) == pytest.approx(total / steps, rel=1e-12)
    assert 0 < float(seen.ratio[0]) < 1


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("(Delta/(gamma*K) + L*gamma*variation*b**2/2 + q*rho*sigma)/(2*c)", "muon"),
        ("(Delta/(gamma*K) + L*gamma*b**2/2 + q*rho*sigma)/(2*c)", "storm"),
        ("Delta/(2*λ*γ*K)", "decay"),
        ("Delta/2", "star-convex"),
    ],
)
def test_a_formula_may_lack_constants_of_its_setting(text: str, setting: str) -> None:
    """M limits γ by λ and the peak of the schedule, its tuning needs X, that of S4 L̄: runs must know them."""
    aim, rng = target(claimed(text, setting)), np.random.default_rng(0)
    state = search(aim, 20.0)
    assert state.violation is not None or state.record is not None
    settings = [random_setting(aim, rng, 3) for _ in range(12)]
    measured = [measure(one, aim, 4, 0) for one in settings if one is not None]
    assert measured and all(one["bound"] > 0 for one in measured)


# Texts


def test_quantities_are_written_and_read() -> None:
    for theorem in bounds.theorems.values():
        what = theorem.metric.of_step
        assert (expression_of(text_of(what)) - what).expand() == 0
    of_norm, of_alignment = rates(text_of(bounds.theorems["C2"].metric.of_step)) or (None, None)
    assert of_alignment == 1 and of_norm.free_symbols & {lam}
    assert rates("gap_k") is None
    for unknown in (COLUMNS["net_norm"], COLUMNS["gradient_norm"] * bounds.symbols.K, lam):
        with pytest.raises(ValueError, match="no attack measures"):
            text_of(unknown)


def test_numbers_are_cut_towards_zero() -> None:
    values = np.array([0.99999, -0.99999, 12.96, 0.0, 0.5, -3.0])
    assert truncated(values, 1) == pytest.approx([0.9, -0.9, 10, 0, 0.5, -3])
    assert truncated(values, 3) == pytest.approx([0.999, -0.999, 12.9, 0, 0.5, -3])

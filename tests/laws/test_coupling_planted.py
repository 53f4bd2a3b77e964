"""What the coupling study says of planted couplings, which it must find, and of surfaces whose truth is known."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.coupling_study import calibration, report
from experiments.coupling_study import study as studies
from experiments.coupling_study.cells import Arm, Form, Scaling, Setting, line
from experiments.coupling_study.grid import grid_error
from experiments.coupling_study.predicted import predict, scale_of
from experiments.coupling_study.resolution import seeds_of
from experiments.coupling_study.rounds import Question, Rounds
from experiments.coupling_study.search import Found
from experiments.coupling_study.verdicts import NO_ROOM
from experiments.statistics.optimum import best
from experiments.statistics.refine import Window
from experiments.statistics.verdict import APPEARS, MORE, OTHER, UNDECIDED

S1 = Setting("isotropic:20", "l-inf", 0.02 * 20**0.5, "ema", 400)


def silent(text: str) -> None:
    """Says nothing."""


class Planted(Rounds):
    """Answers by a formula: the predicted shift to the power `sign`, the predicted value, 8 % lost a unit² away."""

    def __init__(self, sign: float, noise: float = 0.02) -> None:
        super().__init__(Path("nowhere"), silent)
        self.sign, self.noise = sign, noise

    def optimum(self, arm: Arm) -> tuple[np.ndarray, float]:
        start, moved = predict(arm.setting, 0, 0), predict(arm.setting, arm.delta, arm.delta)
        assert start is not None and moved is not None
        step = math.log(moved.step_size / start.step_size), math.log(moved.alpha / start.alpha)
        base = np.log([scale_of(arm.setting) / 3, 0.3])
        return base + self.sign * np.array(step), moved.value / start.value

    def answer(self, questions, what):  # type: ignore[no-untyped-def]
        return [self.one(question) for question in questions]

    def one(self, question: Question) -> dict[str, np.ndarray]:
        at, value = self.optimum(question.arm)
        seeds = np.array(question.seeds)
        keys = [(int(seed), round(10 * question.arm.delta)) for seed in seeds]
        shake = self.noise * np.array([np.random.default_rng(key).standard_normal(3) for key in keys])
        axes = question.points.shape[1]
        away = np.log(question.points)[:, None, :] - (at + shake[:, :2])[None, :, :axes]
        cost = value * (1 + 0.08 * (away**2).sum(-1)) * (1 + shake[:, 2]) * 0.01
        delta = np.full(cost.shape, question.arm.delta)
        measured = {f"mean_{name}": delta for name in ("delta", "epsilon", "eta", "spread")}
        return {"mean_gradient_norm": np.where(np.isnan(cost), np.nan, cost), **measured}


def planted(monkeypatch: pytest.MonkeyPatch, sign: float) -> studies.Outcome:
    monkeypatch.setattr(studies, "Rounds", lambda *_: Planted(sign))
    form = Form("planted", (line(S1, "mixed", (0.4, 0.8)),), pilot_seeds=16, seeds=48, resamples=800)
    return studies.study(form, Path("nowhere"), silent)


@pytest.mark.parametrize(("sign", "verdict"), [(1.0, APPEARS), (-1.0, OTHER)])
def test_a_planted_coupling_is_found_with_its_sign(
    monkeypatch: pytest.MonkeyPatch, sign: float, verdict: str
) -> None:  # fmt: skip
    outcome = planted(monkeypatch, sign)
    mine = {(v.quantity, v.model): v for v in outcome.verdicts}
    steps, alphas = mine["step size", "additive"], mine["alpha", "additive"]
    assert (steps.verdict, alphas.verdict) == (verdict, verdict)
    assert steps.estimate == pytest.approx(sign * math.log(0.00942779 / 0.01138678), abs=0.01)
    assert alphas.estimate == pytest.approx(sign * math.log(0.2243915 / 0.1795220), abs=0.01)
    assert mine["value", "additive"].verdict == APPEARS
    assert mine["beta", "additive"].verdict == (OTHER if sign > 0 else mine["beta", "additive"].verdict)
    of, i = outcome.at(outcome.form.lines[0])
    lost = 0.08 * (steps.estimate**2 + alphas.estimate**2)
    assert of.of(of.arms[i], "regret")[0] == pytest.approx(math.log1p(lost), abs=5e-4)
    assert of.of(of.arms[i], "additive_advice")[0] == pytest.approx(
        0.08 * (sign < 0) * 3 * (steps.estimate**2 + alphas.estimate**2) - math.log1p(lost) * (sign > 0), abs=2e-3
    )
    assert any("read as α" in sentence for sentence in report.paragraph(outcome))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_planted_exponents_are_found_by_regression(monkeypatch: pytest.MonkeyPatch, sign: float) -> None:
    outcome = planted(monkeypatch, sign)
    start, *moved = (predict(S1, delta, delta) for delta in (0.0, 0.4, 0.8))
    assert start is not None and {one.quantity for one in outcome.exponents} == {"step_size", "alpha", "value"}
    x = np.log([1.0, 1.4, 1.8])
    for one in outcome.exponents:
        logs = [math.log(getattr(told, one.quantity) / getattr(start, one.quantity)) for told in (start, *moved)]
        slope = ((x - x.mean()) @ np.array(logs)) / ((x - x.mean()) ** 2).sum()
        assert one.additive == pytest.approx(slope, rel=1e-6)
        if one.quantity == "value":  # (1 + δ)^¼/(1 − δ) is no power of 1 + δ, and that is seen
            assert one.lack_of_fit < 1e-6 and one.exponent == pytest.approx(slope, abs=0.15)
        else:
            assert one.low - 0.02 <= sign * slope <= one.high + 0.02 and one.high - one.low < 0.5
            assert one.lack_of_fit > 1e-3
    assert len(report.exponent_rows(outcome)) == 3 and len(report.exponent_table(outcome)) == 1


def test_where_nothing_is_random_the_grid_is_the_error_of_an_exponent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studies, "Rounds", lambda *_: Planted(1.0, noise=0.0))
    exact = Setting("matrix-quadratic:12x12", "spectral", 0.0, "none", 400)
    form = Form("exact", (line(exact, "inflate", (0.25, 0.5)),), pilot_seeds=1, seeds=1, resamples=50)
    step = studies.study(form, Path("nowhere"), silent).exponents[0]
    assert step.quantity == "step_size" and 0.01 < step.high - step.low < 0.5 and step.lack_of_fit > 0.05
    assert step.low <= -1.0 <= step.high and step.additive == pytest.approx(-1.0)  # D1: γ* ∝ 1/(1 + δ)


def test_planted_exponents_in_the_number_of_steps_and_the_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted optimum is D1's step over 3, ∝ K^−½, at α = 0.3 and a value that is the same everywhere."""
    monkeypatch.setattr(studies, "Rounds", lambda *_: Planted(1.0))
    steps = tuple(Arm(replace(S1, steps=k), "exact") for k in (100, 400, 1600))
    noises = tuple(Arm(replace(S1, noise=s), "exact") for s in (0.05, 0.1, 0.2))
    lines = (line(S1, "mixed", (0.4,)),)
    form = Form("scalings", lines, 16, 48, resamples=400, scalings=(Scaling(steps), Scaling(noises)))
    assert form.family == 4 + 1 + 3 + 2 * 3 and {arm.setting.steps for arm in form.arms} == {100, 400, 1600}
    outcome = studies.study(form, Path("nowhere"), silent)
    found = {(one.along.axis[0], one.quantity): one for one in outcome.exponents if isinstance(one.along, Scaling)}
    assert found.keys() == {(axis, quantity) for axis in "Kσ" for quantity in ("step_size", "alpha", "value")}
    for key, one in found.items():
        true = -0.5 if key == ("K", "step_size") else 0.0
        assert one.low - 0.02 <= true <= one.high + 0.02 and one.high - one.low < 0.5, key
    told = [predict(arm.setting, 0.0, 0.0) for arm in steps]
    assert found["K", "alpha"].additive == pytest.approx(
        math.log(told[2].alpha / told[0].alpha) / math.log(16), abs=0.02
    )
    assert found["K", "alpha"].additive < -0.4  # S1 says −½
    assert len(report.exponent_table(outcome)) == 3


def test_a_shift_beyond_the_prediction_is_bounded_by_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = planted(monkeypatch, 4.0)
    mine = {(v.quantity, v.model): v for v in outcome.verdicts}
    assert mine["step size", "additive"].verdict == mine["alpha", "additive"].verdict == MORE
    assert any("1 more than predicted" in sentence for sentence in report.paragraph(outcome))
    of, i = outcome.at(outcome.form.lines[0])
    assert of.of(of.arms[0], "regret")[1] == 0 and of.of(of.arms[i], "log_alpha")[2] <= 0
    row = report.table(outcome)[0]
    assert row["step size: additive"].endswith("more") and row[report.SEEDS].startswith("48 (")


def test_every_interval_of_tables_and_map_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = planted(monkeypatch, 1.0)
    judged = {(v.line, v.quantity) for v in outcome.verdicts}
    assert outcome.form.family == len(judged) + len(outcome.form.lines) + len(outcome.exponents)
    assert outcome.level == pytest.approx(1 - 0.05 / outcome.form.family)


class Rugged(Planted):
    """`shrink` and `inflate` as what they are, rescalings; ripples of 6 % in log γ, far shorter than the lattice."""

    def one(self, question: Question) -> dict[str, np.ndarray]:
        arm = question.arm
        scale = {"shrink": 1 - arm.delta, "inflate": 1 + arm.delta}.get(arm.oracle, 1.0)
        points = question.points * np.array([scale, 1.0])[: question.points.shape[1]]
        told = super().one(question._replace(arm=replace(arm, oracle="exact", delta=0.0), points=points))
        at = np.log(points[:, :1])
        told["mean_gradient_norm"] = told["mean_gradient_norm"] * (1 + 0.06 * np.sin(61 * at))
        return told | {name: np.full_like(cost, arm.delta) for name, cost in told.items() if "norm" not in name}


@pytest.mark.parametrize("setting", [S1, replace(S1, noise=0.0, momentum="none")])
def test_intervals_hold_where_the_truth_is_known(monkeypatch: pytest.MonkeyPatch, setting: Setting) -> None:
    """On a surface that every lattice sees otherwise; without the grid's part most intervals miss."""
    monkeypatch.setattr(studies, "Rounds", lambda *_: Rugged(1.0, noise=0.005))
    lines = tuple(line(setting, name, (0.3, 0.4, 0.8)) for name in ("shrink", "inflate"))
    outcome = studies.study(Form("rugged", lines, pilot_seeds=8, seeds=16, resamples=400), Path("nowhere"), silent)
    found = calibration.checks(outcome.measured)
    assert len(found) == (18 if setting.tunes_alpha else 12)
    assert all(one.miss <= 1 for one in found), max(found, key=lambda one: one.miss)
    assert f"of {len(found)} shifts" in (said := calibration.sentence(found, outcome.level)) and "all hold" in said
    assert any("Calibration: " in sentence for sentence in report.paragraph(outcome))
    (of,) = outcome.measured
    parts = [of.grid_of(of.arms.index(one.arm), one.quantity) for one in found]
    narrow = [
        replace(one, low=min(one.low + part, one.estimate), high=max(one.high - part, one.estimate))
        for one, part in zip(found, parts, strict=True)
    ]
    assert sum(one.miss > 1 for one in narrow) >= 3 and "ONLY" in calibration.sentence(narrow, outcome.level)
    assert "no arm of this form" in calibration.sentence([], outcome.level)
    missed = next(one for one in narrow if one.miss > 1)
    said = calibration.sentence([*found, missed], 0.95)
    assert f"{len(found)} hold; up to " in said and "misses are expected of intervals of 95 % each" in said


def a_window(costs: np.ndarray, *logs: np.ndarray, momentum: str = "ema") -> Found:
    """A search that ended with these costs, of one arm and two equal seeds."""
    values = np.stack([costs, costs], -1)[None]
    axes = tuple(log[None] for log in logs)
    arm = Arm(replace(S1, momentum=momentum), "exact")
    return Found((arm,), Window(axes, values), best(values, axes), np.zeros((1, len(axes)), bool))


def test_the_grids_error_is_what_the_surface_leaves_open() -> None:
    step, alpha = np.log(2**0.25) * np.arange(-3, 4.0), np.log(1.2) * np.arange(-6, 1.0)
    u, v = step[:, None] - 0.05, alpha[None] + 0.5
    smooth = np.exp(0.4 * u**2 + 0.3 * v**2 + 0.1 * u * v)
    quarter = np.log([2**0.25, 1.2]) / 4
    assert grid_error(a_window(smooth, step, alpha))[:2] == pytest.approx(quarter, abs=0.03)
    ripple = 1 + 0.05 * np.random.default_rng(0).standard_normal(smooth.shape)
    rough = grid_error(a_window(smooth * ripple, step, alpha))
    assert rough.step > 0.15 and rough.alpha > 0.15 and 0.1 < rough.value < 0.3
    pinned = grid_error(a_window(np.exp(0.4 * u**2 - 0.5 * alpha[None]), step, alpha))
    assert pinned.alpha == 0 and pinned.step < 0.1
    flat = grid_error(a_window(np.exp(-1e-3 * v**2) + 0 * u, step, alpha))
    assert flat.step > 0.5 and flat.alpha > 0.5
    lost = grid_error(a_window(np.full(smooth.shape, np.nan), step, alpha))
    assert lost == (np.inf, np.inf, np.inf)
    three = grid_error(a_window(1 + step[2:5] ** 2, step[2:5], momentum="none"))
    assert three == pytest.approx((np.log(2**0.25), 0.0, 0.0))  # three points tell nothing of a fourth


def test_what_is_said_of_seeds_is_true() -> None:
    few = Setting("matrix-quadratic:12x12", "spectral", 0.3, "ema", 100)
    exact = Setting("matrix-quadratic:12x12", "spectral", 0.0, "none", 100)
    form = Form("words", (line(few, "mixed", (0.4,)), line(exact, "mixed", (0.4,)), line(S1, "mixed", (0.4,)),
                          line(exact, "random", (0.4,))), 16, 64)  # fmt: skip
    assert [seeds_of(form, setting) for setting in form.settings] == ["16 seeds", "1 or 16 seeds", "64 seeds"]
    assert seeds_of(Form("one", form.lines[1:2], 16, 64), exact) == "one run a point"


class AtOne(Planted):
    """The best alpha is beyond 1 for every δ and every seed."""

    def optimum(self, arm):  # type: ignore[no-untyped-def]
        at, value = super().optimum(arm)
        return at + np.array([0.0, 4.0]), value


def test_an_alpha_that_is_one_in_every_resample_has_exponent_zero_to_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studies, "Rounds", lambda *_: AtOne(1.0))
    form = Form("at one", (line(S1, "mixed", (0.4, 0.8)),), pilot_seeds=8, seeds=16, resamples=200)
    outcome = studies.study(form, Path("nowhere"), silent)
    alpha = {one.quantity: one for one in outcome.exponents}["alpha"]
    assert alpha.exponent == 0.0 and 0.05 < alpha.high - alpha.low < 2
    mine = {(v.quantity, v.model): v for v in outcome.verdicts}
    assert (mine["alpha", "additive"].verdict, mine["alpha", "additive"].reason) == (UNDECIDED, NO_ROOM)
    assert any(
        "1 are undecided as the exact oracle's best α is 1" in sentence for sentence in report.paragraph(outcome)
    )
    step, value = mine["step size", "additive"], mine["value", "additive"]
    assert np.isfinite([step.resolvable, value.resolvable]).all()  # along α = 1: they are curved in the step size
    assert step.verdict == APPEARS and value.verdict != UNDECIDED


def test_noise_that_hides_a_shift_is_no_verdict_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studies, "Rounds", lambda *_: Loud(1.0))
    form = Form("loud", (line(S1, "mixed", (0.4, 0.8)),), pilot_seeds=8, seeds=8, resamples=400)
    found = studies.study(form, Path("nowhere"), silent).verdicts
    assert {v.verdict for v in found if v.quantity in ("step size", "alpha")} == {UNDECIDED}


class Loud(Planted):
    """Noise that is another one for every arm and point."""

    def one(self, question: Question) -> dict[str, np.ndarray]:
        told = super().one(question)
        word = zlib.crc32(question.points.tobytes() + str((question.arm.delta, question.seeds)).encode())
        told["mean_gradient_norm"] = told["mean_gradient_norm"] * np.exp(
            0.3 * np.random.default_rng(word).standard_normal(told["mean_gradient_norm"].shape)
        )
        return told

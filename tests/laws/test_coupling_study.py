"""The coupling study: its questions, its predictions, its forms and its command."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from command_line import lmo, strict_json

from experiments.coupling_study import forms
from experiments.coupling_study import study as studies
from experiments.coupling_study.cells import Arm, Form, Setting, line
from experiments.coupling_study.predicted import constants_of, predict
from experiments.coupling_study.resolution import _stays
from experiments.coupling_study.rounds import Question, Rounds, pieces
from experiments.coupling_study.verdicts import level_of
from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.run import run
from experiments.statistics.verdict import APPEARS
from experiments.sweeps import catalogue
from lmo.balls import LInf
from lmo.method import Method
from lmo.momentum import Ema
from lmo.oracles import Exact, Perturbed, Shrink
from lmo.randomness import Draw

S1 = Setting("isotropic:20", "l-inf", 0.02 * 20**0.5, "ema", 400)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the current one while the test runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def silent(text: str) -> None:
    """Says nothing."""


# --- questions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("corner", [0, 3, 8])
def test_pieces_hold_every_point_once(corner: int) -> None:
    grid = np.array([[s, a] for a in (0.1, 0.2, 0.4) for s in (1.0, 2.0, 4.0)])
    far = np.array([[100.0 + i, 1.0 - 0.01 * i] for i in range(12)])  # no product of steps and alphas is near
    for points in (grid, np.delete(grid, corner, 0), np.vstack([grid, [[np.nan, np.nan]]]), far, grid[:, :1][:3]):
        seen = {}
        for piece in pieces(points):
            for i, step in enumerate(piece.steps):
                for j, alpha in enumerate(piece.alphas):
                    row = piece.rows[i, j]
                    if row >= 0:
                        assert row not in seen
                        seen[row] = (step, alpha)
        wanted = {i: (p[0], p[1] if len(p) == 2 else 1.0) for i, p in enumerate(points) if np.isfinite(p).all()}
        assert seen == wanted


def test_answers_are_the_runs_of_their_points(tmp_path: Path) -> None:
    """Two arms of one oracle share a sweep; each number is that of the same run made alone."""
    setting = Setting("isotropic:5", "l-inf", 0.1, "ema", 12)
    points = np.array([[0.05, 0.3], [0.1, 0.3], [0.1, 0.9]])
    questions = [Question(Arm(setting, "shrink", delta), points, (3, 7)) for delta in (0.2, 0.6)]
    rounds = Rounds(tmp_path, silent)
    answers = rounds.answer(questions, "test")
    assert rounds.sweeps == 1 and rounds.asked == 2 * 4 * 2 * 12  # a product of 2×2 for 3 points
    from experiments.sweeps.catalogue import problem_called, with_noise

    problem = with_noise(problem_called("isotropic:5"), 0.1)
    assert isinstance(problem_called("isotropic:5"), DiagonalQuadratic)
    for question, answer in zip(questions, answers, strict=True):
        for row, (step, alpha) in enumerate(points):
            method = Method(Perturbed(Exact(LInf()), Shrink(question.arm.delta)), Ema())
            data = run(problem, method, steps=12, step_size=step, alpha=alpha, seeds=(3, 7), record="metric")
            assert answer["mean_gradient_norm"][row] == pytest.approx(data["gradient_norm"].mean("step").values)


# --- predictions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("epsilon", "eta"), [(0.0, 0.0), (0.8, 0.8), (0.5, -0.5), (-0.3, 0.3)])
def test_the_predicted_optimum_is_that_of_s1_in_plain_python(epsilon: float, eta: float) -> None:
    known = constants_of(S1)
    gap, smooth, steps = known["initial_gap"], known["smoothness"], known["steps"]
    noise = known["noise_std"] * known["norm_ratio"]
    assert (gap, smooth, steps) == (0.5, pytest.approx(1.0), 400) and noise == pytest.approx(0.4)
    c, b = 1 - epsilon, 1 + eta
    best = (math.inf, 0.0, 0.0)
    for k in range(1500):
        alpha = math.exp(math.log(0.01) * (1 - k / 1499))
        slope = smooth * b * b / 2 + (b + c) * smooth * b * (1 - alpha) / alpha
        gamma = math.sqrt(gap / steps / slope)
        spread = (b + c) * noise * (1 / (alpha * steps) + math.sqrt(alpha / (2 - alpha)))
        best = min(best, ((gap / (gamma * steps) + slope * gamma + spread) / c, gamma, alpha))
    found = predict(S1, epsilon, eta)
    assert found is not None
    assert (found.value, found.step_size, found.alpha) == (
        pytest.approx(best[0], rel=1e-4), pytest.approx(best[1], rel=0.01), pytest.approx(best[2], rel=0.01),
    )  # fmt: skip
    assert predict(S1, 1.0, 0.2) is None


# --- forms and the command --------------------------------------------------------------------------------------------


def test_forms_are_declared_and_bounded() -> None:
    quick, default = forms.quick(), forms.default()
    for form, name, most in ((quick, "quick", 6e7), (default, "default", 3e8), (forms.matrices(), "matrices", 2e4)):
        assert form.name == name and form.run_steps <= most
        for arm in form.arms:
            assert not set(form.seeds_of(arm)) & set(form.pilot_seeds_of(arm))
            assert len(form.seeds_of(arm)) > 1 or not arm.random
            assert form.of(arm.setting)[0].oracle == "exact" and constants_of(arm.setting)["smoothness"] > 0
    alone = forms.calibration()
    assert {arm.oracle for arm in alone.arms} == {"exact", "shrink", "inflate"} and alone.run_steps <= 1e8
    assert not set(alone.settings) & set(quick.settings + default.settings + forms.matrices().settings)
    assert {setting.momentum for setting in alone.settings} == {"none", "ema", "nesterov", "storm"}
    balls = {setting.ball for setting in default.settings}
    assert balls >= {"l2", "l-inf", "spectral", "nuclear", "product"}
    assert len({setting.problem for setting in default.settings}) >= 4
    part = default.only("nuclear")
    assert {setting.ball for setting in part.settings} == {"nuclear"} and level_of(part) == level_of(default)
    with pytest.raises(ValueError, match="no setting of the default form has 'neclear'"):
        default.only("neclear")
    with pytest.raises(ValueError) as refused:
        default.only("K = 1600")  # of a scaling alone
    assert "K = 1600" not in str(refused.value).partition("they are")[2]
    greedy = Form("greedy", quick.lines, pilot_seeds=8, seeds=10**6)
    with pytest.raises(ValueError, match=r"about .* run-steps; at most 3e"):
        studies.study(greedy, Path("nowhere"), silent)


def test_the_command_measures_stores_resumes_and_draws(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = Setting("isotropic:4", "l-inf", 0.0, "none", 60)
    tiny = Form("quick", tuple(line(exact, error, (0.5,)) for error in ("shrink", "inflate")), 4, 4, resamples=50)
    monkeypatch.setitem(forms.FORMS, "quick", lambda: tiny)
    words = ("study", "coupling", "--quick", "--workers", "0", "--out", "here")
    said = lmo(*words, width=400)
    assert "Calibration: of 4 shifts of exact rescalings" in said.out and "all hold" in said.out
    assert said.status == 0 and "other way" in said.out and (home / "here/quick/coupling_map.png").is_file()
    assert "--resume goes on" in lmo(*words).err and lmo(*words).status == 2
    again = lmo(*words, "--resume", "--json")
    told = strict_json(again.out)
    assert told == json.loads((home / "here/quick/coupling.json").read_text())
    step = {v["error"]: v for v in told["verdicts"] if v["quantity"] == "step size" and v["model"] == "signed"}
    assert step["shrink"]["verdict"] == step["inflate"]["verdict"] == APPEARS
    assert step["shrink"]["measured"] == pytest.approx(2, rel=0.03)
    assert step["inflate"]["measured"] == pytest.approx(2 / 3, rel=0.03)
    assert "figures here" not in again.err and lmo("study", "coupling", "--quick", "--full").status == 2
    both = lmo("study", "coupling", "--quick", "--matrices")
    assert both.status == 2 and "give one of --quick, --full, --matrices, --calibration" in " ".join(both.err.split())
    nowhere = lmo("study", "coupling", "--quick", "--device", "tpu", "--out", "there")
    assert nowhere.status == 2 and "`device` must be cpu, or cuda" in nowhere.err and not Path("there").exists()


def test_an_alpha_of_one_stays_where_it_is_better_by_more_than_the_noise() -> None:
    """Costs (steps, alphas, seeds) with the pair's difference 0.1 and a noise in common, then noise of each alone."""
    noise = np.random.default_rng(0).standard_normal((3, 2, 16))
    base = np.array([0.2, 0.0, 0.2])[:, None, None] + np.array([0.1, 0.0])[:, None]
    assert _stays(1 + base + 0.5 * noise[:1, :1], 1)  # paired: what both have does not count
    assert not _stays(1 + base + 2.0 * np.random.default_rng(1).standard_normal((3, 2, 16)), 1)
    assert not _stays(1 + base, 0)  # no alpha below it


def test_every_oracle_whose_answer_depends_on_the_seed_is_called_random() -> None:
    arms = [arm for form in (forms.quick(), forms.default(), forms.matrices()) for arm in form.arms]
    for oracle in dict.fromkeys(arm.oracle for arm in arms):
        setting = Setting("matrix-quadratic:12x12", "spectral")
        problem = catalogue.problem_called(setting.problem)
        built = catalogue.oracle_called(oracle, catalogue.ball_called("spectral", problem), 0.3)
        m = problem.true_gradient(problem.start(2) + 0.1)
        d, _ = built(m, draw=Draw([0, 1], 0))
        drawn = float((d[0] - d[1]).abs().max()) > 1e-12
        assert Arm(setting, oracle, 0.3).random or not drawn, oracle

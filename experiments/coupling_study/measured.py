"""What the runs of one setting say: shifts, values and regrets of its arms, with intervals over seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from experiments.coupling_study.cells import Arm, Form, Setting
from experiments.coupling_study.grid import GridError, grid_error
from experiments.coupling_study.predicted import Prediction, predict
from experiments.coupling_study.rounds import Question, Rounds
from experiments.coupling_study.search import COST, Found
from experiments.statistics.bootstrap import Interval, interval
from experiments.statistics.optimum import of_means

MEASURES = ("delta", "epsilon", "eta", "spread")
MEASURE_SEEDS = 4
QUANTITIES = (
    "log_step", "log_alpha", "log_value", "step_shift", "alpha_shift", "beta_shift", "value_shift", "regret",
    "additive_advice", "signed_advice",
)  # fmt: skip
VALUE_BLUR = 0.005  # of log value: what norms of every third step leave, beside the grid's own error
TUNINGS = ("kept", "additive", "signed")


class Errors(NamedTuple):
    """Means over the run at the arm's own optimum: δ, ε, η, and δ′ after the best rescaling."""

    delta: float
    epsilon: float
    eta: float
    spread: float


@dataclass(frozen=True)
class Measured:
    """A setting after its runs. intervals: of `QUANTITIES`, (arms, quantities); shifts are against arm 0, the exact.

    grid: of every arm; it is in the intervals.
    """

    setting: Setting
    arms: tuple[Arm, ...]
    errors: tuple[Errors, ...]
    additive: tuple[Prediction | None, ...]
    signed: tuple[Prediction | None, ...]
    intervals: Interval
    limit_hit: np.ndarray
    grid: tuple[GridError, ...]

    @property
    def tunes_alpha(self) -> bool:
        """Whether alpha was searched."""
        return self.setting.tunes_alpha

    def grid_of(self, place: int, quantity: str) -> float:
        """The part of the grid in an interval of an arm's shift: half its width."""
        return _grid_parts(self.intervals.estimate, self.grid)[quantity][place]

    def of(self, arm: Arm, quantity: str) -> tuple[float, float, float]:
        """(estimate, low, high)."""
        at = self.arms.index(arm), QUANTITIES.index(quantity)
        return tuple(float(table[at]) for table in (self.intervals.estimate, self.intervals.low, self.intervals.high))  # type: ignore[return-value]


def judge_settings(form: Form, found: list[Found], rounds: Rounds, level: float) -> list[Measured]:
    """Runs what is left to run of every setting (errors at the optimum, kept and advised tunings) and sums it up."""
    by_arm = {one.arms[0]: one for one in found}
    errors = _errors(form, by_arm, rounds)
    predictions = {arm: _predictions(arm, errors[arm]) for arm in form.arms}
    tuned = _tuning_costs(form, by_arm, predictions, rounds)
    results = []
    for setting in form.settings:
        arms = form.of(setting)
        values, logs = _stacked([by_arm[arm] for arm in arms], [tuned[arm] for arm in arms])
        intervals = interval(values, _Statistic(logs), form.resamples, level)
        of_arms = zip(*(predictions[arm] for arm in arms), strict=True)
        additive, signed = (tuple(found) for found in of_arms)
        limits = np.stack([by_arm[arm].limit_hit[0] for arm in arms])
        seen = tuple(errors[arm] for arm in arms)
        grid = tuple(grid_error(by_arm[arm]) for arm in arms)
        results.append(Measured(setting, arms, seen, additive, signed, _with_grid(intervals, grid), limits, grid))
    return results


def _errors(form: Form, by_arm: dict[Arm, Found], rounds: Rounds) -> dict[Arm, Errors]:
    questions = [
        Question(arm, np.exp(by_arm[arm].optimum.log_point), form.seeds_of(arm)[:MEASURE_SEEDS], MEASURES)
        for arm in form.arms
    ]
    answers = rounds.answer(questions, "errors of the answers at the optimum")
    means = [[float(answer[f"mean_{name}"].mean()) for name in MEASURES] for answer in answers]
    return {arm: Errors(*row) for arm, row in zip(form.arms, means, strict=True)}


def _predictions(arm: Arm, errors: Errors) -> tuple[Prediction | None, Prediction | None]:
    """Of the additive model at the declared δ (measured, where none is declared) and of the signed one."""
    exact = arm.oracle == "exact"
    delta = 0.0 if exact else arm.delta or errors.delta
    return predict(arm.setting, delta, delta), predict(
        arm.setting, *(0.0, 0.0) if exact else (errors.epsilon, errors.eta)
    )


def _tuning_costs(
    form: Form,
    by_arm: dict[Arm, Found],
    predictions: dict[Arm, tuple[Prediction | None, Prediction | None]],
    rounds: Rounds,
) -> dict[Arm, np.ndarray]:
    """(tunings, seeds): the baseline's own tuning, and that moved as each model advises; kept where it says nothing."""
    questions = []
    for arm in form.arms:
        base = form.of(arm.setting)[0]
        kept = np.exp(by_arm[base].optimum.log_point[0])
        rows = [kept]
        for start, moved in zip(predictions[base], predictions[arm], strict=True):
            factors = [1.0, 1.0]
            if start is not None and moved is not None:
                factors = [moved.step_size / start.step_size, moved.alpha / start.alpha]
            rows.append(kept * np.array(factors[: kept.size]))
        points = np.stack(rows)
        points[:, 1:] = np.minimum(points[:, 1:], 1.0)
        questions.append(Question(arm, points, form.seeds_of(arm)))
    distinct = [question._replace(points=np.unique(question.points, axis=0)) for question in questions]
    answers = rounds.answer(distinct, "kept and advised tunings")
    costs = {}
    for question, one, answer in zip(questions, distinct, answers, strict=True):
        rows_of = [int(np.flatnonzero((one.points == point).all(1))[0]) for point in question.points]
        costs[question.arm] = answer[COST][rows_of]
    return costs


def _stacked(found: list[Found], tuned: list[np.ndarray]) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Costs (arms, grid raveled + tunings, seeds) and logarithms per axis (arms, points), padded with NaN."""
    axes = len(found[0].window.log_points)
    shape = [max(one.window.log_points[i].shape[-1] for one in found) for i in range(axes)]
    seeds = max(2, *(one.window.values.shape[-1] for one in found))  # two equal ones where nothing is random
    values = np.full((len(found), *shape, seeds), np.nan)
    logs = tuple(np.full((len(found), size), np.nan) for size in shape)
    for i, one in enumerate(found):
        grid = one.window.values[0]
        mine = values[i]
        mine[tuple(slice(0, size) for size in grid.shape[:-1])] = grid
        for axis, log in zip(logs, one.window.log_points, strict=True):
            axis[i, : log.shape[-1]] = log[0]
    kept = np.stack([np.broadcast_to(costs, (len(TUNINGS), seeds)) for costs in tuned])
    return np.concatenate([values.reshape(len(found), -1, seeds), kept], 1), logs


class _Statistic:
    """Means (batch, arms, points + tunings) → (batch, arms, quantities), all of one resample."""

    def __init__(self, logs: tuple[np.ndarray, ...]) -> None:
        self.logs = logs
        self.shape = [log.shape[-1] for log in logs]
        self.last = [np.isfinite(log).sum(-1) - 1 for log in logs]

    def __call__(self, means: np.ndarray) -> np.ndarray:
        grid = means[..., : -len(TUNINGS)].reshape(*means.shape[:-1], *self.shape)
        found = of_means(grid, self.logs)
        at = self._open_ended(found.log_point, found.edge)
        alpha = at[..., 1] if len(self.logs) == 2 else np.zeros(at.shape[:-1])
        kept, additive, signed = np.moveaxis(means[..., -len(TUNINGS) :], -1, 0)
        value = np.log(found.value)
        columns = [at[..., 0], alpha, value]
        with np.errstate(invalid="ignore"):  # inf − inf: both beyond the grid, the ratio is unknown (NaN)
            columns += [column - column[:, :1] for column in (at[..., 0], alpha)]
            beta = -np.exp(alpha)
            columns += [beta - beta[:, :1], value - value[:, :1]]
            columns.append(np.log(np.maximum(kept / np.where(np.isfinite(found.value), found.value, np.nan), 1.0)))
            columns += [np.log(advised / kept) for advised in (additive, signed)]
        return np.stack(columns, -1)

    def _open_ended(self, at: np.ndarray, edge: np.ndarray) -> np.ndarray:
        """Infinite where the smallest point is the last of its grid: it may lie anywhere beyond; but not past α = 1."""
        ends = np.where(edge > 0, np.inf, np.where(edge < 0, -np.inf, at))
        if len(self.logs) == 2:
            top = np.take_along_axis(self.logs[1], self.last[1][:, None], -1)[:, 0]
            natural = (edge[..., 1] == 1) & (top > -1e-9)
            ends[..., 1] = np.where(natural, at[..., 1], ends[..., 1])
        return ends


def _with_grid(found: Interval, grid: tuple[GridError, ...]) -> Interval:
    """Intervals widened by what a bootstrap does not see: the grid's error of the arm, of both arms in a shift.

    Alpha is at most 1, a regret at least 0.
    """
    low, high = found.low.copy(), found.high.copy()
    for quantity, parts in _grid_parts(found.estimate, grid).items():
        column = QUANTITIES.index(quantity)
        low[:, column] -= parts
        high[:, column] += parts
    alpha, regret = QUANTITIES.index("log_alpha"), QUANTITIES.index("regret")
    high[:, alpha] = np.minimum(high[:, alpha], np.maximum(found.high[:, alpha], 0.0))
    low[:, regret] = np.maximum(low[:, regret], 0.0)
    return Interval(found.estimate, low, high, found.draws, found.level, found.seeds)


def _grid_parts(estimate: np.ndarray, grid: tuple[GridError, ...]) -> dict[str, np.ndarray]:
    """(arms,) per quantity; a shift of the exact arm against itself has none."""
    step, alpha, value = np.array(grid).T
    alphas = np.exp(estimate[:, QUANTITIES.index("log_alpha")])
    beta = alphas * np.expm1(alpha)
    others = np.arange(len(grid)) > 0
    parts = {"log_step": step, "log_alpha": alpha, "log_value": value + VALUE_BLUR, "regret": value + VALUE_BLUR}
    shifts = {"step_shift": step, "alpha_shift": alpha, "beta_shift": beta, "value_shift": value}
    for name, each in shifts.items():
        blur = VALUE_BLUR if name == "value_shift" else 0.0
        parts[name] = np.where(others, each + each[0] + blur, 0.0)
    return parts

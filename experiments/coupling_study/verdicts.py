"""The verdict on every line and quantity, by the additive and by the signed model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.coupling_study.cells import Form, Line
from experiments.coupling_study.measured import QUANTITIES, Measured
from experiments.coupling_study.predicted import Prediction, bound_at
from experiments.coupling_study.resolution import Resolvable
from experiments.statistics.multiple import simultaneous_level
from experiments.statistics.verdict import UNDECIDED, UPPER, Coupling, judge

MODELS = ("additive", "signed")
SHIFTS = {"step size": "step_shift", "alpha": "alpha_shift", "beta": "beta_shift", "value": "value_shift"}
ROUNDING = 1e-6  # a predicted shift below this is none: the numerical optimum of a bound is no closer
NO_ROOM = "the exact oracle's best α is 1, the largest there is: the predicted larger one cannot appear"
NO_PREDICTION = "the model says nothing: its error is 1 or more"


@dataclass(frozen=True)
class Verdict:
    """One quantity of one line, at its judged arm, under one model; shifts are log ratios against the exact oracle.

    beta is 1 − α, its shift a difference, and the prediction that of the sentence "the momentum parameter grows" if it
    meant β: S1's shift with the other sign. grid: the grid's part in the interval, half its width. resolvable: by noise
    and grid together, by the pilot or, where it knew none, by the measurement. seeds, seeds_needed: those there are,
    and those that the predicted effect asks for beyond the grid's error; 0: none are enough, or it is not known.
    """

    line: Line
    quantity: str
    model: str
    estimate: float
    low: float
    high: float
    predicted: float
    grid: float
    resolvable: float
    seeds: int
    seeds_needed: int
    verdict: str
    reason: str


def level_of(form: Form) -> float:
    """Of each interval, so that all of them cover together with the form's level (Bonferroni)."""
    return simultaneous_level(form.level, form.family)


def judged_arm(line: Line, of: Measured) -> int:
    """The place in `of.arms` of the line's largest error that the additive model speaks about; else of its largest."""
    places = [of.arms.index(arm) for arm in line.arms[1:]]
    errors = {i: of.arms[i].delta or of.errors[i].delta for i in places}
    known = [i for i in places if of.additive[i] is not None]
    return max(known or places, key=lambda i: errors[i])


def verdicts(form: Form, measured: list[Measured], resolved: dict, level: float) -> list[Verdict]:
    """All of a study, line by line."""
    by_setting = {one.setting: one for one in measured}
    found = []
    for line in form.lines:
        of = by_setting[line.setting]
        place = judged_arm(line, of)
        for quantity in _quantities(line):
            for model in MODELS:
                found.append(_verdict(line, quantity, model, of, place, resolved[of.arms[place]], level))
    return found


def _quantities(line: Line) -> tuple[str, ...]:
    return tuple(SHIFTS) if line.setting.tunes_alpha else ("step size", "value")


def predicted_shift(quantity: str, start: Prediction | None, moved: Prediction | None) -> float | None:
    """By how much a model says that a quantity moves; None where it says nothing."""
    if start is None or moved is None:
        return None
    if quantity == "beta":
        shift = moved.alpha - start.alpha
    else:
        name = {"step size": "step_size"}.get(quantity, quantity)
        shift = float(np.log(getattr(moved, name) / getattr(start, name)))
    return 0.0 if abs(shift) < ROUNDING else shift


def _verdict(
    line: Line, quantity: str, model: str, of: Measured, place: int, resolved: Resolvable, level: float
) -> Verdict:
    predictions = of.additive if model == "additive" else of.signed
    shift = predicted_shift(quantity, predictions[0], predictions[place])
    estimate, low, high = of.of(of.arms[place], SHIFTS[quantity])
    grid = of.grid_of(place, SHIFTS[quantity])
    effect = resolved.afterwards(quantity, grid, high - low)
    if shift == 0:  # an absence; an interval is no wider than its own width
        effect = resolved.of(quantity, grid)
    seen = (line, quantity, model, estimate, low, high)
    if shift is None:
        return Verdict(*seen, np.nan, grid, effect, resolved.seeds, 0, UNDECIDED, NO_PREDICTION)
    told = judge(low, high, shift, effect, _bound_holds(of, place, model), estimate)
    needed = resolved.seeds_needed(quantity, shift, level, grid)
    if told.verdict in (UNDECIDED, UPPER) and _at_the_end(of, quantity, shift):
        told = Coupling(UNDECIDED, NO_ROOM)
    return Verdict(*seen, shift, grid, effect, resolved.seeds, needed, told.verdict, told.reason)


def _at_the_end(of: Measured, quantity: str, shift: float) -> bool:
    """Whether α is to grow from 1, where it is in all resamples."""
    draws = of.intervals.draws[:, 0, QUANTITIES.index("log_alpha")]
    return quantity == "alpha" and shift > 0 and bool((draws > -1e-9).all())


def _bound_holds(of: Measured, place: int, model: str) -> bool:
    """Whether the value measured at the best tuning found is below the model's bound there."""
    arm, errors = of.arms[place], of.errors[place]
    step, alpha, value = (float(np.exp(of.of(arm, name)[0])) for name in ("log_step", "log_alpha", "log_value"))
    if not np.isfinite([step, alpha, value]).all() or step == 0 or alpha == 0:
        return False
    additive = arm.delta or errors.delta
    pair = (additive, additive) if model == "additive" else (errors.epsilon, errors.eta)
    bound = bound_at(arm.setting, step, alpha, *pair)
    return bound is not None and value <= bound * (1 + 1e-9)

"""Exponents of the best step size, α and value in 1 + δ along a line, by regression, beside the models' own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.coupling_study.cells import Line
from experiments.coupling_study.measured import QUANTITIES, VALUE_BLUR, Measured
from experiments.coupling_study.predicted import Prediction
from experiments.coupling_study.search import spacings
from experiments.statistics.regression import PowerLaw, from_draws, from_errors

LOGS = {"step_size": "log_step", "alpha": "log_alpha", "value": "log_value"}


@dataclass(frozen=True)
class Exponent:
    """quantity ∝ (1 + δ)^exponent over the δ of a line, with its interval; what both models say over the same δ.

    lack_of_fit: the p-value of a power law (NaN: not testable). additive, signed: NaN where a model says nothing.
    """

    line: Line
    quantity: str
    exponent: float
    low: float
    high: float
    lack_of_fit: float
    additive: float
    signed: float


def exponents(lines: tuple[Line, ...], measured: list[Measured], level: float) -> list[Exponent]:
    """Of every line with a declared δ, and every quantity that is known at all of its δ."""
    by_setting = {one.setting: one for one in measured}
    found = []
    for line in lines:
        if not all(arm.delta > 0 for arm in line.arms[1:]):
            continue
        of = by_setting[line.setting]
        places = [of.arms.index(arm) for arm in line.arms]
        for quantity in LOGS if line.setting.tunes_alpha else ("step_size", "value"):
            law = _law(line, of, places, quantity, level)
            if law is not None:
                numbers = (float(part) for part in (law.exponent, law.low, law.high, law.lack_of_fit))
                said = (_predicted(line, model, places, quantity) for model in (of.additive, of.signed))
                found.append(Exponent(line, quantity, *numbers, *said))
    return found


def _law(line: Line, of: Measured, places: list[int], quantity: str, level: float) -> PowerLaw | None:
    column = QUANTITIES.index(LOGS[quantity])
    log_x, log_y = _log_errors(line), of.intervals.estimate[places, column]
    draws = of.intervals.draws[:, places, column]
    if not (np.isfinite(log_y).all() and np.isfinite(draws).all()):
        return None  # an optimum beyond its grid
    if np.ptp(draws, axis=0).any():
        return from_draws(log_x, log_y, draws, of.intervals.seeds, level)
    # nothing is random, or every resample has its optimum at one point, as at α = 1: the grid is the error
    grid = VALUE_BLUR if quantity == "value" else float(np.log(spacings(line.arms[0]))[list(LOGS).index(quantity)]) / 2
    return from_errors(log_x, log_y, np.full(log_y.shape, grid), level)


def _predicted(line: Line, model: tuple[Prediction | None, ...], places: list[int], quantity: str) -> float:
    told = [model[place] for place in places]
    values = [getattr(one, quantity) for one in told if one is not None]
    if len(values) < len(places):
        return float("nan")
    return float(np.polyfit(_log_errors(line), np.log(values), 1)[0])


def _log_errors(line: Line) -> np.ndarray:
    return np.log1p([arm.delta for arm in line.arms])

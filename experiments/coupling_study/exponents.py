"""Exponents of the best step size, α and value in 1 + δ, K or σ, by regression, beside the models' own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.coupling_study.cells import Line, Scaling
from experiments.coupling_study.measured import QUANTITIES, VALUE_BLUR, Measured
from experiments.coupling_study.predicted import Prediction
from experiments.coupling_study.search import spacings
from experiments.statistics.regression import PowerLaw, from_draws, from_errors

LOGS = {"step_size": "log_step", "alpha": "log_alpha", "value": "log_value"}
Along = Line | Scaling


@dataclass(frozen=True)
class Exponent:
    """quantity ∝ axis^exponent along a line of errors or a scaling, with its interval; what both models say there.

    lack_of_fit: the p-value of a power law (NaN: not testable). additive, signed: NaN where a model says nothing.
    """

    along: Along
    quantity: str
    exponent: float
    low: float
    high: float
    lack_of_fit: float
    additive: float
    signed: float


def exponents(lines: tuple[Along, ...], measured: list[Measured], level: float) -> list[Exponent]:
    """Of every line with a declared δ and every scaling, and every quantity that is known at all of its points."""
    by_setting = {one.setting: one for one in measured}
    found = []
    for line in lines:
        logs = np.log(line.axis[1])
        if not np.isfinite(logs).all():
            continue
        points = [(by_setting[arm.setting], by_setting[arm.setting].arms.index(arm)) for arm in line.arms]
        for quantity in LOGS if line.setting.tunes_alpha else ("step_size", "value"):
            law = _law(line, logs, points, quantity, level)
            if law is not None:
                numbers = (float(part) for part in (law.exponent, law.low, law.high, law.lack_of_fit))
                said = ([getattr(of, model)[i] for of, i in points] for model in ("additive", "signed"))
                found.append(Exponent(line, quantity, *numbers, *(_predicted(told, logs, quantity) for told in said)))
    return found


def _law(
    line: Along, logs: np.ndarray, points: list[tuple[Measured, int]], quantity: str, level: float
) -> PowerLaw | None:
    """Points of several settings have the same seeds, so one resample of all of them is one of each."""
    column = QUANTITIES.index(LOGS[quantity])
    log_y = np.array([of.intervals.estimate[i, column] for of, i in points])
    draws = np.stack([of.intervals.draws[:, i, column] for of, i in points], -1)
    if not (np.isfinite(log_y).all() and np.isfinite(draws).all()):
        return None  # an optimum beyond its grid
    place = list(LOGS).index(quantity)
    blurs = np.array([of.grid[i][place] for of, i in points]) + (VALUE_BLUR if quantity == "value" else 0.0)
    if np.ptp(draws, axis=0).any():
        return from_draws(logs, log_y, draws, points[0][0].intervals.seeds, level, blurs)
    # nothing is random, or every resample has its optimum at one point, as at α = 1: the grid is the error
    spacing = float(np.log(spacings(line.arms[0]))[min(place, 1)]) if quantity != "value" else VALUE_BLUR
    return from_errors(logs, log_y, np.maximum(blurs, spacing / 2), level)


def _predicted(told: list[Prediction | None], logs: np.ndarray, quantity: str) -> float:
    values = [getattr(one, quantity) for one in told if one is not None]
    if len(values) < len(told):
        return float("nan")
    return float(np.polyfit(logs, np.log(values), 1)[0])

"""What a study can resolve, from its pilot alone, before it measures: the smallest shift of every arm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import t as student

from experiments.coupling_study.cells import Arm, Form
from experiments.coupling_study.search import Found, spacings
from experiments.statistics import power

POWER = 0.8
VALUE_FLOOR = 0.01  # of a ratio of values: a smaller one is no loss to anybody, and below what the grid leaves


@dataclass(frozen=True)
class Resolvable:
    """The smallest log ratios against the exact arm that are found with chance `POWER`; inf where nothing is.

    alpha_at: the pilot's best alpha of the exact arm, which turns a ratio of alpha into a difference of beta.
    """

    step: float
    alpha: float
    value: float
    alpha_at: float
    spreads: tuple[float, float, float]

    @property
    def beta(self) -> float:
        """The same as a difference of β = 1 − α."""
        return self.alpha * self.alpha_at


def resolvable(form: Form, piloted: list[Found], level: float) -> dict[Arm, Resolvable]:
    """Of every arm; never below the spacing of its final grid, as no verdict may rest on a coarser one."""
    about: dict[Arm, tuple[power.Pilot, int]] = {}
    for found in piloted:
        if found.arms[0].random and found.window.values.shape[-1] >= 3:
            told = _pilot(found)
            about |= {arm: (told, i) for i, arm in enumerate(found.arms)}
    alphas = {
        arm: float(np.exp(found.optimum.log_point[i, 1])) if arm.setting.tunes_alpha else 1.0
        for found in piloted
        for i, arm in enumerate(found.arms)
    }
    return {arm: _of(arm, form, about, level, alphas[form.of(arm.setting)[0]]) for arm in form.arms}


def _pilot(found: Found) -> power.Pilot:
    """The pilot; an arm that is not curved in both axes is asked along its best alpha alone.

    Its value moves as there. Its best step does where that alpha is 1, the largest there is, and is significantly
    better than the next one: elsewhere resamples leave it, and the step with it.
    """
    values, log_points = found.window.values, found.window.log_points
    told = power.pilot(values, log_points)
    if len(log_points) == 1:
        return told
    moves, value_moves = told.moves.copy(), told.value_moves.copy()
    for i in np.flatnonzero(~told.resolvable):
        k = int(found.optimum.index[i, 1])
        known = np.isfinite(log_points[0][i])
        if known.sum() >= 3:
            along = power.pilot(values[i][known, k], log_points[0][i][known])
            if not np.isfinite(value_moves[i]).all():
                value_moves[i] = along.value_moves
            if log_points[1][i, k] > -1e-9 and _stays(values[i][known], k):
                moves[i, 0] = along.moves[0]
    return replace(told, moves=moves, value_moves=value_moves)


def _stays(values: np.ndarray, k: int) -> bool:
    """Whether alpha k of values (steps, alphas, seeds) is better than the one below it, paired, at 95 % one-sided."""
    best = [values[int(np.argmin(values[:, j].mean(-1))), j] for j in (k - 1, k)] if k else []
    if not best or not np.isfinite(best).all():
        return False
    gain = best[0] - best[1]
    return bool(gain.mean() > student.ppf(0.95, gain.size - 1) * gain.std(ddof=1) / np.sqrt(gain.size))


def _of(arm: Arm, form: Form, about: dict[Arm, tuple[power.Pilot, int]], level: float, alpha_at: float) -> Resolvable:
    grid = [float(np.log(ratio)) for ratio in spacings(arm)]
    base = form.of(arm.setting)[0]
    axes = len(grid)
    if arm not in about:  # nothing is random: the grid is all that blurs
        return Resolvable(grid[0], grid[-1] if axes == 2 else np.inf, VALUE_FLOOR, alpha_at, (0.0, 0.0, 0.0))
    told, i = about[arm]
    seeds = len(form.seeds_of(arm))
    paired = (about[base][1],) if base in about and about[base][0] is told else None
    spreads = [power.spread_of_ratio(told, (i,), paired, axis) for axis in range(axes)]
    effects = [
        max(floor, power.smallest_effect(spread, seeds, level, POWER).effect)
        for floor, spread in zip(grid, spreads, strict=True)
    ]
    spread = power.spread_of_value(told, (i,), paired)
    value = max(VALUE_FLOOR, power.smallest_effect(spread, seeds, level, POWER).effect)
    alpha, alpha_spread = (effects[1], spreads[1]) if axes == 2 else (np.inf, np.nan)
    return Resolvable(effects[0], alpha, value, alpha_at, (spreads[0], alpha_spread, spread))


def seeds_needed(spread: float, effect: float, level: float) -> int:
    """Seeds that an effect asks for; 0 where none are enough or none are needed to be known."""
    if not np.isfinite(spread) or spread == 0 or effect == 0:
        return 0
    return power.seeds_needed(spread, abs(effect), level, POWER).seeds


def sentences(form: Form, resolved: dict[Arm, Resolvable], level: float) -> list[str]:
    """What the measurement will resolve, setting by setting: said before it runs."""
    said = [f"Before the measurement: {form.seeds_said}, intervals of level {level:.5f} each, power {POWER:g}."]
    for setting in form.settings:
        mine = [resolved[arm] for arm in form.of(setting)[1:]]
        words = [f"step size {_span([one.step for one in mine])}"]
        if setting.tunes_alpha:
            words.append(f"alpha {_span([one.alpha for one in mine])}")
        words.append(f"value {_span([one.value for one in mine])}")
        said.append(f"{setting.label}: smallest ratios resolved: {', '.join(words)}")
    return said


def _span(effects: list[float]) -> str:
    """The ratios from the smallest to the largest; those that are not resolvable at any size are counted."""
    known = [float(np.exp(effect)) for effect in effects if np.isfinite(effect)]
    flat = len(effects) - len(known)
    words = f"{min(known):.3f} to {max(known):.3f}" if known else ""
    return words + (f"{', ' if known else ''}none in {flat} of {len(effects)} arms (flat)" if flat else "")

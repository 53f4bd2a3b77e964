"""What a study can resolve, from its pilot alone, before it measures: the smallest shift of every arm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import t as student

from experiments.coupling_study.cells import Arm, Form, Setting
from experiments.coupling_study.search import Found, spacings
from experiments.statistics import power

POWER = 0.8
QUANTITIES = {"step size": 0, "alpha": 1, "beta": 1, "value": 2}
VALUE_FLOOR = 0.01  # of a ratio of values: a smaller one is no loss to anybody, and below what the grid leaves


@dataclass(frozen=True)
class Resolvable:
    """The smallest log ratios against the exact arm that are found with chance `POWER`; inf where nothing is.

    Of step size, alpha and value each: floors, what no seeds get below; noise, the effects by the noise alone; spreads,
    over seeds. seeds: of the measurement. alpha_at: the pilot's best alpha of the exact arm, which turns a ratio of
    alpha into a difference of beta.
    """

    floors: tuple[float, float, float]
    noise: tuple[float, float, float]
    spreads: tuple[float, float, float]
    seeds: int
    alpha_at: float

    def of(self, quantity: str, grid: float = 0.0) -> float:
        """Of one of `QUANTITIES`; with the grid's error of its shift, by which an interval is wider than by noise."""
        at, scale = self._at(quantity)
        return max(scale * self.floors[at], scale * self.noise[at] + grid)

    def afterwards(self, quantity: str, grid: float, width: float) -> float:
        """The same after the measurement: where the pilot knew none (a flat optimum), the width of the interval.

        A shift as long as that lies half of it away from 0, whatever it is by noise and by the grid.
        """
        before, (at, scale) = self.of(quantity, grid), self._at(quantity)
        return max(scale * self.floors[at], width) if np.isinf(before) else before

    def seeds_needed(self, quantity: str, effect: float, level: float, grid: float) -> int:
        """Seeds that an effect asks for; 0 where none are enough or the noise is not known."""
        at, scale = self._at(quantity)
        spread, left = scale * self.spreads[at], abs(effect) - grid
        if not np.isfinite(spread) or spread == 0 or left <= 0 or abs(effect) < scale * self.floors[at]:
            return 0
        return power.seeds_needed(spread, left, level, POWER).seeds

    def _at(self, quantity: str) -> tuple[int, float]:
        return QUANTITIES[quantity], self.alpha_at if quantity == "beta" else 1.0


def resolvable(form: Form, piloted: list[Found], level: float) -> dict[Arm, Resolvable]:
    """Of every arm; never below the spacing of its final grid, as no verdict may rest on a shift between its points."""
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
    base, seeds = form.of(arm.setting)[0], len(form.seeds_of(arm))
    floors = grid[0], grid[1] if len(grid) == 2 else np.inf, VALUE_FLOOR
    if arm not in about:  # nothing is random: the grid is all that blurs
        return Resolvable(floors, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), seeds, alpha_at)
    told, i = about[arm]
    paired = (about[base][1],) if base in about and about[base][0] is told else None
    step, *alpha = (power.spread_of_ratio(told, (i,), paired, axis) for axis in range(len(grid)))
    spreads = step, alpha[0] if alpha else np.nan, power.spread_of_value(told, (i,), paired)
    effects = [power.smallest_effect(spread, seeds, level, POWER).effect for spread in spreads]
    return Resolvable(floors, (effects[0], effects[1], effects[2]), spreads, seeds, alpha_at)


def sentences(form: Form, resolved: dict[Arm, Resolvable], level: float) -> list[str]:
    """What the measurement will resolve, setting by setting: said before it runs."""
    said = [
        f"Before the measurement: intervals of level {level:.6f} each, power {POWER:g}; to what is resolved, the error "
        "of the final grid comes on top."
    ]
    for setting in form.settings:
        mine = [resolved[arm] for arm in form.of(setting)[1:]]
        names = ("step size", "alpha", "value") if setting.tunes_alpha else ("step size", "value")
        words = ", ".join(f"{name} {_span([one.of(name) for one in mine])}" for name in names)
        said.append(f"{setting.label}, {seeds_of(form, setting)}: smallest ratios resolved: {words}")
    return said


def seeds_of(form: Form, setting: Setting) -> str:
    """How many the arms of a setting have, in words."""
    counts = sorted({len(form.seeds_of(arm)) for arm in form.of(setting)})
    words = " or ".join(str(count) for count in counts)
    return "one run a point" if counts == [1] else f"{words} seeds"


def _span(effects: list[float]) -> str:
    """The ratios from the smallest to the largest; those that are not resolvable at any size are counted."""
    known = [float(np.exp(effect)) for effect in effects if np.isfinite(effect)]
    flat = len(effects) - len(known)
    words = f"{min(known):.3f} to {max(known):.3f}" if known else ""
    return words + (f"{', ' if known else ''}none in {flat} of {len(effects)} arms (flat)" if flat else "")

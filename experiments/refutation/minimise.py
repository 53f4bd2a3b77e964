"""The smallest counterexample: fewer steps, fewer coordinates, shorter scripts, rounder numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from experiments.refutation.candidates import Candidates
from experiments.refutation.deadline import Deadline, OutOfTime
from experiments.refutation.fairness import allowed, repaired
from experiments.refutation.score import score
from experiments.refutation.search import Found, Search, attacks_on
from experiments.refutation.settle import at_tuning, rescaled
from experiments.refutation.simulate import Rules

_DIGITS = (1, 2, 3, 4, 6)
_BATCHES = 3  # of every attack at every smaller number of steps


def minimise(state: Search, seconds: float) -> Found:
    """The smallest instance found in that time that still violates; `state.violation` must be one."""
    assert state.violation is not None
    state.end, state.too_long = Deadline.after(seconds), {}
    state.longest_confirmation = seconds / 50
    fewest = _fewer_steps(state, state.violation, Deadline.after(0.7 * seconds))
    return _rounder(state, _fewer_coordinates(state, _shorter_script(fewest)))


def _fewer_steps(state: Search, found: Found, end: Deadline) -> Found:
    """Searches again with 1, 2, 3 … steps, for a part of the time."""
    for steps in range(1, found.instance.steps):
        for _ in range(_BATCHES):
            for attack in attacks_on(state.target):
                if end.left < 0:
                    return found
                state.violation = None
                if attack.fits(steps):
                    state.attempt(attack, steps)
                smaller: Found | None = state.violation
                if smaller is not None and smaller.instance.steps < found.instance.steps:
                    return _fewer_steps(state, smaller, end)
    return found


def _retried(state: Search, found: Found, instance: Candidates) -> Found | None:
    """The changed instance as a finding, None where it no longer violates, or where the time is over."""
    if state.end.left < 0:
        return None
    try:
        instance = repaired(at_tuning(instance, state.target), state.target)
    except ValueError:
        return None
    if not allowed(instance, state.target)[0]:
        return None
    try:
        if found.scored.exact:
            scored = score(instance, state.target, end=state.end)
            changed = Found(found.attack, instance, scored, found.runs, found.seed)
        else:
            same = Found(found.attack, instance, found.scored, found.runs, found.seed)
            changed = state.confirm(same, found.runs)
    except OutOfTime:
        return None
    return changed if bool(changed.scored.violates()[0]) else None


def _shorter_script(found: Found) -> Found:
    """One row where all rows in use are alike; no row that is never reached."""
    c = found.instance
    rows = c.answers[:, : min(int(c.period[0]), max(c.steps - 1, 1))]
    if np.ptp(rows, axis=1).max() == 0:
        rows = rows[:, :1]
    return replace(found, instance=replace(c, answers=rows, period=np.minimum(c.period, rows.shape[1])))


def _fewer_coordinates(state: Search, found: Found) -> Found:
    """Leaves coordinates out while the rest still violates."""
    c = found.instance
    for j in range(c.dimensions):
        if c.dimensions == 1:
            return found
        keep = [i for i in range(c.dimensions) if i != j]
        names = ("curvature", "slope", "centre", "start", "spread", "first_spread")
        changes: dict[str, Any] = {name: getattr(c, name)[:, keep] for name in names}
        if c.ball == "l-inf":
            changes["answers"] = c.answers[:, :, keep]
        smaller = _retried(state, found, replace(c, **changes))
        if smaller is not None:
            return _fewer_coordinates(state, smaller)
    return found


def _rounder(state: Search, found: Found) -> Found:
    """With as few digits as still violate, in the units of the method where that goes."""
    for digits in _DIGITS:
        for instance in (_in_own_units(found.instance, state.target.rules), found.instance):
            rounded = _retried(state, found, _rounded(instance, digits, state.target.errors))
            if rounded is not None:
                return rounded
    return found


def _in_own_units(c: Candidates, rules: Rules) -> Candidates:
    """With λ = 1, or the step size where there is no decay, and the largest curvature 1."""
    unit = np.abs(c.start).max(-1) if rules.step in ("adaptive", "l0-l1") else c.step_size
    length = np.divide(1, unit, out=np.ones_like(unit), where=unit > 0)
    length = np.where(c.weight_decay > 0, c.weight_decay, length)
    return rescaled(c, length**2 / c.curvature.max(-1), length)


def _rounded(c: Candidates, digits: int, errors: str) -> Candidates:
    values: dict[str, Any] = {
        name: significant(array, digits)
        for name, array in c.arrays().items()
        if name not in ("period", "wrong", "schedule")
    }
    if errors == "additive":
        values["high"] = 1 + significant(c.high - 1, digits)
        values["low"] = 2 - values["high"]
    low, high = values["low"][:, None, None], values["high"][:, None, None]
    values["centre"] = truncated(c.centre, digits)
    if c.schedule.shape[1] == c.steps:
        values["schedule"] = _rounded_schedule(c.schedule, digits)
    if c.ball == "l-inf":
        values["answers"] = np.clip(values["answers"], low, high)
    values["wrong"] = np.where(np.isnan(c.wrong), np.nan, values["high"])
    return replace(c, **values)


def _rounded_schedule(schedule: np.ndarray, digits: int) -> np.ndarray:
    """Factors of mean 1: the last one takes what rounding leaves."""
    rounded = significant(schedule, digits)
    rounded[:, -1] = schedule.shape[1] - rounded[:, :-1].sum(-1)
    return rounded if (rounded >= 0).all() else schedule


def truncated(values: np.ndarray, digits: int) -> np.ndarray:
    """Cut after so many decimal digits: a minimiser just before x_0 stays before it."""
    rounded = significant(values, digits)
    larger = np.abs(rounded) > np.abs(values)
    step = 10.0 ** (np.floor(np.log10(np.maximum(np.abs(values), 1e-300))) - digits + 1)
    return np.where(larger, significant(rounded - np.sign(values) * step, digits), rounded)


def significant(values: np.ndarray, digits: int) -> np.ndarray:
    """Rounded to so many significant decimal digits; ∞ and 0 stay."""
    return np.vectorize(lambda v: float(f"{v:.{digits - 1}e}"), otypes=[float])(values)

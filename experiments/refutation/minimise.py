"""The smallest counterexample: fewer steps, fewer coordinates, shorter scripts, rounder numbers."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.refutation.candidates import Candidates
from experiments.refutation.fairness import allowed, repaired
from experiments.refutation.score import score
from experiments.refutation.search import Found, Search, attacks_on
from experiments.refutation.settle import at_tuning

_DIGITS = (1, 2, 3, 4, 6)
_BATCHES = 3  # of every attack at every smaller number of steps


def minimise(state: Search, seconds: float) -> Found:
    """The smallest instance found that still violates; `state.violation` must be one."""
    assert state.violation is not None
    fewest = _fewer_steps(state, state.violation, seconds)
    return _rounder(state, _fewer_coordinates(state, _shorter_script(fewest)))


def _fewer_steps(state: Search, found: Found, seconds: float) -> Found:
    """Searches again with 1, 2, 3 … steps, for a part of the time."""
    end = time.monotonic() + seconds
    for steps in range(1, found.instance.steps):
        for _ in range(_BATCHES):
            for attack in attacks_on(state.target):
                if time.monotonic() > end:
                    return found
                state.violation = None
                if attack.fits(steps):
                    state.attempt(attack, steps)
                smaller: Found | None = state.violation
                if smaller is not None and smaller.instance.steps < found.instance.steps:
                    return _fewer_steps(state, smaller, end - time.monotonic())
    return found


def _retried(state: Search, found: Found, instance: Candidates) -> Found | None:
    """The changed instance as a finding, None where it no longer violates."""
    try:
        instance = repaired(at_tuning(instance, state.target), state.target)
    except ValueError:
        return None
    if not allowed(instance, state.target)[0]:
        return None
    if found.scored.exact:
        scored = score(instance, state.target)
        changed = Found(found.attack, instance, scored, found.runs, found.seed)
    else:
        changed = state.confirm(Found(found.attack, instance, found.scored, found.runs, found.seed))
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
    """With as few digits as still violate."""
    for digits in _DIGITS:
        rounded = _retried(state, found, _rounded(found.instance, digits, state.target.errors))
        if rounded is not None:
            return rounded
    return found


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
    if c.ball == "l-inf":
        values["answers"] = np.clip(values["answers"], low, high)
    values["wrong"] = np.where(np.isnan(c.wrong), np.nan, values["high"])
    return replace(c, **values)


def significant(values: np.ndarray, digits: int) -> np.ndarray:
    """Rounded to so many significant decimal digits; ∞ and 0 stay."""
    return np.vectorize(lambda v: float(f"{v:.{digits - 1}e}"), otypes=[float])(values)

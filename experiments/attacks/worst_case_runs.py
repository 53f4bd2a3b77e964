"""The searches of `lmo worst-case` that end with a run: staircase and washboard, and gradient ascent."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from experiments.attacks.base import Attack
from experiments.refutation.candidates import LARGEST_ERROR
from experiments.refutation.deadline import NEVER, Deadline
from experiments.refutation.target import Target
from experiments.refutation.worst_case import (
    Rows,
    bounds_at,
    constants,
    instance_of,
    measure,
    norms_of,
    played_with,
    smaller,
)
from experiments.worst_cases.ascent import Ascent, climb
from experiments.worst_cases.base import Clock, silent
from experiments.worst_cases.constructions import Constructions, exist, kinds, played

_ROWS = 32  # values of δ in one batch
_MOST_STEPS = 5000  # a step of a batch takes the better part of a millisecond
_ASCENT_STEPS, _ASCENT_SECONDS, _ASCENT_SHARE = range(4, 21), 1.0, 0.1


class WorstCaseRuns(Attack):
    """Functions that rise unseen between two iterates, as no sum of Huber functions does.

    The staircase is the largest lower bound that is known in ℓ∞ as δ → 1, for the average and the minimum.
    """

    name: ClassVar[str] = "worst-case runs"
    small: ClassVar[bool] = False
    says: ClassVar[str] = "staircase, washboard, and gradient ascent on a function and its adversary"

    def applies(self, target: Target) -> bool:
        return bool(norms_of(target))

    def fits(self, steps: int) -> bool:
        return steps <= _MOST_STEPS

    def attempt(
        self, target: Target, rng: np.random.Generator, steps: int, end: Deadline = NEVER
    ) -> dict[str, Any] | None:
        """One construction at many δ, or one ascent: the worst run of it, and a smaller one if that refutes."""
        norm = norms_of(target)[0]
        if norm == "linf" and steps in _ASCENT_STEPS and rng.random() < _ASCENT_SHARE:
            return _climbed(target, rng, steps, norm, end)
        found = _constructed(target, rng, steps, norm)
        return found if found is None else smaller(measure(found, target), target, end) | {"runs": _ROWS}


def _constructed(target: Target, rng: np.random.Generator, steps: int, norm: str) -> dict[str, Any] | None:
    """The worst run of one construction at many δ, as an instance."""
    kind = str(rng.choice(_kinds(target, norm)))
    rows = _drawn(target, rng, steps, _ROWS)
    about = np.isfinite(bounds_at(target, constants(target, steps, rows)))
    rows = rows.only(about)
    if len(rows.delta):
        rows = rows.only(exist(kind, played_with(target, steps, rows)))
    norms = played(kind, norm, played_with(target, steps, rows)) if len(rows.delta) else None
    if norms is None:
        return None
    bound = bounds_at(target, constants(target, steps, rows))
    worst = int((target.theorem.metric.of(norms) / bound).argmax())
    return instance_of(rows, worst, search=Constructions.name, norm=norm, steps=steps, found={"kind": kind})


def _kinds(target: Target, norm: str) -> list[str]:
    """Those that no other attack has (`Cycles`), with a margin only where the last gradients count."""
    margins = ("margin 0",) if target.rules.over == "mean" else ("margin",)
    return [kind for kind in kinds(norm) if any(margin in kind for margin in margins)]


def _drawn(target: Target, rng: np.random.Generator, steps: int, size: int) -> Rows:
    delta = LARGEST_ERROR * rng.random(size) ** 0.7 * (rng.random(size) < 0.9)
    delta = np.zeros(size) if target.errors == "none" else delta
    scale = np.exp(0.5 * rng.normal(size=size)) if target.errors == "pair" else np.ones(size)
    scale = np.where(rng.random(size) < 0.5, scale, 1.0)
    step = np.sqrt(2 / steps) / scale * np.exp(0.5 * rng.normal(size=size))
    return Rows(delta, scale, step if "step_size" in target.free else None)


def _climbed(target: Target, rng: np.random.Generator, steps: int, norm: str, end: Deadline) -> dict[str, Any] | None:
    rows = _drawn(target, rng, steps, 1)
    if not np.isfinite(bounds_at(target, constants(target, steps, rows))[0]):
        return None
    given = {name: float(np.ravel(value)[0]) for name, value in played_with(target, steps, rows).items()}
    clock = Clock(max(min(_ASCENT_SECONDS, end.left), 0.01), silent)
    found = climb(given, target.rules.over == "minimum", clock, int(rng.integers(2**20)))
    return measure(instance_of(rows, 0, search=Ascent.name, norm=norm, steps=steps, found=found), target)

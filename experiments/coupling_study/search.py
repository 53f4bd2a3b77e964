"""Best step size and alpha of every arm: a pilot brackets them with few seeds, fresh seeds measure around them.

The seeds of the measurement are not those of the pilot, so that where the grid stands does not depend on their noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.coupling_study.cells import ALPHA_SPACING, EXACT_SPACING, STEP_SPACING, Arm, Form, Setting
from experiments.coupling_study.predicted import scale_of
from experiments.coupling_study.rounds import Question, Rounds
from experiments.statistics.lattice import Axis
from experiments.statistics.optimum import Optimum
from experiments.statistics.refine import Bracket, Window

COST = "mean_gradient_norm"
EXACT_REACH = 10  # points on each side where one run a point is enough: steps of 2 % have local minima
Group = tuple[Arm, ...]


@dataclass(frozen=True)
class Found:
    """The final neighbourhood of arms that were searched together, and whether a limit stopped the search."""

    arms: Group
    window: Window
    optimum: Optimum
    limit_hit: np.ndarray


def spacings(arm: Arm) -> tuple[float, ...]:
    """Ratio of neighbouring points at the end of the search, of step size and, where it is tuned, alpha."""
    step = STEP_SPACING if arm.random else EXACT_SPACING
    return (step, ALPHA_SPACING) if arm.setting.tunes_alpha else (step,)


def pilot(form: Form, rounds: Rounds) -> list[Found]:
    """The bracketed optimum of every arm, all arms in one round of questions at a time."""
    groups = _groups(form)
    axes = [_wide(group[0]) for group in groups]
    searches = [Bracket(len(group), axis, width=1) for group, axis in zip(groups, axes, strict=True)]
    _search(groups, searches, [form.pilot_seeds_of(group[0]) for group in groups], rounds, "pilot")
    return [_found(group, search) for group, search in zip(groups, searches, strict=True)]


def measure(form: Form, piloted: list[Found], rounds: Rounds) -> list[Found]:
    """The same with the seeds of the measurement, on a grid around the pilot's optimum that goes on at its ends."""
    groups: list[Group] = []
    searches: list[Bracket] = []
    for found in piloted:
        for i, arm in enumerate(found.arms):
            reach = form.reach if arm.random else EXACT_REACH
            groups.append((arm,))
            searches.append(Bracket(1, _narrow(arm, found.optimum.log_point[i], reach), width=reach))
    _search(groups, searches, [form.seeds_of(group[0]) for group in groups], rounds, "measurement")
    return [_found(group, search) for group, search in zip(groups, searches, strict=True)]


def _groups(form: Form) -> list[Group]:
    """Arms of one setting with as many seeds each."""
    found: dict[tuple[Setting, bool], list[Arm]] = {}
    for arm in form.arms:
        found.setdefault((arm.setting, arm.random), []).append(arm)
    return [tuple(arms) for arms in found.values()]


def _search(
    groups: list[Group], searches: list[Bracket], seeds: list[tuple[int, ...]], rounds: Rounds, what: str
) -> None:
    number = 0
    while any(not search.done for search in searches):
        number += 1
        asking = [i for i, search in enumerate(searches) if not search.done]
        asked = {i: searches[i].ask() for i in asking}
        questions = [
            Question(arm, points, seeds[i])
            for i in asking
            for arm, points in zip(groups[i], asked[i], strict=True)
            if np.isfinite(points).any()
        ]
        answers = iter(rounds.answer(questions, f"{what}, round {number}"))
        for i in asking:
            costs = np.full((*asked[i].shape[:2], len(seeds[i])), np.nan)
            for row, points in enumerate(asked[i]):
                if np.isfinite(points).any():
                    costs[row] = next(answers)[COST]
            searches[i].tell(costs)


def _found(group: Group, search: Bracket) -> Found:
    return Found(group, search.window(), search.optimum(), search.limit_hit)


def _wide(arm: Arm) -> tuple[Axis, ...]:
    """Where the pilot starts: step sizes from 1/8 to 4 times D1's, alpha from 0.054.

    Where a round costs more than its runs (vectors; one run a point) the grid is dense: halved twice at most.
    """
    scale, ratios = scale_of(arm.setting), spacings(arm)
    dense = arm.random and arm.setting.cheap
    count = 11 if dense else 6 if arm.random else 41
    step = Axis(scale / 8, scale * 4, count, ratios[0] * (1 + 1e-9), extensions=8)
    if len(ratios) == 1:
        return (step,)
    return step, Axis(ratios[1] ** -16, 1.0, 9 if dense else 5, ratios[1] * (1 + 1e-9), extensions=3, highest=1.0)


def _narrow(arm: Arm, centre: np.ndarray, reach: int) -> tuple[Axis, ...]:
    """A grid of `reach` points on each side of a centre (logarithms), on the lattice of its setting."""
    ratios, count = spacings(arm), 2 * reach + 1
    scale = scale_of(arm.setting)
    middle = round((float(centre[0]) - float(np.log(scale))) / float(np.log(ratios[0])))
    step = Axis(scale * ratios[0] ** (middle - reach), scale * ratios[0] ** (middle + reach), count,
                ratios[0] * (1 + 1e-9), extensions=12)  # fmt: skip
    if len(ratios) == 1:
        return (step,)
    below = max(0, round(-float(centre[1]) / float(np.log(ratios[1]))))
    first, last = below + reach, max(0, below - reach)
    alpha = Axis(ratios[1] ** -first, ratios[1] ** -last, first - last + 1, ratios[1] * (1 + 1e-9), 12, highest=1.0)
    return step, alpha

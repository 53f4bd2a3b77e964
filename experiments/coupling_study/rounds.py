"""The rounds of a study: every question of a search becomes sweeps, which are stored, hashed and resumed as any other.

A study is a pure function of what its sweeps return, so resuming is running it again: sweeps that are stored answer at
once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.coupling_study.cells import Arm, sweep_of
from experiments.coupling_study.runners import Runner, Tick, here, unwatched
from experiments.sweeps.specification import Sweep, runs_at_most

Say = Callable[[str], None]
WASTE = 3.0


class Question(NamedTuple):
    """Runs of one arm: parameters (points, 1 or 2) of step size and alpha, the seeds, and errors to measure."""

    arm: Arm
    points: np.ndarray
    seeds: tuple[int, ...]
    measure: tuple[str, ...] = ()


class Piece(NamedTuple):
    """A product of step sizes and alphas, and which points of the question its runs are, (steps, alphas), or −1."""

    steps: tuple[float, ...]
    alphas: tuple[float, ...]
    rows: np.ndarray


class Rounds:
    """Answers questions by sweeps below `out`, and counts run-steps: `asked` of all, stored before or computed now."""

    def __init__(
        self, out: Path, say: Say, runner: Runner = here, device: str = "cpu", tick: Tick = unwatched
    ) -> None:  # fmt: skip
        self.out, self.say, self.runner, self.device, self.tick = Path(out), say, runner, device, tick
        self.asked = self.sweeps = 0

    def answer(self, questions: Sequence[Question], what: str) -> list[dict[str, np.ndarray]]:
        """Per question, per result, (points, seeds). Points that are NaN are left NaN."""
        jobs = list(_jobs(questions))
        steps = sum(runs_at_most(job.sweep) * job.sweep.steps[0] for job in jobs)
        self.asked += steps
        self.sweeps += len(jobs)
        self.say(f"{what}: {len(jobs)} sweeps, {steps:.3g} run-steps")
        found = self.runner([job.sweep for job in jobs], self.out, self.device, self.tick)
        answers: list[dict[str, np.ndarray]] = [{} for _ in questions]
        for job, results in zip(jobs, found, strict=True):
            for i, (number, piece) in enumerate(job.takers):
                question = questions[number]
                for name, values in results.items():
                    shape = (len(question.points), len(question.seeds))
                    whole = answers[number].setdefault(name, np.full(shape, np.nan))
                    wanted = piece.rows >= 0
                    whole[piece.rows[wanted]] = np.moveaxis(values[:, i], 0, -1)[wanted]
        return answers


class Job(NamedTuple):
    """A sweep, and which question and which piece of it each of its δ answers."""

    sweep: Sweep
    takers: list[tuple[int, Piece]]


def pieces(points: np.ndarray) -> list[Piece]:
    """Points (n, axes) as products of step sizes and alphas; NaN rows are nobody's.

    One product around all of them, whose other runs nobody reads (rows −1), where that is at most `WASTE` as many runs:
    a batch costs by its steps before it costs by its runs. Else alphas with the same step sizes go together.
    """
    rows = np.flatnonzero(np.isfinite(points).all(-1))
    by_alpha: dict[float, dict[float, int]] = {}
    for row in rows.tolist():
        alpha = float(points[row, 1]) if points.shape[1] == 2 else 1.0
        by_alpha.setdefault(alpha, {})[float(points[row, 0])] = row
    every = tuple(sorted({step for steps in by_alpha.values() for step in steps}))
    if len(every) * len(by_alpha) <= WASTE * len(rows):
        return [_piece(every, list(by_alpha), by_alpha)]
    together: dict[tuple[float, ...], list[float]] = {}
    for alpha, steps in by_alpha.items():
        together.setdefault(tuple(sorted(steps)), []).append(alpha)
    return [_piece(steps, alphas, by_alpha) for steps, alphas in together.items()]


def _piece(steps: tuple[float, ...], alphas: list[float], by_alpha: dict[float, dict[float, int]]) -> Piece:
    return Piece(steps, tuple(alphas), np.array([[by_alpha[a].get(s, -1) for a in alphas] for s in steps]))


def _jobs(questions: Sequence[Question]) -> Iterator[Job]:
    groups: dict[tuple[Any, ...], list[tuple[int, Piece]]] = {}
    for number, question in enumerate(questions):
        arm = question.arm
        for piece in pieces(question.points):
            key = (arm.setting, arm.oracle, piece.steps, piece.alphas, question.seeds, question.measure)
            groups.setdefault(key, []).append((number, piece))
    for (_, _, steps, alphas, seeds, measure), takers in groups.items():
        deltas = [questions[number].arm.delta for number, _ in takers]
        yield Job(sweep_of(questions[takers[0][0]].arm, deltas, steps, alphas, seeds, measure), takers)

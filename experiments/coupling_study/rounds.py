"""The rounds of a study: every question of a search becomes sweeps, which are stored, hashed and resumed as any other.

A study is a pure function of what its sweeps return, so resuming is running it again: sweeps that are stored answer at
once. Workers are processes that each compute whole sweeps.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.coupling_study.cells import Arm, sweep_of
from experiments.sweeps.engine import run_sweep
from experiments.sweeps.specification import Sweep, of_table, runs_at_most

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
    """Answers questions by sweeps below `out`, and counts run-steps: `asked` of all, `computed` of those now."""

    def __init__(self, out: Path, say: Say, pool: ProcessPoolExecutor | None = None, device: str = "cpu") -> None:
        self.out, self.say, self.pool, self.device = Path(out), say, pool, device
        self.asked = self.sweeps = 0

    def answer(self, questions: Sequence[Question], what: str) -> list[dict[str, np.ndarray]]:
        """Per question, per result, (points, seeds). Points that are NaN are left NaN."""
        jobs = list(_jobs(questions))
        steps = sum(runs_at_most(job.sweep) * job.sweep.steps[0] for job in jobs)
        self.asked += steps
        self.sweeps += len(jobs)
        self.say(f"{what}: {len(jobs)} sweeps, {steps:.3g} run-steps")
        tables = [(job.sweep.table, str(self.out), self.device) for job in jobs]
        run = self.pool.map if self.pool else map
        found = list(run(compute, tables))
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


def compute(job: tuple[dict[str, Any], str, str]) -> dict[str, np.ndarray]:
    """Computes what is missing of a sweep on a device; its results, each (seeds, deltas, steps, alphas)."""
    sweep, out, device = of_table(job[0]), Path(job[1]), job[2]
    store = run_sweep(sweep, out, resume=True, device=device).store
    chunks = sorted(store.scan(whole=False).finished.items())  # `read` checks each
    whole = np.concatenate([store.read(number, path) for number, path in chunks])
    shape = [len(axis) for axis in (sweep.seeds, sweep.delta, sweep.step_size, sweep.alpha)]
    return {name: whole[name].reshape(shape) for name in whole.dtype.names or ()}


@contextlib.contextmanager
def pool_of(workers: int) -> Iterator[ProcessPoolExecutor | None]:
    """Processes that compute sweeps; None for 0: this one does."""
    if not workers:
        yield None
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=one_thread) as pool:
        try:
            yield pool
        except BrokenProcessPool:
            raise OSError("a worker died; every chunk stored is intact, --resume goes on from there") from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def one_thread() -> None:
    """One process per core, as more threads would compete; Ctrl-C, which a terminal sends to all, just ends it."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    torch.set_num_threads(1)


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

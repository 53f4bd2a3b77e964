"""Does every theorem hold in every setting that it applies to?"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

import bounds
from bounds.theorem import Theorem
from experiments.problems import Problem, shipped
from experiments.run import run
from experiments.settings import (
    Batch,
    Cell,
    batch,
    by_layer,
    entries,
    error_constants,
    iterate_bound,
    known_constants,
    setting,
    under_schedules,
    with_ball_gap,
)
from experiments.studies.base import Tick, silent
from experiments.trajectory import DIMENSIONS
from experiments.verdict import Verdict, judge
from lmo.balls import NormBall

QUESTION = __doc__
_SCHEDULED = ("exact", "mixed", "newton-schulz jordan")  # those that every step-size schedule is run with
_LEAN = ("exact", "mixed", "random", "newton-schulz jordan", "other error per layer")  # all that heavy problems get


@dataclass(frozen=True)
class Scale:
    """How much is run: steps, seeds of stochastic settings and of random errors, the δ of controlled errors.

    turns: the oracles beyond those of heavy problems take turns, each is run in one setting of so many; 1: in all.
    """

    steps: int = 120
    seeds: int = 12
    deltas: tuple[float, ...] = (0.3, 0.7)
    heavy_deltas: tuple[float, ...] = (0.5,)
    heavy_steps: int = 40
    heavy_seeds: int = 6
    turns: int = 1


FULL = Scale()
QUICK = Scale(steps=20, seeds=4, deltas=(0.5,), heavy_steps=6, heavy_seeds=2, turns=5)


@dataclass
class Table:
    """The verdicts, what did not apply and why, and one example trajectory per theorem for the figures."""

    verdicts: list[Verdict] = field(default_factory=list)
    skipped: dict[str, dict[str, int]] = field(default_factory=dict)  # theorem → reason → settings
    examples: dict[str, xr.Dataset] = field(default_factory=dict)
    cases: list[dict] = field(default_factory=list)


def all_settings(theorems: Iterable[Theorem], problems: Iterable[Problem]) -> list[tuple[Theorem, Problem, NormBall]]:
    """Every (theorem, problem, ball), whether it applies or not."""
    theorems = list(theorems)
    return [(t, p, ball) for p in problems for ball in p.balls() for t in theorems]


def run_table(
    theorems: Iterable[Theorem] | None = None,
    problems: Iterable[Problem] | None = None,
    scale: Scale = FULL,
    tick: Tick = silent,
    device: str = "cpu",
) -> Table:
    """Runs every theorem in every setting it applies to, and judges every cell."""
    table = Table()
    todo: list[Batch] = []
    chosen = list(bounds.theorems.values()) if theorems is None else list(theorems)
    for theorem, problem, ball in all_settings(chosen, shipped() if problems is None else problems):
        reason = theorem.applies_to(setting(theorem, problem, ball))
        if reason is None and hasattr(problem, "oracle"):
            reason = "the problem brings its own adversary (see the lower bounds)"
        if reason:
            reasons = table.skipped.setdefault(theorem.name, {})
            reasons[reason] = reasons.get(reason, 0) + 1
            continue
        todo.append(_batch(theorem, problem, ball, scale))
    cells = sum(len(b.cells) for b in todo)
    for i, one in enumerate(todo):
        tick(f"{one.theorem.label} · {one.problem.name} · {one.ball.name}", i / len(todo))
        _judge_batch(one, cells, table, device)
    table.examples = {name: table.examples[name] for name in bounds.theorems if name in table.examples}
    return table


def _batch(theorem: Theorem, problem: Problem, ball: NormBall, scale: Scale) -> Batch:
    heavy = problem.heavy
    stochastic = problem.noise_std is not None
    chosen = entries(ball, scale.heavy_deltas if heavy else scale.deltas)
    scheduled = theorem.method.step == "scheduled"
    if heavy or scheduled:
        chosen = [e for e in chosen if e.label in (_SCHEDULED if scheduled else _LEAN)]
    turn = zlib.crc32(f"{theorem.name} {problem.name} {ball.name}".encode())
    chosen = [e for i, e in enumerate(chosen) if e.label in _LEAN or (i + turn) % scale.turns == 0]
    chosen = [e for e in chosen if not theorem.applies_to(setting(theorem, problem, ball, e.promised))]
    chosen = under_schedules(chosen) if scheduled else chosen
    deterministic = 1 if heavy else 2  # two, for the random error
    seeds = (scale.heavy_seeds if heavy else scale.seeds) if stochastic else deterministic
    return batch(theorem, problem, ball, steps=scale.heavy_steps if heavy else scale.steps, seeds=seeds, chosen=chosen)


def _judge_batch(one: Batch, cells: int, table: Table, device: str) -> None:
    data = run(
        one.problem,
        one.method,
        steps=one.steps,
        step_size=one.step_size,
        schedule=one.schedule,
        alpha=one.alpha,
        seeds=one.seeds,
        device=device,
    )
    columns = {str(name): values.values for name, values in data.data_vars.items()}
    last = data["objective_last"].values
    _, known = known_constants(one.theorem, one.problem, one.ball, one.steps)
    for cell in one.cells:
        mine = {name: values[cell.rows] for name, values in columns.items()}
        constants = cell.constants if cell.promised else _measured(one, cell, mine)
        about = {"problem": one.problem.name, "ball": one.ball.name, "oracle": cell.label, "delta": cell.delta}
        if np.max(constants["epsilon" if "epsilon" in constants else "delta"]) >= 1:
            reasons = table.skipped.setdefault(one.theorem.name, {})
            reasons["the measured ε is not below 1"] = reasons.get("the measured ε is not below 1", 0) + 1
            continue
        verdict = judge(
            one.theorem, mine, constants, last[cell.rows],
            about=about, cells=cells, constants_are=known, promised=cell.promised,
        )  # fmt: skip
        table.verdicts.append(verdict)
        if verdict.status == "violated":
            table.cases.append({**about, "theorem": one.theorem.name, "constants": constants, "reason": verdict.reason})
        _keep_example(one, cell, mine | {"objective_last": last[cell.rows]}, constants, table)


def _measured(one: Batch, cell: Cell, columns: dict[str, np.ndarray]) -> dict[str, float]:
    """The constants with ε, η read off the run: their largest values, a weaker claim than a promise."""
    epsilon, eta = float(columns["epsilon"].max()), float(columns["eta"].max())
    constants = cell.constants | error_constants(one.theorem, cell.delta, epsilon, eta)
    constants |= iterate_bound(one.theorem, one.problem, one.ball, constants, eta)
    return with_ball_gap(one.theorem, one.problem, one.ball, constants) if epsilon < 1 else constants


def _keep_example(one: Batch, cell: Cell, columns: dict[str, np.ndarray], constants: dict, table: Table) -> None:
    """The trajectories of a matrix quadratic under the smallest mixed (or random) error, for the figures."""
    label, ball = {"frobenius": ("random", "frobenius"), "product": ("other error per layer", "product")}.get(
        one.ball.name, ("mixed", "spectral")
    )
    here = cell.label in (label, f"{label}, cosine")  # of the schedules the one most in use
    wanted = here and one.problem.name.startswith(("matrix quadratic", "layered quadratic"))
    best_ball = "frobenius" if one.theorem.name == "hilbert" else "product" if by_layer(one.theorem) else "spectral"
    if wanted and one.ball.name == ball == best_ball and one.theorem.name not in table.examples:
        data = xr.Dataset({n: (DIMENSIONS[: v.ndim], v) for n, v in columns.items()})
        data.attrs = {"theorem": one.theorem.name, "label": one.theorem.label, "delta": cell.delta, **constants}
        table.examples[one.theorem.name] = data

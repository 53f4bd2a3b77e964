"""One batch of runs of a method on a problem, recorded as a trajectory.

No loop over runs; results do not depend on the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from experiments.problems.base import Problem
from experiments.trajectory import dataset
from lmo.balls import Product
from lmo.checks import check_device, check_integer, check_kind, check_numbers
from lmo.elements import Element, PerRun, inner, map_layers, norm2, scaled, subtract, zeros_like
from lmo.method import Method, Move
from lmo.momentum import Nesterov, NoMomentum, complement
from lmo.oracles.base import alignment_deficit, measure
from lmo.randomness import Draw

Columns = dict[str, Tensor]


def run(
    problem: Problem,
    method: Method,
    *,
    steps: int,
    step_size: PerRun,
    schedule: np.ndarray | Sequence[float] | None = None,
    alpha: float | Tensor | None = None,
    seeds: Sequence[int] | np.ndarray = (0,),
    record: str = "all",
    delta_every: int = 0,
    against_objective: bool = False,
    device: str = "cpu",
    tick: Callable[[], None] | None = None,
) -> xr.Dataset:
    """Runs `method` on `problem` from its start, one run per seed, `steps` steps.

    Args:
        step_size, alpha: as in `Method.step`, a number or one per run; step_size also a tuple of those, one per layer.
        schedule: what step_size is multiplied by at each step, (steps,) or (runs, steps), numbers >= 0; None: 1.
        seeds: one per run; runs with one seed see the same noise.
        record: "all" columns of `experiments.trajectory`, or "metric": gradient_norm and objective alone.
        delta_every: measure δ at every so many steps (one more SVD each); 0: never.
        against_objective: let the oracle see f (only `Worst` looks).
        tick: called after every step, for progress bars.

    Raises:
        TypeError, ValueError: bad arguments, or a run that left the finite numbers (says which and when).
    """
    _check(problem, method, steps, step_size, seeds, record)
    ball, runs = method.oracle.ball, len(seeds)
    problem.check_ball(ball)
    where = check_device(device)
    step_size = _moved(step_size, where)
    multipliers = _multipliers(schedule, len(seeds), steps, where)
    state = method.init(map_layers(lambda a: a.to(where), problem.start(runs)))
    recorder = Recorder(problem, method, Parts(method, alpha, runs, where), delta_every)
    columns: dict[str, list[Tensor]] = {}
    objective = problem.value(state.x)
    x_before: Element | None = None
    draws = Draw(np.asarray(seeds), 0, where)
    for k in range(steps):
        draw = draws.at(k)
        x, gradient = state.x, problem.true_gradient(state.x)
        sample = problem.sample(draw)
        fresh = gradient if sample is None else problem.gradient(x, sample)
        corrects = method.momentum.needs_before and x_before is not None
        state, move = method.step(
            state,
            fresh,
            step_size=step_size if multipliers is None else _times(step_size, multipliers[:, k]),
            alpha=alpha,
            gradient_before=problem.gradient(x_before, sample) if corrects else None,
            draw=draw,
            objective=problem.value if against_objective else None,
        )
        following = problem.value(state.x)
        row: Columns = {"objective": objective, "gradient_norm": ball.dual_norm(gradient)}
        if record == "all":
            row["objective_next"] = following
            row |= recorder.columns(k, x, gradient, fresh, move, row)
        _check_finite(following, k)
        for name, values in row.items():
            columns.setdefault(name, []).append(values)
        objective, x_before = following, x
        if tick:
            tick()
    if record == "all":
        columns["gradient_norm_next"] = [*columns["gradient_norm"][1:], ball.dual_norm(problem.true_gradient(state.x))]
    table = {name: torch.stack(values, 1).cpu().numpy() for name, values in columns.items()}
    coordinates = {"seed": np.asarray(seeds), "objective_last": objective.cpu().numpy()}
    return dataset(table, coordinates, problem=problem.name, ball=ball.name, steps=steps)


def _check(problem: Any, method: Any, steps: Any, step_size: Any, seeds: Any, record: Any) -> None:
    check_kind("problem", problem, Problem)
    check_kind("method", method, Method)
    if np.ndim(seeds) != 1:
        raise ValueError(f"`seeds` must be a list of integers, one per run, got {seeds!r}")
    if check_integer("steps", steps, at_least=0) < 1 or len(seeds) < 1:
        raise ValueError(f"`steps` and the number of seeds must be at least 1, got {steps} and {len(seeds)}")
    if record not in ("all", "metric"):
        raise ValueError(f"`record` must be 'all' or 'metric', got {record!r}")
    for size in step_size if isinstance(step_size, tuple) else (step_size,):
        check_numbers("step_size", size, above=0.0)


def _moved(step_size: PerRun, where: torch.device) -> PerRun:
    if isinstance(step_size, tuple):
        return tuple(s.to(where) if isinstance(s, Tensor) else s for s in step_size)
    return step_size.to(where) if isinstance(step_size, Tensor) else step_size


def _multipliers(schedule: Any, runs: int, steps: int, where: torch.device) -> Tensor | None:
    """The schedule as (runs, steps); `ValueError` for another shape and for numbers that are not >= 0."""
    if schedule is None:
        return None
    table = torch.as_tensor(np.asarray(schedule, dtype=float), device=where)
    if tuple(table.shape) not in ((steps,), (runs, steps)):
        raise ValueError(
            f"`schedule` must have one number per step, shape ({steps},), or one row of them per run, "
            f"({runs}, {steps}); got shape {tuple(table.shape)}"
        )
    check_numbers("schedule", table, at_least=0.0)
    return table.expand(runs, steps)


def _times(step_size: PerRun, factor: Tensor) -> PerRun:
    return tuple(s * factor for s in step_size) if isinstance(step_size, tuple) else step_size * factor


def _check_finite(objective: Tensor, step: int) -> None:
    if not torch.isfinite(objective).all():
        bad = int((~torch.isfinite(objective)).nonzero()[0])
        raise ValueError(
            f"run {bad} left the finite numbers at step {step}: its step size is too large for this problem"
        )


class Recorder:
    """The columns of a step beyond the metric; it keeps the gradient of the step before."""

    def __init__(self, problem: Problem, method: Method, parts: Parts, delta_every: int) -> None:
        self.problem, self.ball, self.parts, self.delta_every = problem, method.oracle.ball, parts, delta_every
        self.before: Any = None
        self.decay = method.weight_decay

    def columns(self, k: int, x: Element, gradient: Element, fresh: Element, move: Move, metric: Columns) -> Columns:
        """Those of step k, which moved from x; `fresh` is `gradient` itself where there is no noise."""
        zero = torch.zeros_like(metric["objective"])
        row = {"step_size": _per_run(move.step, zero)}
        row |= self.parts.record(gradient, fresh, move.fed, move.direction, metric["gradient_norm"])
        if isinstance(self.ball, Product) and self.ball.combine == "max":
            row |= _of_layers(self.ball, gradient, move.direction)
        row["gradient_change"] = zero if self.before is None else self.ball.dual_norm(subtract(gradient, self.before))
        std = None if fresh is gradient else self.problem.noise_std_at(x)
        row["noise_std"] = zero if std is None else std.to(zero)
        measured = self.delta_every and k % self.delta_every == 0
        row["delta"] = (
            measure(self.ball, move.fed, move.direction).delta if measured else torch.full_like(zero, torch.nan)
        )
        self.before = gradient
        return row | self._decayed(x, gradient, move.direction)

    def _decayed(self, x: Element, gradient: Element, direction: Element) -> Columns:
        """What weight decay adds to a step: the columns of x itself; none without decay."""
        decay, n = self.decay, self.ball.core_ndim
        if not decay:
            return {}
        net = subtract(direction, map_layers(lambda a: decay * a, x))
        along = inner(gradient, x, n)
        return {"iterate_alignment": along, "iterate_norm": self.ball.norm(x), "net_norm": self.ball.norm(net)}


def _of_layers(ball: Product, gradient: Any, direction: Any) -> Columns:
    """The columns of single layers, each (run, layer)."""
    along = [inner(g, d, n) for g, d, n in zip(gradient, direction, ball.core_ndim, strict=True)]
    return {
        "layer_gradient_norm": ball.layer_dual_norms(gradient),
        "layer_alignment": torch.stack(along, -1),
        "layer_direction_norm": ball.layer_norms(direction),
    }


def _per_run(value: Any, like: Tensor) -> Tensor:
    if isinstance(value, tuple):  # steps of layers: the longest of them
        return torch.stack([_per_run(v, like) for v in value]).amax(0)
    return torch.as_tensor(value, dtype=like.dtype, device=like.device).expand(like.shape)


class Parts:
    """Splits what the oracle is fed into gradient, start, drift and noise, by feeding the parts to the same momentum.

    Momenta are linear in the gradients, so momentum(g) = momentum(∇f) + momentum(ξ). The scale: where the weights of
    the fed average do not sum to 1 (zero start), everything is divided by their sum, which a 0-homogeneous oracle
    does not see. The first gradient's noise counts as start where it comes through the buffer: what Nesterov adds of
    the current gradient is noise at step 0 as at every other. A sample's noise is the same at both of STORM's points,
    as far as "noise" goes; that it is not is in "drift", which for STORM is the rest of the correction.
    """

    def __init__(self, method: Method, alpha: float | Tensor | None, runs: int, device: torch.device) -> None:
        self.method, self.alpha = method, alpha
        self.ones = torch.ones(runs, dtype=torch.float64, device=device)
        self.buffers: dict[str, Any] = {"weight": None, "start": None, "noise": None}
        self.first = True

    def record(
        self, gradient: Element, fresh: Element, fed: Element, direction: Element, gradient_norm: Tensor
    ) -> Columns:
        """The columns of one step that concern the oracle and the momentum."""
        ball = self.method.oracle.ball
        n = ball.core_ndim
        size = ball.norm(direction)
        along = inner(gradient, direction, n)
        zero = torch.zeros_like(size)
        if fresh is gradient and isinstance(self.method.momentum, NoMomentum):
            split = {"fed_norm": gradient_norm, "fed_alignment": along, "error_norm": zero, "start_norm": zero}
            split |= {"drift_norm": zero, "noise_norm": zero, "noise_norm_2": zero}
        else:
            split = self._split(gradient, fresh, fed, direction)
        deficit = alignment_deficit(split["fed_alignment"], split["fed_norm"])
        return split | {"gradient_alignment": along, "direction_norm": size, "epsilon": deficit, "eta": size - 1}

    def _split(self, gradient: Element, fresh: Element, fed: Element, direction: Element) -> Columns:
        ball = self.method.oracle.ball
        n = ball.core_ndim
        noise, nothing = subtract(fresh, gradient), zeros_like(gradient)
        kept = self.first and self.method.momentum.start == "first gradient" and self.method.momentum.needs_alpha
        weight = self._feed("weight", self.ones, 0)
        start = self._feed("start", noise if kept else nothing, n)
        later = self._feed("noise", nothing if kept else noise, n)
        self.first = False
        if kept and isinstance(self.method.momentum, Nesterov):
            start, later = self._through_buffer(start, n)
        start, later, mean = (scaled(part, 1 / weight, n) for part in (start, later, fed))
        error = subtract(mean, gradient)
        drift = subtract(subtract(error, start), later)
        return {
            "fed_norm": ball.dual_norm(mean),
            "fed_alignment": inner(mean, direction, n),
            "error_norm": ball.dual_norm(error),
            "start_norm": ball.dual_norm(start),
            "drift_norm": ball.dual_norm(drift),
            "noise_norm": ball.dual_norm(later),
            "noise_norm_2": norm2(later, n),
        }

    def _through_buffer(self, first: Element, core_ndim: Any) -> tuple[Element, Element]:
        """(1 − α) and α times the first noise: its share in the buffer's part of the fed element, and the other one."""
        assert self.alpha is not None
        kept = scaled(first, complement(self.alpha), core_ndim)
        return kept, subtract(first, kept)

    def _feed(self, name: str, element: Any, core_ndim: Any) -> Any:
        momentum, buffer = self.method.momentum, self.buffers[name]
        corrected = {"before": element} if momentum.needs_before and buffer is not None else {}
        self.buffers[name], fed = momentum.step(buffer, element, self.alpha, core_ndim, **corrected)
        return fed

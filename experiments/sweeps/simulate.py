"""One batch of runs of the one `Method` step, summed up in numbers per run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.problems.base import Problem
from experiments.sweeps import catalogue
from experiments.sweeps.plan import Chunk
from experiments.sweeps.records import apart, weights
from experiments.sweeps.specification import Sweep
from lmo.checks import check_device
from lmo.elements import expand, inner, map_layers
from lmo.method import Method, Move
from lmo.oracles import measure
from lmo.oracles.base import alignment_deficit
from lmo.oracles.rescaled import rescaled
from lmo.randomness import Draw

RESULTS = {
    "mean_gradient_norm": "mean of ‖∇f(x_k)‖_* over k < K, from the recorded steps (`experiments.sweeps.records`)",
    "min_gradient_norm": "the smallest of them",
    "last_gradient_norm": "‖∇f(x_K)‖_*",
    "last_objective": "f(x_K)",
    "mean_epsilon": "mean alignment deficit of the oracle's answers, from the recorded steps",
    "mean_eta": "mean norm excess of the same",
    "mean_delta": "mean distance of the same to a minimiser",
    "mean_spread": "mean distance of the same to a minimiser after the best rescaling of each",
    "lost_at": "the recorded step at which the run was seen to have left the finite numbers (its other results are "
    "infinite); −1: it did not",
}


def result_names(sweep: Sweep) -> list[str]:
    """The columns that a sweep has."""
    return [name for name in RESULTS if not name.startswith("mean_") or name[5:] in ("gradient_norm", *sweep.measure)]


def simulate(
    chunk: Chunk, sweep: Sweep, device: str = "cpu", tick: Callable[[int], None] | None = None
) -> dict[str, np.ndarray]:
    """The results of a chunk, float64 with one number per run; they depend on no other chunk.

    Args:
        tick: called with the number of run-steps done since the last call, about a hundred times.

    Raises:
        ValueError: what went wrong, and in which chunk.
    """
    try:
        return _simulate(chunk, sweep, device, tick)
    except (ValueError, RuntimeError) as error:  # torch's own, as where the memory of a device does not suffice
        group = chunk.group
        what = f"{group.oracle} for {group.ball} on {group.problem}, momentum {group.momentum}, noise {group.noise:g}"
        raise ValueError(f"chunk {chunk.number} ({what}): {error}") from error


def _simulate(chunk: Chunk, sweep: Sweep, device: str, tick: Callable[[int], None] | None) -> dict[str, np.ndarray]:
    batch = _Batch(chunk, sweep, device)
    every = max(1, chunk.group.steps // 100)
    for k in range(chunk.group.steps):
        batch.step(k)
        if tick and ((k + 1) % every == 0 or k + 1 == chunk.group.steps):
            tick((chunk.stop - chunk.start) * ((k % every) + 1))
    return batch.results()


class _Batch:
    """The state of the runs of a chunk, and the sums that become their results."""

    def __init__(self, chunk: Chunk, sweep: Sweep, device: str) -> None:
        group, columns = chunk.group, chunk.group.columns(chunk.start, chunk.stop)
        self.sweep, self.device, self.dtype = sweep, check_device(device), getattr(torch, sweep.dtype)
        self.steps, plain = group.steps, catalogue.problem_called(group.problem)
        self.problem: Problem = catalogue.with_noise(plain, group.noise)
        self.ball = catalogue.ball_called(group.ball, plain)
        delta = self._moved(columns["delta"]) if catalogue.takes_delta(group.oracle) else 0.0
        oracle = catalogue.oracle_called(group.oracle, self.ball, delta)
        self.method = Method(oracle, catalogue.MOMENTA[group.momentum])
        self.step_size = self._moved(columns["step_size"]).to(self.dtype)
        self.alpha = self._moved(columns["alpha"]).to(self.dtype) if self.method.momentum.needs_alpha else None
        self.draw, self.runs = Draw(columns["seed"], -1, self.device), chunk.stop - chunk.start
        start = self.problem.start(self.runs)
        self.start: Any = map_layers(lambda a: a.to(self.device, self.dtype), start)
        self.state = self.method.init(self.start)
        self.before: Any = None
        self.lost_at = torch.full((self.runs,), -1.0, dtype=torch.float64, device=self.device)
        self.sums: dict[str, Tensor] = {}
        self.smallest = torch.full_like(self.lost_at, torch.inf)
        self.weights = weights(group.steps, apart(self.problem, sweep.record_every))
        # a pass to find a NaN costs as much as the rest of a step on vectors, and nothing beside matrix products, where
        # a NaN in one run must not steer an iteration that looks at its whole batch
        self.checks = self.ball.core_ndim != 1

    def step(self, k: int) -> None:
        """Step k of every run."""
        draw = self.draw.at(k)
        x, sample = self.state.x, self.problem.sample(draw)
        records = k in self.weights
        exact = self.problem.true_gradient(x) if records or sample is None else None
        fresh: Any = exact if sample is None else self.problem.gradient(x, sample)
        corrects = self.method.momentum.needs_before and self.before is not None
        earlier = self.problem.gradient(self.before, sample) if corrects else None
        if records and self._drop_lost(k, fresh, earlier):
            self.step(k)
            return
        try:
            self.state, move = self.method.step(
                self.state, fresh, step_size=self.step_size, alpha=self.alpha, gradient_before=earlier, draw=draw,
                check=k == 0 or self.checks,
            )  # fmt: skip
        except (ValueError, RuntimeError):  # an SVD refuses a batch with a NaN in it
            if not self._drop_lost(k, fresh, earlier):
                raise
            self.step(k)
            return
        self.before = x if self.method.momentum.needs_before else None
        if records:
            self._record(exact, move, self.weights[k])

    def results(self) -> dict[str, np.ndarray]:
        """What is stored; infinite for runs that were lost."""
        last = self.ball._dual_norm(self.problem.true_gradient(self.state.x))
        found = {name: total / self.steps for name, total in self.sums.items()}
        found |= {"min_gradient_norm": self.smallest, "last_gradient_norm": last.double()}
        found["last_objective"] = self.problem.value(self.state.x).double()
        ended = torch.stack([~torch.isfinite(values) for values in found.values()]).any(0) & (self.lost_at < 0)
        self.lost_at[ended] = float(self.steps)
        found = {name: torch.where(self.lost_at < 0, values, torch.inf) for name, values in found.items()}
        found["lost_at"] = self.lost_at
        return {name: found[name].cpu().numpy() for name in result_names(self.sweep)}

    def _record(self, gradient: Any, move: Move, weight: int) -> None:
        norm = self.ball._dual_norm(gradient).double()
        self.smallest = torch.minimum(self.smallest, norm)
        row = {"mean_gradient_norm": norm}
        wanted = self.sweep.measure
        if "delta" in wanted:
            off = measure(self.ball, move.fed, move.direction)
            row |= {"mean_delta": off.delta, "mean_epsilon": off.epsilon, "mean_eta": off.eta}
        else:
            if "epsilon" in wanted:
                along = inner(move.fed, move.direction, self.ball.core_ndim)
                row["mean_epsilon"] = alignment_deficit(along, self.ball._dual_norm(move.fed))
            if "eta" in wanted:
                row["mean_eta"] = self.ball._norm(move.direction) - 1
        if "spread" in wanted:
            row["mean_spread"] = rescaled(self.ball, move.fed, move.direction).spread
        for name, values in row.items():
            weighted = weight * values.double()
            self.sums[name] = self.sums[name] + weighted if name in self.sums else weighted

    def _drop_lost(self, k: int, *gradients: Any) -> bool:
        """Puts runs whose gradient is not finite back at their start, at rest, and marks them; whether there were any.

        One run must not end its batch: its row stays there, since the others' numbers must not depend on it.
        """
        bad = torch.zeros(self.runs, dtype=torch.bool, device=self.device)
        for gradient in gradients:
            for layer in gradient if isinstance(gradient, tuple) else (gradient,):
                if layer is not None and not torch.isfinite(layer.sum()):
                    bad |= ~torch.isfinite(layer.flatten(1)).all(1)
        if not bad.any():
            return False
        self.lost_at[bad & (self.lost_at < 0)] = float(k)

        def restored(a: Tensor, b: Tensor) -> Tensor:
            return torch.where(expand(bad, a.ndim - 1), b, a)  # type: ignore[arg-type]

        self.state = self.state._replace(x=map_layers(restored, self.state.x, self.start))
        if self.before is not None:
            self.before = map_layers(restored, self.before, self.start)
        if self.state.buffer is not None:
            at_rest = map_layers(torch.zeros_like, self.start)
            self.state = self.state._replace(buffer=map_layers(restored, self.state.buffer, at_rest))
        return True

    def _moved(self, numbers: np.ndarray) -> Tensor:
        return torch.as_tensor(numbers, dtype=torch.float64, device=self.device)

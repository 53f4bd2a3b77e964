"""From a specification to batches: which runs there are, and which are computed together."""

from __future__ import annotations

import functools
import itertools
import json
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from experiments.problems.base import Problem
from experiments.sweeps import catalogue
from experiments.sweeps.catalogue import DoesNotFit
from experiments.sweeps.specification import Sweep, of_table, runs_at_most

# Bytes of x in one batch; a step touches about six arrays of that size. On a Xeon with 2 MiB of L2 cache per core the
# time per run-step of vectors of 100 is least, and flat, between 0.2 and 0.8 MB; below, the interpreter's share grows
# (four times as long at 0.05 MB), above come memory and new pages. `benchmarks/sweep_throughput.py --chunks` prints it.
CPU_BYTES = 400_000
# There the launch of a kernel is what has to be shared among runs. On an H100 (--device cuda) vectors of 100 and 12×12
# matrices are within 10 % of the least time seen; 64 MB of matrices take 1.5 times as long per run-step.
CUDA_BYTES = 256_000_000
MOST_RUNS = 50_000_000
LABELS = ("problem", "ball", "oracle", "momentum", "noise", "steps")
NUMBERS = ("seed", "delta", "step_size", "alpha")  # the first one varies slowest within a group


class Group(NamedTuple):
    """The runs that one method on one problem makes: everything but seed, δ, step size and alpha is the same."""

    problem: str
    ball: str
    oracle: str
    momentum: str
    noise: float
    steps: int
    seeds: tuple[int, ...]
    deltas: tuple[float, ...]
    step_sizes: tuple[float, ...]
    alphas: tuple[float, ...]

    @property
    def runs(self) -> int:
        """How many."""
        return math.prod(len(axis) for axis in (self.seeds, self.deltas, self.step_sizes, self.alphas))

    def columns(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """seed, delta, step_size and alpha of the runs start … stop − 1.

        Seeds vary slowest, so a batch has few of them and a step draws few random numbers for many runs.
        """
        axes = (self.seeds, self.deltas, self.step_sizes, self.alphas)
        where = np.unravel_index(np.arange(start, stop), [len(axis) for axis in axes])
        return {name: np.asarray(axis)[i] for name, axis, i in zip(NUMBERS, axes, where, strict=True)}


class Chunk(NamedTuple):
    """One batch: runs start … stop − 1 of a group, the unit that is computed, stored and resumed."""

    number: int
    group: Group
    start: int
    stop: int

    @property
    def run_steps(self) -> int:
        """Its share of the work."""
        return (self.stop - self.start) * self.group.steps

    def labels(self) -> dict[str, Any]:
        """The coordinates of its runs: one value for all, or an array with one per run."""
        return {name: getattr(self.group, name) for name in LABELS} | self.group.columns(self.start, self.stop)


@dataclass(frozen=True)
class Plan:
    """All chunks of a sweep in order, and why some combinations of its grid have no runs."""

    sweep: Sweep
    chunks: tuple[Chunk, ...]
    left_out: tuple[str, ...]

    @property
    def runs(self) -> int:
        """In all chunks."""
        return sum(chunk.stop - chunk.start for chunk in self.chunks)

    @property
    def run_steps(self) -> int:
        """In all chunks."""
        return sum(chunk.run_steps for chunk in self.chunks)

    @property
    def layout(self) -> dict[str, Any]:
        """Groups and chunks as plain data: `plan_of_layout` of it is this plan again, without building anything."""
        groups = list(dict.fromkeys(chunk.group for chunk in self.chunks))
        places = {group: i for i, group in enumerate(groups)}
        return {
            "groups": [group._asdict() for group in groups],
            "chunks": [[places[chunk.group], chunk.start, chunk.stop] for chunk in self.chunks],
            "left_out": list(self.left_out),
        }


def without_effect(sweep: Sweep) -> tuple[str, ...]:
    """A sentence for `delta` and `alpha` each, where they are given and some oracle or momentum does not use them."""
    said = []
    deaf = [oracle for oracle in sweep.oracle if not catalogue.takes_delta(oracle)]
    if deaf and sweep.delta != (0.0,):
        said.append(f"`delta` has no effect on {', '.join(deaf)}, run once at delta = 0")
    plain = [momentum for momentum in sweep.momentum if not catalogue.MOMENTA[momentum].needs_alpha]
    if plain and sweep.alpha != (1.0,):
        said.append(f"`alpha` has no effect with momentum {', '.join(plain)}, run once at alpha = 1")
    return tuple(said)


def plan_of_layout(sweep: Sweep, layout: dict[str, Any]) -> Plan:
    """The plan that `Plan.layout` describes."""
    groups = []
    for stored in layout["groups"]:
        fields: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in stored.items()}
        groups.append(Group(**fields))
    chunks = [Chunk(i, groups[place], start, stop) for i, (place, start, stop) in enumerate(layout["chunks"])]
    return Plan(sweep, tuple(chunks), tuple(layout["left_out"]))


def plan(sweep: Sweep, device: str = "cpu") -> Plan:
    """The chunks of a sweep on a kind of device. They do not depend on who computes them.

    Raises:
        ValueError: a name that nothing has; a problem, ball or oracle that goes with nothing else; too many runs.
    """
    if runs_at_most(sweep) > MOST_RUNS:
        raise ValueError(f"the grid has {runs_at_most(sweep)} runs, at most {MOST_RUNS} are allowed; split it")
    found, left_out, used = [], [], set()
    for entry in itertools.product(sweep.problem, sweep.ball, sweep.oracle, sweep.noise):
        try:
            catalogue.check_fit(*entry)
        except DoesNotFit as reason:
            left_out.append(str(reason))
            continue
        used |= set(zip(("problem", "ball", "oracle", "noise"), entry, strict=True))
        found += [_group(sweep, *entry, momentum, steps) for momentum in sweep.momentum for steps in sweep.steps]
    reasons = tuple(dict.fromkeys(left_out))
    for axis in ("problem", "ball", "oracle", "noise"):
        for value in getattr(sweep, axis):
            if (axis, value) not in used:
                why = "; ".join(reasons[:2])
                raise ValueError(f"`{axis}` {value!r} goes with nothing else in this grid: {why}")
    return Plan(sweep, tuple(_chunks(found, sweep, device)), reasons)


@functools.lru_cache(maxsize=4)
def plan_of_text(text: str, device: str) -> Plan:
    """The plan of a specification and its sources as JSON: what a worker process is sent, and keeps.

    Raises:
        ValueError: the user's own code is another one here.
    """
    sent = json.loads(text)
    sweep = of_table(sent["sweep"])
    sweep.check_sources(sent["sources"])
    return plan(sweep, device)


def _group(
    sweep: Sweep, problem: str, ball: str, oracle: str, noise: float, momentum: str, steps: int
) -> Group:  # fmt: skip
    deltas = sweep.delta if catalogue.takes_delta(oracle) else (0.0,)
    alphas = sweep.alpha if catalogue.MOMENTA[momentum].needs_alpha else (1.0,)
    seeds = sweep.seeds
    return Group(problem, ball, oracle, momentum, noise, steps, seeds, deltas, sweep.step_size, alphas)


def _chunks(groups: list[Group], sweep: Sweep, device: str) -> list[Chunk]:
    found: list[Chunk] = []
    for group in groups:
        most = sweep.chunk_runs or chunk_runs(catalogue.problem_called(group.problem), device, sweep.dtype)
        for start, stop in itertools.pairwise(_ends(group, most)):
            found.append(Chunk(len(found), group, start, stop))
    return found


def _ends(group: Group, most: int) -> list[int]:
    """Where batches of nearly one size end: at whole seeds, or within one seed where its runs are too many."""
    block = group.runs // len(group.seeds)
    if block <= most:
        count = -(-len(group.seeds) // (most // block))
        return [block * (len(group.seeds) * i // count) for i in range(count + 1)]
    count = -(-block // most)
    inside = [block * i // count for i in range(count)]
    return [block * seed + i for seed in range(len(group.seeds)) for i in inside] + [group.runs]


def chunk_runs(problem: Problem, device: str = "cpu", dtype: str = "float64") -> int:
    """How many runs of a problem are computed together on a kind of device."""
    budget = CPU_BYTES if device.split(":")[0] == "cpu" else CUDA_BYTES
    return max(1, budget // ((8 if dtype == "float64" else 4) * floats_per_run(problem)))


def floats_per_run(problem: Problem) -> int:
    """The largest array of a step, per run: the iterate, or what a gradient on data makes of it."""
    shapes = problem.shape if isinstance(problem.core_ndim, tuple) else (problem.shape,)
    entries = sum(math.prod(shape) for shape in shapes)
    return max(entries, 10 * getattr(problem, "size", 0))  # ten logits for each of `size` images

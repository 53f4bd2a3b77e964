"""Computes what is missing of a sweep and stores it: the whole loop, here or on workers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from experiments.sweeps.plan import Chunk, Plan, plan
from experiments.sweeps.simulate import simulate
from experiments.sweeps.specification import Sweep
from experiments.sweeps.store import Damaged, Store
from lmo.checks import check_device

Results = dict[str, np.ndarray]


class Compute(Protocol):
    """How chunks are computed: yields (chunk, results) in any order; `tick(run-steps)` along the way."""

    def __call__(
        self, chunks: list[Chunk], the_plan: Plan, device: str, tick: Callable[[int], None]
    ) -> Iterator[tuple[Chunk, Results]]: ...


class Progress(Protocol):
    """Who is told what is there at the start, and what was done since."""

    def started(self, the_plan: Plan, missing: list[Chunk], damaged: list[Damaged]) -> None:
        """Before the first chunk is computed."""

    def done(self, run_steps: int) -> None:
        """Along the way."""


class Outcome(NamedTuple):
    """Where the results are, how many chunks this call computed, and which damaged files it replaced."""

    store: Store
    computed: int
    damaged: list[Damaged]


class Opened(NamedTuple):
    """A sweep and its store, which chunks are missing there, and which damaged files were thrown away."""

    plan: Plan
    store: Store
    missing: list[Chunk]
    damaged: list[Damaged]


class Silent:
    """Progress that nobody watches."""

    def started(self, the_plan: Plan, missing: list[Chunk], damaged: list[Damaged]) -> None:
        """Nothing."""

    def done(self, run_steps: int) -> None:
        """Nothing."""


def here(
    chunks: list[Chunk], the_plan: Plan, device: str, tick: Callable[[int], None]
) -> Iterator[tuple[Chunk, Results]]:
    """In this process, in order."""
    for chunk in chunks:
        yield chunk, simulate(chunk, the_plan.sweep, device, tick)


def run_sweep(
    sweep: Sweep,
    out: Path,
    *,
    resume: bool = False,
    device: str = "cpu",
    compute: Compute = here,
    progress: Progress | None = None,
) -> Outcome:
    """Computes the chunks of `sweep` that are not stored below `out` yet, and stores each as it comes.

    It may end at any moment: what is stored is complete, and a later call with `resume` computes the rest. Damaged
    files are computed again and replaced. Another specification, or another kind of device, has another folder.

    Args:
        resume: go on where chunks are stored already; without it they are refused.

    Raises:
        ValueError: bad names, results that are there without `resume`, another process at work.
        OSError: the disk is full; nothing stored is lost.
    """
    with opened(sweep, out, resume=resume, device=device, progress=progress) as (the_plan, store, missing, damaged):
        done = progress.done if progress else Silent().done
        for chunk, results in compute(missing, the_plan, device, done) if missing else ():
            store.write(chunk.number, results)
    return Outcome(store, len(missing), damaged)


@contextlib.contextmanager
def opened(
    sweep: Sweep, out: Path, *, resume: bool = False, device: str = "cpu", progress: Progress | None = None
) -> Iterator[Opened]:
    """The store of a sweep, held while something is computed into it; what is damaged there is thrown away.

    Raises:
        ValueError: as `run_sweep`.
    """
    check_device(device)
    the_plan = plan(sweep, device)
    store = Store.of(out, sweep, device)
    with store.locked():
        store.create(the_plan)
        scan = store.scan()
        if scan.finished and not resume:
            raise ValueError(
                f"{str(store.folder)!r} has {len(scan.finished)} of {len(the_plan.chunks)} chunks of this sweep; "
                "--resume computes the rest"
            )
        for path in [one.path for one in scan.damaged] + scan.leftovers:
            path.unlink()
        missing = [chunk for chunk in the_plan.chunks if chunk.number not in scan.finished]
        (progress or Silent()).started(the_plan, missing, scan.damaged)
        yield Opened(the_plan, store, missing, scan.damaged)

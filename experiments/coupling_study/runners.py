"""Who computes the sweeps of a round: this process, processes beside it, or a Dask cluster. The numbers are the same.

Each of them is a context, as what it starts has to end with it: on Ctrl-C, too, which a terminal sends to every process
of a group, and which the processes here leave to the one that started them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing import connection, get_context, process
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.sweeps import engine
from experiments.sweeps.plan import Chunk, Plan
from experiments.sweeps.specification import Sweep, of_table
from experiments.sweeps.store import Damaged, Store
from experiments.sweeps.workers import Cluster, check_one, cluster_of, deaf_to_ctrl_c

Results = dict[str, np.ndarray]
Tick = Callable[[Sweep, int, bool], None]  # of a sweep, so many run-steps are there, computed now or stored before
Runner = Callable[[Sequence[Sweep], Path, str, Tick], list[Results]]
EVERY = 0.2  # seconds between two reports of a worker


def unwatched(sweep: Sweep, run_steps: int, now: bool) -> None:
    """A tick that nobody hears."""


@contextlib.contextmanager
def runner_of(workers: int = 0, scheduler: str | None = None) -> Iterator[Runner]:
    """The cluster of a scheduler; else so many processes of this machine; 0: this one.

    Raises:
        ValueError: both are given, Dask is not installed, or the scheduler does not answer.
    """
    check_one(workers, scheduler)
    with contextlib.ExitStack() as stack:
        if scheduler:
            yield partial(_on_cluster, stack.enter_context(cluster_of(scheduler=scheduler)))
        else:
            yield stack.enter_context(Processes(workers)) if workers else here


def here(sweeps: Sequence[Sweep], out: Path, device: str, tick: Tick = unwatched) -> list[Results]:
    """In this process, one after the other."""
    return [compute(sweep, out, device, partial(tick, sweep)) for sweep in sweeps]


def compute(sweep: Sweep, out: Path, device: str, tick: Callable[[int, bool], None]) -> Results:
    """Computes what is missing of a sweep; its results, each (seeds, deltas, steps, alphas)."""
    return stored(engine.run_sweep(sweep, out, resume=True, device=device, progress=_Watch(tick)).store)


def stored(store: Store) -> Results:
    """The results of a finished sweep of one group."""
    sweep = store.sweep
    chunks = sorted(store.scan(whole=False).finished.items())  # `read` checks each
    whole = np.concatenate([store.read(number, path) for number, path in chunks])
    shape = [len(axis) for axis in (sweep.seeds, sweep.delta, sweep.step_size, sweep.alpha)]
    return {name: whole[name].reshape(shape) for name in whole.dtype.names or ()}


class _Watch(NamedTuple):
    """The progress of one sweep, passed on."""

    tick: Callable[[int, bool], None]

    def started(self, the_plan: Plan, missing: list[Chunk], damaged: list[Damaged]) -> None:
        """What is stored is there at once."""
        self.tick(the_plan.run_steps - sum(chunk.run_steps for chunk in missing), False)

    def done(self, run_steps: int) -> None:
        """What is computed comes along the way."""
        self.tick(run_steps, True)


def _on_cluster(cluster: Cluster, sweeps: Sequence[Sweep], out: Path, device: str, tick: Tick) -> list[Results]:
    """All chunks of all sweeps together, so that no worker waits for the last chunk of each; stored by this process."""
    return [stored(store) for store in cluster.run_sweeps(sweeps, out, device, lambda one: _Watch(partial(tick, one)))]


class Processes:
    """Processes of this machine, started when there is something to do; each computes whole sweeps.

    Not `concurrent.futures`: what is cancelled there while its processes are ended raises in a thread of its own.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.running: dict[connection.Connection, process.BaseProcess] = {}

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        with deaf_to_ctrl_c():  # another one would leave some of them
            for one in self.running.values():
                one.terminate()  # at any moment: chunks are stored whole or not at all
            for one in self.running.values():
                one.join()

    def __call__(self, sweeps: Sequence[Sweep], out: Path, device: str, tick: Tick = unwatched) -> list[Results]:
        """The results of every sweep.

        Raises:
            OSError: a worker died. ValueError, TypeError, OSError: what a sweep raised.
        """
        answers: list[Results] = [{} for _ in sweeps]
        waiting, busy = iter(range(len(sweeps))), dict[connection.Connection, int]()

        def give(pipe: connection.Connection) -> None:
            busy.pop(pipe, None)
            if (number := next(waiting, None)) is not None:
                busy[pipe] = number
                pipe.send((sweeps[number].table, str(out), device))

        self._start(min(self.workers, len(sweeps)))
        try:
            for pipe in self.running:
                give(pipe)
            while busy:
                ready: list[Any] = connection.wait(list(busy))
                for pipe in ready:
                    told = pipe.recv()
                    if isinstance(told, Exception):
                        raise told
                    if isinstance(told, dict):
                        answers[busy[pipe]] = told
                        give(pipe)
                    else:
                        tick(sweeps[busy[pipe]], *told)
        except (EOFError, ConnectionError):
            raise OSError("a worker died; every chunk stored is intact, --resume goes on from there") from None
        return answers

    def _start(self, count: int) -> None:
        context = get_context("spawn")
        with deaf_to_ctrl_c():
            while len(self.running) < count:
                mine, theirs = context.Pipe()
                one = context.Process(target=work, args=(theirs,), daemon=True)
                one.start()
                theirs.close()  # so that its end is seen here
                self.running[mine] = one


def work(pipe: connection.Connection) -> None:
    """What such a process does: sweeps from a pipe, until that is closed."""
    import torch

    torch.set_num_threads(1)  # one process per core; more threads would compete
    with contextlib.suppress(EOFError, ConnectionError):  # the other end is gone
        while True:
            table, out, device = pipe.recv()
            reports = _Reports(pipe)
            try:
                found: Any = compute(of_table(table), Path(out), device, reports)
                reports.send()
            except ConnectionError:
                raise
            except (ValueError, TypeError, OSError) as error:
                found = error
            pipe.send(found)


class _Reports:
    """A tick that is sent, a few times a second: run-steps are many."""

    def __init__(self, pipe: connection.Connection) -> None:
        self.pipe, self.run_steps, self.last = pipe, 0, 0.0

    def __call__(self, run_steps: int, now: bool) -> None:
        if not now:
            self.pipe.send((run_steps, False))
            return
        self.run_steps += run_steps
        if time.monotonic() - self.last > EVERY:
            self.send()

    def send(self) -> None:
        """What was not sent yet."""
        self.pipe.send((self.run_steps, True))
        self.run_steps, self.last = 0, time.monotonic()

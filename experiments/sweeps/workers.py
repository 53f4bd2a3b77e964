"""The same chunks computed by other processes, on this machine or a cluster, through Dask (extra `cluster`).

A worker gets the specification and the number of a chunk, and returns its results; this process alone stores them, so
workers need no shared disk. A chunk whose worker dies is computed again by another one.

A cluster in three commands, with `lmo-lab` installed on each machine:

    dask scheduler                                   # on one machine: prints tcp://HOST:8786
    dask worker tcp://HOST:8786 --nthreads 1         # on each of the others, once per core
    lmo sweep my.toml --scheduler tcp://HOST:8786    # anywhere; `lmo study coupling` takes it too
"""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.sweeps.engine import Compute, Progress, Results, opened
from experiments.sweeps.plan import Chunk, Plan, plan_of_text
from experiments.sweeps.simulate import simulate
from experiments.sweeps.specification import Sweep
from experiments.sweeps.store import Store

AHEAD = 4  # chunks sent to each worker before one comes back
DEATHS = 10  # how many workers may die over one chunk before it is blamed
CONNECT_SECONDS = 20


def on_workers(*, workers: int = 0, scheduler: str | None = None) -> Compute:
    """A `compute` for `run_sweep`: a local cluster of `workers` processes, or the cluster of a scheduler.

    Raises:
        ValueError: Dask is not installed; later, that the scheduler does not answer.
    """
    _check_dask()

    def compute(
        chunks: list[Chunk], the_plan: Plan, device: str, tick: Callable[[int], None]
    ) -> Iterator[tuple[Chunk, Results]]:
        tasks = (Task(_text(the_plan), chunk, None) for chunk in chunks)
        with client_of(min(workers, len(chunks)), scheduler) as client:
            for task, results in _through(client, tasks, device):
                tick(task.chunk.run_steps)
                yield task.chunk, results

    return compute


def compute_chunk(text: str, index: int, device: str) -> Results:
    """What a worker does: the results of chunk `index` of the specification `text` (JSON)."""
    import torch

    torch.set_num_threads(1)  # one process per core; more threads would compete
    the_plan = plan_of_text(text, device)
    results = simulate(the_plan.chunks[index], the_plan.sweep, device)
    the_plan.sweep.check_sources(json.loads(text)["sources"])  # the code may have changed on the way
    return results


@contextlib.contextmanager
def client_of(workers: int, scheduler: str | None) -> Iterator[Any]:
    import dask
    from distributed import Client, LocalCluster

    with dask.config.set({"distributed.scheduler.allowed-failures": DEATHS}), contextlib.ExitStack() as stack:
        if scheduler is None:
            with deaf_to_ctrl_c():
                local = LocalCluster(
                    n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50,
                    host="127.0.0.1",
                )  # fmt: skip
            scheduler = stack.enter_context(local).scheduler_address
        try:
            client = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise ValueError(f"no Dask scheduler answers at {scheduler!r} (tcp://host:8786): {error}") from None
        yield stack.enter_context(client)


@contextlib.contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started inside leave Ctrl-C, which a terminal sends to all, to this one, which ends them in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Task(NamedTuple):
    """A chunk, its specification and sources as JSON, and whose it is."""

    text: str
    chunk: Chunk
    sweep: Held | None


class Held:
    """A sweep that is held while its chunks are on their way, and let go after the last."""

    def __init__(self, sweep: Sweep, out: Path, device: str, progress: Progress) -> None:
        self.progress, self.stack = progress, contextlib.ExitStack()
        self.opened = self.stack.enter_context(opened(sweep, out, resume=True, device=device, progress=progress))
        self.left = len(self.opened.missing)
        self.stored(0)

    def tasks(self) -> Iterator[Task]:
        """Its missing chunks."""
        text = _text(self.opened.plan)
        return (Task(text, chunk, self) for chunk in self.opened.missing)

    def stored(self, chunks: int = 1) -> None:
        """So many of them are there."""
        self.left -= chunks
        if not self.left:
            self.stack.close()


class Cluster:
    """A cluster that stays connected over many sweeps."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def run_sweeps(
        self, sweeps: Sequence[Sweep], out: Path, device: str, progress: Callable[[Sweep], Progress]
    ) -> list[Store]:
        """Computes what is missing of all of them, their chunks together, and stores it here, as `run_sweep` does."""
        stores: list[Store] = []
        held: set[Held] = set()

        def tasks() -> Iterator[Task]:
            for sweep in sweeps:  # each is opened when its first chunk is sent: locks are open files
                one = Held(sweep, out, device, progress(sweep))
                stores.append(one.opened.store)
                held.add(one)
                yield from one.tasks()

        try:
            for task, results in _through(self.client, tasks(), device):
                assert task.sweep is not None
                task.sweep.opened.store.write(task.chunk.number, results)
                task.sweep.progress.done(task.chunk.run_steps)
                task.sweep.stored()
        finally:
            for one in held:
                one.stack.close()
        return stores


@contextlib.contextmanager
def cluster_of(*, workers: int = 0, scheduler: str | None = None) -> Iterator[Cluster]:
    """A local cluster of so many processes, or that of a scheduler; what `on_workers` raises."""
    _check_dask()
    with client_of(workers, scheduler) as client:
        yield Cluster(client)


def check_one(workers: int | None, scheduler: str | None) -> None:
    """Refuses (`ValueError`) to compute in two places."""
    if workers and scheduler:
        raise ValueError("give either --workers, for processes on this machine, or --scheduler, for a cluster")


def _check_dask() -> None:
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise ValueError(
            "workers need Dask: pip install 'lmo-lab[cluster]'; without them a sweep needs nothing"
        ) from None


def _text(the_plan: Plan) -> str:
    return json.dumps({"sweep": the_plan.sweep.table, "sources": the_plan.sweep.sources()})


def _through(client: Any, tasks: Iterator[Task], device: str) -> Iterator[tuple[Task, Results]]:
    """Sends chunks so that every worker has some ahead, and yields them as they come back."""
    from distributed import CancelledError, KilledWorker, as_completed

    sent: dict[str, Task] = {}
    coming = as_completed(loop=client.loop)

    def send() -> None:
        task = next(tasks, None)
        if task is not None:
            future = client.submit(compute_chunk, task.text, task.chunk.number, device, pure=False)
            sent[future.key] = task
            coming.add(future)

    for _ in range(AHEAD * max(1, len(client.scheduler_info(n_workers=-1)["workers"]))):
        send()
    for future in coming:
        task = sent.pop(future.key)
        number = task.chunk.number
        try:
            results: dict[str, np.ndarray] = future.result()
        except KilledWorker as error:
            raise ValueError(f"chunk {number} ended {DEATHS} workers, each while computing it: {error}") from None
        except CancelledError:
            raise OSError("the Dask scheduler is gone; every chunk stored is intact, --resume goes on") from None
        send()
        yield task, results

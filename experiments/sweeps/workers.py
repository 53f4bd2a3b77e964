"""The same chunks computed by other processes, on this machine or a cluster, through Dask (extra `cluster`).

A worker gets the specification and the number of a chunk, and returns its results; this process alone stores them, so
workers need no shared disk. A chunk whose worker dies is computed again by another one.

A cluster in three commands, with `lmo-lab` installed on each machine:

    dask scheduler                                   # on one machine: prints tcp://HOST:8786
    dask worker tcp://HOST:8786 --nthreads 1         # on each of the others, once per core
    lmo sweep my.toml --scheduler tcp://HOST:8786    # anywhere
"""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.sweeps.engine import Compute, Results
from experiments.sweeps.plan import Chunk, Plan, plan_of_text
from experiments.sweeps.simulate import simulate

AHEAD = 4  # chunks sent to each worker before one comes back
DEATHS = 10  # how many workers may die over one chunk before it is blamed
CONNECT_SECONDS = 20


def on_workers(*, workers: int = 0, scheduler: str | None = None) -> Compute:
    """A `compute` for `run_sweep`: a local cluster of `workers` processes, or the cluster of a scheduler.

    Raises:
        ValueError: Dask is not installed; later, that the scheduler does not answer.
    """
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise ValueError(
            "workers need Dask: pip install 'lmo-lab[cluster]'; without them a sweep needs nothing"
        ) from None

    def compute(
        chunks: list[Chunk], the_plan: Plan, device: str, tick: Callable[[int], None]
    ) -> Iterator[tuple[Chunk, Results]]:
        with _client(min(workers, len(chunks)), scheduler) as client:
            yield from _through(client, chunks, the_plan, device, tick)

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
def _client(workers: int, scheduler: str | None) -> Iterator[Any]:
    import dask
    from distributed import Client, LocalCluster

    with dask.config.set({"distributed.scheduler.allowed-failures": DEATHS}), contextlib.ExitStack() as stack:
        if scheduler is None:
            with _deaf_to_ctrl_c():
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
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started inside leave Ctrl-C, which a terminal sends to all, to this one, which ends them in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _through(
    client: Any, chunks: list[Chunk], the_plan: Plan, device: str, tick: Callable[[int], None]
) -> Iterator[tuple[Chunk, Results]]:
    """Sends chunks so that every worker has some ahead, and yields them as they come back."""
    from distributed import CancelledError, KilledWorker, as_completed

    text = json.dumps({"sweep": the_plan.sweep.table, "sources": the_plan.sweep.sources()})
    waiting, sent = iter(chunks), {}
    coming = as_completed(loop=client.loop)

    def send() -> None:
        chunk = next(waiting, None)
        if chunk is not None:
            future = client.submit(compute_chunk, text, chunk.number, device, pure=False)
            sent[future.key] = chunk
            coming.add(future)

    for _ in range(AHEAD * max(1, len(client.scheduler_info(n_workers=-1)["workers"]))):
        send()
    for future in coming:
        chunk = sent.pop(future.key)
        try:
            results: dict[str, np.ndarray] = future.result()
        except KilledWorker as error:
            raise ValueError(f"chunk {chunk.number} ended {DEATHS} workers, each while computing it: {error}") from None
        except CancelledError:
            raise OSError("the Dask scheduler is gone; every chunk stored is intact, --resume goes on") from None
        send()
        tick(chunk.run_steps)
        yield chunk, results

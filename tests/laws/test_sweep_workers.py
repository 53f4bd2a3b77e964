"""A sweep on real worker processes: the numbers of this process, and none lost when a worker is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from experiments.sweeps.engine import Silent, run_sweep
from experiments.sweeps.specification import Sweep
from experiments.sweeps.store import Store

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")  # of Dask's own threads and sockets, when a worker is killed

SWEEP = Sweep(
    "matrix-quadratic:3x4", "spectral", ["exact", "random", "jordan:3"], [0.05, 0.2], 60, delta=0.3, alpha=[0.3, 1.0],
    momentum="ema", noise=0.1, seeds=8, chunk_runs=4, measure=["epsilon"],
)  # fmt: skip


def files(store: Store) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.chunks.iterdir()}


class Killer(Silent):
    """Kills a worker once some chunks have come back."""

    def __init__(self, victim: int, after: int) -> None:
        self.victim, self.after, self.killed = victim, after, False

    def done(self, run_steps: int) -> None:
        self.after -= 1
        if self.after <= 0 and not self.killed:
            os.kill(self.victim, signal.SIGKILL)
            self.killed = True


def test_workers_give_the_same_bytes_though_one_is_killed(tmp_path: Path) -> None:
    from experiments.sweeps.workers import on_workers

    here = run_sweep(SWEEP, tmp_path / "here").store
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1", silence_logs=50
    ) as cluster:
        killer = Killer(cluster.workers[0].pid, after=5)
        compute = on_workers(scheduler=cluster.scheduler_address)
        outcome = run_sweep(SWEEP, tmp_path / "there", compute=compute, progress=killer)
        assert killer.killed and outcome.computed == 24 and files(outcome.store) == files(here)
        for path in sorted(outcome.store.chunks.iterdir())[::2]:
            path.unlink()
        again = run_sweep(SWEEP, tmp_path / "there", resume=True, compute=compute)
        assert again.computed == 12 and files(again.store) == files(here)


def test_a_scheduler_that_does_not_answer_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from experiments.sweeps import workers

    monkeypatch.setattr(workers, "CONNECT_SECONDS", 0.3)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        with pytest.raises(ValueError, match="no Dask scheduler answers"):
            run_sweep(SWEEP, tmp_path, compute=workers.on_workers(scheduler=address))

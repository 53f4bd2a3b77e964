"""Who computes a study does not matter: this process, others beside it, a cluster; and what is said when one dies."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from experiments.coupling_study import report, runners
from experiments.coupling_study.cells import Arm, Form, Setting, line, sweep_of
from experiments.coupling_study.commands import plain
from experiments.coupling_study.study import study
from experiments.sweeps.specification import Sweep

EXACT = Setting("isotropic:4", "l-inf", 0.0, "none", 60)
TINY = Form("tiny", tuple(line(EXACT, error, (0.5,)) for error in ("shrink", "inflate")), 4, 4, resamples=50)
SWEEPS = [
    sweep_of(Arm(Setting("isotropic:4", "l-inf", 0.1, "ema", 40), oracle), [0.0], [0.05, 0.1], [0.3], range(3))
    for oracle in ("exact", "rounded", "stale:2")
]


class Watch:
    """Counts run-steps of every sweep, and may end a process at the first."""

    def __init__(self, victim: int = 0) -> None:
        self.seen: dict[tuple[Sweep, bool], int] = {}
        self.victim = victim

    def __call__(self, sweep: Sweep, run_steps: int, now: bool) -> None:
        self.seen[sweep, now] = self.seen.get((sweep, now), 0) + run_steps
        if self.victim and now:
            os.kill(self.victim, signal.SIGKILL)
            self.victim = 0


def silent(text: str) -> None:
    """Says nothing."""


def told(out: Path, workers: int = 0, scheduler: str | None = None, tick: runners.Tick = runners.unwatched) -> str:
    outcome = study(TINY, out, silent, workers, scheduler=scheduler, tick=tick)
    return json.dumps(plain(report.summary(outcome)))


def files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.glob("*/chunks/*.npy")}


def test_processes_give_the_bytes_of_this_one(tmp_path: Path) -> None:
    watch = Watch()
    with runners.runner_of(0) as run:
        alone = run(SWEEPS, tmp_path / "here", "cpu", watch)
    assert [watch.seen[sweep, True] for sweep in SWEEPS] == [2 * 3 * 40] * 3
    watch = Watch()
    with runners.runner_of(2) as run:
        beside = run(SWEEPS, tmp_path / "there", "cpu", watch)
        assert [watch.seen[sweep, True] for sweep in SWEEPS] == [2 * 3 * 40] * 3
        again = run(SWEEPS, tmp_path / "there", "cpu", watch)
        assert isinstance(run, runners.Processes)
        processes = list(run.running.values())
    assert len(processes) == 2 and not any(one.is_alive() for one in processes)
    assert files(tmp_path / "there") == files(tmp_path / "here") and len(files(tmp_path / "here")) == 3
    for one, other, third in zip(alone, beside, again, strict=True):
        for name, values in one.items():
            assert (values == other[name]).all() and (values == third[name]).all()
    assert [watch.seen[sweep, False] for sweep in SWEEPS] == [2 * 3 * 40] * 3


def test_a_worker_that_dies_and_one_that_fails_are_said(tmp_path: Path) -> None:
    with runners.runner_of(1) as run, pytest.raises(ValueError, match="isotropc"):
        run([Sweep("isotropc:4", "l-inf", "exact", 0.1, 4)], tmp_path, "cpu", runners.unwatched)
    with runners.runner_of(1) as run:
        assert isinstance(run, runners.Processes)
        run(SWEEPS[:1], tmp_path, "cpu", runners.unwatched)
        next(iter(run.running.values())).kill()
        with pytest.raises(OSError, match="a worker died; every chunk stored is intact, --resume goes on"):
            run(SWEEPS, tmp_path, "cpu", runners.unwatched)
    assert len(files(tmp_path)) >= 1


def test_nothing_is_computed_in_two_places() -> None:
    with pytest.raises(ValueError, match="give either --workers"), runners.runner_of(2, "tcp://127.0.0.1:1"):
        pass


@pytest.mark.filterwarnings("ignore")  # of Dask's own threads and sockets, when a worker is killed
def test_a_study_on_a_cluster_is_the_local_one_though_a_worker_is_killed(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    here = told(tmp_path / "here")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1", silence_logs=50
    ) as cluster:
        watch = Watch(cluster.workers[0].pid)
        assert told(tmp_path / "there", scheduler=cluster.scheduler_address, tick=watch) == here
        assert not watch.victim and files(tmp_path / "there") == files(tmp_path / "here")
        for path in sorted((tmp_path / "there").glob("*/chunks/*.npy"))[::2]:
            path.unlink()
        again = Watch()
        assert told(tmp_path / "there", scheduler=cluster.scheduler_address, tick=again) == here
        assert files(tmp_path / "there") == files(tmp_path / "here")
        assert {now for _, now in again.seen if again.seen[_, now]} == {False, True}


@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_that_does_not_answer_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    from experiments.sweeps import workers

    monkeypatch.setattr(workers, "CONNECT_SECONDS", 0.3)
    with pytest.raises(ValueError, match="no Dask scheduler answers"):
        told(tmp_path, scheduler="tcp://127.0.0.1:9")

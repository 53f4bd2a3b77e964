"""What is stored of a sweep survives any end: kill −9, damage, a full disk, another specification, a second process."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.sweeps import engine
from experiments.sweeps.collect import collect, export
from experiments.sweeps.engine import Silent, run_sweep
from experiments.sweeps.plan import Chunk, Plan, plan
from experiments.sweeps.specification import Sweep
from experiments.sweeps.store import Damaged, Store

SWEEP = Sweep(
    "quadratic:4", "l-inf", ["exact", "random"], [0.05, 0.1, 0.4], 30, delta=0.3, alpha=[0.3, 1.0], momentum="ema",
    noise=0.2, seeds=9, chunk_runs=6,
)  # fmt: skip


def files(store: Store) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.chunks.iterdir()}


class Told(Silent):
    """Keeps what `run_sweep` reports."""

    def started(self, the_plan: Plan, missing: list[Chunk], damaged: list[Damaged]) -> None:
        self.missing, self.damaged = missing, damaged


def test_damaged_chunks_are_reported_and_computed_again(tmp_path: Path) -> None:
    store = run_sweep(SWEEP, tmp_path).store
    whole = files(store)
    names = sorted(whole)
    flipped = bytearray(whole[names[2]])
    flipped[len(flipped) // 2] ^= 1
    (store.chunks / names[2]).write_bytes(flipped)
    (store.chunks / names[5]).write_bytes(whole[names[5]][:-1])
    (store.chunks / names[7]).write_bytes(b"")
    (store.chunks / names[9]).unlink()
    (store.chunks / f"{names[9]}.123.tmp").write_bytes(whole[names[9]][:50])
    with pytest.raises(ValueError, match="3 more are damaged"):
        collect(store)
    assert collect(store, partial=True).sizes["run"] == 108 - 24
    told = Told()
    outcome = run_sweep(SWEEP, tmp_path, resume=True, progress=told)
    assert outcome.computed == 4 and [c.number for c in told.missing] == [2, 5, 7, 9]
    assert {d.path.name for d in told.damaged} == {names[2], names[5], names[7]} and "checksum" in told.damaged[0].why
    assert files(store) == whole
    assert run_sweep(SWEEP, tmp_path, resume=True).computed == 0


def test_results_that_are_there_are_not_computed_over_without_resume(tmp_path: Path) -> None:
    run_sweep(SWEEP, tmp_path)
    with pytest.raises(ValueError, match="has 18 of 18 chunks of this sweep; --resume"):
        run_sweep(SWEEP, tmp_path)


def test_another_specification_never_mixes(tmp_path: Path) -> None:
    store = run_sweep(SWEEP, tmp_path).store
    whole = files(store)
    changed = Sweep(**(SWEEP.table | {"step_size": [0.05, 0.1, 0.41]}))
    other = run_sweep(changed, tmp_path, resume=True)
    assert other.computed == 18 and other.store.folder != store.folder and files(store) == whole
    for name, content in whole.items():  # its files, copied over, are not taken for results
        for there in other.store.chunks.glob(f"{name[:6]}-*"):
            there.unlink()
        (other.store.chunks / name).write_bytes(content)
    again = run_sweep(changed, tmp_path, resume=True)
    assert again.computed == len(again.damaged) == 18 and not set(files(again.store)) & set(whole)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_is_said_and_leaves_what_is_there(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = files(run_sweep(SWEEP, tmp_path / "whole").store)
    real, calls = os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 6:  # sweep.json and five chunks fit
            raise OSError(code, os.strerror(code))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"was not stored\. Every chunk stored before is intact") as said:
        run_sweep(SWEEP, tmp_path)
    assert "[Errno" not in str(said.value) and f"{os.sep}chunks{os.sep}000005-" in str(said.value)
    assert ("the disk is full" in str(said.value)) == (code != errno.EIO) and said.value.errno == code
    monkeypatch.setattr(os, "fsync", real)
    store = Store.of(tmp_path, SWEEP)
    assert len(files(store)) == 5 and files(store).items() <= whole.items()
    assert run_sweep(SWEEP, tmp_path, resume=True).computed == 13 and files(store) == whole


def test_a_full_disk_ends_an_export_and_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    data = collect(run_sweep(SWEEP, tmp_path).store)
    path = export(data, tmp_path / "x.csv")
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("experiments.sweeps.collect._write", full)
    with pytest.raises(OSError, match=r"^the disk is full: .*x\.csv' was not stored\. The results of the sweep"):
        export(data, path)
    assert path.read_bytes() == before


def test_two_processes_do_not_compute_into_one_folder(tmp_path: Path) -> None:
    with Store.of(tmp_path, SWEEP).locked(), pytest.raises(ValueError, match="another process is computing"):
        run_sweep(SWEEP, tmp_path)
    assert run_sweep(SWEEP, tmp_path).computed == 18


def test_a_damaged_specification_is_said_and_mended(tmp_path: Path) -> None:
    store = run_sweep(SWEEP, tmp_path).store
    text = (store.folder / "sweep.json").read_text()
    for damaged in (text[:100], text.replace("0.05", "0.06"), "[]"):
        (store.folder / "sweep.json").write_text(damaged)
        with pytest.raises(ValueError, match="is damaged"):
            Store.open(store.folder)
    assert run_sweep(SWEEP, tmp_path, resume=True).computed == 0 and Store.open(store.folder).sweep == SWEEP


def test_chunks_that_were_planned_otherwise_are_not_mixed_with_others(tmp_path: Path) -> None:
    """As if another version left a group of the grid out: the same specification, other runs in the same chunks."""
    (kept, *_), whole = plan(SWEEP).chunks, plan(SWEEP)
    others = [chunk for chunk in whole.chunks if chunk.group != kept.group]
    fewer = replace(whole, chunks=tuple(chunk._replace(number=i) for i, chunk in enumerate(others)))
    store = Store.of(tmp_path, SWEEP)
    store.create(fewer)
    assert Store.open(store.folder).plan() == fewer
    with pytest.raises(ValueError, match="planned by another version"):
        run_sweep(SWEEP, tmp_path, resume=True)
    changed = json.loads((store.folder / "sweep.json").read_text())
    changed["layout"]["chunks"].reverse()
    (store.folder / "sweep.json").write_text(json.dumps(changed))
    with pytest.raises(ValueError, match="damaged, changed"):
        Store.open(store.folder)


def test_an_interrupt_leaves_whole_chunks(tmp_path: Path) -> None:
    def interrupted(*arguments: Any) -> Any:
        for i, found in enumerate(engine.here(*arguments)):
            if i == 7:
                raise KeyboardInterrupt
            yield found

    with pytest.raises(KeyboardInterrupt):
        run_sweep(SWEEP, tmp_path, compute=interrupted)
    assert run_sweep(SWEEP, tmp_path, resume=True).computed == 11


def killed(times: int, tmp_path: Path) -> None:
    """A sweep killed −9 at random moments, resumed each time, and what it leaves in the end."""
    whole = files(run_sweep(LONGER, tmp_path / "whole").store)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["experiments.sweeps.engine"])
    chance, store, seen, ends = random.Random(times), Store.of(tmp_path, LONGER), [0], 0

    def child() -> Any:
        process = context.Process(target=run_sweep, args=(LONGER, tmp_path), kwargs={"resume": True})
        process.start()
        return process

    child().join()  # starts the server that the others are forked from
    assert files(store) == whole
    shutil.rmtree(store.folder)
    began = time.monotonic()
    child().join()  # how long a whole sweep takes
    took = time.monotonic() - began
    shutil.rmtree(store.folder)
    while ends < times:
        process = child()
        time.sleep(chance.uniform(0.2, 1.0) * took if seen[-1] in (0, len(whole)) else chance.uniform(0.0, 0.6) * took)
        process.kill()
        process.join()
        assert process.exitcode in (-signal.SIGKILL, 0)
        ends += process.exitcode != 0
        scan = store.scan()
        assert not scan.damaged and scan.finished.keys() <= {int(name[:6]) for name in whole}
        assert len(scan.finished) >= (seen[-1] if seen[-1] < len(whole) else 0)  # nothing is lost
        seen.append(len(scan.finished))
        if seen[-1] == len(whole):
            assert files(store) | {} == whole | {p.name: p.read_bytes() for p in scan.leftovers}
            shutil.rmtree(store.folder)
    run_sweep(LONGER, tmp_path, resume=True)
    assert files(store) == whole
    assert any(0 < n < len(whole) for n in seen)


LONGER = Sweep(**(SWEEP.table | {"steps": 60, "chunk_runs": 2}))


def test_kill_9_at_a_few_random_moments_changes_nothing(tmp_path: Path) -> None:
    killed(3, tmp_path)


@pytest.mark.long
def test_kill_9_at_thirty_random_moments_changes_nothing(tmp_path: Path) -> None:
    killed(30, tmp_path)

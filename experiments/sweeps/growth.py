"""How the cost of a sweep grows with its runs: time, and the peak memory of the process."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from experiments.sweeps.plan import plan
from experiments.sweeps.simulate import simulate
from experiments.sweeps.specification import Sweep
from lmo.checks import check_integer

STEPS, DIMENSION, ALPHAS, PER_SEED = 50, 100, 10, 5_000
MIB = 1024.0**2 if sys.platform == "darwin" else 1024.0  # what getrusage counts in: bytes there, KiB on Linux


def growth(
    runs: Sequence[int] = (100, 1_000, 10_000, 100_000), device: str = "cpu", say: Callable[[str], None] = print
) -> xr.Dataset:
    """Variables seconds, peak_memory (MiB, of the process so far) and run_steps, along `runs`, ascending.

    The method of `benchmarks/sweep_throughput.py` on vectors of 100: ℓ∞ ball, EMA momentum, noise, 50 steps. A batch of
    the smallest sweep goes first, untimed.

    Args:
        runs: how many, each a multiple of 10 of at least 10, ascending: peak memory never falls in one process.

    Raises:
        ValueError: numbers of runs that are none of these.
    """
    counts = [check_integer("runs", count, at_least=ALPHAS) for count in runs]
    if counts != sorted(set(counts)) or any(count % ALPHAS for count in counts):
        raise ValueError(f"`runs` must ascend and be multiples of {ALPHAS}, got {counts}")
    _timed(counts[0], device)
    rows = []
    for count in counts:
        seconds, done = _timed(count, device)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
        each = seconds / (done * STEPS) * 1e6
        say(f"{done:8d} runs {seconds:8.2f} s {each:8.3f} µs per run-step, peak memory {memory:.0f} MiB")
        rows.append((done, seconds, memory, done * STEPS))
    done, seconds, memory, total = np.array(rows, float).T
    return xr.Dataset(
        {"seconds": ("runs", seconds), "peak_memory": ("runs", memory), "run_steps": ("runs", total)},
        {"runs": done.astype(int)},
        {"steps": STEPS, "dimension": DIMENSION, "device": device.split(":")[0]},
    )


def _timed(runs: int, device: str) -> tuple[float, int]:
    """Seconds of a whole sweep, its plan included, and the number of its runs."""
    seeds = max(1, runs // PER_SEED)
    step_sizes = {"from": 0.001, "to": 0.5, "count": max(1, runs // (seeds * ALPHAS))}
    grid = Sweep(
        f"quadratic:{DIMENSION}", "l-inf", "exact", step_sizes, STEPS, alpha=[i / ALPHAS for i in range(1, ALPHAS + 1)],
        momentum="ema", noise=0.1, seeds=seeds,
    )  # fmt: skip
    start, done = time.perf_counter(), 0
    for chunk in plan(grid, device).chunks:
        simulate(chunk, grid, device)
        done += chunk.stop - chunk.start
    return time.perf_counter() - start, done

"""Run-steps per second of sweeps against loops over runs, bookkeeping included on both sides (one norm in ten steps).

    python benchmarks/sweep_throughput.py [--chunks | --large | --growth] [--device cuda]

Spectral ball, 12×12, Muon's momentum: the sweep's batches against torch.optim.Muon fed the analytic gradient. `exact`
is the oracle of that name (an SVD) in float64, `polar` (error proved ≤ 1e-9) for the record; `newton-schulz` is
jordan:5 in float32. ℓ∞ ball, vectors of 100, EMA momentum, noise shared over the grid, float32 on both sides (float64
for the record): against a plain torch loop of the same method, one run at a time, and numpy on the whole batch.
Everything is timed in turn, several times over; figures are medians. Last lines: RATIO name value, the peer's time
per run-step over the sweep's; bars: exact 10, newton-schulz 20, vector 50. --chunks prints times by the size of a chunk
instead, --large those of 256×1024 matrices by oracle and size of a chunk (RATIO against torch.optim.Muon on the same
device), --growth time and memory by the number of runs, and draws out/sweep_growth/sweep_growth.png.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timing import timed

import figures
from experiments.sweeps.catalogue import problem_called
from experiments.sweeps.growth import growth
from experiments.sweeps.plan import plan
from experiments.sweeps.records import weights
from experiments.sweeps.simulate import simulate
from experiments.sweeps.specification import Sweep

REPEATS, SIZE, DIMENSION, NOISE, EVERY = 5, 12, 100, 0.1, 10
Work = Callable[[], int]  # returns its number of run-steps
Gradient = Callable[[torch.Tensor], torch.Tensor]


def sweep(device: str, side: int = 64, **fields: Any) -> Work:
    """The last chunk of a grid of `side` step sizes and as many alphas, one seed; all chunks are about as large."""
    axes = {"step_size": {"from": 0.001, "to": 0.5, "count": side}, "alpha": {"from": 0.01, "to": 1.0, "count": side}}
    grid = Sweep(**({"noise": 0.0, "record_every": EVERY} | axes | fields))
    chunk = plan(grid, device).chunks[-1]

    def go() -> int:
        simulate(chunk, grid, device)
        return chunk.run_steps

    return go


def matrices(device: str, oracle: str, **fields: Any) -> Work:
    """The sweep's side on the 12×12 problem, f(X) = ‖X‖²/24."""
    common: dict[str, Any] = {"problem": f"matrix-quadratic:{SIZE}x{SIZE}", "momentum": "nesterov-zero", "steps": 40}
    return sweep(device, ball="spectral", oracle=oracle, **(common | fields))


def vectors(device: str, **fields: Any) -> Work:
    """The sweep's side on vectors."""
    common: dict[str, Any] = {"ball": "l-inf", "oracle": "exact", "momentum": "ema", "noise": NOISE, "steps": 200}
    return sweep(device, problem=f"quadratic:{DIMENSION}", **(common | fields))


def torch_muon(
    device: str, shape: tuple[int, int] = (SIZE, SIZE), steps: int = 40, every: int = EVERY,
    gradient: Gradient = lambda x: x / SIZE,
) -> Work:  # fmt: skip
    """One run by torch.optim.Muon, with the same norm recorded."""
    parameter = torch.nn.Parameter(torch.randn(shape, device=device))
    optimizer = torch.optim.Muon([parameter], lr=0.05, momentum=0.95, weight_decay=0.0)

    recorded = weights(steps, every)

    def go() -> int:
        total = torch.zeros((), device=device)
        for k in range(steps):
            parameter.grad = gradient(parameter.detach())
            if k in recorded:
                total += torch.linalg.svdvals(parameter.grad).sum()
            optimizer.step()
        return steps

    return go


def torch_loop(device: str) -> Work:
    """One run of the vector method, as plainly as torch says it; its noise is drawn beforehand and not timed."""
    curvature = torch.linspace(0.05, 1.0, DIMENSION, device=device)
    noise = torch.randn(200, DIMENSION, device=device) * (NOISE / math.sqrt(DIMENSION))

    recorded = weights(200, EVERY)

    def go() -> int:
        x, m = torch.ones(DIMENSION, device=device), None
        total = torch.zeros((), device=device)
        for k in range(200):
            gradient = curvature * x
            if k in recorded:
                total += gradient.abs().sum()
            g = gradient + noise[k]
            m = g if m is None else torch.lerp(m, g, 0.1)
            x = x - 0.01 * torch.sign(m)
        return 200

    return go


def numpy_batch(runs: int = 1000) -> Work:
    """The vector method for a batch of runs, in place, as a careful user would write it; noise drawn beforehand."""
    curvature = np.linspace(0.05, 1.0, DIMENSION, dtype=np.float32)
    noise = np.random.default_rng(0).standard_normal((200, DIMENSION), dtype=np.float32)
    noise *= np.float32(NOISE / math.sqrt(DIMENSION))
    step, alpha = np.full((runs, 1), 0.01, np.float32), np.full((runs, 1), 0.1, np.float32)

    recorded = weights(200, EVERY)

    def go() -> int:
        x, m, g = (np.full((runs, DIMENSION), start, np.float32) for start in (1, 0, 0))
        total = np.zeros(runs)
        for k in range(200):
            np.multiply(curvature, x, out=g)
            if k in recorded:
                total += np.abs(g).sum(1)
            g += noise[k]
            g -= m
            g *= alpha if k else np.float32(1)
            m += g
            np.sign(m, out=g)
            g *= step
            x -= g
        return runs * 200

    return go


def medians(works: dict[str, Work], device: str) -> dict[str, float]:
    """Microseconds per run-step of each, timed in turn."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(REPEATS):
        for name, work in works.items():
            elapsed, count = timed(work, device)
            times[name].append(elapsed / count * 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


def show(found: dict[str, float]) -> None:
    """One line each."""
    for name, value in found.items():
        print(f"  {name:28} {value:10.3f} µs per run-step, {1e6 / value:12.0f} run-steps/s")


def by_chunk(device: str) -> None:
    """Time per run-step against the size of a chunk: how `experiments.sweeps.plan` was given its constants."""
    cuda = device == "cuda"
    print("vectors of 100, float64")
    sizes = [4**n for n in range(5, 10)] if cuda else [16, 64, 128, 256, 512, 1024, 2048]
    show(medians({f"{n} runs": vectors(device, chunk_runs=n, side=side(n)) for n in sizes}, device))
    print("12×12, jordan:5, float64")
    sizes = [4**n for n in range(5, 10)] if cuda else [16, 64, 256, 1024]
    show(medians({f"{n} runs": matrices(device, "jordan:5", chunk_runs=n, side=side(n)) for n in sizes}, device))


def side(runs: int) -> int:
    """Of a grid with two chunks of so many runs at least."""
    return max(64, math.isqrt(2 * runs) + 1)


def large(device: str) -> None:
    """256×1024, 20 steps, six of them with the norm recorded: a batch of SVDs takes a GPU as long as single ones."""
    shape, steps = (256, 1024), 20
    problem = f"matrix-quadratic:{shape[0]}x{shape[1]}"
    works = {"torch.optim.Muon": torch_muon(device, shape, steps, steps, problem_called(problem).true_gradient)}
    for oracle, dtype in (("exact", "float64"), ("polar", "float64"), ("jordan:5", "float32"),
                          ("jordan:5@bfloat16", "float32"), ("moment-tuned@bfloat16", "float32")):  # fmt: skip
        for n in (1, 16) if device == "cuda" else (1, 4):
            fields: dict[str, Any] = {"problem": problem, "dtype": dtype, "steps": steps, "record_every": steps}
            works[f"{oracle}, {n} runs"] = matrices(device, oracle, chunk_runs=n, **fields)
    found = medians(works, device)
    show(found)
    for name, value in found.items():
        print(f"RATIO {name.replace(', ', '-').replace(' ', '-')} {found['torch.optim.Muon'] / value:.2f}")


def draw_growth(device: str) -> None:
    """Time and memory of whole sweeps by the number of runs: the time should grow with it, the memory should not."""
    out = Path("out/sweep_growth")
    data = growth(device=device)
    picture = figures.save("sweep_growth", data, out)
    data.to_netcdf(out / "sweep_growth.nc", engine="scipy")
    print(f"wrote {picture} and its data")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--chunks", action="store_true")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--growth", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.chunks:
        by_chunk(given.device)
        return
    if given.large:
        large(given.device)
        return
    if given.growth:
        draw_growth(given.device)
        return
    many = {"side": 512} if given.device == "cuda" else {}
    works = {
        "exact": matrices(given.device, "exact", **many),
        "polar": matrices(given.device, "polar", **many),
        "newton-schulz": matrices(given.device, "jordan:5", dtype="float32", **many),
        "torch.optim.Muon": torch_muon(given.device),
        "vector": vectors(given.device, dtype="float32", **many),
        "vector, float64": vectors(given.device, **many),
        "plain torch loop": torch_loop(given.device),
        "numpy, whole batch": numpy_batch(),
    }
    found = medians(works, given.device)
    print(f"median of {REPEATS}, {given.device}, one thread, torch {torch.__version__}")
    show(found)
    for name, peer in (
        ("polar", "torch.optim.Muon"), ("numpy", ""), ("exact", "torch.optim.Muon"),
        ("newton-schulz", "torch.optim.Muon"), ("vector", "plain torch loop"),
    ):  # fmt: skip
        ratio = found[peer] / found[name] if peer else found["numpy, whole batch"] / found["vector"]
        print(f"RATIO {name} {ratio:.2f}")


if __name__ == "__main__":
    main()

"""Run-steps of the 12×12 spectral problem: a batch of 500 against single runs, and against torch.optim.Muon.

    python benchmarks/batched_runs.py [--device cuda]

The three are timed in turn, in one process, several times over; the figures are medians. Last lines: RATIO name value,
the peer's time per run-step over ours.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import torch
from timing import timed

from lmo.method import Method, State
from lmo.momentum import Nesterov
from lmo.oracles import NewtonSchulz

RUNS, SIZE, STEPS, REPEATS = 500, 12, 30, 9
STEP_SIZE, ALPHA = 0.05, 0.05


def method() -> Method:
    """Muon's method: zero-start Nesterov momentum and five of Jordan's Newton–Schulz steps (ours in float32)."""
    return Method(NewtonSchulz("jordan", 5), Nesterov(start="zero"))


def ours(runs: int, device: str) -> Callable[[], int]:
    """`STEPS` steps of a batch of `runs`, f(X) = ‖X‖²/(2·SIZE); returns the number of run-steps."""
    this = method()
    x = torch.randn(runs, SIZE, SIZE, device=device)

    def go() -> int:
        state: State = this.init(x)
        for _ in range(STEPS):
            here: Any = state.x  # a tensor: the ball has one layer
            state, _ = this.step(state, here / SIZE, step_size=STEP_SIZE, alpha=ALPHA)
        return runs * STEPS

    return go


def torch_muon(device: str) -> Callable[[], int]:
    """The same run by torch.optim.Muon, fed the analytic gradient."""
    parameter = torch.nn.Parameter(torch.randn(SIZE, SIZE, device=device))
    optimizer = torch.optim.Muon([parameter], lr=STEP_SIZE, momentum=1 - ALPHA, weight_decay=0.0)

    def go() -> int:
        for _ in range(STEPS):
            parameter.grad = parameter.detach() / SIZE
            optimizer.step()
        return STEPS

    return go


def microseconds(work: Callable[[], int], device: str) -> float:
    """Time per run-step of one call."""
    elapsed, count = timed(work, device)
    return elapsed / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    device = parser.parse_args().device
    contenders = {"batch": ours(RUNS, device), "single": ours(1, device), "torch": torch_muon(device)}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for work in contenders.values():
        work()
    for _ in range(REPEATS):
        for name, work in contenders.items():
            times[name].append(microseconds(work, device))
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"{SIZE}×{SIZE}, {STEPS} steps, median of {REPEATS}, {device}, torch {torch.__version__}")
    for name, value in medians.items():
        print(f"  {name:8} {value:10.3f} µs per run-step")
    for name in ("single", "torch"):
        print(f"RATIO {name} {medians[name] / medians['batch']:.2f}")


if __name__ == "__main__":
    main()

"""`Polar` on many small float64 matrices against the polar factor by `torch.linalg.svd`.

    python benchmarks/small_matrices.py [--device cuda] [--repeats 5]
    python benchmarks/small_matrices.py --methods

Gaussian matrices, n = 8 … 64. Two promises: `tight`, δ ≤ 1e-9 on every matrix, and `loose`, δ ≤ 1e-4 on those with
σ_min/‖m‖_F ≥ 1e-3. δ is measured on the answers that are timed, in the spectral norm, against those of the SVD that is
timed. The contenders take turns; a ratio is the median over the turns of the SVD's time over ours. Last lines: RATIO
name value, the geometric mean over n. Exit status 1 if a δ is too large.

`--methods` prints the time per matrix and the largest δ of the ways to a polar factor of n × n and n × 4n matrices,
n = 8 … 512, and of the products that the oracles choose from: what `Polar` chooses by.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from timing import timed
from torch import Tensor

from lmo.oracles import QDWH, Eigen, Oracle, Polar

BATCHES = {8: 100_000, 16: 30_000, 32: 6_000, 64: 1_500}
SIZES = (8, 16, 32, 64, 128, 256, 512)
S_MIN = 1e-3
OURS: dict[str, Oracle] = {"tight": Polar(1e-9), "loose": Polar(1e-4, S_MIN)}
BARS = {"tight": 1e-9, "loose": 1e-4}


def by_svd(m: Tensor) -> Tensor:
    """UVᵀ."""
    u, _, vh = torch.linalg.svd(m, full_matrices=False)
    return u @ vh


def gaussian(batch: int, n: int, device: str, columns: int | None = None) -> Tensor:
    """Standard normal matrices (batch, n, columns), columns = n by default; the same ones on every device."""
    source = torch.Generator().manual_seed(n)
    return torch.randn(batch, n, columns or n, generator=source, dtype=torch.float64).to(device)


def contenders(m: Tensor, oracles: dict[str, Oracle]) -> dict[str, Callable[[], Any]]:
    """The SVD and the oracles on m."""
    return {"svd": partial(by_svd, m), **{name: partial(answer, oracle, m) for name, oracle in oracles.items()}}


def answer(oracle: Oracle, m: Tensor) -> Any:
    """d̂ = −UVᵀ, nearly."""
    return oracle(m)[0]


def case(n: int, batch: int, device: str, repeats: int) -> dict[str, tuple[float, bool]]:
    """The ratio, and whether δ was kept in all turns, of each of `OURS`."""
    m = gaussian(batch, n, device)
    sigma = torch.linalg.svdvals(m)
    well = sigma[:, -1] >= S_MIN * torch.linalg.vector_norm(sigma, dim=-1)
    which = {"tight": torch.ones_like(well), "loose": well}
    works = contenders(m, OURS)
    times: list[dict[str, float]] = []
    delta = dict.fromkeys(OURS, 0.0)
    for turn in range(repeats + 1):
        found = {name: timed(work, device) for name, work in works.items()}
        for name in OURS:
            off = (found[name][1] + found["svd"][1])[which[name]]
            delta[name] = max(delta[name], float(torch.linalg.matrix_norm(off, 2).max()))
        times += [{name: t for name, (t, _) in found.items()}] if turn else []  # the first one warms up
    own = "  ".join(f"{name} {1e6 * statistics.median(t[name] for t in times) / batch:7.2f} µs" for name in works)
    print(f"n = {n:2}, batch {batch:6}: {own}", end="")
    ratios = {name: statistics.median(t["svd"] / t[name] for t in times) for name in OURS}
    for name in OURS:
        wrong = "" if delta[name] <= BARS[name] else "  TOO LARGE"
        print(f"  | {name} {ratios[name]:.2f}, δ {delta[name]:.1e} on {int(which[name].sum())}{wrong}", end="")
    print(f"  | smallest σ_min/‖m‖_F {float((sigma[:, -1] / sigma.square().sum(-1).sqrt()).min()):.0e}", flush=True)
    return {name: (ratios[name], delta[name] <= BARS[name]) for name in OURS}


def methods(device: str, repeats: int) -> None:
    """Prints the table of `--methods`."""
    oracles: dict[str, Oracle] = {"eigen": Eigen(), "qdwh": QDWH(), "qdwh 1e-3": QDWH(1e-3), **OURS}
    names = ["svd", *oracles, "torch x y", "numpy x y"]
    print("microseconds per matrix (largest δ against the SVD)\n" + " " * 10 + "".join(f"{name:>20}" for name in names))
    for n, columns in [(n, factor * n) for factor in (1, 4) for n in SIZES]:
        m = gaussian(max(2, min(20_000, 2**21 // n**2 * 8 // columns)), n, device, columns)
        works = contenders(m, oracles) | {"torch x y": partial(torch.matmul, m, m.mT)}
        if device == "cpu":
            works["numpy x y"] = partial(np.matmul, m.numpy(), m.mT.numpy())
        turns = [{name: timed(work, device) for name, work in works.items()} for _ in range(repeats + 1)]
        line, reference = f"{n:4}×{columns:<5}", turns[0]["svd"][1]
        for name in works:
            taken = 1e6 * statistics.median(turn[name][0] for turn in turns[1:]) / len(m)
            off = torch.linalg.matrix_norm(turns[0][name][1] + reference, 2).max() if name in oracles else None
            line += f"{taken:12.2f}" + (f" ({float(off):5.0e})" if off is not None else " " * 8)
        print(line, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--methods", action="store_true", help="compare the ways to a polar factor instead")
    arguments = parser.parse_args()
    print(f"float64, {arguments.device}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    if arguments.methods:
        methods(arguments.device, arguments.repeats)
        return 0
    found = [case(n, batch, arguments.device, arguments.repeats) for n, batch in BATCHES.items()]
    for name in OURS:
        print(f"RATIO {name} {math.exp(statistics.fmean(math.log(one[name][0]) for one in found)):.2f}")
    return 0 if all(kept for one in found for _, kept in one.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

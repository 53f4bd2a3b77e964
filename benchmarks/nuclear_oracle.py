"""The certified leading singular pair (`lmo.oracles.Lanczos`) of a 1024² float64 matrix, against its SVD.

    python benchmarks/nuclear_oracle.py [--device cuda] [--size 1024] [--repeats 5]

Relative gap 1e-6: proved, or wrong with probability 1e-6 over the random start. All contenders are timed in turn,
several times over; a ratio is the median of the peer's time over ours in the same turn. `svds` is scipy's ARPACK for
one pair with tolerance 1e-6, which certifies nothing. Last lines: RATIO name value. `proved` and `svds` are geometric
means over the spectra, against the proved oracle; `random` is that of the power law i^-½ (for i^-1 the trace proves the
gap, and no start has to be believed).
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable
from typing import Any

import torch
from scipy.sparse.linalg import svds
from timing import seconds
from torch import Tensor

from lmo import Draw
from lmo.oracles import Lanczos

TARGET = FAILURE = 1e-6


def spectra(size: int, device: str) -> dict[str, Tensor]:
    """Matrices (size, size) by the name of their spectrum."""
    source = torch.Generator().manual_seed(0)
    first, second, third = (torch.randn(size, size, generator=source, dtype=torch.float64) for _ in range(3))
    u, v = torch.linalg.qr(first).Q, torch.linalg.qr(second).Q
    i = torch.arange(1, size + 1, dtype=torch.float64)
    made = {
        "gaussian": third,
        "power-law-1": (u / i) @ v.T,
        "power-law-half": (u / i.sqrt()) @ v.T,
        "spiked": third / size**0.5 + 3 * torch.outer(u[:, 0], v[:, 0]),
    }
    return {name: m.to(device) for name, m in made.items()}


def contenders(m: Tensor, device: str) -> dict[str, Callable[[], Any]]:
    """What is timed on one matrix."""
    draw = Draw(0, 0, device)
    made: dict[str, Callable[[], Any]] = {
        "svd": lambda: torch.linalg.svd(m, full_matrices=False),
        "proved": lambda: Lanczos(TARGET)(m),
        "random": lambda: Lanczos(TARGET, FAILURE)(m, draw=draw),
    }
    if device == "cpu":
        array = m.numpy()
        made["svds"] = lambda: svds(array, k=1, tol=TARGET, rng=0)
    return made


def check(name: str, m: Tensor) -> None:
    """Prints what each answer rests on; the certified gap must not be below the one that the SVD finds."""
    sigma = torch.linalg.svdvals(m)[0]
    for oracle in (Lanczos(TARGET), Lanczos(TARGET, FAILURE)):
        answer: tuple[Any, Any] = oracle(m, draw=Draw(0, 0, m.device))
        d, proof = answer
        gap = float(1 + (m * d).sum() / sigma)
        assert gap <= float(proof.epsilon) + 1e-13 and float(proof.epsilon) <= TARGET, (name, gap, proof)
        print(f"  {name:15} gap {gap:9.1e}, certified {float(proof.epsilon):.1e} by: {proof.how}, p = {proof.failure}")


def measure(m: Tensor, device: str, repeats: int) -> dict[str, float]:
    """Medians over the turns: seconds of each contender, and under "svd/proved" etc. the ratios."""
    works = contenders(m, device)
    turns: list[dict[str, float]] = []
    for turn in range(repeats + 1):
        times = {name: seconds(work, device) for name, work in works.items()}
        for ours in ("proved", "random"):
            times |= {f"{peer}/{ours}": times[peer] / times[ours] for peer in ("svd", "svds") if peer in works}
        turns += [times] if turn else []  # the first one warms up
    return {name: statistics.median(times[name] for times in turns) for name in turns[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    matrices = spectra(arguments.size, arguments.device)
    print(
        f"{arguments.size}² float64, {arguments.device}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    )
    found = {}
    for name, m in matrices.items():
        check(name, m)
        found[name] = measure(m, arguments.device, arguments.repeats)
        print("  " + ", ".join(f"{who} {1e3 * t:.1f} ms" for who, t in found[name].items() if "/" not in who))
    for pair in (key for key in found["gaussian"] if "/" in key):
        print("  ".join([f"{pair:12}", *(f"{name} {f[pair]:.1f}" for name, f in found.items())]))
    ratios = {peer: [f[f"{peer}/proved"] for f in found.values() if f"{peer}/proved" in f] for peer in ("svd", "svds")}
    print(f"RATIO proved {math.exp(statistics.mean(map(math.log, ratios['svd']))):.2f}")
    print(f"RATIO proved-worst {min(ratios['svd']):.2f}")
    print(f"RATIO random {found['power-law-half']['svd/random']:.2f}")
    if ratios["svds"]:
        print(f"RATIO svds {math.exp(statistics.mean(map(math.log, ratios['svds']))):.2f}")


if __name__ == "__main__":
    main()

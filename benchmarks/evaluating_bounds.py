"""Every theorem's bound at 10⁶ points of its constants, in seconds; and the sums of a zero start against plain sums.

    python benchmarks/evaluating_bounds.py

`steps` is fixed, all other constants vary from point to point. Medians of several calls. Last line: RATIO name value,
the time of the sums term by term over that of Gauss's rule, at the same points.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from functools import partial

import numpy as np
from timing import seconds

import bounds
from bounds.memory import zero_start
from bounds.theorem import Theorem

POINTS, PLAIN, STEPS, REPEATS = 10**6, 10**3, 400, 3
RANGES = {"delta": (0.0, 0.8), "epsilon": (0.0, 0.8), "eta": (0.0, 0.8), "step_size": (1e-3, 1e-2)}
OTHERS = (0.1, 0.9)
FROM_ONE = ("norm_ratio", "variation", "peak")  # these are 1 at least


def points(theorem: Theorem, source: np.random.Generator) -> dict[str, np.ndarray]:
    """Random constants, in ranges that every theorem allows."""
    drawn = {name: source.uniform(*RANGES.get(name, OTHERS), POINTS) for name in theorem.constants}
    drawn |= {"steps": np.array(STEPS)} if "steps" in drawn else {}
    if "mu" in drawn:
        drawn["mu"] *= drawn["smoothness"]  # it cannot be larger
    return drawn | {name: 1 + drawn[name] for name in FROM_ONE if name in drawn}


def plain(keep: np.ndarray) -> np.ndarray:
    """(1/K) Σ_{k<K} √((1 + u)/(1 − u)), u = keep^(k+1), term by term."""
    u = keep[:, None] ** np.arange(1, STEPS + 1)
    return np.asarray(np.sqrt((1 + u) / (1 - u)).mean(-1))


def median(work: Callable[[], object]) -> float:
    """Seconds of a call, the median of `REPEATS` after one that compiles."""
    work()
    return statistics.median(seconds(work, "cpu") for _ in range(REPEATS))


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    source = np.random.default_rng(0)
    for name, theorem in bounds.theorems.items():
        at = points(theorem, source)
        print(f"{name:20} {median(partial(theorem.bound, **at)):7.3f} s for {POINTS:.0e} points", flush=True)
    keep = source.uniform(0.1, 0.99, PLAIN)
    assert np.allclose(plain(keep), zero_start(keep, STEPS), rtol=1e-11)
    print(f"RATIO zero-start {median(partial(plain, keep)) / median(partial(zero_start, keep, STEPS)):.2f}")


if __name__ == "__main__":
    main()

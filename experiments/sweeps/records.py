"""At which steps of a run a norm is taken, and how many steps each of them stands for."""

from __future__ import annotations

from functools import lru_cache

from experiments.problems.base import Problem

ON_MATRICES = 10  # where a norm is an SVD


def apart(problem: Problem, record_every: int | None) -> int:
    """The largest distance of records: what a sweep asks for, else every step on vectors and every tenth elsewhere."""
    return record_every or (1 if problem.core_ndim == 1 else ON_MATRICES)


@lru_cache(maxsize=64)
def weights(steps: int, every: int) -> dict[int, int]:
    """Recorded step → how many it stands for; together all steps, so that weighted sums over K are means over all k.

    The run is cut into blocks as long as the way that lies behind them, at most `every` steps, and one step in the
    middle of each is taken. Steps 0, n, 2n, … would count the start, where gradients are large, as n steps, and an even
    n sees one side of every two-cycle: neighbouring records are odd and even in turn wherever a block has both.
    """
    found: dict[int, int] = {}
    start, last = 0, -1
    while start < steps:
        length = min(every, max(1, start), steps - start)
        chosen = start + (length - 1) // 2
        if length > 1 and (chosen - last) % 2 == 0:
            chosen += 1
        found[chosen] = length
        start, last = start + length, chosen
    return found

"""Averages over the steps k < K of functions that are smooth in log k, from a few k: Gauss's rule for sums.

[0, K) is cut where k grows threefold; on each piece of N steps the nodes are the zeros of the Gram polynomial of degree
`NODES`, orthogonal under Σ_{k<N}, so polynomials of degree below 2·NODES are summed exactly. Pieces of at most `NODES`
steps are summed term by term. The start factors are within 2e-12 of plain sums, beyond rounding
(`tests/laws/test_quadrature.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

NODES, GROWTH = 10, 3
CHUNK = 2**17  # terms at a time, which fit into the cache

Term = Callable[[np.ndarray, np.ndarray], np.ndarray]


def averages(keep: Any, steps: Any, term: Term) -> np.ndarray:
    """(1/K) Σ_{k<K} term(k, keep) on broadcast arrays of keep and K >= 1; `term` broadcasts over both of its own."""
    keep, steps = np.broadcast_arrays(np.asarray(keep, float), np.asarray(steps, float))
    counts, rows = np.unique(steps, return_inverse=True)
    out, flat, rows = np.empty(keep.size), keep.ravel(), rows.ravel()
    order = np.argsort(rows, kind="stable") if counts.size > 1 else np.arange(keep.size)
    ends = np.searchsorted(rows[order], np.arange(counts.size + 1))
    for i, count in enumerate(counts):
        nodes, weights = rule(int(count))
        for start in range(ends[i], ends[i + 1], max(CHUNK // nodes.size, 1)):
            at = order[start : min(start + max(CHUNK // nodes.size, 1), ends[i + 1])]
            out[at] = term(nodes, flat[at, None]) @ weights
    return out.reshape(keep.shape)


@lru_cache(maxsize=4096)
def rule(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes k and weights, which sum to 1, of (1/K) Σ_{k<K}."""
    nodes, weights, start, end = [], [], 0, NODES
    while start < steps:
        end = min(end, steps)
        k, w = gauss(end - start)
        nodes.append(start + k)
        weights.append(w / steps)
        start, end = end, GROWTH * end
    return np.concatenate(nodes), np.concatenate(weights)


@lru_cache(maxsize=4096)
def gauss(count: int) -> tuple[np.ndarray, np.ndarray]:
    """At most `NODES` nodes and weights of Σ_{k<count}, by the recurrence of the Gram polynomials.

    Source: Golub and Welsch, Calculation of Gauss quadrature rules, Math. Comp. 23 (1969); the recurrence's
    coefficients n²(N² − n²)/(4(4n² − 1)) are those of the discrete Chebyshev polynomials (DLMF 18.19, 18.22; recalled).
    """
    if count <= NODES:
        return np.arange(float(count)), np.ones(count)
    n = np.arange(1.0, NODES)
    beside = n * np.sqrt((float(count) ** 2 - n**2) / (4 * (4 * n**2 - 1)))
    jacobi = np.diag(np.full(NODES, (count - 1) / 2)) + np.diag(beside, 1) + np.diag(beside, -1)
    nodes, vectors = np.linalg.eigh(jacobi)
    return nodes, count * vectors[0] ** 2

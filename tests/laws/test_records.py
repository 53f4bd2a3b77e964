"""Means over all steps from a few of them: no start counts for more than it is, and no two-cycle hides."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.sweeps.collect import collect
from experiments.sweeps.engine import run_sweep
from experiments.sweeps.records import apart, weights
from experiments.sweeps.specification import Sweep


@given(st.integers(1, 500), st.integers(1, 60))
def test_the_weights_are_all_the_steps(steps: int, every: int) -> None:
    found = weights(steps, every)
    assert sum(found.values()) == steps and list(found) == sorted(found) and found[0] == 1
    assert all(0 <= k < steps and 1 <= w <= every for k, w in found.items())
    blocks = itertools.accumulate(found.values(), initial=0)
    assert all(start <= k < start + w for start, (k, w) in zip(blocks, found.items(), strict=False))
    if every == 1:
        assert list(found) == list(range(steps))


def test_neighbours_are_odd_and_even_in_turn() -> None:
    """Where a block has one step alone there is no choice."""
    for every in (2, 3, 9, 10):
        found = weights(400, every)
        pairs = itertools.pairwise(found)
        assert all((a - b) % 2 == 1 for a, b in pairs if found[b] > 1)


@pytest.mark.parametrize("every", [2, 3, 9, 10, 1000])
def test_means_of_what_decays_falls_and_flips(every: int) -> None:
    """Steps 0, n, 2n … are off by a factor of up to n for the first of these, and by up to 100 % for the last."""
    k = np.arange(100)
    kept = weights(100, every)
    taken, weight = np.array(list(kept)), np.array(list(kept.values()))
    for values in (np.exp(-k / 3), np.exp(-k / 30), 100.0 - k, 1 / (1 + k)):
        assert (weight * values[taken]).sum() / 100 == pytest.approx(values.mean(), rel=0.05)
    if every < 1000:
        flips = 1 + (-1.0) ** k
        assert (weight * flips[taken]).sum() / 100 == pytest.approx(1.0, abs=0.12)


def test_every_step_on_vectors_if_nothing_is_said() -> None:
    vectors, matrices = DiagonalQuadratic([1.0], [1.0]), MatrixQuadratic([[1.0]], [[1.0]], [[1.0]])
    assert (apart(vectors, None), apart(matrices, None)) == (1, 10)
    assert (apart(vectors, 7), apart(matrices, 1)) == (7, 1)


def test_the_best_step_of_a_sweep_is_that_of_all_steps(tmp_path: Path) -> None:
    """With records at 0, 10, 20 … the best of these was 2.6 times too large, for it saw step 0 alone."""
    grid = {"from": 0.003, "to": 1.0, "count": 7}
    fields = {"problem": "matrix-quadratic:6x6", "ball": "l-inf", "oracle": "exact", "noise": 0.1, "seeds": 2}
    best = []
    for every in (1, None):
        sweep = Sweep(**fields, steps=100, step_size=grid, momentum="ema", record_every=every)
        data = collect(run_sweep(sweep, tmp_path / str(every)).store)
        means = data["mean_gradient_norm"].groupby("step_size").mean()
        best.append((float(means.idxmin()), float(means.min())))
    assert best[0][0] == best[1][0] and best[1][1] == pytest.approx(best[0][1], rel=0.1)

"""`lmo results show` says what stands behind its best step sizes: divergence, ends of grids, missing seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command_line import lmo, strict_json

GRID = """
problem = "quadratic:5"
ball = "l-inf"
oracle = ["exact", "random"]
delta = 0.3
steps = 21
seeds = [0, 1, 2]
"""
LOST = 1e308  # a step size of which the objective overflows


def swept(text: str) -> Path:
    """The folder of a sweep that was run."""
    Path("my.toml").write_text(GRID + text)
    assert lmo("sweep", "my.toml").status == 0
    return Path(strict_json(lmo("results", "list", "--json").out)[0]["folder"])


def shown() -> tuple[str, dict[str, Any]]:
    return lmo("results", "show", "my").out, strict_json(lmo("results", "show", "my", "--json").out)


@pytest.mark.usefixtures("home")
def test_a_sweep_of_which_every_run_diverged_says_so() -> None:
    swept(f"noise = 0.1\nstep_size = [{LOST}, 1.2e308]")
    out, found = shown()
    assert "every run diverged" in out and "12 of 12 runs" in out and "smallest mean" not in out
    assert found["diverged"] == found["stored_runs"] == 12
    assert [row["step_size"] for row in found["best"]] == [None, None]


@pytest.mark.usefixtures("home")
def test_diverged_runs_are_counted_by_row() -> None:
    swept(f"noise = 0.1\nstep_size = [0.01, 0.1, {LOST}]")
    out, found = shown()
    assert "6 of 18 runs" in out and out.count("3 of 9") == 2 and "every run" not in out
    assert [(row["diverged"], row["runs"]) for row in found["best"]] == [(3, 9), (3, 9)]
    assert all(row["at_end"] == [] for row in found["best"])  # beyond 0.1 runs diverge: that side is known
    assert "*" not in out


@pytest.mark.usefixtures("home")
def test_a_combination_without_a_best_keeps_its_row() -> None:
    own = "from lmo.oracles import Exact\nclass Huge(Exact):\n    def _direction(self, m, memory, draw, harm):\n"
    own += "        return 1e308 * self.ball._lmo(m), memory\n"
    Path("mine.py").write_text(own)
    Path("my.toml").write_text(GRID.replace('"random"', '"mine.py:Huge"') + "noise = 0.1\nstep_size = [0.5, 1.0]")
    assert lmo("sweep", "my.toml").status == 0
    out, found = shown()
    assert len(found["best"]) == 2 and [row["step_size"] is None for row in found["best"]] == [False, True]
    assert "1 of 2 combinations have no best" in out and "6 of 6" in out and "0 of 6" in out


@pytest.mark.usefixtures("home")
def test_a_best_at_an_end_of_its_grid_is_marked() -> None:
    swept('step_size = [0.001, 0.002]\nalpha = [1.0, 0.9]\nmomentum = ["none", "ema"]')
    out, found = shown()
    assert "0.002*" in out and "true best may lie beyond" in out and "wider step_size would show" in out
    assert all("step_size" in row["at_end"] for row in found["best"])
    assert "1*" not in out  # nothing lies beyond alpha = 1
    assert "diverged      0 of 36 runs" in out


@pytest.mark.usefixtures("home")
def test_a_single_step_size_was_not_searched() -> None:
    swept("step_size = 0.1")
    assert all(row["at_end"] == [] for row in shown()[1]["best"])


@pytest.mark.usefixtures("home")
def test_only_points_with_all_their_seeds_are_compared() -> None:
    folder = swept("step_size = [0.01, 0.05, 0.1, 0.2]\nchunk_runs = 2")
    whole = {row["oracle"]: row for row in shown()[1]["best"]}
    assert "lack some" not in lmo("results", "show", "my").out
    chunks = sorted((folder / "chunks").iterdir())  # of each oracle six: of every seed two, of two step sizes each
    best = [0.01, 0.05, 0.1, 0.2].index(whole["exact"]["step_size"])
    chunks[best // 2].unlink()  # the best step size of exact without seed 0
    out, found = shown()
    assert "2 of 8 pairs of step size and alpha lack some of their seeds" in out
    assert found["incomplete_points"] == 2 and found["points"] == 8
    rows = {row["oracle"]: row for row in found["best"]}
    assert rows["random"] == whole["random"] and rows["exact"]["step_size"] != whole["exact"]["step_size"]
    for path in chunks[:2]:
        path.unlink(missing_ok=True)
    out, found = shown()
    assert [row["oracle"] for row in found["best"]] == ["random"] and "4 of 8 pairs" in out
    for path in chunks:
        path.write_bytes(b"half") if path.exists() else None
    out, found = shown()
    assert found["best"] == [] and found["damaged"] == 10 and found["incomplete_points"] == 8
